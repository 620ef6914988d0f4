import { readFile } from "node:fs/promises";
import path from "node:path";
import { ulid } from "ulid";
import { WebSocket } from "ws";
import { z } from "zod";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LOBBY, PRIMARY_GUILD } from "../dev/discord/seed.ts";
import { Room } from "../src/protocol/room.ts";
import { signBody, type SignedEvent } from "../src/protocol/signed-events.ts";
import { eventually } from "../dev/testing/eventually.ts";
import { link, LinkBrowser, provenAtDiscord, provenAtFaceit } from "./link-browser.ts";
import { startSlowWorld, type RawRequest, type SlowWorld } from "./slow-world.ts";
import { NOT_SET_UP, syncRoutes } from "./sync-routes.ts";

/** A client disconnects after each multiple of this time, milliseconds. */
const STEP_MS = 10;
/** Number of simultaneous requests of one kind, low enough to stay below Discord's limits. */
const AT_ONCE = 16;
/** Disconnects are tried up to this time into a request, milliseconds. */
const LONGEST_MS = 600;
/** The same for a creation: Discord allows 40 new channels in ten seconds, and then creations wait. */
const LONGEST_CREATION_MS = 360;
/** The pauses before a call to an object, and before an answer from outside, milliseconds. */
const SLOWNESS = { objects: 20, outside: 50 };
/** Steps of a request that calls one object. */
const LEAST_STEPS = SLOWNESS.objects / STEP_MS + 1;
/** Steps of a request that does not end. */
const ALL_STEPS = LONGEST_MS / STEP_MS + 1;
/** After this time a hub without requests hibernates, milliseconds. */
const HUB_SLEEPS_AFTER_MS = 15_000;
/** Lifetime of all tokens, and so of sessions, seconds. */
const SESSION_SECONDS = 90;
/** Sessions of which workerd may forget to tell the hub, out of hundreds: one or two are usual. */
const FORGOTTEN_MAX = 6;
/** Other clients must be served within this time, milliseconds, even while many disconnect. */
const SERVED_WITHIN_MS = 30_000;

const USER = "200000000000000001";
const SOCKET_IO = "/socket.io/?EIO=4&transport=websocket";
/** Disconnects are tried up to this time into a callback from a provider, milliseconds. */
const LONGEST_WAY_BACK_MS = 400;

let world: SlowWorld;
let made = 0;
let seq = 0;
const epoch = ulid();

beforeAll(async () => {
  world = await startSlowWorld(SLOWNESS);
});
afterAll(async () => {
  await world?.stop();
});

/** A guild that nobody else uses. */
const OTHER_GUILD = "100000000000000099";

