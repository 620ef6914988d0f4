import { applyD1Migrations, evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { Explanation, HubConnection, HubReport } from "../protocol/hub-report.ts";
import { signBody } from "../protocol/signed-events.ts";
import { writeTraceparent } from "../protocol/trace.ts";
import { FakeDiscord } from "../testing/discord.ts";
import { SOON } from "../testing/soon.ts";
import { testProvider, type TestProvider } from "../testing/tokens.ts";
import {
  callAs,
  callWorker,
  mockOutside,
  streamAs,
  StreamClient,
  ticketFor,
  upgrade,
} from "../testing/worker.ts";
import { relayName } from "./env.ts";
import { GUILD_HUBS } from "./guild-kind.ts";
import { hubPublisher } from "./hub-client.ts";
import { HANDOVER_HEADER, writeHandover } from "./handover.ts";
import type { Publication } from "./publisher.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const OTHER_TRACE = "a".repeat(32);

let provider: TestProvider;
let tests = 0;
let guildId: string;
let alice: string;
let bob: string;
let admin: string;

beforeAll(async () => {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
  provider = await testProvider();
});

beforeEach(async () => {
  tests += 1;
  guildId = `4000${tests}`;
  const discord = new FakeDiscord();
  mockOutside(provider, (request) => discord.answer(request));
  const mint = (name: string, scope: string): Promise<string> =>
    provider.mint({ sub: `${name}-${tests}`, guilds: [guildId], scope });
  alice = await mint("alice", "openid");
  bob = await mint("bob", "openid");
  admin = await mint("olga", "openid hub:admin");
});

afterEach(() => {
  vi.restoreAllMocks();
});

const hub = () => env.HUB.get(env.HUB.idFromName(guildId));
const ask = (path: string): Promise<Response> =>
  callAs(admin, "GET", `/admin/guilds/${guildId}/${path}`);
const revoke = async (target: object): Promise<unknown> => {
  const response = await callAs(admin, "POST", `/admin/guilds/${guildId}/revocations`, target);
  expect(response.status).toBe(200);
  return response.json();
};
const open = (token: string): Promise<StreamClient> => streamAs(token, undefined, { guildId });

async function report(): Promise<HubReport> {
  const response = await ask("hub");
  expect(response.status).toBe(200);
  return HubReport.parse(await response.json());
}

async function explain(client: StreamClient, seq: number): Promise<string> {
  const connectionId = client.of("ack")[0]?.connectionId ?? "";
  const response = await ask(`hub/explain?connectionId=${connectionId}&seq=${seq}`);
  expect(response.status).toBe(200);
  const explanation = Explanation.parse(await response.json());
  expect(explanation.connection?.connectionId).toBe(connectionId);
  return explanation.code;
}

/** Publishes one event. @returns its seq */
async function publish(more: Partial<Publication> = {}): Promise<number> {
  const payload = { guildId, channelId: "c1", userId: "u1" };
  const event = { event: "voice.joined", payload, audience: null, topic: null, ...more };
  const [published] = await hubPublisher(GUILD_HUBS, env).publish(guildId, [event]);
  if (published?.kind !== "published") throw new Error("not published");
  return published.seq;
}

async function send(event: object, headers: Record<string, string> = {}): Promise<void> {
  const payload = { guildId, channelId: "c1", userId: "u1" };
  const body = new TextEncoder().encode(JSON.stringify({ payload, ...event }));
  const signed = await signBody([env.HUB_SECRET], body, Date.now());
  const init = { method: "POST", body, headers: { ...signed, ...headers } };
  expect((await callWorker("/internal/events", init)).status).toBe(200);
}

/** Opens a connection at a relay, handed over like by the Worker. */
async function openAtRelay(sub: string): Promise<StreamClient> {
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const handover = writeHandover({
    v: 1,
    hub: guildId,
    relay: 0,
    batch: false,
    identity: { sub, grants: [`sub:${sub}`], exp },
  });
  const relay = env.RELAY.get(env.RELAY.idFromName(relayName(guildId, 0)));
  const headers = { Upgrade: "websocket", [HANDOVER_HEADER]: handover };
  const { status, webSocket } = await relay.fetch("https://hub/ws", { headers });
  if (webSocket === null) throw new Error(`the relay answered ${status}`);
  const client = new StreamClient(webSocket);
  await client.until(({ frames }) => frames.some(({ type }) => type === "snapshot"));
  return client;
}

describe("a trace", () => {
  const tracesOf = (client: StreamClient): (string | undefined)[] =>
    client.of("event").map(({ trace }) => trace);

  it("travels from a signed event to the frame", async () => {
    const client = await open(alice);
    await send(
      { event: "voice.joined", trace: TRACE },
      { traceparent: writeTraceparent(OTHER_TRACE) },
    );
    await client.until(({ events }) => events.length === 1);
    expect(tracesOf(client)).toEqual([TRACE]);
  });

  it("of a signed event without one, or with a malformed one, is its request's", async () => {
    const client = await open(alice);
    const traceparent = writeTraceparent(TRACE);
    await send({ event: "voice.joined" }, { traceparent });
    await send({ event: "voice.left", trace: "<script>" }, { traceparent });
    await client.until(({ events }) => events.length === 2);
    expect(tracesOf(client)).toEqual([TRACE, TRACE]);
  });

  it("of a REST call is also the trace of the events that it causes", async () => {
    const client = await open(alice);
    const traceparent = writeTraceparent(TRACE);
    const made = await callAs(alice, "POST", "/create-room", { guildId }, { traceparent });
    expect(made.status).toBe(200);
    const { channelId } = await made.json<{ channelId: string }>();
    const other = { traceparent: writeTraceparent(OTHER_TRACE) };
    await callAs(alice, "DELETE", `/end-room/${channelId}`, undefined, other);
    await client.until(({ events }) => events.length === 2);
    expect(client.events.map(({ event }) => event)).toEqual(["room.created", "room.deleted"]);
    expect(tracesOf(client)).toEqual([TRACE, OTHER_TRACE]);
  });

  it("stays with the event in the journal", async () => {
    const first = await open(alice);
    await publish({ trace: TRACE });
    await first.until(({ events }) => events.length === 1);
    const { epoch, seq } = first.position;
    first.close();
    await evictDurableObject(hub());
    const again = await streamAs(alice, { epoch, seq: seq - 1 }, { guildId });
    await again.until(({ events }) => events.length === 1);
    expect(tracesOf(again)).toEqual([TRACE]);
  });
});

describe("the report of a hub", () => {
  it("counts connected users, and published events", async () => {
    const empty = await report();
    expect(empty).toMatchObject({ guildId, seq: 0, sockets: 0, users: 0, journal: { events: 0 } });
    await open(alice);
    const second = await open(alice);
    await open(bob);
    await publish();
    await second.until(({ events }) => events.length === 1);
    const now = await report();
    expect(now).toMatchObject({
      epoch: empty.epoch,
      seq: 1,
      sockets: 3,
      users: 2,
      lag: { sockets: 0, events: 0 },
      journal: { events: 1, oldestSeq: 1 },
    });
    expect(now.journal.bytes).toBeGreaterThan(0);
  });

  it("counts closes by code, and wake-ups", async () => {
    await open(alice);
    const before = await report();
    await revoke({ sub: `alice-${tests}` });
    await evictDurableObject(hub());
    const after = await report();
    expect((after.closes["4401"] ?? 0) - (before.closes["4401"] ?? 0)).toBe(1);
    expect(after.wakes).toBeGreaterThan(before.wakes);
    expect(after.countedSince).toBe(before.countedSince);
    expect(Math.abs(before.at - before.countedSince)).toBeLessThan(60 * 60 * 1000);
  });
});

describe("why an event was sent or not", () => {
  it("lists the connections of one user, and of no other", async () => {
    const client = await open(alice);
    await open(bob);
    const seq = await publish();
    await client.until(({ events }) => events.length === 1);
    const body: unknown = await (await ask(`hub/connections?sub=alice-${tests}`)).json();
    const { connections } = z.object({ connections: z.array(HubConnection) }).parse(body);
    expect(connections).toEqual([
      expect.objectContaining({
        connectionId: client.of("ack")[0]?.connectionId,
        sub: `alice-${tests}`,
        transport: "websocket",
        sent: seq,
        lagging: false,
      }),
    ]);
  });

  it("shows a stream over HTTP as such", async () => {
    const ticket = await ticketFor(alice, { guildId });
    const response = await callWorker(`/events?ticket=${encodeURIComponent(ticket)}`, {
      headers: { Accept: "text/event-stream" },
    });
    expect(response.status).toBe(200);
    expect(await report()).toMatchObject({ streams: 1, users: 1 });
    await evictDurableObject(hub());
    expect(await report()).toMatchObject({ streams: 1, users: 1 });
    const body: unknown = await (await ask(`hub/connections?sub=alice-${tests}`)).json();
    expect(body).toMatchObject({ connections: [{ transport: "sse" }] });
    expect(await revoke({ sub: `alice-${tests}` })).toEqual({ closed: 1 });
    // The last message says why, then the stream ends.
    expect(await response.text()).toMatch(/event: close\ndata: \{"code":4401/);
    expect(await report()).toMatchObject({ streams: 0, users: 0 });
  });

  it("delivered, before the connection, not yet", async () => {
    const before = await publish();
    const client = await open(alice);
    const seq = await publish();
    await client.until(({ events }) => events.length === 1);
    expect(await explain(client, seq)).toBe("delivered");
    expect(await explain(client, before)).toBe("before_connection");
    expect(await explain(client, seq + 1)).toBe("not_yet");
  });

  it("not in the audience, and why another connection is", async () => {
    const [one, two] = [await open(alice), await open(bob)];
    const seq = await publish({ audience: [`sub:bob-${tests}`] });
    await two.until(({ events }) => events.length === 1);
    expect(await explain(one, seq)).toBe("not_in_audience");
    expect(await explain(two, seq)).toBe("delivered");
  });

  it("not subscribed", async () => {
    const client = await open(alice);
    client.send({ type: "subscribe", channelIds: ["c2"] });
    client.send('{"type":"ack","seq":0}');
    await vi.waitUntil(async () => {
      const seq = await publish({ topic: "c1" });
      return (await explain(client, seq)) === "not_subscribed";
    }, SOON);
  });

  it("survives an eviction of the hub", async () => {
    const client = await open(alice);
    const seq = await publish();
    await client.until(({ events }) => events.length === 1);
    await evictDurableObject(hub(), { webSockets: "hibernate" });
    expect(await explain(client, seq)).toBe("delivered");
  });

  it("404 for an unknown connection, also for one of another guild", async () => {
    const client = await open(alice);
    const connectionId = client.of("ack")[0]?.connectionId ?? "";
    guildId = `5000${tests}`;
    admin = await provider.mint({ sub: "olga", guilds: [guildId], scope: "hub:admin" });
    for (const id of [connectionId, "nobody"]) {
      const response = await ask(`hub/explain?connectionId=${id}&seq=1`);
      expect(response.status).toBe(404);
    }
  });
});

describe("a guild with a relay", () => {
  it("reports it, and asks it for its connections and explanations", async () => {
    const sub = `alice-${tests}`;
    const [here, there] = [await open(alice), await openAtRelay(sub)];
    const seq = await publish({ trace: TRACE });
    await there.until(({ events }) => events.length === 1);
    expect(there.of("event")[0]?.trace).toBe(TRACE);
    expect((await report()).relays).toEqual([
      expect.objectContaining({ index: 0, state: "open", acked: seq, behind: 0 }),
    ]);
    const body: unknown = await (await ask(`hub/connections?sub=${sub}`)).json();
    const { connections } = z.object({ connections: z.array(HubConnection) }).parse(body);
    expect(connections.map(({ relay }) => relay)).toEqual([null, 0]);
    expect(await explain(there, seq)).toBe("delivered");
    expect(await explain(there, seq + 1)).toBe("not_yet");
    expect(await explain(here, seq)).toBe("delivered");
    const secret = await publish({ audience: ["sub:nobody"] });
    expect(await explain(there, secret)).toBe("not_in_audience");
  });

  it("closes a user's connections there as well", async () => {
    const sub = `alice-${tests}`;
    const [here, there, other] = [await open(alice), await openAtRelay(sub), await open(bob)];
    expect(await revoke({ sub })).toEqual({ closed: 2 });
    for (const client of [here, there]) await client.until(({ closed }) => closed?.code === 4401);
    expect(other.closed).toBeNull();
  });

  it("closes one connection there", async () => {
    const [one, two] = [await openAtRelay("carol"), await openAtRelay("carol")];
    expect(await revoke({ connectionId: one.of("ack")[0]?.connectionId })).toEqual({ closed: 1 });
    await one.until(({ closed }) => closed?.code === 4401);
    expect(two.closed).toBeNull();
  });
});

describe("a revocation", () => {
  it("closes all connections of the user with 4401, and no others", async () => {
    const [one, two, other] = [await open(alice), await open(alice), await open(bob)];
    expect(await revoke({ sub: `alice-${tests}` })).toEqual({ closed: 2 });
    for (const client of [one, two]) {
      await client.until(({ closed }) => closed !== null);
      expect(client.closed?.code).toBe(4401);
    }
    await publish();
    await other.until(({ events }) => events.length === 1);
    expect(other.closed).toBeNull();
    expect(one.events).toEqual([]);
  });

  it("refuses older tokens of the user, and accepts a new one", async () => {
    const ticket = await ticketFor(alice, { guildId });
    await revoke({ sub: `alice-${tests}` });
    expect((await upgrade(`?ticket=${encodeURIComponent(ticket)}`)).status).toBe(401);
    const iat = Math.floor(Date.now() / 1000) + 1;
    const later = await provider.mint({ sub: `alice-${tests}`, guilds: [guildId], iat });
    expect((await open(later)).of("ack")).toHaveLength(1);
  });

  it("tells a client that comes with its token to sign in again, and of no ticket", async () => {
    const sub = `carol-${tests}`;
    // Only the primary guild can be entered without a ticket.
    guildId = env.PRIMARY_GUILD_ID;
    admin = await provider.mint({ sub: "olga", scope: "hub:admin" });
    const headers = { Authorization: `Bearer ${await provider.mint({ sub })}` };
    await revoke({ sub });
    for (const response of [await callWorker("/events", { headers }), await upgrade("", headers)]) {
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({
        code: "unauthorized",
        detail: expect.stringMatching(/token was revoked.*Sign in again/),
      });
      expect(response.headers.get("WWW-Authenticate")).toContain("invalid_token");
    }
  });

  it("closes one connection, and leaves the user's others", async () => {
    const [one, two] = [await open(alice), await open(alice)];
    const connectionId = one.of("ack")[0]?.connectionId;
    expect(await revoke({ connectionId })).toEqual({ closed: 1 });
    await one.until(({ closed }) => closed?.code === 4401);
    await publish();
    await two.until(({ events }) => events.length === 1);
  });

  it("reaches sessions of a hub after an eviction", async () => {
    const client = await open(alice);
    await evictDurableObject(hub(), { webSockets: "hibernate" });
    expect(await revoke({ sub: `alice-${tests}` })).toEqual({ closed: 1 });
    await client.until(({ closed }) => closed?.code === 4401);
  });

  it("of an unknown user closes nothing", async () => {
    const client = await open(alice);
    for (const target of [{ sub: "alice" }, { sub: "%" }, { connectionId: "nobody" }]) {
      expect(await revoke(target)).toEqual({ closed: 0 });
    }
    expect(client.closed).toBeNull();
  });
});
