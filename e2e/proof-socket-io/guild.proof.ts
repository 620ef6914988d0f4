import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { PRIMARY_GUILD } from "../../dev/discord/seed.ts";
import { freePorts } from "../../dev/stack/ports.ts";
import { startIdentity, type Identity } from "../../dev/testing/identity.ts";
import { startFilledHub, type FilledHub } from "../../dev/testing/stalled/filled-hub.ts";
import { startTcpProxy } from "../../dev/testing/tcp-proxy.ts";
import { bundleWorker } from "../../dev/workerd/worker-bundle.ts";
import { CLIENTS, hasTold, type Told } from "./watcher.ts";

let folder: string;
let identity: Identity;
let hub: FilledHub;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "guildhub-proof-guild-"));
  identity = await startIdentity(0);
  const bundle = await bundleWorker(path.join(folder, "bundle"));
  const secret = randomBytes(32).toString("hex");
  hub = await startFilledHub({ bundle, identity, secret }, folder);
});
afterAll(async () => {
  await hub?.stop();
  await identity?.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** Positions of the guild's events, in the order in which they came. */
function positionsIn(told: readonly Told[]): readonly unknown[] {
  return told.flatMap((one) =>
    one.kind === "event" && one.event === "room.updated" ? [Number(one.about.at(-1))] : [],
  );
}

function dataOf(told: readonly Told[], event: string): readonly unknown[] {
  return told.flatMap((one) => (one.kind === "event" && one.event === event ? [one.data] : []));
}

// A page in a browser would have to be served at the address in WEB_ORIGIN.
const PROGRAMS = CLIENTS.filter(({ name }) => !name.includes("Chromium"));

describe.each(PROGRAMS)("the stream of a guild by $name", ({ name, start, recovers }) => {
  it("is the one that native clients get, and has no gap after a loss", async () => {
    const [port = 0] = await freePorts(1);
    const network = await startTcpProxy(port, hub.port);
    onTestFinished(network.close);
    const url = `http://127.0.0.1:${port}`;
    const token = await identity.token(name);
    const watcher = await start({ url, auth: { token, guildId: PRIMARY_GUILD, signals: true } });
    onTestFinished(() => watcher.stop());
    await hasTold(watcher, "the state and who is here", (told) => {
      const [state] = dataOf(told, "snapshot");
      expect(state).toMatchObject({ reason: "first_connection", rooms: [] });
      expect(dataOf(told, "presence")).toContainEqual(
        expect.objectContaining({ guildId: PRIMARY_GUILD, count: 1 }),
      );
    });

    const last = await hub.fill(3, 10);
    await hasTold(watcher, "three events", (told) => {
      expect(positionsIn(told)).toEqual([last - 2, last - 1, last]);
      expect(dataOf(told, "room.updated")[0]).toMatchObject({ guildId: PRIMARY_GUILD });
    });

    network.cut();
    const missed = await hub.fill(50, 10);
    network.heal();
    await hasTold(watcher, "the events that it missed, and that there are no more", (told) => {
      expect(positionsIn(told)).toEqual(Array.from({ length: 53 }, (_, n) => last - 2 + n));
      expect(dataOf(told, "resumed")).toEqual([{ from: last, to: missed }]);
      const connections = told.filter(({ kind }) => kind === "connected");
      expect(connections.at(-1)).toEqual({ kind: "connected", recovered: recovers });
    });

    watcher.say("reauth", { token: await identity.token(name, {}, "2h") });
    await hasTold(watcher, "its newer token counts", (told) => {
      expect(dataOf(told, "reauth.ok")).toHaveLength(1);
    });
    watcher.say("nobody.hears", 1);
    await hasTold(watcher, "what it said was not used", (told) => {
      expect(dataOf(told, "error")).toMatchObject([{ code: "unknown_type" }]);
    });
  });

  it("is refused with a token of somebody else, and for a guild that the token does not name", async () => {
    const url = `http://127.0.0.1:${hub.port}`;
    const stranger = await startIdentity(0);
    onTestFinished(stranger.close);
    const refusals = [
      { auth: { token: await stranger.token("mallory") }, code: 4401 },
      {
        auth: {
          token: await identity.token("mallory", { guilds: [PRIMARY_GUILD] }),
          guildId: "100000000000000999",
        },
        code: 4403,
      },
    ];
    for (const { auth, code } of refusals) {
      const watcher = await start({ url, auth });
      onTestFinished(() => watcher.stop());
      await hasTold(watcher, "it was refused", (told) => {
        expect(told).toMatchObject([{ kind: "refused", data: { code }, returns: false }]);
      });
    }
  });
});