/** A request of a new person from a new address, so that no limit applies by accident. */
async function request(
  method: string,
  where: string,
  body?: unknown,
  options: {
    readonly sub?: string;
    readonly scope?: string;
    readonly guilds?: readonly string[];
    readonly headers?: Readonly<Record<string, string>>;
    readonly anonymous?: boolean;
  } = {},
): Promise<RawRequest> {
  made += 1;
  const { scope, guilds } = options;
  const claims = { ...(scope === undefined ? {} : { scope }), ...(guilds && { guilds }) };
  const sub = options.sub ?? `person-${made}`;
  const token = await world.token(sub, claims, `${SESSION_SECONDS}s`);
  return {
    method,
    path: where,
    headers: {
      ...(options.anonymous === true ? {} : { authorization: `Bearer ${token}` }),
      "cf-connecting-ip": `10.0.${Math.floor(made / 250)}.${made % 250}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...options.headers,
    },
    body: body === undefined ? "" : JSON.stringify(body),
  };
}

/** Sends a request and waits for its answer. */
async function send({ method, path: where, headers, body }: RawRequest) {
  const response = await fetch(`${world.url}${where}`, {
    method,
    headers,
    redirect: "manual",
    signal: AbortSignal.timeout(SERVED_WITHIN_MS),
    ...(body === "" ? {} : { body }),
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get("content-type") ?? "");
  return { status: response.status, body: isJson ? (JSON.parse(text) as unknown) : text };
}

/** How long a request takes now, milliseconds. It must succeed, or its time would be that of something else. */
async function durationOf(one: RawRequest): Promise<number> {
  const start = performance.now();
  const { status, body } = await send(one);
  // No gateway runs here, so the deployment is never ready.
  const isRight = one.path === "/ready" ? status === 503 : status < 400;
  expect(isRight, `${one.method} ${one.path}: ${status} ${JSON.stringify(body)}`).toBe(true);
  return performance.now() - start;
}

/**
 * Sends a request like this for each step that it takes, and disconnects after it.
 * @param limits `least`: the test fails if there are fewer steps
 * @returns the number of disconnected requests
 */
async function leaveAfterEachStep(
  make: (n: number) => Promise<RawRequest>,
  { longestMs = LONGEST_MS, least = LEAST_STEPS }: { longestMs?: number; least?: number } = {},
): Promise<number> {
  const first = await make(0);
  const steps = await leaveUpTo(Math.min(await durationOf(first), longestMs), make);
  expect(steps, `${first.method} ${first.path}`).toBeGreaterThanOrEqual(least);
  return steps;
}

/** The same for requests that do not end, such as upgrades and streams: for {@link ALL_STEPS}. */
function leaveEverywhere(make: (n: number) => Promise<RawRequest>): Promise<number> {
  return leaveUpTo(LONGEST_MS, make);
}

async function leaveUpTo(ms: number, make: (n: number) => Promise<RawRequest>): Promise<number> {
  const steps = Math.ceil(ms / STEP_MS) + 1;
  for (let from = 0; from < steps; from += AT_ONCE) {
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, steps - from) }, async (_, i) =>
        world.hangUp(await make(from + i + 1), (from + i) * STEP_MS),
      ),
    );
  }
  return steps;
}

/** Other clients get an answer, a socket and a snapshot. */
async function othersAreServed(): Promise<void> {
  const rooms = await send(await request("GET", "/rooms"));
  expect(rooms.status).toBe(200);
  const ticket = await send(await request("POST", "/ws/ticket", {}));
  const socket = await open(z.object({ url: z.string() }).parse(ticket.body).url);
  socket.close();
}

/** A live socket whose snapshot has arrived. */
function open(url: string, onEvent: (frame: unknown) => void = () => {}): Promise<WebSocket> {
  const socket = new WebSocket(url);
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      socket.terminate();
      reject(new Error("no snapshot came"));
    }, SERVED_WITHIN_MS);
    socket.on("error", reject);
    socket.on("message", (data: Buffer) => {
      const frame = z.looseObject({ type: z.string() }).parse(JSON.parse(data.toString()));
      onEvent(frame);
      if (frame.type !== "snapshot") return;
      clearTimeout(late);
      resolve(socket);
    });
  });
}

async function signed(
  events: readonly (Omit<SignedEvent, "payload"> & { readonly payload: unknown })[],
): Promise<RawRequest> {
  const body = JSON.stringify({ events });
  const headers = await signBody([world.secrets.hub], Buffer.from(body), Date.now());
  return {
    method: "POST",
    path: "/internal/events",
    headers: { "content-type": "application/json", ...headers },
    body,
  };
}

/** The next event of this test, which is the only publisher. */
function nextEvent(event: string, payload: Readonly<Record<string, unknown>>) {
  seq += 1;
  return { id: `e-${seq}`, event, payload: { guildId: PRIMARY_GUILD, ...payload }, epoch, seq };
}

/** The voice channels that were added to Discord since the start. */
async function channelsInDiscord(): Promise<string[]> {
  const { channels } = await world.discord.state();
  return channels.flatMap(({ id, name }) => (name.startsWith("left-") ? [id] : []));
}

async function openRooms(): Promise<string[]> {
  const answer = await send(
    await request("GET", "/rooms?limit=100", undefined, { scope: "rooms:manage" }),
  );
  const { rooms } = z.object({ rooms: z.array(Room) }).parse(answer.body);
  return rooms.flatMap(({ channelId, name }) => (name.startsWith("left-") ? [channelId] : []));
}

/** Listed rooms and Discord's channels are the same. */
const roomsAreChannels = (): Promise<void> =>
  eventually("every channel is a room, and every room a channel", async () => {
    expect((await openRooms()).toSorted()).toEqual((await channelsInDiscord()).toSorted());
  });

describe("a client that disconnects", () => {
  // This test comes first, because the keys are known afterwards.
  it("while the Worker fetches the provider's keys, does not block others, and fetches them once", async () => {
    const asks = await request("GET", "/rooms");
    await Promise.all(Array.from({ length: 20 }, (_, i) => world.hangUp(asks, (i + 1) * STEP_MS)));
    await othersAreServed();
    expect(world.keyRequests()).toBe(1);
  });

  it("while its placement is looked up, does not block others", async () => {
    for (const where of ["/ws", "/events"]) {
      await Promise.all(
        Array.from({ length: 12 }, async (_, i) =>
          world.hangUp(
            await request("GET", where, undefined, { headers: upgradeFor(where) }),
            (i + 1) * STEP_MS,
          ),
        ),
      );
      await othersAreServed();
    }
  });

  it("during POST /create-room leaves a complete room or none, and no key in flight", async () => {
    const key = (n: number): string => `left-${n}`;
    const create = (n: number): Promise<RawRequest> =>
      request(
        "POST",
        "/create-room",
        { name: `left-${n}` },
        {
          sub: `creator-${n}`,
          headers: { "idempotency-key": key(n) },
        },
      );
    const steps = await leaveAfterEachStep(create, { longestMs: LONGEST_CREATION_MS });
    // Somebody joins another channel at the same time: that event must not wait for the rooms.
    const enters = await send(
      await signed([nextEvent("voice.joined", { channelId: LOBBY, userId: USER })]),
    );
    expect(enters.body).toMatchObject({ accepted: 1 });
    const channels = new Set<string>();
    for (let n = 1; n <= steps; n += 1) {
      const again = await eventually(`the key of creator ${n} has an answer`, async () => {
        const answer = await send(await create(n));
        expect(answer.status, JSON.stringify(answer.body)).toBe(200);
        return answer;
      });
      channels.add(z.object({ channelId: z.string() }).parse(again.body).channelId);
    }
    expect(channels.size).toBe(steps);
    await roomsAreChannels();
    // The first client did not disconnect.
    expect(await openRooms()).toHaveLength(steps + 1);
    await othersAreServed();
  });

  it("during DELETE /end-room leaves an open room or an ended one", async () => {
    const rooms = await openRooms();
    const end = (n: number): Promise<RawRequest> =>
      request("DELETE", `/end-room/${rooms[n % rooms.length] ?? ""}`, undefined, {
        scope: "rooms:manage",
      });
    await leaveAfterEachStep(end);
    await roomsAreChannels();
    for (let n = 0; n < rooms.length; n += 1) expect((await send(await end(n))).status).toBe(200);
    await roomsAreChannels();
    expect(await openRooms()).toEqual([]);
  });

  it("during POST /internal/events loses, duplicates and delays no event", async () => {
    const seen: string[] = [];
    const ticket = await send(await request("POST", "/ws/ticket", {}));
    const socket = await open(z.object({ url: z.string() }).parse(ticket.body).url, (frame) => {
      const event = z.object({ event: z.string(), payload: z.object({ userId: z.string() }) });
      const { data } = event.safeParse(frame);
      if (data !== undefined) seen.push(`${data.event} ${data.payload.userId}`);
    });
    const expected: string[] = [];
    const moves: Awaited<ReturnType<typeof nextEvent>>[] = [];
    await leaveAfterEachStep(() => {
      const userId = `2000000000000001${String(moves.length).padStart(2, "0")}`;
      moves.push(nextEvent("voice.joined", { channelId: LOBBY, userId }));
      expected.push(`voice.joined ${userId}`);
      // As the container does: events that may not have arrived are sent again, in order.
      return signed(moves.slice(-50));
    });
    const last = await send(await signed(moves.slice(-50)));
    expect(last).toMatchObject({ status: 200, body: { refused: [] } });
    await eventually("all events arrived once, in order", () => {
      expect(seen).toEqual(expected);
    });
    socket.close();
  });

  it("of the stream leaves no session behind", async () => {
    const upgraded = { headers: upgradeFor("/ws") };
    const nameless = { ...upgraded, anonymous: true };
    const first = await send(await request("GET", "/events"));
    const { epoch: known, seq: head } = z
      .object({ epoch: z.string(), seq: z.number() })
      .parse(first.body);
    const poll = `/events?wait=5&epoch=${known}&after=${head}`;
    for (const make of [
      () => request("GET", "/ws", undefined, upgraded),
      async () => {
        const ticket = await send(await request("POST", "/ws/ticket", {}));
        const { pathname, search } = new URL(z.object({ url: z.string() }).parse(ticket.body).url);
        return request("GET", pathname + search, undefined, nameless);
      },
      () => request("GET", "/events", undefined, { headers: upgradeFor("/events") }),
      () => request("GET", poll),
      // These two leave before they have said who they are.
      () => request("GET", "/ws", undefined, nameless),
      () => request("GET", SOCKET_IO, undefined, nameless),
    ]) {
      expect(await leaveEverywhere(make)).toBe(ALL_STEPS);
    }
    // These say who they are after the upgrade, and leave while the Worker connects them with the hub.
    for (const [where, frameOf] of [
      ["/ws", (token: string) => JSON.stringify({ type: "auth", token })],
      [SOCKET_IO, (token: string) => `40${JSON.stringify({ token })}`],
    ] as const) {
      await leaveEverywhere(async (n) => {
        const token = await world.token(`namer-${n}`, {}, `${SESSION_SECONDS}s`);
        return {
          ...(await request("GET", where, undefined, nameless)),
          firstFrame: frameOf(token),
        };
      });
    }
    await othersAreServed();
    // If a client disconnects between the Worker's answer and its arrival at the network, workerd tells the hub
    // only when the hub hibernates, and sometimes never. Then the session ends with its token.
    const expectAtMost = async (most: number): Promise<void> => {
      const report = await send(
        await request("GET", `/admin/guilds/${PRIMARY_GUILD}/hub`, undefined, {
          scope: "hub:admin",
        }),
      );
      const { sockets } = z.object({ sockets: z.number() }).parse(report.body);
      expect(sockets).toBeLessThanOrEqual(most);
    };
    const soonMs = 5 * HUB_SLEEPS_AFTER_MS;
    const few = (): Promise<void> => expectAtMost(FORGOTTEN_MAX);
    await eventually("hardly a session is left", few, soonMs, HUB_SLEEPS_AFTER_MS);
    const deadlineMs = SESSION_SECONDS * 1000 + soonMs;
    const none = (): Promise<void> => expectAtMost(0);
    await eventually("no session is left", none, deadlineMs, HUB_SLEEPS_AFTER_MS);
  });

  it("during any other route changes nothing for others", async () => {
    let connectionId = "";
    const ticket = await send(await request("POST", "/ws/ticket", {}));
    const socket = await open(z.object({ url: z.string() }).parse(ticket.body).url, (frame) => {
      connectionId =
        z.object({ connectionId: z.string() }).safeParse(frame).data?.connectionId ?? connectionId;
    });
    const routes = await otherRoutes(connectionId);
    const document = z
      .object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) })
      .parse(
        JSON.parse(
          await readFile(path.join(import.meta.dirname, "../docs/spec/openapi.json"), "utf8"),
        ),
      );
    const known = [...routes.keys(), ...GONE_THROUGH_ABOVE, ...NOT_SET_UP];
    const documented = Object.entries(document.paths).flatMap(([where, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${where}`),
    );
    // A new route needs a line in `otherRoutes`.
    expect(documented.filter((route) => !known.includes(route))).toEqual([]);
    for (const [route, make] of routes) {
      await leaveAfterEachStep(make, { least: WAITS_FOR_NOTHING.has(route) ? 1 : LEAST_STEPS });
    }
    socket.close();
    await othersAreServed();
  });

  it.each(["Discord", "FACEIT"] as const)(
    "on the way back from %s leaves a link or none, and can link after that",
    async (provider) => {
      for (let ms = 0; ms < LONGEST_WAY_BACK_MS; ms += AT_ONCE * STEP_MS) {
        await Promise.all(
          Array.from({ length: AT_ONCE }, async (_, i) => {
            const person = await newPerson();
            const browser = new LinkBrowser(person.from);
            const wayBack = await wayBackOf(person, provider, browser);
            const { pathname, search } = new URL(wayBack);
            const headers = browser.headersFor(wayBack);
            const leaves = { method: "GET", path: pathname + search, headers, body: "" };
            await world.hangUp(leaves, ms + i * STEP_MS);
            const page = await link(await person.button(), person, new LinkBrowser(person.from));
            // The cancelled step may have completed, and a new link ends all others of the same person.
            expect(page).toMatch(/Your accounts are linked|This link is over/);
            const said = await world.discord.use({
              userId: person.discordId,
              command: "whois",
              options: { user: person.discordId },
            });
            expect(said.content).toContain(person.nickname);
          }),
        );
      }
    },
  );

  it("with a webhook leaves a match with exactly two channels, however many clients disconnected", async () => {
    // FACEIT itself has sent no webhook of the match.
    await eventually("the match of the webhooks has its two channels", async () => {
      const { channels } = await world.discord.state();
      expect(channels.filter(({ name }) => name.startsWith("match-"))).toHaveLength(2);
    });
  });

  it("makes nothing throw", () => {
    expect(world.output()).toContain('"event":"http.request"');
    const unexpected = world
      .output()
      .split("\n")
      .filter((line) => line.includes('"level":"error"') || /uncaught|exception/i.test(line));
    expect(unexpected).toEqual([]);
  });
});

