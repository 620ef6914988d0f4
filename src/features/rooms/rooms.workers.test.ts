import {
  applyD1Migrations,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { ulid } from "ulid";
import { z } from "zod";
import { GUILD_HUBS } from "../../hub/guild-kind.ts";
import { hubPublisher } from "../../hub/hub-client.ts";
import { Problem } from "../../platform/http/problem.ts";
import { begin, fingerprintOf } from "../../platform/idempotency.ts";
import { takeToken } from "../../platform/rate-limit.ts";
import {
  PEOPLE_PAGE_MAX,
  GATEWAY_HEARTBEAT_TIMEOUT_MS,
  IDEMPOTENCY_KEY_MAX_LENGTH,
  INVITE_MAX_AGE_SECONDS,
  INVITE_MAX_USES,
  REQUEST_BODY_MAX_BYTES,
  ROOMS_PAGE_MAX,
  ROOMS_PER_MINUTE_PER_ADDRESS,
  ROOMS_PER_MINUTE_PER_USER,
  ROOM_ALLOWED_USERS_MAX,
  ROOM_NAME_INPUT_MAX,
  ROOM_NAME_MAX_LENGTH,
  SIGNATURE_MAX_SKEW_SECONDS,
  SIGNED_BATCH_MAX,
  SIGNED_BODY_MAX_BYTES,
} from "../../protocol/limits.ts";
import { Room } from "../../protocol/room.ts";
import { SignedEventsResult, signBody } from "../../protocol/signed-events.ts";
import { FakeDiscord } from "../../testing/discord.ts";
import { SOON } from "../../testing/soon.ts";
import { testProvider, type TestProvider } from "../../testing/tokens.ts";
import {
  callAs,
  callWorker,
  mockOutside,
  streamAs,
  type StreamClient,
} from "../../testing/worker.ts";
import { auditReason } from "./find-created-channel.ts";
import { sqlPeople } from "./hub/people.ts";
import { CreatedRoom } from "./room-record.ts";

const PRIMARY = env.PRIMARY_GUILD_ID;
const IDLE_MS = 15 * 60_000;
const RoomsPage = z.object({ rooms: z.array(Room), nextCursor: z.string().nullable() });

let provider: TestProvider;
let discord: FakeDiscord;
let tests = 0;

/** A guild of this test's own, so that no test sees another's rooms. */
let guildId = PRIMARY;
let alice: Person;
let bob: Person;
let mod: Person;

type Person = { readonly sub: string; readonly token: string };

async function person(name: string, claims: Record<string, unknown> = {}): Promise<Person> {
  const sub = `${name}-${tests}`;
  const token = await provider.mint({ sub, guilds: [guildId], discord_id: `d-${name}`, ...claims });
  return { sub, token };
}

const hub = () => env.HUB.get(env.HUB.idFromName(guildId));
const monitor = () => env.MONITOR.get(env.MONITOR.idFromName("gateway"));

beforeAll(async () => {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
  provider = await testProvider();
});

beforeEach(async () => {
  tests += 1;
  guildId = `2000${tests}`;
  discord = new FakeDiscord();
  mockOutside(provider, (request) => discord.answer(request));
  const rest = env.DISCORD.get(env.DISCORD.idFromName("bot"));
  await runInDurableObject(rest, async (_, state) => state.storage.deleteAll());
  await evictDurableObject(rest);
  alice = await person("alice");
  bob = await person("bob");
  mod = await person("mod", { scope: "openid rooms:manage" });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Advances the clock. */
function later(ms: number): void {
  const to = Date.now() + ms;
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(to);
}

async function evictHub(): Promise<void> {
  await hub().status();
  await evictDurableObject(hub());
}

/** Lets the hub do what is due after this time. */
async function hubAlarmAfter(ms: number): Promise<void> {
  later(ms);
  await runDurableObjectAlarm(hub());
}

const createAs = (
  who: Person,
  body: object = {},
  headers: Record<string, string> = {},
  signal?: AbortSignal,
) =>
  // Each test has its own address, because a limit that was used up at a later date stays used up.
  callAs(
    who.token,
    "POST",
    "/create-room",
    { guildId, ...body },
    { "CF-Connecting-IP": `198.51.100.${tests}`, ...headers },
    signal,
  );
const endAs = (who: Person, channelId: string, signal?: AbortSignal) =>
  callAs(who.token, "DELETE", `/end-room/${channelId}`, undefined, {}, signal);

async function created(response: Response): Promise<CreatedRoom> {
  expect(response.status).toBe(200);
  return CreatedRoom.parse(await response.json());
}

async function expectProblem(
  response: Response,
  status: number,
  code: string,
): Promise<z.infer<typeof Problem>> {
  const text = await response.text();
  expect([response.status, text]).toEqual([status, expect.stringContaining(`"${code}"`)]);
  expect(response.headers.get("Content-Type")).toBe("application/problem+json");
  expect(text).not.toContain(env.DISCORD_BOT_TOKEN);
  expect(response.headers.get("X-Secret-Of-Discord")).toBe(null);
  return Problem.loose().parse(JSON.parse(text));
}

async function roomsFor(who: Person, query = ""): Promise<z.infer<typeof RoomsPage>> {
  const response = await callAs(who.token, "GET", `/rooms?guildId=${guildId}${query}`);
  expect(response.status).toBe(200);
  return RoomsPage.parse(await response.json());
}

async function getRoom(who: Person, channelId: string): Promise<Room | number> {
  const response = await callAs(who.token, "GET", `/rooms/${channelId}`);
  return response.status === 200 ? Room.parse(await response.json()) : response.status;
}

const streamOf = (who: Person): Promise<StreamClient> =>
  streamAs(who.token, undefined, { guildId });
const short = (client: StreamClient): string[] =>
  client.events.map(({ event, payload }) => {
    const { userId } = z.looseObject({ userId: z.string().optional() }).parse(payload);
    return userId === undefined ? event : `${event} ${userId}`;
  });

type SendOptions = {
  readonly secrets?: readonly string[];
  readonly at?: number;
  readonly sent?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** Signs a body and sends it, or sends `sent` with that signature. */
async function signed(body: unknown, options: SendOptions = {}): Promise<Response> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const secrets = options.secrets ?? [env.HUB_SECRET];
  const bytes = new TextEncoder().encode(text);
  const headers = await signBody(secrets, bytes, options.at ?? Date.now());
  return callWorker("/internal/events", {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers, ...options.headers },
    body: options.sent ?? text,
  });
}

async function taken(body: unknown): Promise<SignedEventsResult> {
  const response = await signed(body);
  expect(response.status).toBe(200);
  return SignedEventsResult.parse(await response.json());
}

const voice = (kind: "joined" | "left", userId: string, channelId: string) => ({
  event: `voice.${kind}`,
  payload: { guildId, channelId, userId },
});
const snapshotOf = (
  channels: readonly string[],
  voiceStates: readonly { userId: string; channelId: string }[] = [],
) => ({
  event: "guild.snapshot",
  payload: {
    guildId,
    channels: channels.map((channelId) => ({ channelId, name: "Raid", userLimit: 4 })),
    voiceStates,
  },
});

/** A reservation whose Worker died. */
const ABANDONED = {
  id: "01JD0000000000000000000000",
  channelId: null,
  name: "Raid",
  userLimit: 4,
  private: false,
  allowedUserIds: [],
  parentId: null,
  createdBy: "somebody",
  createdByDiscordId: null,
  createdAt: Date.now(),
  openedAt: null,
  state: "creating",
  endedAt: null,
  idempotencyKey: null,
  idleMs: IDLE_MS,
  revision: 0,
};

/** Has Discord carry out requests of this method without answering. @returns a function that lets it answer */
function slowDiscord(method: string): () => void {
  // A variable, because a promise of one object cannot be awaited in another.
  let released = false;
  mockOutside(provider, async (request) => {
    const response = await discord.answer(request);
    if (request.method === method) await vi.waitUntil(() => released, SOON);
    return response;
  });
  return () => {
    released = true;
  };
}

/** Sends a request and hangs up as soon as Discord has carried out the method. */
async function leaveDuring(
  method: string,
  request: (signal: AbortSignal) => Promise<Response>,
): Promise<void> {
  const release = slowDiscord(method);
  const before = discord.callsOf(method).length;
  const client = new AbortController();
  const answer = request(client.signal);
  answer.catch(() => {});
  await vi.waitUntil(() => discord.callsOf(method).length > before, SOON);
  client.abort();
  await expect(answer).rejects.toThrow();
  release();
}

describe("POST /create-room", () => {
  it("opens a voice channel and shows it everywhere, with the hub evicted after every step", async () => {
    const stream = await streamOf(bob);
    await evictHub();
    const room = await created(await createAs(alice, { name: "Raid", parentId: "77" }));
    await evictHub();
    expect(room).toEqual({ channelId: [...discord.channels.keys()][0], name: "Raid", guildId });
    const [call] = discord.callsOf("POST");
    expect(call?.path).toBe(`/guilds/${guildId}/channels`);
    expect(call?.body).toEqual({ name: "Raid", type: 2, user_limit: 4, parent_id: "77" });
    expect(call?.reason).toMatch(/room 0\w{25}/);
    expect(call?.headers.get("Authorization")).toBe(`Bot ${env.DISCORD_BOT_TOKEN}`);

    await taken(voice("joined", "u1", room.channelId));
    await evictHub();
    const shown = await getRoom(bob, room.channelId);
    expect(shown).toMatchObject({
      state: "open",
      private: false,
      createdBy: alice.sub,
      userLimit: 4,
      endedAt: null,
      members: [{ userId: "u1" }],
    });
    expect((await roomsFor(bob)).rooms).toEqual([shown]);
    expect((await streamOf(bob)).of("snapshot")[0]?.rooms).toEqual([shown]);

    expect((await endAs(alice, room.channelId)).status).toBe(200);
    await evictHub();
    expect(discord.channels.size).toBe(0);
    await stream.until(() => short(stream).includes("room.deleted"));
    expect(short(stream)).toEqual([
      "room.created",
      "voice.joined u1",
      "voice.left u1",
      "room.deleted",
    ]);
    expect((await roomsFor(bob)).rooms).toEqual([]);
    expect((await roomsFor(bob, "&state=ended")).rooms).toMatchObject([{ state: "ended" }]);
    expect(await getRoom(bob, room.channelId)).toMatchObject({ state: "ended", members: [] });
  });

  it("takes defaults, cuts a long name and makes one from spaces", async () => {
    const long = await created(
      await createAs(alice, { name: "x".repeat(ROOM_NAME_MAX_LENGTH + 1) }),
    );
    expect(long.name).toBe("x".repeat(ROOM_NAME_MAX_LENGTH));
    for (const body of [{}, { name: "   " }, { parentId: null }]) {
      expect((await created(await createAs(alice, body))).name).toMatch(/^spell-coven-\d+$/);
    }
    expect((await createAs(alice, { userLimit: 0 })).status).toBe(200);
    expect((await createAs(alice, { userLimit: 99 })).status).toBe(200);
  });

  it("refuses wrong bodies and says where", async () => {
    const many = Array.from({ length: ROOM_ALLOWED_USERS_MAX + 1 }, (_, i) => String(i));
    for (const [body, pointer, detail] of [
      [{ userLimit: 100 }, "/userLimit", "userLimit may be at most 99."],
      [{ userLimit: -1 }, "/userLimit", "userLimit must be at least 0."],
      [{ userLimit: 1.5 }, "/userLimit", "userLimit must be a whole number."],
      [{ userLimit: "4" }, "/userLimit", "userLimit must be a number."],
      [{ name: 5 }, "/name", "name must be a text."],
      [{ name: "x".repeat(10_001) }, "/name", "name may have at most 10000 characters."],
      [
        { parentId: "../1" },
        "/parentId",
        "parentId: an id has 1 to 64 letters, digits, - or _, and no 0 first.",
      ],
      [
        { name: "n".repeat(ROOM_NAME_INPUT_MAX + 1) },
        "/name",
        `name may have at most ${ROOM_NAME_INPUT_MAX} characters.`,
      ],
      [{ private: "yes" }, "/private", "private must be true or false."],
      [
        { private: true, allowedUserIds: many },
        "/allowedUserIds",
        `allowedUserIds may have at most ${ROOM_ALLOWED_USERS_MAX} entries.`,
      ],
      [
        { private: true, allowedUserIds: [7] },
        "/allowedUserIds/0",
        "allowedUserIds.0 must be a text.",
      ],
      // The @everyone role has this id.
      [
        { private: true, allowedUserIds: ["d-bob", guildId] },
        "/allowedUserIds/1",
        "allowedUserIds.1 must be a user's id, but this is the guild's id.",
      ],
      // As a number it equals the guild's id.
      [
        { private: true, allowedUserIds: [`0${guildId}`] },
        "/allowedUserIds/0",
        "allowedUserIds.0: an id has 1 to 64 letters, digits, - or _, and no 0 first.",
      ],
    ] as const) {
      const problem = await expectProblem(await createAs(alice, body), 400, "invalid_request");
      expect(problem.detail).toBe(detail);
      expect(problem.errors?.[0]?.pointer).toBe(pointer);
      expect(problem.message).toBe(problem.detail);
    }
    const raw = (body: string, type = "application/json") =>
      callWorker("/create-room", {
        method: "POST",
        headers: { Authorization: `Bearer ${alice.token}`, "Content-Type": type },
        body,
      });
    await expectProblem(await raw("{"), 400, "invalid_json");
    await expectProblem(await raw("[]"), 400, "invalid_request");
    const headers = { Authorization: `Bearer ${alice.token}` };
    const bare = await callWorker("/create-room", { method: "POST", headers });
    await expectProblem(bare, 400, "invalid_json");
    await expectProblem(await raw(""), 400, "invalid_json");
    await expectProblem(await raw("name=x", "text/plain"), 400, "invalid_json");
    await expectProblem(await raw('{"userLimit":-1}', "text/plain"), 400, "invalid_request");
    const big = JSON.stringify({ name: "x".repeat(REQUEST_BODY_MAX_BYTES) });
    await expectProblem(await raw(big), 413, "body_too_large");
    expect(discord.calls).toEqual([]);
  });

  it("requires the creator's Discord account for a private room", async () => {
    // The @everyone role has the guild's id.
    const everybody = await person("everybody", { discord_id: guildId });
    const open = await createAs(everybody, { private: true });
    await expectProblem(open, 403, "discord_account_needed");
    const nobody = await person("nobody", { discord_id: undefined });
    const headers = { "Idempotency-Key": "private" };
    const answer = await createAs(nobody, { private: true }, headers);
    const problem = await expectProblem(answer, 403, "discord_account_needed");
    expect(problem.detail).toContain("discord_id");
    expect(discord.calls).toEqual([]);
    expect((await createAs(nobody, {}, headers)).status).toBe(200);
  });

  it("requires a token, and a guild that the token lists", async () => {
    await expectProblem(
      await callWorker("/create-room", { method: "POST", body: "{}" }),
      401,
      "unauthorized",
    );
    await expectProblem(await createAs(alice, { guildId: "other" }), 403, "forbidden_guild");
    const seeds = await person("seed", { guilds: undefined });
    expect((await created(await createAs(seeds, { guildId: "other" }))).guildId).toBe(PRIMARY);
  });

  it("lets only the listed users see and enter a private room", async () => {
    const streams = await Promise.all([streamOf(alice), streamOf(bob), streamOf(mod)]);
    const stranger = await person("mallory");
    const unseen = await streamOf(stranger);
    const room = await created(await createAs(alice, { private: true, allowedUserIds: ["d-bob"] }));
    const body = z
      .looseObject({ permission_overwrites: z.array(z.looseObject({ id: z.string() })) })
      .parse(discord.callsOf("POST")[0]?.body);
    expect(body.permission_overwrites.map(({ id }) => id)).toEqual([
      guildId,
      "d-alice",
      "d-bob",
      "42",
    ]);

    await taken(voice("joined", "d-bob", room.channelId));
    for (const who of [alice, bob, mod]) {
      expect(await getRoom(who, room.channelId)).toMatchObject({ private: true });
      expect((await roomsFor(who)).rooms).toHaveLength(1);
    }
    expect(await getRoom(stranger, room.channelId)).toBe(404);
    expect((await roomsFor(stranger)).rooms).toEqual([]);
    await expectProblem(await endAs(stranger, room.channelId), 404, "room_not_found");
    const invite = await callAs(stranger.token, "POST", `/rooms/${room.channelId}/invite`, {});
    await expectProblem(invite, 404, "room_not_found");
    expect((await streamOf(stranger)).of("snapshot")[0]?.rooms).toEqual([]);

    await endAs(alice, room.channelId);
    await expectProblem(await endAs(stranger, room.channelId), 404, "room_not_found");
    // A late event of an ended private room is published to nobody.
    await taken(voice("joined", "d-bob", room.channelId));
    const open = await created(await createAs(alice));
    await unseen.until(() => unseen.events.length > 0);
    expect(unseen.events.map(({ payload }) => payload)).toMatchObject([
      { channelId: open.channelId },
    ]);
    for (const stream of streams) {
      await stream.until(() => stream.events.length >= 5);
      expect(short(stream)).toEqual([
        "room.created",
        "voice.joined d-bob",
        "voice.left d-bob",
        "room.deleted",
        "room.created",
      ]);
    }
  });

  it("limits rooms per minute, and says when to try again", async () => {
    later(0);
    for (let i = 0; i < ROOMS_PER_MINUTE_PER_USER; i += 1) await created(await createAs(alice));
    const refused = await createAs(alice);
    expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(0);
    expect(refused.headers.get("RateLimit")).toContain('"create-room";r=0');
    await expectProblem(refused, 429, "rate_limited");
    expect((await createAs(bob)).status).toBe(200);
  });

  it("limits rooms per minute from one address", async () => {
    const address = `192.0.2.${tests}`;
    later(0);
    const limit = { name: "create-room-address", key: address, windowMs: 60_000 };
    for (let i = 0; i < ROOMS_PER_MINUTE_PER_ADDRESS; i += 1) {
      await takeToken(env, { ...limit, quota: ROOMS_PER_MINUTE_PER_ADDRESS });
    }
    const headers = { "CF-Connecting-IP": address };
    await expectProblem(await createAs(alice, {}, headers), 429, "rate_limited");
    expect((await createAs(alice)).status).toBe(200);
  });
});

describe("idempotency of POST /create-room", () => {
  it("answers the same again, without another room and without counting", async () => {
    for (const name of ["Idempotency-Key", "X-Idempotency-Key"]) {
      const headers = { [name]: `key-${name}` };
      const first = await created(await createAs(alice, { name: "A", userLimit: 3 }, headers));
      for (let i = 0; i < ROOMS_PER_MINUTE_PER_USER; i += 1) {
        expect(await created(await createAs(alice, { userLimit: 3, name: "A" }, headers))).toEqual(
          first,
        );
      }
      await expectProblem(
        await createAs(alice, { name: "B" }, headers),
        422,
        "idempotency_mismatch",
      );
      expect(await created(await createAs(bob, { name: "B" }, headers))).not.toEqual(first);
    }
    expect(discord.channels.size).toBe(4);
  });

  it("creates one room for two concurrent requests with the same key", async () => {
    const headers = { "Idempotency-Key": "at-once" };
    const both = await Promise.all([createAs(alice, {}, headers), createAs(alice, {}, headers)]);
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
    expect(discord.channels.size).toBe(1);
  });

  it("refuses a key that is too long or empty", async () => {
    for (const key of ["x".repeat(IDEMPOTENCY_KEY_MAX_LENGTH + 1), ""]) {
      await expectProblem(
        await createAs(alice, {}, { "Idempotency-Key": key }),
        400,
        "invalid_idempotency_key",
      );
    }
    const longest = { "Idempotency-Key": "x".repeat(IDEMPOTENCY_KEY_MAX_LENGTH) };
    expect((await createAs(alice, {}, longest)).status).toBe(200);
  });

  it("frees the key after a failure, also after a rate limit", async () => {
    const headers = { "Idempotency-Key": "again" };
    discord.fail({ status: 403, code: 50_013 });
    await expectProblem(await createAs(alice, {}, headers), 502, "discord_refused");
    expect((await createAs(alice, {}, headers)).status).toBe(200);
  });

  it("keeps the key until it is certain that an unanswered call created nothing", async () => {
    const headers = { "Idempotency-Key": "lost" };
    discord.fail({ on: { method: "POST" }, status: "lost" });
    await expectProblem(await createAs(alice, {}, headers), 502, "discord_failed");
    await expectProblem(await createAs(alice, {}, headers), 409, "idempotency_in_flight");
    await hubAlarmAfter(3_000);
    await expectProblem(await createAs(alice, {}, headers), 409, "idempotency_in_flight");
    await evictHub();
    await hubAlarmAfter(8_000);
    expect((await createAs(alice, {}, headers)).status).toBe(200);
    expect(discord.channels.size).toBe(1);
  });

  it("answers a repetition with the room when the channel appears late", async () => {
    const headers = { "Idempotency-Key": "late" };
    discord.fail(
      { on: { method: "POST" }, status: "lost", afterEffect: true },
      ...Array.from({ length: 3 }, () => ({
        on: { method: "GET", path: /audit-logs/ },
        status: 500,
      })),
    );
    await expectProblem(await createAs(alice, {}, headers), 502, "discord_failed");
    expect((await roomsFor(alice)).rooms).toEqual([]);
    await evictHub();
    await hubAlarmAfter(6_000);
    const [channelId] = discord.channels.keys();
    expect((await roomsFor(alice)).rooms).toMatchObject([{ channelId }]);
    expect((await created(await createAs(alice, {}, headers))).channelId).toBe(channelId);
    expect(discord.channels.size).toBe(1);
  });

  it("finds the channel of a Worker that died in the middle, for the repeated request", async () => {
    const key = "died";
    const body = { guildId, name: "Raid", userLimit: 4, private: false, allowedUserIds: [] };
    const fingerprint = await fingerprintOf("POST", "/create-room", body);
    await begin(env.DB, { sub: alice.sub, key, fingerprint }, Date.now());
    const room = { ...ABANDONED, guildId, createdBy: alice.sub, idempotencyKey: key };
    await hubPublisher(GUILD_HUBS, env).command(guildId, "rooms.reserve", room);
    const channelId = discord.addChannel("Raid", auditReason(room));
    const again = () => createAs(alice, { name: "Raid" }, { "Idempotency-Key": key });
    await expectProblem(await again(), 409, "idempotency_in_flight");
    later(31_000);
    expect(await created(await again())).toEqual({ channelId, name: "Raid", guildId });
    expect(await created(await again())).toEqual({ channelId, name: "Raid", guildId });
    expect(discord.channels.size).toBe(1);
    expect(await getRoom(bob, channelId)).toMatchObject({ state: "open", createdBy: alice.sub });
  });
});

describe("a client that disconnects", () => {
  it("gets its room nevertheless, and its key returns it", async () => {
    const stream = await streamOf(bob);
    const headers = { "Idempotency-Key": "left" };
    await leaveDuring("POST", (signal) => createAs(alice, { name: "Raid" }, headers, signal));
    await stream.until(() => stream.events.length > 0);
    expect(short(stream)).toEqual(["room.created"]);
    await vi.waitUntil(
      async () => (await createAs(alice, { name: "Raid" }, headers)).status === 200,
      SOON,
    );
    expect(discord.channels.size).toBe(1);
    const { channelId } = await created(await createAs(alice, { name: "Raid" }, headers));
    expect(await getRoom(alice, channelId)).toMatchObject({ state: "open" });
  });

  it("frees its key when Discord refuses after that", async () => {
    const headers = { "Idempotency-Key": "left" };
    discord.fail({ on: { method: "POST" }, status: 403, code: 50_013 });
    await leaveDuring("POST", (signal) => createAs(alice, {}, headers, signal));
    await vi.waitUntil(async () => (await createAs(alice, {}, headers)).status === 200, SOON);
    expect((await roomsFor(alice)).rooms).toHaveLength(1);
  });

  it("ends its room nevertheless, for everybody", async () => {
    const stream = await streamOf(bob);
    const { channelId } = await created(await createAs(alice));
    await leaveDuring("DELETE", (signal) => endAs(alice, channelId, signal));
    await stream.until(() => stream.events.length === 2);
    expect(short(stream)).toEqual(["room.created", "room.deleted"]);
  });

  it("ends a room whose channel its invite found missing", async () => {
    const stream = await streamOf(bob);
    const { channelId } = await created(await createAs(alice));
    discord.channels.clear();
    const path = `/rooms/${channelId}/invite`;
    await leaveDuring("POST", (signal) => callAs(bob.token, "POST", path, {}, {}, signal));
    await stream.until(() => stream.events.length === 2);
    expect(short(stream)).toEqual(["room.created", "room.deleted"]);
  });
});

describe("a failure of Discord during a creation", () => {
  it("is reported without Discord's headers and our token", async () => {
    discord.fail({ status: 403, code: 50_013 });
    const problem = await expectProblem(await createAs(alice), 502, "discord_refused");
    expect(problem).toMatchObject({ discord: { code: 50_013, message: "Made to fail" } });
    discord.fail({ status: 404, code: 10_004 });
    await expectProblem(await createAs(alice), 502, "discord_refused");
    expect((await roomsFor(alice)).rooms).toEqual([]);
  });

  it("stops all calls for a while when our token is refused", async () => {
    discord.fail({ status: 401 });
    await expectProblem(await createAs(alice), 502, "discord_refused");
    const calls = discord.calls.length;
    await evictDurableObject(env.DISCORD.get(env.DISCORD.idFromName("bot")));
    await expectProblem(await createAs(alice), 502, "discord_refused");
    expect(discord.calls).toHaveLength(calls);
    later(61_000);
    expect((await createAs(alice)).status).toBe(200);
  });

  it("delays the answer for a short rate limit, and answers a long one with Retry-After", async () => {
    discord.fail({ status: 429, retryAfter: 0.05, headers: { "X-RateLimit-Scope": "shared" } });
    expect((await createAs(alice)).status).toBe(200);
    discord.fail({ status: 429, retryAfter: 30, headers: { "X-RateLimit-Scope": "user" } });
    const refused = await createAs(alice);
    expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThanOrEqual(29);
    await expectProblem(refused, 503, "discord_rate_limited");
    later(31_000);
    discord.fail({ status: 429, retryAfter: 30, headers: { "X-RateLimit-Global": "true" } });
    await expectProblem(await createAs(alice), 503, "discord_rate_limited");
    const calls = discord.calls.length;
    await expectProblem(await createAs(bob), 503, "discord_rate_limited");
    expect(discord.calls).toHaveLength(calls);
    expect((await roomsFor(alice)).rooms).toHaveLength(1);
  });

  it("does not lose a room when the answer is lost: its channel is found", async () => {
    for (const status of ["lost", 500] as const) {
      discord.fail({ on: { method: "POST" }, status, afterEffect: true });
      expect((await createAs(alice)).status).toBe(200);
    }
    expect((await roomsFor(alice)).rooms).toHaveLength(2);
    discord.fail({ on: { method: "POST" }, status: 500 });
    await expectProblem(await createAs(alice), 502, "discord_failed");
    expect(discord.channels.size).toBe(2);
  });
});

describe("DELETE /end-room/:channelId", () => {
  it("ends a room once, even for repeated and concurrent requests", async () => {
    const stream = await streamOf(bob);
    const { channelId } = await created(await createAs(alice));
    const both = await Promise.all([endAs(alice, channelId), endAs(mod, channelId)]);
    await evictHub();
    for (const response of [...both, await endAs(alice, channelId)]) {
      expect([response.status, await response.json()]).toEqual([200, { ok: true }]);
    }
    await taken({ event: "room.deleted", payload: { guildId, channelId } });
    const next = await created(await createAs(alice));
    await stream.until(() => stream.events.length >= 3);
    expect(short(stream)).toEqual(["room.created", "room.deleted", "room.created"]);
    expect(stream.events[2]?.payload).toMatchObject({ channelId: next.channelId });
  });

  it("deletes a channel that still exists after its room ended, and answers 200 only once it is gone", async () => {
    const { channelId } = await created(await createAs(alice));
    await taken({ event: "room.deleted", payload: { guildId, channelId } });
    expect(await getRoom(alice, channelId)).toMatchObject({ state: "ended" });
    expect(discord.channels.has(channelId)).toBe(true);
    discord.fail({ on: { method: "DELETE" }, status: 403, code: 50_013 });
    await expectProblem(await endAs(alice, channelId), 502, "discord_refused");
    expect((await endAs(alice, channelId)).status).toBe(200);
    expect(discord.channels.size).toBe(0);
  });

  it("reopens a room when its channel is seen again after the bot was away", async () => {
    const stream = await streamOf(alice);
    const stranger = await streamOf(await person("mallory"));
    const { channelId } = await created(await createAs(alice, { private: true }));
    await taken({ event: "room.deleted", payload: { guildId, channelId } });
    later(1_000);
    await taken(snapshotOf([channelId], [{ userId: "u1", channelId }]));
    await hubAlarmAfter(1_000);
    await stream.until(() => stream.events.length === 4);
    expect(short(stream)).toEqual([
      "room.created",
      "room.deleted",
      "room.created",
      "voice.joined u1",
    ]);
    await evictHub();
    expect(await getRoom(alice, channelId)).toMatchObject({
      state: "open",
      private: true,
      endedAt: null,
      members: [{ userId: "u1" }],
    });
    expect((await roomsFor(alice)).rooms).toHaveLength(1);
    expect((await endAs(alice, channelId)).status).toBe(200);
    expect([discord.channels.size, stranger.events]).toEqual([0, []]);
  });

  it("never touches a channel that is not one of our rooms", async () => {
    const foreign = discord.addChannel("General");
    await taken(snapshotOf([foreign]));
    await expectProblem(await endAs(mod, foreign), 404, "room_not_found");
    expect(discord.calls).toEqual([]);
    expect(discord.channels.has(foreign)).toBe(true);
  });

  it("is for the creator and for holders of rooms:manage, in their own guilds", async () => {
    const { channelId } = await created(await createAs(alice));
    await expectProblem(await endAs(bob, channelId), 403, "forbidden");
    const elsewhere = await person("elsewhere", { guilds: ["9"], scope: "rooms:manage" });
    await expectProblem(await endAs(elsewhere, channelId), 404, "room_not_found");
    const anonymous = await callWorker(`/end-room/${channelId}`, { method: "DELETE" });
    await expectProblem(anonymous, 401, "unauthorized");
    expect((await endAs(mod, channelId)).status).toBe(200);
  });

  it("leaves the room open when Discord does not delete it", async () => {
    const { channelId } = await created(await createAs(alice));
    discord.fail({ on: { method: "DELETE" }, status: 403, code: 50_013 });
    await expectProblem(await endAs(alice, channelId), 502, "discord_refused");
    expect(await getRoom(alice, channelId)).toMatchObject({ state: "open" });
    discord.fail({ on: { method: "DELETE" }, status: 502 });
    expect((await endAs(alice, channelId)).status).toBe(200);
  });

  it("ends a room whose channel is gone in Discord already", async () => {
    const { channelId } = await created(await createAs(alice));
    discord.channels.delete(channelId);
    expect((await endAs(alice, channelId)).status).toBe(200);
    expect(await getRoom(alice, channelId)).toMatchObject({ state: "ended" });
  });
});

describe("GET /rooms", () => {
  it("pages through what a person may see, newest first", async () => {
    const names: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      names.unshift((await created(await createAs(alice, { name: `room ${i}` }))).name);
      await created(await createAs(bob, { private: true }));
    }
    const seen: string[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < 3; page += 1) {
      const query: string = `&limit=2${cursor === null ? "" : `&cursor=${cursor}`}`;
      const { rooms, nextCursor } = await roomsFor(alice, query);
      seen.push(...rooms.map(({ name }) => name));
      cursor = nextCursor;
    }
    expect([seen, cursor]).toEqual([names, null]);
    expect((await roomsFor(mod)).rooms).toHaveLength(10);
  });

  it("refuses an invalid query", async () => {
    for (const query of [
      `limit=${ROOMS_PAGE_MAX + 1}`,
      "limit=0",
      "limit=x",
      "limit=0x10",
      "limit=1e1",
      "limit=",
      "cursor=%27%20OR%201",
      "state=creating",
    ]) {
      const response = await callAs(alice.token, "GET", `/rooms?guildId=${guildId}&${query}`);
      await expectProblem(response, 400, "invalid_request");
    }
    const foreign = await callAs(alice.token, "GET", "/rooms?guildId=other");
    await expectProblem(foreign, 403, "forbidden_guild");
    await expectProblem(await callWorker("/rooms"), 401, "unauthorized");
    await expectProblem(await callWorker("/rooms/5"), 401, "unauthorized");
    await expectProblem(await callAs(alice.token, "GET", "/rooms/5"), 404, "room_not_found");
  });
});

describe("POST /rooms/:channelId/invite", () => {
  it("creates an invite", async () => {
    const { channelId } = await created(await createAs(alice));
    const path = `/rooms/${channelId}/invite`;
    const response = await callAs(bob.token, "POST", path, { maxAge: 60, maxUses: 2 });
    expect([response.status, await response.json()]).toEqual([
      201,
      {
        url: "https://discord.gg/abcDEF",
        code: "abcDEF",
        expiresAt: "2030-01-01T00:00:00.000Z",
      },
    ]);
    expect(discord.callsOf("POST").at(-1)?.body).toEqual({ max_age: 60, max_uses: 2 });
    for (const body of [
      { maxAge: INVITE_MAX_AGE_SECONDS + 1 },
      { maxAge: -1 },
      { maxUses: INVITE_MAX_USES + 1 },
      { maxUses: "1" },
    ]) {
      await expectProblem(await callAs(bob.token, "POST", path, body), 400, "invalid_request");
    }
    await expectProblem(await callWorker(path, { method: "POST" }), 401, "unauthorized");
    discord.fail({ status: 403, code: 50_013 });
    await expectProblem(await callAs(bob.token, "POST", path, {}), 502, "discord_refused");
  });

  it("ends the room when the channel is gone", async () => {
    const { channelId } = await created(await createAs(alice));
    discord.channels.clear();
    const path = `/rooms/${channelId}/invite`;
    await expectProblem(await callAs(bob.token, "POST", path, {}), 404, "room_not_found");
    expect(await getRoom(bob, channelId)).toMatchObject({ state: "ended" });
    await expectProblem(await callAs(bob.token, "POST", path, {}), 404, "room_not_found");
  });
});

describe("POST /internal/events", () => {
  const one = () => voice("joined", "u1", "lobby");

  it("accepts a valid signature of either secret, also beside an invalid one", async () => {
    await streamOf(alice);
    for (const secrets of [
      [env.HUB_SECRET],
      [env.HUB_SECRET_PREVIOUS],
      ["an unknown secret, thirty-two characters", env.HUB_SECRET],
    ]) {
      expect((await signed(one(), { secrets })).status).toBe(200);
    }
  });

  it("refuses an unsigned, wrongly signed, stale or changed body before it reads it", async () => {
    const body = JSON.stringify(one());
    const plain = await callWorker("/internal/events", { method: "POST", body });
    await expectProblem(plain, 403, "bad_signature");
    const skew = (SIGNATURE_MAX_SKEW_SECONDS + 2) * 1000;
    for (const options of [
      { secrets: ["another secret of thirty-two characters!"] },
      { at: Date.now() - skew },
      { at: Date.now() + skew },
      { sent: body.replace("u1", "u2") },
      { headers: { "X-Hub-Signature": "sha256=zz" } },
      { headers: { "X-Hub-Timestamp": "soon" } },
    ]) {
      await expectProblem(await signed(one(), options), 403, "bad_signature");
    }
    await expectProblem(await signed("{", { sent: "}" }), 403, "bad_signature");
    await expectProblem(await signed("{"), 400, "invalid_json");
  });

  it("refuses a signed body that is not UTF-8, without an effect on the next one", async () => {
    await streamOf(alice);
    const [start, end] = ['{"event":"voice.joined","pad":"', '"}'];
    const text = new TextEncoder();
    for (const bytes of [
      // A byte that cannot start a character, and a character that is cut off.
      new Uint8Array([...text.encode(start), 0xff, ...text.encode(end)]),
      new Uint8Array([...text.encode(start), 0xe2, 0x82]),
    ]) {
      const headers = await signBody([env.HUB_SECRET], bytes, Date.now());
      const response = await callWorker("/internal/events", {
        method: "POST",
        headers,
        body: bytes,
      });
      await expectProblem(response, 400, "invalid_json");
      expect((await taken(one())).refused).toEqual([]);
    }
  });

  it("refuses a body that is one byte too large, before its signature", async () => {
    const head = '{"event":"voice.joined","pad":"';
    const exact = `${head}${"x".repeat(SIGNED_BODY_MAX_BYTES - head.length - 2)}"}`;
    await expectProblem(await signed(exact), 400, "invalid_event");
    await expectProblem(await signed(`${exact} `), 413, "body_too_large");
  });

  it("refuses a batch that is one too long as a whole, and an invalid event in a valid batch by itself", async () => {
    const stream = await streamOf(alice);
    const events = Array.from({ length: SIGNED_BATCH_MAX + 1 }, (_, i) =>
      voice("joined", `u${i}`, "lobby"),
    );
    await expectProblem(await signed({ events }), 400, "invalid_event");
    const result = await taken({
      events: [one(), { event: "voice.exploded", payload: { guildId } }, { event: "voice.left" }],
    });
    expect(result).toEqual({
      ok: true,
      accepted: 1,
      duplicates: 0,
      refused: [
        { index: 1, code: "unknown_event" },
        { index: 2, code: "invalid_event" },
      ],
    });
    await expectProblem(
      await signed({ event: "voice.exploded", payload: { guildId } }),
      400,
      "invalid_event",
    );
    await stream.until(() => stream.events.length > 0);
    expect(short(stream)).toEqual(["voice.joined u1"]);
  });

  it("accepts every event once, in order, from the newest publisher", async () => {
    const stream = await streamOf(alice);
    const at = (epoch: string, seq: number, event: object) => ({
      id: `${epoch}-${seq}`,
      epoch,
      seq,
      ...event,
    });
    const [epoch, older] = [ulid(), ulid(Date.now() - 1_000)];
    const first = at(epoch, 1, voice("joined", "u1", "lobby"));
    const second = at(epoch, 2, voice("left", "u1", "lobby"));
    expect(await taken({ events: [first, second] })).toMatchObject({ accepted: 2 });
    await evictHub();
    expect(await taken({ events: [first, second] })).toMatchObject({ accepted: 0, duplicates: 2 });
    const gap = await expectProblem(
      await signed(at(epoch, 4, voice("joined", "u1", "lobby"))),
      409,
      "gap",
    );
    expect(gap).toMatchObject({ expected: 3, guildId });
    const stale = await expectProblem(
      await signed(at(older, 9, voice("joined", "u1", "lobby"))),
      409,
      "stale_publisher",
    );
    expect(stale).toMatchObject({ guildId });
    // An invalid single event does not use up its seq.
    await expectProblem(
      await signed(at(epoch, 3, { event: "no", payload: { guildId } })),
      400,
      "invalid_event",
    );
    const third = { ...at(epoch, 4, voice("joined", "u2", "lobby")), seq: 3 };
    expect(await taken(third)).toMatchObject({ accepted: 1 });
    expect(await taken(at(epoch, 9, snapshotOf([], [])))).toMatchObject({ accepted: 1 });
    await stream.until(() => stream.events.length >= 4);
    expect(short(stream)).toEqual([
      "voice.joined u1",
      "voice.left u1",
      "voice.joined u2",
      "voice.left u2",
    ]);
  });

  it("keeps accepting the real publisher after a signed body with an extreme epoch or seq, and can be reset", async () => {
    const stream = await streamOf(alice);
    const epoch = ulid();
    const of = (seq: number, event: object, by = epoch) => ({
      id: ulid(),
      epoch: by,
      seq,
      ...event,
    });
    const nonsense = { event: "nonsense", payload: { guildId } };
    await taken(of(1, snapshotOf([], [])));
    await taken({ events: [of(1, nonsense, "~")] });
    await taken({ events: [of(1, nonsense, ulid(Date.now() + 60_000))] });
    await expectProblem(
      await signed(of(2, voice("joined", "u9", "lobby"), ulid(Date.now() + 360_000))),
      409,
      "future_epoch",
    );
    const jump = await signed(of(Number.MAX_SAFE_INTEGER, snapshotOf([], [])));
    expect(await expectProblem(jump, 409, "gap")).toMatchObject({ expected: 2 });
    const future = { ts: Number.MAX_SAFE_INTEGER };
    await taken(of(2, { ...voice("joined", "u1", "lobby"), ...future }));
    await stream.until(() => stream.events.length >= 1);
    expect(short(stream)).toEqual(["voice.joined u1"]);
    expect(stream.of("event")[0]?.ts).toBeLessThanOrEqual(Date.now());

    const olga = await provider.mint({ sub: "olga", scope: "hub:admin", guilds: [guildId] });
    const path = `/admin/guilds/${guildId}/publisher`;
    const position = { publisher: { epoch, seq: 2 } };
    expect(await (await callAs(olga, "GET", path)).json()).toMatchObject(position);
    expect(await (await callAs(olga, "DELETE", path)).json()).toMatchObject(position);
    expect(await (await callAs(olga, "GET", path)).json()).toEqual({ publisher: null });
    const older = ulid(Date.now() - 3_600_000);
    expect(await taken(of(1, voice("left", "u1", "lobby"), older))).toMatchObject({ accepted: 1 });
  });

  it("publishes names and finds people by them, except those seen only in a private room", async () => {
    const stream = await streamOf(bob);
    const ada = { name: "Ada\u202e🦊", avatar: "0".repeat(32) };
    const known = {
      name: "Ada🦊",
      avatarUrl: `https://cdn.discordapp.com/avatars/200/${ada.avatar}.webp?size=64`,
    };
    const enters = (userId: string, channelId: string, user: unknown) => ({
      event: "voice.joined",
      payload: { guildId, channelId, userId, user },
    });
    const open = await created(await createAs(alice));
    const hidden = await created(await createAs(alice, { private: true }));
    await taken(enters("200", open.channelId, ada));
    await taken(enters("201", hidden.channelId, { name: "Secret", avatar: null }));
    // A malformed user does not lose the event.
    for (const odd of [
      { name: "\u0000", avatar: null },
      { name: 5 },
      "Bea",
      { ...ada, avatar: "../" },
    ]) {
      expect(await taken(enters("202", "lobby", odd))).toMatchObject({ accepted: 1 });
      await taken(voice("left", "202", "lobby"));
    }
    await evictHub();
    expect(await getRoom(bob, open.channelId)).toMatchObject({
      members: [{ userId: "200", ...known }],
    });
    expect((await roomsFor(bob)).rooms).toMatchObject([{ members: [known] }]);
    expect(await getRoom(alice, hidden.channelId)).toMatchObject({ members: [{ name: "Secret" }] });
    const fresh = await streamOf(bob);
    expect(fresh.of("snapshot")[0]?.rooms).toMatchObject([{ members: [known] }]);
    expect(stream.events.find(({ event }) => event === "voice.joined")?.payload).toMatchObject({
      userId: "200",
      user: known,
    });
    expect(JSON.stringify(stream.events)).not.toContain("Secret");

    const people = async (who: Person, query: string) => {
      const response = await callAs(who.token, "GET", `/people?guildId=${guildId}${query}`);
      expect(response.status).toBe(200);
      return response.json();
    };
    const found = { people: [{ userId: "200", ...known }] };
    expect(await people(bob, "")).toEqual(found);
    expect(await people(bob, "&q=aDA&limit=1")).toEqual(found);
    expect(await people(alice, "&q=secret")).toEqual({ people: [] });
  });

  it("lists people only of the token's guild, and at most the limit", async () => {
    const ask = (token: string, query: string) => callAs(token, "GET", `/people${query}`);
    await expectProblem(await ask("nonsense", ""), 401, "unauthorized");
    const mine = `?guildId=${guildId}`;
    const stranger = await provider.mint({ sub: "mallory", guilds: ["elsewhere"] });
    await expectProblem(await ask(stranger, mine), 403, "forbidden_guild");
    for (const odd of ["limit=0", `limit=${PEOPLE_PAGE_MAX + 1}`, `q=${"x".repeat(65)}`]) {
      await expectProblem(await ask(alice.token, `${mine}&${odd}`), 400, "invalid_request");
    }
    expect((await ask(alice.token, `${mine}&limit=${PEOPLE_PAGE_MAX}`)).status).toBe(200);
  });

  it("ignores a guild that is not ours", async () => {
    expect(await taken(voice("joined", "u1", "c1"))).toMatchObject({ ok: true, accepted: 0 });
    const stream = await streamOf(alice);
    expect(stream.of("ack")[0]?.seq).toBe(0);
  });

  it("holds events of a channel that may be a room's through evictions, while others go on", async () => {
    const stream = await streamOf(bob);
    const owner = await streamOf(alice);
    await taken(snapshotOf(["lobby"]));
    const release = slowDiscord("POST");
    const creating = createAs(alice, { private: true });
    await vi.waitUntil(() => discord.channels.size > 0, SOON);
    const [channelId = ""] = discord.channels.keys();
    // The audit log cannot be read either.
    discord.fail(...Array.from({ length: 9 }, () => ({ on: { method: "GET" }, status: 500 })));
    expect(await taken(voice("joined", "d-alice", channelId))).toMatchObject({ accepted: 1 });
    expect(await taken(voice("joined", "u1", "lobby"))).toMatchObject({ accepted: 1 });
    expect(
      await taken(
        snapshotOf(
          ["lobby", channelId],
          [
            { userId: "d-alice", channelId },
            { userId: "u2", channelId: "lobby" },
          ],
        ),
      ),
    ).toMatchObject({ accepted: 1 });
    await stream.until(() => stream.events.length === 3);
    expect(short(stream)).toEqual(["voice.joined u1", "voice.left u1", "voice.joined u2"]);
    await evictHub();
    release();
    await created(await creating);
    await taken(voice("left", "u2", "lobby"));
    await stream.until(() => stream.events.length === 4);
    await owner.until(() => owner.events.length === 6);
    expect(short(owner).slice(3)).toEqual([
      "room.created",
      "voice.joined d-alice",
      "voice.left u2",
    ]);
  });

  it("asks Discord when an event is held for a creation whose Worker died", async () => {
    const stream = await streamOf(bob);
    const id = "01JD0000000000000000000001";
    await hubPublisher(GUILD_HUBS, env).command(guildId, "rooms.reserve", {
      ...ABANDONED,
      id,
      guildId,
    });
    const channelId = discord.addChannel("Raid", auditReason({ id }));
    await taken(voice("joined", "u1", channelId));
    await stream.until(() => stream.events.length === 2);
    expect(short(stream)).toEqual(["room.created", "voice.joined u1"]);
    expect(await getRoom(bob, channelId)).toMatchObject({ state: "open" });
  });

  it("brings a container that was away up to date by its snapshot", async () => {
    const stream = await streamOf(bob);
    const gone = await created(await createAs(alice, { name: "Raid" }));
    const kept = await created(await createAs(alice, { name: "Raid" }));
    await taken(voice("joined", "u1", gone.channelId));
    await taken(voice("joined", "u2", kept.channelId));
    later(60_000);
    const state = snapshotOf([kept.channelId], [{ userId: "u1", channelId: kept.channelId }]);
    await taken(state);
    await evictHub();
    await taken(state);
    await stream.until(() => stream.events.length >= 8);
    expect(short(stream).slice(4)).toEqual([
      "voice.left u1",
      "room.deleted",
      "voice.left u2",
      "voice.joined u1",
    ]);
    expect(await getRoom(bob, gone.channelId)).toMatchObject({ state: "ended" });
    await taken(snapshotOf([], []));
    expect((await roomsFor(bob)).rooms).toEqual([]);
  });

  it("stores a name that was changed in Discord", async () => {
    const { channelId } = await created(await createAs(alice));
    const payload = { guildId, channelId, name: "Renamed", userLimit: 9 };
    await taken({ event: "room.updated", payload });
    expect(await getRoom(bob, channelId)).toMatchObject({ name: "Renamed", userLimit: 9 });
    await hubAlarmAfter(3_000);
    const row = await env.DB.prepare("SELECT name FROM rooms WHERE channel_id = ?")
      .bind(channelId)
      .first();
    expect(row).toEqual({ name: "Renamed" });
  });

  it("removes characters that change direction or hide text from new and from stored names", async () => {
    const { channelId } = await created(await createAs(alice));
    const stream = await streamOf(bob);
    const update = (name: string, userLimit: number) =>
      taken({ event: "room.updated", payload: { guildId, channelId, name, userLimit } });
    await update("\u202Egnp.exe\u2066 (0/4)\0\u202E\u200Bmore \uD83D", 100);
    await update("\u200B\u2800", 5);
    await stream.until(() => stream.events.length > 1);
    const name = "gnp.exe (0/4) more \uFFFD";
    expect(stream.events.map(({ payload }) => payload)).toMatchObject([
      { name, userLimit: 99 },
      { name, userLimit: 5 },
    ]);
    expect(await getRoom(bob, channelId)).toMatchObject({ name, userLimit: 5 });

    await runInDurableObject(hub(), (_, { storage }) => {
      storage.sql.exec(
        "UPDATE rooms_room SET record = json_set(record, '$.name', ?) WHERE channel_id = ?",
        "\u202Edlo",
        channelId,
      );
    });
    await evictHub();
    expect(await getRoom(bob, channelId)).toMatchObject({ name: "dlo" });
    // The next update from Discord corrects the name that clients have.
    await update("dlo", 5);
    await stream.until(() => stream.events.length > 2);
    expect(stream.events[2]?.payload).toMatchObject({ name: "dlo", userLimit: 5 });
  });
});

describe("a room that nobody is in", () => {
  const gateway = (state: string, since = Date.now()) => ({
    event: "gateway.state",
    payload: { guildId, state, since },
  });

  it("ends after its idle time, once Discord deletes the channel, and not before", async () => {
    await taken({ events: [gateway("connected"), snapshotOf([])] });
    const { channelId } = await created(await createAs(alice));
    await hubAlarmAfter(IDLE_MS - 10_000);
    expect(await getRoom(alice, channelId)).toMatchObject({ state: "open" });
    discord.fail({ on: { method: "DELETE" }, status: 500 });
    await evictHub();
    await hubAlarmAfter(20_000);
    expect(await getRoom(alice, channelId)).toMatchObject({ state: "open" });
    await hubAlarmAfter(61_000);
    expect(await getRoom(alice, channelId)).toMatchObject({ state: "ended" });
    expect(discord.channels.size).toBe(0);
  });

  it("stays while somebody is in it", async () => {
    await taken({ events: [gateway("connected"), snapshotOf([])] });
    const { channelId } = await created(await createAs(alice));
    await taken(voice("joined", "u1", channelId));
    await hubAlarmAfter(IDLE_MS * 2);
    expect(await getRoom(alice, channelId)).toMatchObject({ state: "open" });
    await taken(voice("left", "u1", channelId));
    await hubAlarmAfter(IDLE_MS + 1);
    expect(await getRoom(alice, channelId)).toMatchObject({ state: "ended" });
  });

  it("stays while the gateway is away, and its idle time restarts with the next snapshot", async () => {
    alice = await person("alice", { exp: Math.floor(Date.now() / 1000) + 86_400 });
    // After a deploy there is no gateway yet.
    const { channelId } = await created(await createAs(alice));
    await hubAlarmAfter(IDLE_MS * 2);
    expect(await getRoom(alice, channelId)).toMatchObject({ state: "open" });
    await taken({ events: [gateway("connected"), snapshotOf([channelId])] });
    await hubAlarmAfter(IDLE_MS - 1_000);
    await evictHub();
    await taken(gateway("down"));
    await evictHub();
    await hubAlarmAfter(IDLE_MS * 2);
    await taken(gateway("connected"));
    await hubAlarmAfter(IDLE_MS * 2);
    expect(await getRoom(alice, channelId)).toMatchObject({ state: "open" });
    await taken(snapshotOf([channelId]));
    await evictHub();
    await hubAlarmAfter(IDLE_MS - 1_000);
    expect(await getRoom(alice, channelId)).toMatchObject({ state: "open" });
    await hubAlarmAfter(2_000);
    expect(await getRoom(alice, channelId)).toMatchObject({ state: "ended" });
  });

  it("ends also in a hub whose storage is older than the gateway's tables, after a new heartbeat and snapshot", async () => {
    const { channelId } = await created(await createAs(alice));
    const epoch = ulid(Date.now() - 60_000);
    const from = (first: number, ...events: object[]) =>
      signed({ events: events.map((event, i) => ({ ...event, epoch, seq: first + i })) });
    const conflict = async (response: Response) => ({
      status: response.status,
      body: await response.json(),
    });
    await from(1, gateway("connected"), snapshotOf([channelId]), voice("joined", "u1", channelId));
    await runInDurableObject(hub(), (_, { storage }) => {
      storage.sql.exec("DROP TABLE gateway_standing");
      storage.sql.exec("DELETE FROM rooms_empty");
    });
    await evictHub();
    // The storage that a new version finds. The container goes on as if nothing were missing.
    expect(await conflict(await from(4, voice("left", "u1", channelId)))).toMatchObject({
      status: 409,
      body: { code: "gap", expected: 1 },
    });
    // An event of an earlier container is still refused.
    const older = { ...gateway("down"), epoch: ulid(Date.now() - 120_000), seq: 1 };
    expect(await conflict(await signed(older))).toMatchObject({
      status: 409,
      body: { code: "stale_publisher" },
    });
    expect((await from(1, snapshotOf([channelId]), gateway("connected"))).status).toBe(200);
    await evictHub();
    expect((await from(3, voice("joined", "u2", channelId))).status).toBe(200);
    expect((await from(4, voice("left", "u2", channelId))).status).toBe(200);
    await hubAlarmAfter(IDLE_MS + 1);
    expect(await getRoom(alice, channelId)).toMatchObject({ state: "ended" });
  });

  /** The hub's storage of older versions, where rooms and matches each kept who is in voice. */
  const asBefore = (voices: Readonly<Record<string, string>>) =>
    runInDurableObject(hub(), (_, { storage: { sql } }) => {
      sql.exec(`
        CREATE TABLE rooms_voice (
          user_id TEXT PRIMARY KEY, channel_id TEXT NOT NULL, since INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE matches_voice (user_id TEXT PRIMARY KEY, channel_id TEXT NOT NULL) STRICT;
        CREATE TABLE matches_bot (user_id TEXT PRIMARY KEY) STRICT;
        CREATE TABLE rooms_held (
          position INTEGER PRIMARY KEY AUTOINCREMENT, channel_id TEXT NOT NULL, user_id TEXT,
          held TEXT NOT NULL
        ) STRICT;
        CREATE TABLE rooms_gateway (one INTEGER PRIMARY KEY, state TEXT, since INTEGER) STRICT;
        CREATE TABLE rooms_knowledge (one INTEGER PRIMARY KEY, knowledge TEXT NOT NULL) STRICT;
        CREATE TABLE matches_knowledge (one INTEGER PRIMARY KEY, knowledge TEXT NOT NULL) STRICT;
        INSERT INTO rooms_gateway SELECT one, state, since FROM gateway_standing;
        INSERT INTO rooms_knowledge SELECT one, knowledge FROM gateway_standing;
        INSERT INTO matches_knowledge SELECT one, knowledge FROM gateway_standing;
      `);
      for (const [userId, channelId] of Object.entries(voices)) {
        sql.exec("INSERT INTO rooms_voice VALUES (?, ?, 1)", userId, channelId);
        sql.exec("INSERT INTO matches_voice VALUES (?, ?)", userId, channelId);
      }
    });
  const dropNow = () =>
    runInDurableObject(hub(), (_, { storage: { sql } }) => {
      for (const table of ["gateway_voice", "gateway_standing", "rooms_told"]) {
        sql.exec(`DROP TABLE ${table}`);
      }
    });

  it("survives an upgrade while somebody is in it, as do held events", async () => {
    await taken(gateway("connected"));
    await taken(snapshotOf([]));
    const { channelId } = await created(await createAs(alice));
    await taken(voice("joined", "u1", channelId));
    await asBefore({ u1: channelId });
    await dropNow();
    const payload = { guildId, channelId: "c9", userId: "u2" };
    await runInDurableObject(hub(), (_, { storage: { sql } }) => {
      // An event of an undecided channel: rooms held it, matches applied it at once.
      const event = { id: "e9", event: "voice.joined", payload, ts: 5 };
      sql.exec("INSERT INTO rooms_unsettled VALUES ('c9', 'nobody')");
      sql.exec(
        "INSERT INTO rooms_held (channel_id, user_id, held) VALUES ('c9', 'u2', ?)",
        JSON.stringify({ channelId: "c9", userId: "u2", event }),
      );
      // An unreadable event does not stop the others.
      const odd = { ...event, event: "voice.sung" };
      sql.exec(
        "INSERT INTO rooms_held (channel_id, user_id, held) VALUES ('c9', 'u3', ?)",
        JSON.stringify({ channelId: "c9", userId: "u3", event: odd }),
      );
      sql.exec("INSERT INTO matches_voice VALUES ('u2', 'c9')");
    });
    await evictHub();

    const members = async () => {
      const room = await getRoom(alice, channelId);
      return typeof room === "number" ? room : room.members.map(({ userId }) => userId);
    };
    expect(await members()).toEqual(["u1"]);
    const stream = await streamOf(alice);
    expect(stream.of("snapshot")[0]?.gateway).toMatchObject({ state: "connected" });
    await hubAlarmAfter(IDLE_MS + 1);
    expect(await getRoom(alice, channelId)).toMatchObject({ state: "open" });
    await created(await createAs(bob));
    await stream.until(() => stream.events.length >= 2);
    expect(stream.events).toMatchObject([
      { event: "room.created" },
      { event: "voice.joined", id: "e9", payload },
    ]);
    await evictHub();
    await taken(voice("left", "u1", channelId));
    await taken(voice("left", "u2", "c9"));
    await stream.until(() => stream.events.length >= 4);
    expect(stream.events.slice(2)).toMatchObject([
      { event: "voice.left", payload: { userId: "u1" } },
      { event: "voice.left", payload: { userId: "u2" } },
    ]);

    // The older version ran again for a while, so its tables are newer.
    await asBefore({ u7: channelId });
    await evictHub();
    expect(await members()).toEqual(["u7"]);
    const tables = await runInDurableObject(hub(), (_, { storage: { sql } }) =>
      sql
        .exec("SELECT name FROM sqlite_master WHERE name GLOB '*_voice' OR name = 'rooms_held'")
        .toArray(),
    );
    expect(tables).toEqual([{ name: "gateway_voice" }]);
  });

  it("stays when its container died silently, also before that is noticed", async () => {
    const beat = () =>
      taken({
        event: "gateway.heartbeat",
        payload: { guildId, state: "connected", since: Date.now() },
      });
    later(0);
    await beat();
    await taken(snapshotOf([]));
    const { channelId } = await created(await createAs(alice));
    later(IDLE_MS - 1_000);
    await beat();
    await hubAlarmAfter(2_000);
    expect(await getRoom(alice, channelId)).toMatchObject({ state: "open" });
    // The next heartbeat shows that nobody joined.
    later(29_000);
    await beat();
    await hubAlarmAfter(10_000);
    expect(await getRoom(alice, channelId)).toMatchObject({ state: "ended" });
  });
});

describe("a change that could not be copied to D1", () => {
  it("is copied when D1 is back", async () => {
    const { channelId } = await created(await createAs(alice));
    const rowState = async () => {
      const row = await env.DB.prepare("SELECT state FROM rooms WHERE channel_id = ?")
        .bind(channelId)
        .first<{ state: string }>();
      return row?.state;
    };
    await env.DB.prepare("ALTER TABLE rooms RENAME TO rooms_away").run();
    try {
      await taken({ event: "room.deleted", payload: { guildId, channelId } });
      await hubAlarmAfter(3_000);
    } finally {
      await env.DB.prepare("ALTER TABLE rooms_away RENAME TO rooms").run();
    }
    expect(await rowState()).toBe("open");
    expect(await getRoom(alice, channelId)).toMatchObject({ state: "ended" });
    await evictHub();
    await hubAlarmAfter(10_000);
    expect(await rowState()).toBe("ended");
  });
});

describe("names of people", () => {
  it("are stored with few row reads for a known person, however many people the hub knows", async () => {
    const rows = await runInDurableObject(hub(), (_, { storage }) => {
      const cursors: { readonly rowsRead: number }[] = [];
      const exec: typeof storage.sql.exec = (query, ...bindings) => {
        const cursor = storage.sql.exec(query, ...bindings);
        cursors.push(cursor);
        return cursor as never;
      };
      const writes: (() => void)[] = [];
      const people = sqlPeople({ exec } as SqlStorage, (write) => void writes.push(write));
      const save = (n: number): boolean =>
        people.savePerson({ userId: `p${n}`, name: "P", avatar: null, listed: true, seenAt: n });
      for (let n = 0; n < 100; n += 1) save(n);
      for (const write of writes) write();
      cursors.length = 0;
      expect(save(7)).toBe(false);
      for (const write of writes) write();
      return cursors.reduce((sum, { rowsRead }) => sum + rowsRead, 0);
    });
    expect(rows).toBeLessThan(10);
  });
});

describe("gateway heartbeats", () => {
  const beat = (state = "connected") =>
    taken({
      event: "gateway.heartbeat",
      payload: { guildId: PRIMARY, state, since: 1_000, guildIds: [PRIMARY, guildId] },
    });
  const gatewayIn = async () => {
    const response = await callWorker("/ready");
    const { checks } = z
      .looseObject({ checks: z.looseObject({ gateway: z.unknown() }) })
      .parse(await response.json());
    return { status: response.status, gateway: checks.gateway };
  };

  it("say in which guilds the bot is: without the primary one the Worker is not ready", async () => {
    const told = async (guildIds?: readonly string[]) => {
      const payload = { guildId: PRIMARY, state: "connected", since: 1_000, guildIds };
      await taken({ event: "gateway.heartbeat", payload });
      later(3_000);
      return gatewayIn();
    };
    expect(await told([guildId])).toMatchObject({ status: 503, gateway: { inGuild: false } });
    expect(await told([PRIMARY])).toMatchObject({ status: 200, gateway: { inGuild: true } });
    // A container of an older version does not send this.
    expect(await told()).toMatchObject({ status: 200, gateway: { inGuild: null } });
  });

  it("make the Worker ready, and their absence is an event", async () => {
    const stream = await streamOf(alice);
    await beat();
    await beat();
    expect(await gatewayIn()).toMatchObject({ status: 200, gateway: { state: "connected" } });
    later(GATEWAY_HEARTBEAT_TIMEOUT_MS);
    await evictDurableObject(monitor());
    expect(await gatewayIn()).toMatchObject({ status: 503, gateway: { state: "down" } });
    await runDurableObjectAlarm(monitor());
    await stream.until(() => stream.events.length >= 2);
    await beat();
    await stream.until(() => stream.events.length >= 3);
    expect(stream.events.map(({ payload }) => payload)).toMatchObject([
      { state: "connected", since: 1_000 },
      { state: "down" },
      { state: "connected" },
    ]);
    const fresh = await streamOf(alice);
    expect(fresh.of("snapshot")[0]?.gateway).toEqual({ state: "connected", since: 1_000 });
  });

  it("are passed to hubs that have not heard them, and to no others", async () => {
    const second = `${guildId}1`;
    alice = await person("alice", { guilds: [guildId, second] });
    const beatWith = (...guildIds: string[]) => {
      const payload = { guildId: PRIMARY, state: "connected", since: 1_000, guildIds };
      return taken({ event: "gateway.heartbeat", payload });
    };
    const stateIn = async (guild: string) => {
      const stream = await streamAs(alice.token, undefined, { guildId: guild });
      return z.object({ state: z.string() }).optional().parse(stream.of("snapshot")[0]?.gateway);
    };
    await beatWith(PRIMARY, guildId);
    // Discord does not serve this guild, which its hub knows and the heartbeats do not say.
    const payload = { guildId, state: "down", since: Date.now() };
    await taken({ event: "gateway.state", payload });
    const newcomer = env.HUB.get(env.HUB.idFromName(second));
    await runInDurableObject(newcomer, (_, { storage }) => {
      storage.sql.exec("DROP TABLE gateway_standing");
    });
    await beatWith(PRIMARY, guildId, second);
    expect(await stateIn(guildId)).toEqual({ state: "down" });
    // The next wake creates the table again.
    await evictDurableObject(newcomer);
    expect(await stateIn(second)).toBeUndefined();
    await runDurableObjectAlarm(monitor());
    expect(await stateIn(second)).toEqual({ state: "connected" });
    expect(await stateIn(guildId)).toEqual({ state: "down" });
  });
});
