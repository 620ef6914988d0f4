import {
  applyD1Migrations,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import {
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFinished,
  test,
  vi,
} from "vitest";
import { CONNECTIONS, takeOf } from "../platform/http/limit-user.ts";
import { CLOSE_CODES } from "../protocol/close-codes.ts";
import { PING_FRAME, ServerFrame } from "../protocol/frames.ts";
import {
  CLIENT_FRAME_MAX_BYTES,
  EVENT_PAYLOAD_MAX_BYTES,
  SESSION_GRANTS_MAX_BYTES,
  TICKETS_PER_MINUTE,
  TICKET_TTL_MS,
  UNAUTHENTICATED_SOCKETS_PER_ADDRESS,
} from "../protocol/limits.ts";
import { SOON } from "../testing/soon.ts";
import { testProvider, type TestProvider } from "../testing/tokens.ts";
import {
  callAs,
  callWorker,
  mockOutside,
  openSocketIo,
  openStream,
  PAGE_ORIGIN,
  type SocketIoClient,
  streamAs,
  ticketFor,
  upgrade,
  upgradeSocketIo,
} from "../testing/worker.ts";
import type { HubStore } from "./core/journal.ts";
import { Hub } from "./hub.ts";
import type { Audience, Publication } from "./publisher.ts";
import { SqliteStore } from "./sqlite-store.ts";
import { storeSuite } from "../testing/store-suite.ts";

const GUILD = env.PRIMARY_GUILD_ID;
let provider: TestProvider;
let alice: string;

/** A new stub each time, because a stub stays broken after an eviction of its object. */
const hub = (guildId = GUILD) => env.HUB.get(env.HUB.idFromName(guildId));

const seconds = (): number => Math.floor(Date.now() / 1000);

let published = 0;
function publication(audience: Audience = null, extra: Partial<Publication> = {}): Publication {
  published += 1;
  return {
    event: "room.updated",
    payload: { guildId: GUILD, n: published },
    audience,
    topic: null,
    ...extra,
  };
}

beforeAll(async () => {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
  provider = await testProvider();
  alice = await provider.mint({ sub: "alice" });
});

beforeEach(() => {
  mockOutside(provider, () => new Response(null, { status: 404 }));
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("SQLite store", () => {
  let made = 0;
  storeSuite(async (use: (store: HubStore) => void) => {
    made += 1;
    const fresh = hub(`store-suite-${made}`);
    await runInDurableObject(fresh, (_, state) => {
      for (const table of ["journal", "facts", "tasks", "dedupe", "filters"]) {
        state.storage.sql.exec(`DROP TABLE IF EXISTS ${table}`);
      }
      use(new SqliteStore(state.storage));
    });
  });
});

describe("authentication (rooms.md §2)", () => {
  test("with a ticket: the ack first, then the snapshot, both as in the document", async () => {
    const client = await streamAs(alice);
    expect(client.frames.map((frame) => frame.type)).toEqual(["ack", "snapshot"]);
    expect(client.frames[0]).toMatchObject({ v: 1, event: "auth.ok", guildId: GUILD });
    expect(client.frames[1]).toMatchObject({ reason: "first_connection", rooms: [] });
    for (const frame of client.frames) ServerFrame.parse(frame);
    client.close();
  });

  test("the answer of POST /ws/ticket has the whole URL and the time of expiry", async () => {
    const response = await callAs(alice, "POST", "/ws/ticket");
    expect(response.status).toBe(201);
    const body = await response.json<{ ticket: string; expiresAt: string; url: string }>();
    const url = new URL(body.url);
    expect([url.protocol, url.pathname, url.searchParams.get("ticket")]).toEqual([
      "wss:",
      "/ws",
      body.ticket,
    ]);
    const life = Date.parse(body.expiresAt) - Date.now();
    expect(life).toBeGreaterThan(TICKET_TTL_MS - 5_000);
    expect(life).toBeLessThanOrEqual(TICKET_TTL_MS);
    expect(body.ticket).not.toContain(btoa("alice").replaceAll("=", ""));
  });

  test("a ticket works once, also after an eviction of the hub", async () => {
    const ticket = await ticketFor(alice);
    const first = await openStream(`?ticket=${ticket}`);
    await evictDurableObject(hub());
    expect((await upgrade(`?ticket=${ticket}`)).status).toBe(401);
    first.close();
  });

  test("of two sockets with one ticket at the same instant one is accepted", async () => {
    const ticket = await ticketFor(alice);
    const answers = await Promise.all([upgrade(`?ticket=${ticket}`), upgrade(`?ticket=${ticket}`)]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([101, 401]);
    for (const { webSocket } of answers) {
      webSocket?.accept();
      webSocket?.close();
    }
  });

  test("an expired ticket and a forged one are refused", async () => {
    const ticket = await ticketFor(alice);
    vi.setSystemTime(Date.now() + TICKET_TTL_MS);
    expect((await upgrade(`?ticket=${ticket}`)).status).toBe(401);
    vi.useRealTimers();
    const forged = `${ticket.slice(0, -4)}AAAA`;
    for (const bad of [forged, "", "x.y.z", "%00"]) {
      const response = await upgrade(`?ticket=${bad}`);
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ code: "unauthorized" });
    }
  });

  test("a ticket works only from the origin that requested it; a foreign origin is always refused", async () => {
    const own = { Origin: PAGE_ORIGIN };
    const other = { Origin: "http://localhost:8787" };
    const ticket = await ticketFor(alice, {}, own);
    expect((await upgrade(`?ticket=${ticket}`, other)).status).toBe(401);
    expect((await upgrade(`?ticket=${ticket}`)).status).toBe(401);
    (await openStream(`?ticket=${ticket}`, own)).close();
    const foreign = await upgrade(`?ticket=${await ticketFor(alice)}`, {
      Origin: "https://evil.test",
    });
    expect(foreign.status).toBe(403);
    expect(await foreign.json()).toMatchObject({ code: "forbidden_origin" });
  });

  test("a ticket is for one guild of the `guilds` claim only", async () => {
    const bob = await provider.mint({ sub: "bob", guilds: ["200", GUILD] });
    const client = await streamAs(bob, undefined, { guildId: "200" });
    expect(client.of("ack")[0]?.guildId).toBe("200");
    client.close();
    const refused = await callAs(bob, "POST", "/ws/ticket", { guildId: "300" });
    expect(refused.status).toBe(403);
    const elsewhere = await provider.mint({ sub: "carol", guilds: ["200"] });
    expect((await callAs(elsewhere, "POST", "/ws/ticket", {})).status).toBe(403);
    // Without the claim, the guild that the client names is ignored.
    const ignored = await streamAs(alice, undefined, { guildId: "300" });
    expect(ignored.of("ack")[0]?.guildId).toBe(GUILD);
    ignored.close();
  });

  test("a name that is no guild's is no hub's at any entrance, even if the token names it", async () => {
    // The first would be the name of a relay.
    for (const name of [`${GUILD}:0`, "a/b", "012", " "]) {
      const odd = await provider.mint({ sub: "odd", guilds: [name, "200"] });
      const header = { Authorization: `Bearer ${odd}` };
      const query = `?guildId=${encodeURIComponent(name)}`;
      expect((await upgrade(query, header)).status).toBe(403);
      expect((await callAs(odd, "GET", `/events${query}`)).status).toBe(400);
      expect((await callAs(odd, "POST", "/ws/ticket", { guildId: name })).status).toBe(400);
      const state = `/admin/guilds/${encodeURIComponent(name)}/hub`;
      const operator = await provider.mint({ sub: "o", scope: "hub:admin", guilds: [name] });
      expect([400, 404]).toContain((await callAs(operator, "GET", state)).status);
      // The token is still good for its other guild.
      expect((await callAs(odd, "POST", "/ws/ticket", { guildId: "200" })).status).toBe(201);
    }
    const long = await provider.mint({ sub: "odd", guilds: ["x".repeat(65)] });
    expect((await callAs(long, "POST", "/ws/ticket", {})).status).toBe(401);
  });

  test("one ticket too many in a minute gets 429 with a time to retry", async () => {
    // The clock stands still, because the quota refills with time.
    vi.useFakeTimers({ toFake: ["Date"] });
    const busy = await provider.mint({ sub: "busy" });
    // The quota refills every second, and sixty tickets may take longer than that.
    vi.setSystemTime(Date.now());
    for (let i = 0; i < TICKETS_PER_MINUTE; i += 1) await ticketFor(busy);
    const refused = await callAs(busy, "POST", "/ws/ticket");
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(0);
    expect(refused.headers.get("RateLimit")).toMatch(/^"ws-ticket";r=0;t=\d+$/);
    expect((await callAs(alice, "POST", "/ws/ticket")).status).toBe(201);
  });

  test("a Bearer header authenticates; a bad one is 401 and does not fall through", async () => {
    const client = await openStream("", { Authorization: `Bearer ${alice}` });
    await client.until(({ frames }) => frames.length === 2);
    client.close();
    for (const header of ["Bearer nonsense", "Basic abc", "Bearer "]) {
      expect((await upgrade("", { Authorization: header })).status).toBe(401);
    }
    const elsewhere = await provider.mint({ sub: "carol", guilds: ["200"] });
    expect((await upgrade("", { Authorization: `Bearer ${elsewhere}` })).status).toBe(403);
    const there = await openStream("?guildId=200", { Authorization: `Bearer ${elsewhere}` });
    await there.until(({ frames }) => frames.length > 0);
    expect(there.frames[0]).toMatchObject({ guildId: "200" });
    const other = await upgrade("?guildId=300", { Authorization: `Bearer ${elsewhere}` });
    expect(other.status).toBe(403);
  });

  test("HUB-12 an auth frame authenticates and may name a position; until then nothing is sent", async () => {
    const first = await streamAs(alice);
    const { position } = first;
    await hub().publish([publication()]);
    const client = await openStream("");
    await hub().publish([publication()]);
    await evictDurableObject(hub());
    client.send({ type: "auth", token: alice, ...position });
    await client.until(({ frames }) => frames.some(({ type }) => type === "resumed"));
    expect(client.frames.map((frame) => frame.type)).toEqual(["ack", "event", "event", "resumed"]);
    first.close();
    client.close();
  });

  test("an invalid position is kept while a socket waits, and is answered with a snapshot", async () => {
    const client = await openStream(`?epoch=${"e".repeat(15_000)}&seq=twelve`);
    client.send({ type: "auth", token: alice });
    await client.until(({ frames }) => frames.length === 2);
    expect(client.of("snapshot")[0]?.reason).toBe("invalid_position");
    client.close();
  });

  test("a client that authenticates by its first frame names its guild in the query", async () => {
    const carol = await provider.mint({ sub: "carol", guilds: ["200", "201"] });
    const first = async (query: string, token: string) => {
      const client = await openStream(query);
      client.send({ type: "auth", token });
      await client.until(({ closed, frames }) => closed !== null || frames.length === 2);
      return [client.closed?.code, client.of("ack")[0]?.guildId];
    };
    expect(await first("?guildId=201", carol)).toEqual([undefined, "201"]);
    expect(await first("?guildId=300", carol)).toEqual([4403, undefined]);
    // A token without guilds is for the primary one, whatever the client asks for.
    expect(await first("?guildId=300", alice)).toEqual([undefined, GUILD]);
    expect(await first(`?guildId=${GUILD}`, alice)).toEqual([undefined, GUILD]);
    expect(await first("?guildId=", carol)).toEqual([4403, undefined]);
  });

  test.each([
    ["a bad token", () => Promise.resolve("nonsense"), 4401],
    ["a token without this guild", () => provider.mint({ sub: "carol", guilds: ["200"] }), 4403],
    ["an expired token", () => provider.mint({ sub: "alice", exp: seconds() - 60 }), 4401],
    ["a token within the skew", () => provider.mint({ sub: "alice", exp: seconds() - 15 }), 4401],
    [
      "a token with more grants than a session can carry",
      () => provider.mint({ sub: "alice", scope: "s".repeat(SESSION_GRANTS_MAX_BYTES) }),
      4403,
    ],
  ])("%s in the auth frame closes", async (_, token, code) => {
    const client = await openStream("");
    client.send({ type: "auth", token: await token() });
    await client.until(({ closed }) => closed !== null);
    expect([client.closed?.code, client.frames]).toEqual([code, []]);
  });

  test.each([
    ["no token", {}],
    ["an empty token", { token: "" }],
    ["a token that is a number", { token: 5 }],
    ["a token that is null", { token: null }],
    ["a token that is an object", { token: { jwt: "x" } }],
    ["a token with an odd header", { token: `${btoa('{"alg":"RS256","typ":5}')}.e30.AA` }],
  ])("an auth frame with %s closes at once", async (_, members) => {
    const client = await openStream("");
    client.send({ type: "auth", ...members });
    await client.until(({ closed }) => closed !== null);
    expect([client.closed?.code, client.frames]).toEqual([4401, []]);
  });

  test("HUB-7 a reauth is answered, whatever its token is", async () => {
    const client = await streamAs(alice);
    const odd = [undefined, "", 5, null, {}, "x", `${btoa('{"alg":"RS256","typ":5}')}.e30.AA`];
    for (const [index, token] of odd.entries()) {
      client.send({ type: "reauth", token });
      await client.until((one) => one.of("error").length === index + 1);
    }
    expect(new Set(client.of("error").map(({ code }) => code))).toEqual(new Set(["invalid_token"]));
    client.send({ type: "reauth", token: alice });
    await client.until((one) => one.of("reauth.ok").length === 1);
    client.close();
  });

  test("two auth frames at once: one authenticates, the other gets an error", async () => {
    const client = await openStream("");
    client.send({ type: "auth", token: alice });
    client.send({ type: "auth", token: alice });
    await client.until((one) => one.of("error").length === 1);
    expect(client.of("error")[0]?.code).toBe("already_authenticated");
    expect(client.of("ack")).toHaveLength(1);
    client.close();
  });

  test("a frame that makes our own code fail closes with 1012, and the failure is logged", async () => {
    const erin = await provider.mint({ sub: "erin", guilds: ["501"] });
    const client = await streamAs(erin, undefined, { guildId: "501" });
    await runInDurableObject(hub("501"), (_, state) => {
      state.storage.sql.exec("DROP TABLE filters");
    });
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    client.send({ type: "subscribe", channelIds: ["42"] });
    await client.until(({ closed }) => closed !== null);
    expect(client.closed?.code).toBe(CLOSE_CODES.restart.code);
    expect(logged.mock.calls.flat().join()).toContain("hub.message_failed");
  });

  test("HUB-18 waiting sockets of one IPv6 /64 are bounded, and take no places of other clients", async () => {
    const from = (address: string) => upgrade("", { "CF-Connecting-IP": address });
    vi.setSystemTime(Date.now());
    const waiting: Response[] = [];
    const leave = ({ webSocket }: Response): void => {
      webSocket?.accept();
      webSocket?.close(1000);
    };
    onTestFinished(() => waiting.forEach(leave));
    for (let i = 0; i < UNAUTHENTICATED_SOCKETS_PER_ADDRESS; i += 1) {
      waiting.push(await from(`2001:db8:0:1::${(i + 1).toString(16)}`));
    }
    expect(new Set(waiting.map(({ status }) => status))).toEqual(new Set([101]));
    const placed = vi.spyOn(Hub.prototype, "place");
    for (let i = 0; i < 10; i += 1) {
      const refused = await from("2001:db8:0:1:ffff::1");
      expect([refused.status, refused.headers.get("Retry-After")]).toEqual([503, "5"]);
    }
    // No hub is asked anything about clients that have not said who they are.
    expect(placed).not.toHaveBeenCalled();
    vi.useRealTimers();
    const others = [await from("2001:db8:0:2::1"), await from("192.0.2.1")];
    expect(others.map(({ status }) => status)).toEqual([101, 101]);
    (await streamAs(alice)).close();
    [...waiting.splice(0), ...others].forEach(leave);
    await vi.waitUntil(async () => {
      const next = await from("2001:db8:0:1::1");
      leave(next);
      return next.status === 101;
    }, SOON);
  });

  test("HUB-7 HUB-12 without an auth frame the socket closes after 5 s, and no hub knew of it", async () => {
    const attached = vi.spyOn(Hub.prototype, "fetch");
    const client = await openStream("");
    await client.until(({ closed }) => closed !== null);
    expect([client.closed?.code, client.frames]).toEqual([4408, []]);
    expect(attached).not.toHaveBeenCalled();
  });

  test("a hub that fails is a 503 with a time to retry, and reveals no internals", async () => {
    const erin = await provider.mint({ sub: "erin", guilds: ["500"] });
    const client = await streamAs(erin, undefined, { guildId: "500" });
    const { epoch } = client.position;
    client.close();
    await hub("500").publish([publication()]);
    const ticket = await ticketFor(erin, { guildId: "500" });
    await runInDurableObject(hub("500"), (_, state) => {
      state.storage.sql.exec("DROP TABLE entries");
    });
    const response = await upgrade(`?ticket=${ticket}&epoch=${epoch}&seq=0`);
    expect([response.status, response.headers.get("Retry-After")]).toEqual([503, "5"]);
    expect(await response.text()).not.toContain("entries");
  });

  test("a plain GET is a 426", async () => {
    const response = await callWorker("/ws");
    expect(response.status).toBe(426);
    expect(await response.json()).toMatchObject({ code: "upgrade_required" });
  });
});

describe("the stream through evictions", () => {
  test.each(["hibernate", "close"] as const)(
    "HUB-4 HUB-6 nothing is missed or doubled when the hub is evicted after every step (%s)",
    async (webSockets) => {
      const evict = async (): Promise<void> => {
        // An object that sleeps already cannot be evicted, so wake it first.
        await hub().status();
        await evictDurableObject(hub(), { webSockets });
      };
      const bob = await provider.mint({ sub: "bob" });
      const seen = new Map<string, number[]>();
      const clients = new Map<string, Awaited<ReturnType<typeof streamAs>>>();
      const tokens = new Map([
        ["alice", alice],
        ["bob", bob],
      ]);
      /** Waits for the last events, after a reconnect if the socket is gone. */
      const settle = async (expectLast: Map<string, number>): Promise<void> => {
        for (const [name, token] of tokens) {
          let client = clients.get(name) ?? (await streamAs(token));
          clients.set(name, client);
          if (client.closed !== null || webSockets === "close") {
            const { position } = client;
            (seen.get(name) ?? []).push(...client.events.map(({ seq }) => seq));
            client = await streamAs(token, position);
            clients.set(name, client);
          }
          const last = expectLast.get(name);
          const reader = client;
          if (last !== undefined) {
            await reader.until(() => reader.position.seq >= last);
          }
        }
      };
      for (const name of tokens.keys()) seen.set(name, []);
      await settle(new Map());
      const start = (await hub().status()).seq;
      for (let step = 1; step <= 6; step += 1) {
        const forAlice = step % 3 === 0;
        await evict();
        await hub().publish([publication(forAlice ? ["sub:alice"] : null)]);
        await evict();
        const lastOf = (every: boolean): number =>
          every || step % 3 !== 0 ? start + step : start + step - 1;
        await settle(
          new Map([
            ["alice", lastOf(true)],
            ["bob", lastOf(false)],
          ]),
        );
      }
      const all = Array.from({ length: 6 }, (_, i) => start + 1 + i);
      for (const [name, client] of clients) {
        const total = [...(seen.get(name) ?? []), ...client.events.map(({ seq }) => seq)];
        expect(total).toEqual(name === "alice" ? all : all.filter((_, i) => i % 3 !== 2));
        client.close();
      }
    },
  );

  test("HUB-1 the epoch and the sequence survive an eviction", async () => {
    const before = await hub().status();
    await evictDurableObject(hub(), { webSockets: "close" });
    await hub().publish([publication()]);
    expect(await hub().status()).toMatchObject({ epoch: before.epoch, seq: before.seq + 1 });
  });

  test("HUB-6 a ping is answered by the runtime", async () => {
    const client = await streamAs(alice);
    await evictDurableObject(hub());
    client.send(PING_FRAME);
    await client.until(({ texts }) => texts.includes('{"type":"pong"}'));
    // The hub did not wake: it is not running, so the eviction is refused.
    await expect(evictDurableObject(hub())).rejects.toThrow();
    client.close();
  });

  test("HUB-13 a batching client gets everything of a burst, also across an eviction", async () => {
    const client = await streamAs(alice, undefined, { batch: true });
    const { seq } = client.position;
    for (let i = 0; i < 5; i += 1) await hub().publish([publication()]);
    await evictDurableObject(hub());
    await hub().publish([publication(), publication()]);
    await client.until(({ events }) => events.length === 7);
    expect(client.events.map((event) => event.seq)).toEqual(
      Array.from({ length: 7 }, (_, i) => seq + 1 + i),
    );
    client.close();
  });

  test("a filter set by `subscribe` survives an eviction", async () => {
    const client = await streamAs(alice);
    client.send({ type: "subscribe", channelIds: ["c1"] });
    client.send(PING_FRAME);
    await client.until(({ texts }) => texts.length === 3);
    await evictDurableObject(hub());
    await hub().publish([publication(null, { topic: "c2" }), publication(null, { topic: "c1" })]);
    await client.until(({ events }) => events.length === 1);
    const [event] = client.events;
    expect(event?.prev).toBe((event?.seq ?? 0) - 2);
    client.close();
    await vi.waitUntil(async () => (await hub().status()).sockets === 0, SOON);
  });
});

describe("tokens on a live socket (HUB-7)", () => {
  test("a session is warned, renewed, and closed when the newer token expires", async () => {
    const exp = seconds() + 100;
    const dave = await provider.mint({ sub: "dave", exp });
    const client = await streamAs(dave);
    vi.setSystemTime((exp - 59) * 1000);
    await runDurableObjectAlarm(hub());
    await client.until((one) => one.of("auth.expiring").length === 1);
    const later = exp + 600;
    client.send({ type: "reauth", token: await provider.mint({ sub: "dave", exp: later }) });
    await client.until((one) => one.of("reauth.ok").length === 1);
    expect(client.of("reauth.ok")[0]?.exp).toBe(later);
    await evictDurableObject(hub());
    vi.setSystemTime((exp + 1) * 1000);
    await runDurableObjectAlarm(hub());
    await hub().publish([publication()]);
    await client.until(({ events }) => events.length === 1);
    vi.setSystemTime(later * 1000);
    await runDurableObjectAlarm(hub());
    await client.until(({ closed }) => closed !== null);
    expect(client.closed?.code).toBe(4401);
  });

  test("a token that has just expired neither begins nor ends a session", async () => {
    const ended = await provider.mint({ sub: "alice", exp: seconds() - 15 });
    const response = await upgrade("", { Authorization: `Bearer ${ended}` });
    expect(response.status).toBe(401);
    expect((await callAs(ended, "POST", "/ws/ticket", {})).status).toBe(401);
    const client = await streamAs(alice);
    client.send({ type: "reauth", token: ended });
    await client.until((one) => one.of("error").length === 1);
    expect(client.of("error")[0]?.code).toBe("invalid_token");
    await hub().publish([publication()]);
    await client.until(({ events }) => events.length === 1);
    client.close();
  });

  test("a reauth of another user, with a bad token, and with a token without the guild", async () => {
    const client = await streamAs(alice);
    client.send({ type: "reauth", token: await provider.mint({ sub: "mallory" }) });
    await client.until((one) => one.of("error").length === 1);
    expect(client.of("error")[0]?.code).toBe("other_subject");
    client.send({ type: "reauth", token: "nonsense" });
    await client.until((one) => one.of("error").length === 2);
    expect(client.of("error")[1]?.code).toBe("invalid_token");
    client.send({ type: "reauth", token: await provider.mint({ sub: "alice", guilds: ["200"] }) });
    await client.until(({ closed }) => closed !== null);
    expect(client.closed?.code).toBe(4403);
  });
});

describe("frames of clients (HUB-9)", () => {
  test("a frame over the limit closes with 1009; the third invalid one closes with 4499", async () => {
    const big = await streamAs(alice);
    big.send("x".repeat(CLIENT_FRAME_MAX_BYTES + 1));
    await big.until(({ closed }) => closed !== null);
    expect(big.closed?.code).toBe(1009);
    const rude = await streamAs(alice);
    rude.send("{");
    rude.sendBytes(new Uint8Array([1, 2]));
    rude.send({ type: "dance" });
    await rude.until(({ closed }) => closed !== null);
    expect(rude.of("error").map(({ code }) => code)).toEqual([
      "not_json",
      "binary",
      "unknown_type",
    ]);
    expect(rude.closed?.code).toBe(4499);
  });

  test("a refused frame does not change the journal", async () => {
    const before = await hub().status();
    const client = await streamAs(alice);
    client.send({ type: "ack", seq: before.seq + 1_000 });
    await client.until((one) => one.of("error").length === 1);
    expect(await hub().status()).toMatchObject({ seq: before.seq });
    client.close();
  });
});

describe("bad input is refused with a reason, and nothing is journaled:", () => {
  const position = async (): Promise<{ epoch: string; seq: number }> => hub().status();

  test.each([
    ["negative", ({ epoch }: { epoch: string }) => `&epoch=${epoch}&seq=-1`, "invalid_position"],
    ["fractional", ({ epoch }) => `&epoch=${epoch}&seq=1.5`, "invalid_position"],
    ["huge", ({ epoch }) => `&epoch=${epoch}&seq=99999999999999999999`, "invalid_position"],
    ["no number", ({ epoch }) => `&epoch=${epoch}&seq=soon`, "invalid_position"],
    ["of the future", ({ epoch }) => `&epoch=${epoch}&seq=9007199254740991`, "ahead_of_hub"],
    ["of a foreign epoch", () => "&epoch=elsewhere&seq=1", "unknown_epoch"],
    ["without an epoch", () => "&seq=1", "invalid_position"],
  ])("HUB-4 a resume from a seq that is %s", async (_, query, reason) => {
    const before = await position();
    const ticket = await ticketFor(alice);
    const client = await openStream(`?ticket=${ticket}${query(before)}`);
    await client.until((one) => one.of("snapshot").length === 1);
    expect(client.of("snapshot")[0]).toMatchObject({ reason, seq: before.seq });
    expect(client.events).toEqual([]);
    client.close();
    expect(await position()).toMatchObject(before);
  });

  test("HUB-4 a resume with the epoch of another guild", async () => {
    const other = await provider.mint({ sub: "alice", guilds: ["501"] });
    (await streamAs(other, undefined, { guildId: "501" })).close();
    await hub("501").publish([publication()]);
    const foreign = await hub("501").status();
    const client = await openStream(
      `?ticket=${await ticketFor(alice)}&epoch=${foreign.epoch}&seq=${foreign.seq}`,
    );
    await client.until((one) => one.of("snapshot").length === 1);
    expect(client.of("snapshot")[0]?.reason).toBe("unknown_epoch");
    client.close();
  });

  test("HUB-10 an ack of a journaled event that was never sent to this socket", async () => {
    const client = await streamAs(alice);
    const { seq } = await position();
    await hub().publish([publication(["sub:somebody else"])]);
    client.send({ type: "ack", seq: seq + 1 });
    await client.until((one) => one.of("error").length === 1);
    expect(client.of("error")[0]?.code).toBe("invalid_ack");
    client.close();
  });

  test("HUB-9 a subscription to 10,000 channels", async () => {
    const before = await position();
    const client = await streamAs(alice);
    const channelIds = Array.from({ length: 10_000 }, (_, index) => String(index));
    client.send({ type: "subscribe", channelIds });
    await client.until(({ closed }) => closed !== null);
    expect(client.closed?.code).toBe(1009);
    expect(await position()).toMatchObject(before);
  });

  test("HUB-2 an event that no area names, and a payload over the limit", async () => {
    const before = await position();
    const client = await streamAs(alice);
    expect(
      await hub().publish([
        publication(null, { event: "nobody.knows" }),
        publication(null, { payload: { text: "é".repeat(EVENT_PAYLOAD_MAX_BYTES / 2) } }),
      ]),
    ).toEqual([
      { kind: "refused", why: "unknown_event" },
      { kind: "refused", why: "too_large" },
    ]);
    expect(await position()).toMatchObject({ seq: before.seq });
    expect(client.events).toEqual([]);
    client.close();
  });
});

describe("HUB-25 clients of Socket.IO at the product's own Worker", () => {
  /** A client that has its snapshot, or what it missed. */
  const enter = async (auth: object) => {
    const client = await openSocketIo(auth);
    await client.until(() => client.of("snapshot").length + client.of("resumed").length === 1);
    return client;
  };
  const seqsOf = (client: SocketIoClient): number[] =>
    client.of("room.updated").map(([, about]) => (about as { readonly seq: number }).seq);
  const seqOf = async (...given: Parameters<typeof publication>): Promise<number> => {
    const [done] = await hub().publish([publication(...given)]);
    if (done?.kind !== "published") throw new Error("the event was not published");
    return done.seq;
  };

  test("a page of a foreign origin is refused", async () => {
    const foreign = await upgradeSocketIo({ Origin: "https://evil.test" });
    expect([foreign.status, foreign.webSocket]).toEqual([403, null]);
    expect(await foreign.json()).toMatchObject({ code: "forbidden_origin" });
    const { status, webSocket } = await upgradeSocketIo({ Origin: PAGE_ORIGIN });
    expect(status).toBe(101);
    webSocket?.accept();
    webSocket?.close(1000);
  });

  test("the guild is one of the token's; another one is refused with 4403", async () => {
    const carol = await provider.mint({ sub: "carol", guilds: ["200"] });
    for (const auth of [{ token: carol }, { token: carol, guildId: "300" }]) {
      const refused = await openSocketIo(auth);
      expect(await refused.answer("44")).toMatchObject({ data: { code: 4403, reconnect: "no" } });
      refused.close();
      expect(refused.texts.some((text) => text.startsWith("42"))).toBe(false);
    }
    const client = await enter({ token: carol, guildId: "200" });
    const { epoch } = await hub("200").status();
    expect(client.of("snapshot")).toMatchObject([[{ epoch }, expect.any(String)]]);
    client.close();
  });

  test("a bad token is refused with 4401", async () => {
    for (const token of ["nonsense", "", 5, undefined]) {
      const refused = await openSocketIo({ token });
      expect(await refused.answer("44")).toMatchObject({ data: { code: 4401 } });
      refused.close();
    }
  });

  test("HUB-8 an event for others is not sent: not live, and not when it is resumed", async () => {
    const bob = await enter({ token: await provider.mint({ sub: "bob" }) });
    const client = await enter({ token: alice });
    const { pid } = (await client.answer("40")) as { readonly pid: string };
    const offset = client.of("snapshot")[0]?.at(-1);
    const secret = await seqOf(["sub:bob"]);
    const open = await seqOf();
    await client.until((one) => seqsOf(one).includes(open));
    await bob.until((one) => seqsOf(one).includes(open));
    expect([seqsOf(client), seqsOf(bob)]).toEqual([[open], [secret, open]]);
    client.close(1001);
    const back = await enter({ token: alice, pid, offset });
    expect(seqsOf(back)).toEqual([open]);
    for (const one of [back, bob]) one.close();
  });

  test("HUB-4 a client that comes back with its pid and offset gets what it missed, through a sleep", async () => {
    const client = await enter({ token: alice });
    const { pid } = (await client.answer("40")) as { readonly pid: string };
    const first = await seqOf();
    await client.until((one) => seqsOf(one).includes(first));
    const offset = client.of("room.updated").at(-1)?.at(-1);
    expect(offset).toBe(String(first));
    client.close(1001);
    const missed = [await seqOf(), await seqOf()];
    await evictDurableObject(hub());
    const back = await enter({ token: alice, pid, offset });
    expect(await back.answer("40")).toMatchObject({ pid });
    expect(seqsOf(back)).toEqual(missed);
    expect(back.of("snapshot")).toEqual([]);
    // With a position of another journal it starts from the whole state, under another pid.
    const reset = await enter({ token: alice, pid: "another.c1", offset });
    expect(await reset.answer("40")).not.toMatchObject({ pid: "another.c1" });
    expect(reset.of("snapshot")).toMatchObject([[{ reason: "unknown_epoch" }, expect.any(String)]]);
    for (const one of [back, reset]) one.close();
  });

  test("HUB-15 presence is sent only to a client that asked for signals", async () => {
    const watcher = await enter({ token: alice, signals: true });
    const other = await enter({ token: await provider.mint({ sub: "bob" }) });
    expect(watcher.of("snapshot")).toMatchObject([[{ presence: {} }, expect.any(String)]]);
    expect(other.of("snapshot")[0]?.[0]).not.toHaveProperty("presence");
    const seen = (): string[] =>
      watcher
        .of("presence")
        .flatMap(([payload]) => (payload as { users: { userId: string }[] | null }).users ?? [])
        .map(({ userId }) => userId);
    await vi.waitUntil(async () => {
      await runDurableObjectAlarm(hub());
      return seen().includes("bob");
    }, SOON);
    const seq = await seqOf();
    await other.until((one) => seqsOf(one).includes(seq));
    expect(other.of("presence")).toEqual([]);
    for (const one of [watcher, other]) one.close();
  });

  test("HUB-7 reauth extends the session, and changes what is seen", async () => {
    const client = await enter({ token: alice });
    client.emit("reauth", { token: "nonsense" });
    client.emit("reauth", { token: "" });
    await client.until((one) => one.of("error").length === 2);
    expect(client.of("error")).toMatchObject([
      [{ code: "invalid_token" }],
      [{ code: "invalid_token" }],
    ]);
    const before = await seqOf(["scope:extra"]);
    const exp = seconds() + 1_800;
    client.emit("reauth", { token: await provider.mint({ sub: "alice", scope: "extra", exp }) });
    await client.until((one) => one.of("reauth.ok").length === 1);
    expect(client.of("reauth.ok")).toEqual([[{ exp }]]);
    const after = await seqOf(["scope:extra"]);
    await client.until((one) => seqsOf(one).includes(after));
    expect(seqsOf(client)).not.toContain(before);
    client.close();
  });

  test("subscribe narrows the stream to some channels, and an empty list widens it", async () => {
    const client = await enter({ token: alice });
    const on = (topic: string) => seqOf(null, { topic });
    /** A second event of the same kind is refused, which shows that the first one was taken. */
    const subscribe = async (channels: readonly string[]): Promise<void> => {
      const before = client.of("error").length;
      client.emit("subscribe", channels);
      client.emit("subscribe", "x");
      await client.until((one) => one.of("error").length > before);
    };
    await subscribe(["42"]);
    await on("43");
    const wanted = await on("42");
    await subscribe([]);
    const all = await on("43");
    await client.until((one) => seqsOf(one).includes(all));
    expect(seqsOf(client)).toEqual([wanted, all]);
    client.close();
  });

  test("HUB-18 a user with too many connections in a minute is closed with 1013", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const sub = "busy-socket-io";
    const token = await provider.mint({ sub });
    for (let i = 1; i < TICKETS_PER_MINUTE; i += 1) await takeOf(env, CONNECTIONS, sub);
    const last = await enter({ token });
    const over = await openSocketIo({ token });
    // Without CONNECT_ERROR, after which a client would not come back by itself.
    expect([await over.isClosed(), over.texts.length]).toEqual([CLOSE_CODES.overloaded.code, 1]);
    expect(last.closed).toBeNull();
    last.close();
  });

  test("HUB-18 clients that wait take the places of their address, and the next one gets 503", async () => {
    vi.setSystemTime(Date.now());
    const from = { "CF-Connecting-IP": "2001:db8:0:77::1" };
    const waiting: Response[] = [];
    const leave = ({ webSocket }: Response): void => {
      webSocket?.accept();
      webSocket?.close(1000);
    };
    onTestFinished(() => waiting.forEach(leave));
    for (let i = 0; i < UNAUTHENTICATED_SOCKETS_PER_ADDRESS; i += 1) {
      waiting.push(await upgradeSocketIo(from));
    }
    expect(new Set(waiting.map(({ status }) => status))).toEqual(new Set([101]));
    const refused = await upgradeSocketIo(from);
    expect([refused.status, refused.headers.get("Retry-After")]).toEqual([503, "5"]);
    expect(await refused.json()).toMatchObject({ code: "unavailable" });
    // They are the same places as those of `/ws`.
    expect((await upgrade("", from)).status).toBe(503);
  });
});

// This test is the last one here, because it drops the tables.
test("HUB-4 a resume and a first connection do not use D1: they work without its tables", async () => {
  const first = await streamAs(alice);
  const { position } = first;
  first.close();
  await hub().publish([publication(), publication()]);
  const tickets = [await ticketFor(alice), await ticketFor(alice)];
  for (const table of ["rooms", "provider_keys", "idempotency_keys"]) {
    await env.DB.exec(`DROP TABLE ${table}`);
  }
  await evictDurableObject(hub());
  const resumed = await openStream(
    `?ticket=${tickets[0]}&epoch=${position.epoch}&seq=${position.seq}`,
  );
  await resumed.until((client) => client.of("resumed").length === 1);
  expect(resumed.events).toHaveLength(2);
  const fresh = await openStream(`?ticket=${tickets[1]}`);
  await fresh.until((client) => client.of("snapshot").length === 1);
  resumed.close();
  fresh.close();
});
