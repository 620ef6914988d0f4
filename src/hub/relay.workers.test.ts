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
  UNAUTHENTICATED_SOCKETS_PER_ADDRESS,
} from "../protocol/limits.ts";
import { testProvider, type TestProvider } from "../testing/tokens.ts";
import {
  mockOutside,
  openStream,
  streamAs,
  type StreamClient,
  ticketFor,
  upgrade,
} from "../testing/worker.ts";
import type { RelayCall } from "./core/relay-calls.ts";
import { HANDOVER_HEADER, writeHandover, type Handover } from "./handover.ts";
import { forgetPlacement } from "./placement-cache.ts";
import type { Audience } from "./publisher.ts";
import { relayName } from "./relay-name.ts";

// Before any object of this file reads its configuration: two sockets fill a hub, three a relay.
Object.assign(env, { SOCKETS_PER_HUB: "2", SOCKETS_PER_RELAY: "3" });

let provider: TestProvider;
let guilds = 0;
/** A guild of its own for each test. */
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

/** Connects a user; the placement is asked for anew. */
async function connect(
  sub: string,
  position?: { readonly epoch: string; readonly seq: number },
): Promise<StreamClient> {
  forgetPlacement(guild);
  return streamAs(await mint(sub), position, { guildId: guild });
}

/** Two users at the hub, so that whoever comes next is sent to a relay. */
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

