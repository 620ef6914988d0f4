import {
  applyD1Migrations,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import {
  ACCEPTS_BURST,
  PLACEMENT_TTL_MS,
  PRESENCE_DEBOUNCE_MS,
  RELAY_KEEP_MS,
} from "../protocol/limits.ts";
import { SOON } from "../testing/soon.ts";
import { testProvider, type TestProvider } from "../testing/tokens.ts";
import {
  callWorker,
  mockOutside,
  openStream,
  streamAs,
  type StreamClient,
  ticketFor,
  upgrade,
} from "../testing/worker.ts";
import { RELAY_CALL_DEADLINE_MS, type RelayCall } from "./core/relay-calls.ts";
import { relayName } from "./env.ts";
import { Hub } from "./hub.ts";
import { HANDOVER_HEADER, writeHandover, type Handover } from "./handover.ts";
import { Relay } from "./relay.ts";
import { GUILD_HUBS } from "./guild-kind.ts";
import { forgetPlacement } from "./placement-cache.ts";
import type { Audience } from "./publisher.ts";

// Set before any object of this file reads its configuration: two sockets fill a hub, three fill a relay.
Object.assign(env, { SOCKETS_PER_HUB: "2", SOCKETS_PER_RELAY: "3" });

let provider: TestProvider;
let guilds = 0;
/** Each test has its own guild. */
let guild: string;

const hub = () => env.HUB.get(env.HUB.idFromName(guild));
const relay = (index = 0) => env.RELAY.get(env.RELAY.idFromName(relayName(guild, index)));
const mint = (sub: string) => provider.mint({ sub, guilds: [guild] });

let published = 0;
async function publish(audience: Audience = null): Promise<void> {
  published += 1;
  await hub().publish([
    {
      event: "room.updated",
      payload: { guildId: guild, n: published },
      audience,
      topic: null,
    },
  ]);
}

/** Connects a user, with a fresh placement. */
async function connect(
  sub: string,
  position?: { readonly epoch: string; readonly seq: number },
): Promise<StreamClient> {
  forgetPlacement(GUILD_HUBS, guild);
  return streamAs(await mint(sub), position, { guildId: guild });
}

/** Connects two users to the hub, so that the next one is sent to a relay. */
async function fillHub(): Promise<StreamClient[]> {
  return [await connect("first"), await connect("second")];
}

const heads = async (): Promise<unknown[]> =>
  (await hub().inspect()).relays.map(({ index, state, sockets, behind }) => ({
    index,
    state,
    sockets,
    behind,
  }));

/** Lets so much time pass that relays report their load. */
async function relaysTellTheirLoad(): Promise<void> {
  vi.setSystemTime(Date.now() + PRESENCE_DEBOUNCE_MS);
  for (const index of [0, 1]) await runDurableObjectAlarm(relay(index));
}

/** The headers with which the Worker hands a user over to the first relay. `change` replaces fields. */
const handedOver = (change: Partial<Handover>): Record<string, string> => ({
  Upgrade: "websocket",
  [HANDOVER_HEADER]: writeHandover({
    v: 1,
    hub: guild,
    relay: 0,
    batch: false,
    identity: { sub: "x", grants: ["sub:x"], exp: Math.floor(Date.now() / 1000) + 60 },
    ...change,
  }),
});

/** Hands a user over to the first relay. @returns the status of its answer */
async function handOver(change: Partial<Handover>): Promise<number> {
  const response = await relay().fetch("https://hub/ws", { headers: handedOver(change) });
  response.webSocket?.accept();
  return response.status;
}

/** How often each status occurs. */
const tally = (statuses: readonly number[]): Record<number, number> =>
  Object.fromEntries(
    [...new Set(statuses)].map((status) => [
      status,
      statuses.filter((one) => one === status).length,
    ]),
  );

/** From now on every call between hub and relay misses its deadline at once. */
function callsAreLate(): void {
  const real = setTimeout;
  vi.spyOn(globalThis, "setTimeout").mockImplementation((run: () => void, ms?: number) =>
    real(run, ms === RELAY_CALL_DEADLINE_MS ? 0 : ms),
  );
}

/** A call without an answer, for longer than a test may take. */
const silent = async (): Promise<never> => {
  await scheduler.wait(120_000);
  throw new Error("somebody waited for a call without an answer");
};

const seqs = (client: StreamClient): number[] => client.events.map(({ seq }) => seq);

beforeAll(async () => {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
  provider = await testProvider();
});

beforeEach(() => {
  guilds += 1;
  guild = `90000000000000000${guilds}`;
  mockOutside(provider, () => new Response(null, { status: 404 }));
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("HUB-16 relays", () => {
  test("a client that the hub has no room for is served by a relay, and sees the same", async () => {
    const [first] = await fillHub();
    await publish();
    const third = await connect("third");
    expect(await hub().connections("third")).toMatchObject([{ relay: 0, sub: "third" }]);
    // The hub provides the whole state, and the seq that live events follow.
    expect(third.of("snapshot")).toMatchObject([{ seq: 1, rooms: [] }]);
    await publish();
    await publish(["sub:third"]);
    await publish(["sub:first"]);
    await third.until(({ events }) => events.length === 2);
    await first?.until(({ events }) => events.length === 3);
    expect(seqs(third)).toEqual([2, 3]);
    expect(third.events[0]).toEqual(first?.events[1]);
    expect(first?.events.at(-1)).toMatchObject({ seq: 4, prev: 2 });
  });

  test("HUB-19 a stream over HTTP at a relay lets it sleep, and gets the next event", async () => {
    const own = await fillHub();
    forgetPlacement(GUILD_HUBS, guild);
    const ticket = await ticketFor(await mint("third"), { guildId: guild });
    const response = await callWorker(`/events?ticket=${encodeURIComponent(ticket)}`, {
      headers: { Accept: "text/event-stream" },
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const until = async (part: string): Promise<void> => {
      while (!text.includes(part)) text += (await reader?.read())?.value ?? "";
    };
    await until('"type":"snapshot"');
    await evictDurableObject(relay());
    expect(await hub().connections("third")).toMatchObject([{ transport: "sse", relay: 0 }]);
    await publish();
    await until('"event":"room.updated"');
    await reader?.cancel();
    await vi.waitUntil(async () => (await hub().connections("third")).length === 0, SOON);
    for (const client of own) client.close();
  });

  test("a client moves from the hub to a relay with a resume, and misses nothing", async () => {
    const [first] = await fillHub();
    await publish();
    await first?.until(({ events }) => events.length === 1);
    const position = first?.position ?? { epoch: "", seq: 0 };
    await connect("third");
    first?.close();
    await publish();
    await vi.waitFor(async () => {
      expect(await hub().inspect()).toMatchObject({ sockets: 2, closes: { "1000": 1 } });
    }, SOON);
    // Two clients are left, one of them at the hub: the next one still goes to the relay.
    const back = await connect("fourth", position);
    expect(await hub().connections("fourth")).toMatchObject([{ relay: 0 }]);
    expect(back.frames.map(({ type }) => type)).toEqual(["ack", "event", "resumed"]);
    expect(seqs(back)).toEqual([2]);
  });

  test.each(["hibernate", "close"] as const)(
    "nothing is missed or doubled when hub and relay are evicted after every step (%s)",
    async (webSockets) => {
      const evict = async (): Promise<void> => {
        // The index changes, because an empty relay is released.
        const index = (await hub().connections("third"))[0]?.relay ?? 0;
        await evictDurableObject(hub(), { webSockets });
        await relay(index).connections("nobody");
        await evictDurableObject(relay(index), { webSockets });
      };
      await fillHub();
      let client = await connect("third");
      const seen: number[] = [];
      let done = client.position.seq;
      for (let step = 0; step < 6; step += 1) {
        await publish(step % 3 === 1 ? ["sub:nobody"] : null);
        if (step % 3 !== 1) {
          const expected = done + 1 + (step % 3 === 2 ? 1 : 0);
          await client.until(({ position }) => position.seq >= expected);
          done = expected;
        }
        seen.push(...seqs(client).filter((seq) => !seen.includes(seq)));
        await evict();
        if (webSockets === "close") {
          await client.until(({ closed }) => closed !== null);
          await fillHub();
          client = await connect("third", client.position);
          await evict();
          await fillHub();
          client = await connect("third", client.position);
        }
      }
      expect(seen).toEqual([1, 3, 4, 6]);
      expect(new Set(seqs(client)).size).toBe(seqs(client).length);
    },
  );

  test("a relay that missed something pulls it from the hub's journal", async () => {
    await fillHub();
    const client = await connect("third");
    await publish();
    await client.until(({ events }) => events.length === 1);
    // As after a lost call: the hub has the event, and the relay was never called.
    await runInDurableObject(hub(), (_, { storage }) => {
      storage.sql.exec(
        "INSERT INTO entries (seq, total, envelope, payload) SELECT 2, total, json_set(envelope, '$.id', 'lost'), payload FROM entries WHERE seq = 1",
      );
    });
    await evictDurableObject(hub(), { webSockets: "hibernate" });
    await publish();
    await client.until(({ events }) => events.length === 3);
    expect(seqs(client)).toEqual([1, 2, 3]);
  });

  test("after a crash between the commit and the call, the alarm repeats the call", async () => {
    await fillHub();
    const client = await connect("third");
    await publish();
    await client.until(({ events }) => events.length === 1);
    await runInDurableObject(hub(), (_, { storage }) => {
      storage.sql.exec(
        "INSERT INTO entries (seq, total, envelope, payload) SELECT 2, total, json_set(envelope, '$.id', 'lost'), payload FROM entries WHERE seq = 1",
      );
      storage.sql.exec("INSERT OR REPLACE INTO tasks (key, at) VALUES ('hub/relays', 1)");
    });
    await evictDurableObject(hub(), { webSockets: "hibernate" });
    await runDurableObjectAlarm(hub());
    await client.until(({ events }) => events.length === 2);
    expect(await heads()).toEqual([{ index: 0, state: "open", sockets: 1, behind: 0 }]);
  });

  test("a relay serves only its guild under its index, no ticket twice, and nobody without a name", async () => {
    await fillHub();
    await connect("third");
    expect(await handOver({ hub: "1" })).toBe(503);
    expect(await handOver({ relay: 1 })).toBe(503);
    // The clock stands still, so that the accept rate does not recover during the test.
    vi.setSystemTime(Date.now());
    const ticket = { id: "once", expiresAt: Date.now() + 10_000 };
    expect(await handOver({ ticket })).toBe(101);
    expect(await handOver({ ticket })).toBe(401);

    // A used ticket, or a client that leaves, takes no place either, however often it connects.
    const comesOften = async (request: Request): Promise<number[]> =>
      runInDurableObject(relay(), async (object) => {
        const statuses = new Set<number>();
        for (let asked = 0; asked < ACCEPTS_BURST; asked += 500) {
          const some = Array.from({ length: 500 }, () => object.fetch(request));
          for (const { status } of await Promise.all(some)) statuses.add(status);
        }
        return [...statuses];
      });
    const headers = handedOver({ ticket });
    expect(await comesOften(new Request("https://hub/ws", { headers }))).toEqual([401]);
    expect(await handOver({ ticket: { ...ticket, id: "second" } })).toBe(101);
    // As a Worker of the version before hands over a client that has not authenticated.
    const nameless = JSON.stringify({ v: 1, hub: guild, relay: 0, batch: false });
    const nobody = { Upgrade: "websocket", [HANDOVER_HEADER]: nameless };
    expect(await comesOften(new Request("https://hub/ws", { headers: nobody }))).toEqual([503]);
    expect(await handOver({ ticket: { ...ticket, id: "third" } })).toBe(101);
    const signal = AbortSignal.abort();
    expect(await comesOften(new Request("https://hub/ws", { headers, signal }))).toEqual([499]);
    expect(await handOver({ ticket: { ...ticket, id: "fourth" } })).toBe(101);

    const { epoch, seq } = await hub().status();
    const call: RelayCall = {
      v: 1,
      hub: "1",
      guildId: "1",
      epoch,
      head: seq,
      after: seq,
      entries: [],
      signals: [],
      revision: 0,
      draining: false,
    };
    expect(await relay().take(call)).toEqual({ v: 1, refused: "other_hub" });
  });

  test("many clients of a relay without a journal share one copy of it", async () => {
    await fillHub();
    await publish();
    const attaches = vi.spyOn(Hub.prototype, "attachRelay");
    const pulls = vi.spyOn(Hub.prototype, "pull");
    const users = Array.from({ length: 20 }, (_, i) => `user-${i}`);
    const statuses = await Promise.all(
      users.map((sub) => handOver({ identity: { sub, grants: [], exp: Date.now() / 1000 + 60 } })),
    );
    expect(tally(statuses)).toEqual({ 101: users.length });
    expect([attaches.mock.calls.length, pulls.mock.calls.length]).toEqual([1, 1]);
  });

  test("many clients that are ahead of their relay share one pull from the hub", async () => {
    await fillHub();
    const client = await connect("third");
    await publish();
    await client.until(({ events }) => events.length === 1);
    await runInDurableObject(hub(), (_, { storage }) => {
      storage.sql.exec(
        "INSERT INTO entries (seq, total, envelope, payload) SELECT 2, total, json_set(envelope, '$.id', 'lost'), payload FROM entries WHERE seq = 1",
      );
    });
    await evictDurableObject(hub(), { webSockets: "hibernate" });
    const pulls = vi.spyOn(Hub.prototype, "pull");
    const { epoch } = client.position;
    const statuses = await Promise.all(
      Array.from({ length: 20 }, () => handOver({ epoch, seq: 2 })),
    );
    expect(tally(statuses)).toEqual({ 101: 20 });
    expect(pulls).toHaveBeenCalledTimes(1);
    await client.until(({ events }) => events.length === 2);
  });

  test("HUB-18 clients above the accept rate do not make an unneeded relay call its hub", async () => {
    const attaches = vi
      .spyOn(Hub.prototype, "attachRelay")
      .mockReturnValue({ v: 1, accepted: false });
    vi.setSystemTime(Date.now());
    const request = new Request("https://hub/ws", { headers: handedOver({}) });
    await runInDurableObject(relay(), async (object) => {
      for (let i = 0; i < ACCEPTS_BURST + 1; i += 1) {
        expect((await object.fetch(request)).status).toBe(503);
      }
    });
    expect(attaches).toHaveBeenCalledTimes(ACCEPTS_BURST);
  });

  test("no client waits for ever for a hub that does not answer, and later clients are served", async () => {
    await fillHub();
    await connect("third");
    const asked = vi
      .spyOn(Hub.prototype, "snapshotsFor")
      .mockImplementation(() => silent() as never);
    callsAreLate();
    expect(await Promise.all([handOver({}), handOver({})])).toEqual([503, 503]);
    expect(asked).toHaveBeenCalled();
    vi.restoreAllMocks();
    expect(await handOver({})).toBe(101);
  });

  test("a relay that does not answer is called again, and then has everything", async () => {
    await fillHub();
    const third = await connect("third");
    vi.spyOn(Relay.prototype, "take").mockImplementation(silent);
    callsAreLate();
    await publish();
    await vi.waitFor(async () => {
      expect(await heads()).toMatchObject([{ state: "unreachable", behind: 1 }]);
    }, SOON);
    vi.restoreAllMocks();
    await runDurableObjectAlarm(hub());
    await third.until(({ events }) => events.length === 1);
    expect(await heads()).toMatchObject([{ state: "open", behind: 0 }]);
  });

  test("HUB-14 a revocation closes sockets at the hub and its relays, and refuses old tokens", async () => {
    await fillHub();
    const [before, other] = [await mint("third"), await connect("fourth")];
    const third = await connect("third");
    expect(await hub().revoke({ sub: "third" })).toEqual({ closed: 1 });
    await third.until(({ closed }) => closed !== null);
    expect(third.closed?.code).toBe(4401);
    expect(other.closed).toBeNull();
    forgetPlacement(GUILD_HUBS, guild);
    const ticket = await ticketFor(before, { guildId: guild });
    expect((await upgrade(`?ticket=${encodeURIComponent(ticket)}`)).status).toBe(401);
  });

  test("of two sockets with one ticket at the same instant one is accepted", async () => {
    await fillHub();
    forgetPlacement(GUILD_HUBS, guild);
    const ticket = encodeURIComponent(await ticketFor(await mint("third"), { guildId: guild }));
    const answers = await Promise.all([upgrade(`?ticket=${ticket}`), upgrade(`?ticket=${ticket}`)]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([101, 401]);
    for (const { webSocket } of answers) webSocket?.accept();
  });
});

describe("HUB-17 placement", () => {
  test("relays are added as a guild grows, and released as it shrinks", async () => {
    const clients = await fillHub();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    for (let i = 0; i < 6; i += 1) {
      clients.push(await connect(`user-${i}`));
      await relaysTellTheirLoad();
    }
    await publish();
    for (const client of clients) await client.until(({ events }) => events.length === 1);
    const grown = await hub().inspect();
    expect(grown.sockets).toBe(8);
    expect(grown.relays.map(({ index }) => index)).toEqual([0, 1]);

    // All clients leave except one at a relay. The relays are released one after the other.
    const last = clients.at(-1);
    for (const client of clients.slice(0, -1)) client.close();
    await vi.waitFor(async () => {
      await publish();
      expect((await hub().inspect()).sockets).toBe(1);
    }, SOON);
    await vi.waitFor(async () => {
      await hub().place();
      vi.setSystemTime(Date.now() + RELAY_KEEP_MS);
      await hub().place();
      await runDurableObjectAlarm(hub());
      await relaysTellTheirLoad();
      expect((await hub().inspect()).relays).toEqual([]);
    }, SOON);
    await last?.until(({ closed }) => closed !== null);
    expect(last?.closed?.code).toBe(1012);
    const back = await connect("user-5", last?.position);
    expect(back.of("resumed")).toHaveLength(1);
    expect(await hub().connections("user-5")).toMatchObject([{ relay: null }]);
  });

  test("a Worker asks for the placement again after a while", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    await fillHub();
    forgetPlacement(GUILD_HUBS, guild);
    await ticketFor(await mint("someone"), { guildId: guild });
    vi.setSystemTime(Date.now() + PLACEMENT_TTL_MS);
    const asked = await ticketFor(await mint("third"), { guildId: guild });
    await openStream(`?ticket=${encodeURIComponent(asked)}`);
    expect(await hub().connections("third")).toMatchObject([{ relay: 0 }]);
  });
});

test("HUB-15 presence counts users at hub and relays once, and lists no users when there are relays", async () => {
  await fillHub();
  forgetPlacement(GUILD_HUBS, guild);
  const ticket = encodeURIComponent(await ticketFor(await mint("third"), { guildId: guild }));
  const third = await openStream(`?ticket=${ticket}&signals=1`);
  await third.until(({ frames }) => frames.length === 2);
  // Who is at the hub comes to the relay as well.
  const exp = Math.floor(Date.now() / 1000) + 3600;
  expect(await handOver({ identity: { sub: "first", grants: ["sub:first"], exp } })).toBe(101);
  expect(await hub().connections("first")).toMatchObject([{ relay: null }, { relay: 0 }]);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  await vi.waitFor(async () => {
    await relaysTellTheirLoad();
    await runDurableObjectAlarm(hub());
    expect(third.of("signal").at(-1)?.payload).toEqual({ guildId: guild, count: 3, users: null });
  }, SOON);
});