function upgradeFor(where: string): Readonly<Record<string, string>> {
  if (where === "/events") return { accept: "text/event-stream" };
  if (where !== "/ws") return {};
  return {
    upgrade: "websocket",
    connection: "Upgrade",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
  };
}

/** Routes that call no object. */
const WAITS_FOR_NOTHING: ReadonlySet<string> = new Set([
  "GET /health",
  "GET /config.json",
  "GET /openapi.json",
  "GET /asyncapi.json",
  "POST /v1/version",
]);

const GONE_THROUGH_ABOVE = [
  "POST /create-room",
  "DELETE /end-room/{channelId}",
  "POST /internal/events",
  "GET /events",
  "GET /faceit/link",
  "GET /faceit/callback",
  // Resets during these upgrades are counted in vanished-clients.test.ts.
  "GET /v1/updates",
  "GET /v1/websocket",
];

/** A new guild member with a FACEIT account and an address of their own. */
async function newPerson() {
  made += 1;
  const from = { "cf-connecting-ip": `10.1.${Math.floor(made / 250)}.${made % 250}` };
  const discordId = `2000000000000${String(made).padStart(5, "0")}`;
  const nickname = `player${made}`;
  await world.discord.setMember(discordId, true);
  const playerId = await world.faceit.createPlayer(nickname);
  const button = async (): Promise<string> =>
    (await world.discord.use({ userId: discordId, command: "link" })).buttons[0]?.url ?? "";
  return { discordId, playerId, nickname, button, from };
}