/** The time passes after which relays say how many they hold. */
async function relaysTellTheirLoad(): Promise<void> {
  vi.setSystemTime(Date.now() + PRESENCE_DEBOUNCE_MS);
  for (const index of [0, 1]) await runDurableObjectAlarm(relay(index));
}

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
  test("who does not fit the hub is served by a relay, and sees the same", async () => {
    const [first] = await fillHub();
    await publish();
    const third = await connect("third");
    expect(await hub().connections("third")).toMatchObject([{ relay: 0, sub: "third" }]);
    // The whole state comes from the hub, and the seq that live events follow.
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

  test("a client goes from the hub to a relay and back with a resume, and misses nothing", async () => {
    const [first] = await fillHub();
    await publish();
    await first?.until(({ events }) => events.length === 1);
    const position = first?.position ?? { epoch: "", seq: 0 };
    await connect("third");
    first?.close();
    await publish();
    await vi.waitFor(async () => {
      expect(await hub().inspect()).toMatchObject({ sockets: 2, closes: { "1000": 1 } });
    });
    // Two are left, one at the hub: the next one still belongs to the relay.
    const back = await connect("fourth", position);
    expect(await hub().connections("fourth")).toMatchObject([{ relay: 0 }]);
    expect(back.frames.map(({ type }) => type)).toEqual(["ack", "event", "resumed"]);
    expect(seqs(back)).toEqual([2]);
  });

  test.each(["hibernate", "close"] as const)(
    "nothing is missed or doubled when hub and relay are evicted after every step (%s)",
    async (webSockets) => {
      const evict = async (): Promise<void> => {
        // Which relay it is changes: an empty one is let go meanwhile.
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
    // What a lost call leaves behind: the hub has it, the relay does not, and nobody told it.
    await runInDurableObject(hub(), (_, { storage }) => {
      storage.sql.exec(
        "INSERT INTO journal (seq, id, event, payload, ts, at, audience, topic, trace, total) SELECT 2, 'lost', event, payload, ts, at, audience, topic, trace, total FROM journal WHERE seq = 1",
      );
    });
    await evictDurableObject(hub(), { webSockets: "hibernate" });
    await publish();
    await client.until(({ events }) => events.length === 3);
    expect(seqs(client)).toEqual([1, 2, 3]);
  });

  test("a crash between the commit and the call is made up for by the alarm", async () => {
    await fillHub();
    const client = await connect("third");
    await publish();
    await client.until(({ events }) => events.length === 1);
    await runInDurableObject(hub(), (_, { storage }) => {
      storage.sql.exec(
        "INSERT INTO journal (seq, id, event, payload, ts, at, audience, topic, trace, total) SELECT 2, 'lost', event, payload, ts, at, audience, topic, trace, total FROM journal WHERE seq = 1",
      );
      storage.sql.exec("INSERT OR REPLACE INTO tasks (key, at) VALUES ('hub/relays', 1)");
    });
    await evictDurableObject(hub(), { webSockets: "hibernate" });
    await runDurableObjectAlarm(hub());
    await client.until(({ events }) => events.length === 2);
    expect(await heads()).toEqual([{ index: 0, state: "open", sockets: 1, behind: 0 }]);
  });

  test("a relay serves its own guild only, under its own index, takes no ticket twice and few that wait", async () => {
    await fillHub();
    await connect("third");
    const handover: Handover = {
      v: 1,
      guildId: guild,
      relay: 0,
      batch: false,
      identity: { sub: "x", grants: ["sub:x"], exp: Math.floor(Date.now() / 1000) + 60 },
    };
    const headersOf = (change: Partial<Handover>): Record<string, string> => ({
      Upgrade: "websocket",
      [HANDOVER_HEADER]: writeHandover({ ...handover, ...change }),
    });
    const ask = async (change: Partial<Handover>): Promise<number> => {
      const response = await relay().fetch("https://hub/ws", { headers: headersOf(change) });
      response.webSocket?.accept();
      return response.status;
    };
    expect(await ask({ guildId: "1" })).toBe(503);
    expect(await ask({ relay: 1 })).toBe(503);
    // Whoever is let in here rests: with a clock that stands, no place comes back by itself.
    vi.setSystemTime(Date.now());
    const ticket = { id: "once", expiresAt: Date.now() + 10_000 };
    expect(await ask({ ticket })).toBe(101);
    expect(await ask({ ticket })).toBe(401);

    // Those that have not said who they are have places of their own, also here (HUB-18).
    const wait = (address: string): Promise<number> => ask({ identity: undefined, address });
    for (let i = 0; i < UNAUTHENTICATED_SOCKETS_PER_ADDRESS; i += 1) {
      expect(await wait("2001:db8::/64")).toBe(101);
    }
    expect(await wait("2001:db8::/64")).toBe(503);
    expect(await wait("192.0.2.1")).toBe(101);
    expect(await ask({ ticket: { ...ticket, id: "another" } })).toBe(101);

    // Nor does a used ticket take anybody's, as often as it may come.
    const answers = await runInDurableObject(relay(), async (object) => {
      const again = new Request("https://hub/ws", { headers: headersOf({ ticket }) });
      const statuses = new Set<number>();
      for (let asked = 0; asked < ACCEPTS_BURST; asked += 500) {
        const some = Array.from({ length: 500 }, () => object.fetch(again));
        for (const { status } of await Promise.all(some)) statuses.add(status);
      }
      return [...statuses];
    });
    expect(answers).toEqual([401]);
    expect(await ask({ ticket: { ...ticket, id: "third" } })).toBe(101);

    const { epoch, seq } = await hub().status();
    const call: RelayCall = {
      v: 1,
      guildId: "1",
      epoch,
      head: seq,
      after: seq,
      entries: [],
      signals: [],
      revision: 0,
      draining: false,
    };
    expect(await relay().take(call)).toEqual({ v: 1, refused: "other_guild" });
  });

  test("HUB-14 a revocation closes at the hub and its relays, and keeps old tokens out", async () => {
    await fillHub();
    const [before, other] = [await mint("third"), await connect("fourth")];
    const third = await connect("third");
    expect(await hub().revoke({ sub: "third" })).toEqual({ closed: 1 });
    await third.until(({ closed }) => closed !== null);
    expect(third.closed?.code).toBe(4401);
    expect(other.closed).toBeNull();
    forgetPlacement(guild);
    const ticket = await ticketFor(before, { guildId: guild });
    expect((await upgrade(`?ticket=${encodeURIComponent(ticket)}`)).status).toBe(401);
  });

  test("of two sockets with one ticket at the same instant one gets in", async () => {
    await fillHub();
    forgetPlacement(guild);
    const ticket = encodeURIComponent(await ticketFor(await mint("third"), { guildId: guild }));
    const answers = await Promise.all([upgrade(`?ticket=${ticket}`), upgrade(`?ticket=${ticket}`)]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([101, 401]);
    for (const { webSocket } of answers) webSocket?.accept();
  });
});

describe("HUB-17 placement", () => {
  test("relays are added as a guild grows, and let go as it shrinks", async () => {
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

    // All leave but one at a relay; the emptiest places are given up one after the other.
    const last = clients.at(-1);
    for (const client of clients.slice(0, -1)) client.close();
    await vi.waitFor(async () => {
      await publish();
      expect((await hub().inspect()).sockets).toBe(1);
    });
    await vi.waitFor(
      async () => {
        await hub().place();
        vi.setSystemTime(Date.now() + RELAY_KEEP_MS);
        await hub().place();
        await runDurableObjectAlarm(hub());
        await relaysTellTheirLoad();
        expect((await hub().inspect()).relays).toEqual([]);
      },
      { timeout: 15_000, interval: 50 },
    );
    await last?.until(({ closed }) => closed !== null);
    expect(last?.closed?.code).toBe(1012);
    const back = await connect("user-5", last?.position);
    expect(back.of("resumed")).toHaveLength(1);
    expect(await hub().connections("user-5")).toMatchObject([{ relay: null }]);
  });

  test("a Worker asks again after a while where new clients go", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    await fillHub();
    forgetPlacement(guild);
    await ticketFor(await mint("someone"), { guildId: guild });
    vi.setSystemTime(Date.now() + PLACEMENT_TTL_MS);
    const asked = await ticketFor(await mint("third"), { guildId: guild });
    await openStream(`?ticket=${encodeURIComponent(asked)}`);
    expect(await hub().connections("third")).toMatchObject([{ relay: 0 }]);
  });
});

test("HUB-15 presence counts users at hub and relays, and lists nobody when there are relays", async () => {
  await fillHub();
  forgetPlacement(guild);
  const ticket = encodeURIComponent(await ticketFor(await mint("third"), { guildId: guild }));
  const third = await openStream(`?ticket=${ticket}&signals=1`);
  await third.until(({ frames }) => frames.length === 2);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  await vi.waitFor(async () => {
    await relaysTellTheirLoad();
    await runDurableObjectAlarm(hub());
    expect(third.of("signal").at(-1)?.payload).toEqual({ guildId: guild, count: 3, users: null });
  });
});
