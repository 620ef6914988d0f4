import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { freePorts } from "../../dev/stack/ports.ts";
import { startTcpProxy } from "../../dev/testing/tcp-proxy.ts";
import type { DeskServer } from "../socket-io/desk-server.ts";
import { startHubs } from "../socket-io/hubs.ts";
import { RawClient } from "../socket-io/raw-client.ts";
import { startReference } from "../socket-io/reference.ts";
import { CLIENTS, type Client, hasTold, type Target, type Told, type Watcher } from "./watcher.ts";

const SERVERS = [
  { name: "the reference implementation", start: startReference, isOurs: false },
  { name: "a hub", start: startHubs, isOurs: true },
];

describe.each(SERVERS)("at $name", ({ start: startServer, isOurs }) => {
  let server: DeskServer;
  let people = 0;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server?.stop());

  const watch = async (client: Client, target: Target): Promise<Watcher> => {
    const watcher = await client.start(target);
    onTestFinished(() => watcher.stop());
    return watcher;
  };
  const somebody = (): string => `user-${people++}`;
  /** Another user, whose packets the test writes by hand. */
  const speaker = async (): Promise<RawClient> => {
    const other = await RawClient.open(server.url);
    onTestFinished(() => other.vanish());
    other.send(`40${JSON.stringify(server.authOf(somebody()))}`);
    await other.next(/^40/);
    return other;
  };

  describe.each(CLIENTS)("$name", (client) => {
    it("gets events in order, is answered, and answers", async () => {
      const watcher = await watch(client, { url: server.url, auth: server.authOf(somebody()) });
      await hasTold(watcher, "it is connected", (told) => {
        expect(told).toContainEqual({ kind: "connected", recovered: false });
        expect(eventsIn(told)).toContain("snapshot");
      });
      const other = await speaker();
      const texts = Array.from({ length: 20 }, (_, n) => `text ${n}`);
      for (const text of texts) other.send(`42["desk.shout",${JSON.stringify(text)}]`);
      await hasTold(watcher, "everything was said", (told) => {
        expect(shoutedIn(told)).toEqual(texts);
      });

      const data = [1, "2", { "3": [true, null] }, "é 😀"];
      watcher.ask("desk.echo", data);
      await hasTold(watcher, "its event was acknowledged", (told) => {
        expect(told).toContainEqual({ kind: "acknowledged", event: "desk.echo", data });
      });

      watcher.ask("desk.register", { method: "proof.add" });
      await hasTold(watcher, "it serves a method", (told) => {
        expect(told).toContainEqual({ kind: "acknowledged", event: "desk.register", data: true });
      });
      const answer = await other.ask(1, "desk.call", { method: "proof.add", params: [2, 3] });
      expect(answer).toEqual([5]);
    });

    it("is refused with a bad token, in words, and stays away", async () => {
      const watcher = await watch(client, { url: server.url, auth: server.badAuth });
      await hasTold(watcher, "it was refused", (told) => {
        const [refused] = told.filter(({ kind }) => kind === "refused");
        expect(refused).toMatchObject({ data: { code: 4401 }, returns: false });
        expect(refused?.kind === "refused" && refused.message).toMatch(/\w/);
      });
      expect(watcher.told.map(({ kind }) => kind)).not.toContain("connected");
    });

    it("loses nothing and gets nothing twice when the server is killed and the network breaks", async ({
      skip,
    }) => {
      skip(
        !isOurs && !client.recovers,
        "the reference sends what was missed only to clients with connection state recovery",
      );
      const [port = 0] = await freePorts(1);
      const network = await startTcpProxy(port, Number(new URL(server.url).port));
      onTestFinished(network.close);
      const url = `http://127.0.0.1:${port}`;
      const watcher = await watch(client, { url, auth: server.authOf(somebody()) });
      const connections = (): readonly Told[] =>
        watcher.told.filter(({ kind }) => kind === "connected");
      await hasTold(watcher, "it is connected", () => expect(connections()).toHaveLength(1));
      const expected: string[] = [];
      for (let round = 1; round <= 3; round += 1) {
        const before = await speaker();
        say(before, expected, `before loss ${round}`);
        await hasTold(watcher, "what was said before the loss", (told) => {
          expect(shoutedIn(told)).toEqual(expected);
        });
        const startAgain = await server.kill?.();
        network.cut();
        await startAgain?.();
        const meanwhile = await speaker();
        for (let n = 0; n < 5; n += 1) say(meanwhile, expected, `during loss ${round}, ${n}`);
        await meanwhile.ask(1, "desk.echo", "said");
        network.heal();
        await hasTold(watcher, "what it missed", (told) => {
          expect(connections()).toHaveLength(1 + round);
          expect(shoutedIn(told)).toEqual(expected);
        });
        expect(connections().at(-1)).toEqual({ kind: "connected", recovered: client.recovers });
        say(meanwhile, expected, `after loss ${round}`);
        await hasTold(watcher, "what was said after the loss", (told) => {
          expect(shoutedIn(told)).toEqual(expected);
        });
      }
      // The whole state came once: every time after that it went on where it was.
      expect(eventsIn(watcher.told).filter((event) => event === "snapshot")).toHaveLength(1);
    });

    it("is told when it is closed for good, and stays away", async () => {
      const sub = somebody();
      const watcher = await watch(client, { url: server.url, auth: server.authOf(sub) });
      await hasTold(watcher, "it is connected", (told) => {
        expect(eventsIn(told)).toContain("snapshot");
      });
      await server.expel(sub);
      await hasTold(watcher, "it was disconnected", (told) => {
        expect(told.at(-1)).toEqual({
          kind: "disconnected",
          reason: client.recovers ? "io server disconnect" : "",
          returns: false,
        });
      });
      const close = watcher.told.find((one) => one.kind === "event" && one.event === "close");
      expect(close).toMatchObject({ data: { code: 4403 } });
    });
  });
});

function say(speaker: RawClient, expected: string[], text: string): void {
  expected.push(text);
  speaker.send(`42["desk.shout",${JSON.stringify(text)}]`);
}

function eventsIn(told: readonly Told[]): readonly string[] {
  return told.flatMap((one) => (one.kind === "event" ? [one.event] : []));
}

/** The texts of `desk.shouted`, in their order. */
function shoutedIn(told: readonly Told[]): readonly unknown[] {
  return told.flatMap((one) =>
    one.kind === "event" && one.event === "desk.shouted" ? [Object(one.data).data] : [],
  );
}