/** The URL to which a provider sends the browser back. */
async function wayBackOf(
  person: Awaited<ReturnType<typeof newPerson>>,
  provider: "Discord" | "FACEIT",
  browser: LinkBrowser,
): Promise<string> {
  const { to } = await provenAtDiscord(await person.button(), person.discordId, browser);
  const back =
    provider === "Discord" ? to : (await provenAtFaceit(to ?? "", person.playerId, browser)).to;
  if (back === null) throw new Error(`${provider} does not redirect back`);
  return back;
}

/** All other routes of the Worker, with a request that succeeds. @param connectionId an open connection */
async function otherRoutes(
  connectionId: string,
): Promise<Map<string, (n: number) => Promise<RawRequest>>> {
  const room = await send(await request("POST", "/create-room", { name: "asked about" }));
  const { channelId } = z.object({ channelId: z.string() }).parse(room.body);
  const match = await world.faceit.createMatch({ status: "READY", silent: true });
  const asOperator = { scope: "hub:admin" };
  const hub = `/admin/guilds/${PRIMARY_GUILD}`;
  const get = (where: string, options: Parameters<typeof request>[3] = {}) => [
    () => request("GET", where, undefined, options),
  ];
  const interaction = (n: number): Promise<RawRequest> => {
    const body = JSON.stringify({
      id: String(300_000_000_000_000_000n + BigInt(n)),
      application_id: "100000000000000100",
      type: 2,
      token: `token-${n}`,
      version: 1,
      guild_id: PRIMARY_GUILD,
      member: { user: { id: "100000000000000301" }, permissions: "0" },
      data: { id: "1", name: "link", type: 1 },
    });
    return Promise.resolve({
      method: "POST",
      path: "/interactions",
      headers: { "content-type": "application/json", ...world.signInteraction(body) },
      body,
    });
  };
  const webhook = (n: number): Promise<RawRequest> =>
    Promise.resolve({
      method: "POST",
      path: "/faceit-webhook",
      headers: { "content-type": "application/json", "x-webhook-secret": world.secrets.webhook },
      body: JSON.stringify({
        event: "match_status_ready",
        event_id: `left-${n}`,
        payload: { id: match.matchId, version: n + 10, teams: [] },
      }),
    });
  const knownMatch = async (n: number): Promise<RawRequest> => {
    const make = (): Promise<RawRequest> => request("GET", `/matches/${match.matchId}`);
    if (n === 0) {
      await eventually("the match is known", async () => {
        expect((await send(await make())).status).toBe(200);
      });
    }
    return make();
  };
  return new Map<string, (n: number) => Promise<RawRequest>>([
    ["GET /health", ...get("/health")],
    ["GET /config.json", ...get("/config.json")],
    ["GET /ready", ...get("/ready", { anonymous: true })],
    ["POST /ws/ticket", () => request("POST", "/ws/ticket", {})],
    ["GET /rooms", ...get("/rooms")],
    ["GET /rooms/{channelId}", ...get(`/rooms/${channelId}`)],
    ["POST /rooms/{channelId}/invite", () => request("POST", `/rooms/${channelId}/invite`, {})],
    ["GET /people", ...get("/people?q=a")],
    ["GET /matches", ...get("/matches")],
    // The webhook comes first: nobody knows of the match before.
    ["POST /faceit-webhook", webhook],
    ["GET /matches/{matchId}", knownMatch],
    ["POST /interactions", interaction],
    ["GET /admin/guilds/{guildId}/hub", ...get(`${hub}/hub`, asOperator)],
    [
      "GET /admin/guilds/{guildId}/hub/connections",
      ...get(`${hub}/hub/connections?sub=x`, asOperator),
    ],
    [
      "GET /admin/guilds/{guildId}/hub/explain",
      ...get(`${hub}/hub/explain?connectionId=${connectionId}&seq=1`, asOperator),
    ],
    ["GET /admin/guilds/{guildId}/publisher", ...get(`${hub}/publisher`, asOperator)],
    [
      "DELETE /admin/guilds/{guildId}/publisher",
      () => request("DELETE", `${hub}/publisher`, undefined, asOperator),
    ],
    [
      "DELETE /admin/guilds/{guildId}/hub/journal",
      // Of a guild of its own: it closes every client of the guild.
      () =>
        request("DELETE", `/admin/guilds/${OTHER_GUILD}/hub/journal`, undefined, {
          ...asOperator,
          guilds: [OTHER_GUILD],
        }),
    ],
    [
      "POST /admin/guilds/{guildId}/revocations",
      () => request("POST", `${hub}/revocations`, { sub: "nobody" }, asOperator),
    ],
    ...(await syncRoutes(world.url)).map(({ name, method, path: where, body, token }) => [
      name,
      () => request(method, where, body, { headers: { authorization: `Bearer ${token}` } }),
    ]),
    ["GET /openapi.json", ...get("/openapi.json")],
    ["GET /asyncapi.json", ...get("/asyncapi.json")],
  ] as [string, (n: number) => Promise<RawRequest>][]);
}
