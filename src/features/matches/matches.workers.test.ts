import {
  applyD1Migrations,
  createScheduledController,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { GUILD_HUBS } from "../../hub/guild-kind.ts";
import { hubPublisher } from "../../hub/hub-client.ts";
import { Hub } from "../../hub/hub.ts";
import worker from "../../index.ts";
import {
  LINK_AUDIT_KEEP_MS,
  MATCH_KEEP_MS,
  ORPHAN_MIN_AGE_MS,
  READY_FRESH_MS,
  TROUBLE_TOLD_AGAIN_MS,
  WEBHOOK_BODY_MAX_BYTES,
} from "../../protocol/limits.ts";
import { Match } from "../../protocol/match.ts";
import { FakeDiscord } from "../../testing/discord.ts";
import { SOON } from "../../testing/soon.ts";
import { testProvider, type TestProvider } from "../../testing/tokens.ts";
import { callAs, callWorker, mockOutside, streamAs } from "../../testing/worker.ts";
import { d1PlayerLinks } from "./adapters/d1-links.ts";
import { d1MatchTroubles } from "./adapters/d1-match-troubles.ts";
import { d1Matches } from "./adapters/d1-matches.ts";
import { matchesConfigOf, matchSettingsOf } from "./config.ts";
import { tidyMatches } from "./hourly.ts";
import { hubMatches } from "./hub-commands.ts";
import { sweepOrphans } from "./sweep.ts";
import { MATCHES_HUB_PORTS } from "./wire.ts";

const SECRET = { "X-Webhook-Secret": "test-webhook-secret-0123456789-0123456" };
const GUILD = env.PRIMARY_GUILD_ID;
const MINUTE = 60_000;
/** The epoch of Discord's snowflake ids, milliseconds since 1970. */
const DISCORD_EPOCH_MS = 1_420_070_400_000n;

let provider: TestProvider;
let discord: FakeDiscord;
let faceit: FakeFaceit;
let tests = 0;
let matchId = "";
let ownPrefix: string;

/** FACEIT's Data API with one match. */
class FakeFaceit {
  reads = 0;
  version = 1;
  status = "CHECK_IN";
  hasTeams = false;
  /** Responses are created when they are sent, because a response belongs to the object that asked. */
  failures: (() => Response)[] = [];

  answer(): Response {
    this.reads += 1;
    const failure = this.failures.shift();
    if (failure !== undefined) return failure();
    const side = (name: string, letter: string) => ({
      name,
      roster: [1, 2].map((n) => ({ player_id: player(letter, n), nickname: `<b>${letter}${n}` })),
    });
    return Response.json({
      match_id: matchId,
      version: this.version,
      status: this.status,
      teams: this.hasTeams
        ? { faction1: side("aurora", "a"), faction2: side("borealis", "b") }
        : {},
    });
  }

  advance(status: string): void {
    this.version += 10;
    this.status = status;
    this.hasTeams ||= status !== "CHECK_IN";
  }
}

const player = (letter: string, n: number): string => `${letter}${n}-${tests}`;
const user = (letter: string, n: number): string => `90${letter === "a" ? 1 : 2}${n}${tests}`;
const room = () => env.MATCH.get(env.MATCH.idFromName(matchId));

beforeAll(async () => {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
  provider = await testProvider();
  // The hub knows who is in voice.
  const state = { guildId: GUILD, state: "connected", since: 1 };
  const guild = { guildId: GUILD, channels: [], voiceStates: [] };
  await hubPublisher(GUILD_HUBS, env).ingest(GUILD, [
    { event: "gateway.state", payload: state },
    { event: "guild.snapshot", payload: guild },
  ]);
});

beforeEach(async () => {
  tests += 1;
  // Channel names use the first digits, and a match of another test may still be at work.
  const digits = (0x7c1f0000 + tests).toString(16);
  matchId = `1-${digits}-4b1e-4d0e-9a34-000000000000`;
  ownPrefix = `match-${digits}-`;
  discord = new FakeDiscord();
  faceit = new FakeFaceit();
  mockOutside(provider, (request) =>
    request.url.startsWith("https://faceit.test/data/v4/matches/")
      ? faceit.answer()
      : discord.answer(request),
  );
  const rest = env.DISCORD.get(env.DISCORD.idFromName("bot"));
  await runInDurableObject(rest, async (_, state) => state.storage.deleteAll());
  await evictDurableObject(rest);
  for (const letter of ["a", "b"]) {
    const link = { nickname: "x", verifiedMethod: "oauth", linkedAt: Date.now() } as const;
    const [faceitId, discordId] = [player(letter, 1), user(letter, 1)];
    await d1PlayerLinks(env.DB).put({ ...link, faceitId, discordId }, discordId);
  }
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

let events = 0;
function webhook(event: string, change: Record<string, unknown> = {}): string {
  events += 1;
  return JSON.stringify({
    event,
    event_id: `event-${events}`,
    payload: { id: matchId, version: faceit.version, game: "cs2", region: "EU" },
    ...change,
  });
}

const send = (body: string, headers: Record<string, string> = SECRET, query = "") =>
  callWorker(`/faceit-webhook${query}`, { method: "POST", headers, body });

async function sendOk(event: string, change: Record<string, unknown> = {}): Promise<string> {
  const response = await send(webhook(event, change));
  expect(response.status).toBe(200);
  return (await response.json<{ result: string }>()).result;
}

/** Runs the match's alarm. */
async function work(): Promise<void> {
  await runDurableObjectAlarm(room());
}

/** Runs the alarm until a condition holds, because Discord's limits delay calls. */
async function workUntil(condition: () => boolean | Promise<boolean>): Promise<void> {
  await vi.waitUntil(async () => {
    await work();
    return condition();
  }, SOON);
}

function later(ms: number): void {
  const to = Date.now() + ms;
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(to);
}

/** The channels of this test's match. */
const ours = () => [...discord.channels.values()].filter(({ name }) => name.startsWith(ownPrefix));
const rows = () =>
  env.DB.prepare(
    "SELECT faction, voice_channel_id FROM active_matches WHERE match_id = ? ORDER BY faction",
  )
    .bind(matchId)
    .all<{ faction: string; voice_channel_id: string }>()
    .then(({ results }) => results);

async function ready(): Promise<void> {
  faceit.advance("READY");
  await sendOk("match_status_ready");
  await workUntil(() => ours().length === 2);
}

/** Ends the match, which would otherwise create channels in the next test's Discord. */
async function over(): Promise<void> {
  faceit.advance("CANCELLED");
  await sendOk("match_status_cancelled");
  await workUntil(async () => (await rows()).length === 0);
}

describe("POST /faceit-webhook", () => {
  it.each([
    ["no secret", {}],
    ["a wrong secret", { "X-Webhook-Secret": "wrong-webhook-secret-0123456789-012345" }],
    ["an empty secret", { "X-Webhook-Secret": "" }],
  ])("answers 401 with %s, and reads nothing of the body", async (_, headers) => {
    const response = await send("not json", headers);
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ code: "bad_webhook_secret" });
    expect(faceit.reads).toBe(0);
  });

  it("accepts the present and the previous secret", async () => {
    expect(await sendOk("match_object_created")).toBe("taken");
    const old = { "X-Webhook-Secret": "test-old-webhook-secret-0123456789-01" };
    expect((await send(webhook("match_status_ready"), old)).status).toBe(200);
  });

  it("accepts a secret in the address only if that is set up", async () => {
    const query = `?secret=${SECRET["X-Webhook-Secret"]}`;
    expect((await send(webhook("match_object_created"), {}, query)).status).toBe(401);
  });

  it("has its own limit for the body", async () => {
    const fits = `${webhook("hub_created")}${" ".repeat(WEBHOOK_BODY_MAX_BYTES)}`;
    const body = fits.slice(0, WEBHOOK_BODY_MAX_BYTES);
    expect((await send(body)).status).toBe(202);
    expect((await send(`${body} `)).status).toBe(413);
  });

  it("answers 400 to an unreadable webhook, and 202 to one that is not used", async () => {
    expect((await send("{")).status).toBe(400);
    expect((await send("[]")).status).toBe(400);
    const unreadable = await send(webhook("match_status_ready", { payload: { id: "../x" } }));
    expect(unreadable.status).toBe(400);
    expect((await send(webhook("hub_user_added"))).status).toBe(202);
    expect((await send(webhook("match_status_started"))).status).toBe(202);
    expect(faceit.reads).toBe(0);
  });

  it("answers before the work is done, and accepts a repeated delivery once", async () => {
    const body = webhook("match_object_created");
    expect(await (await send(body)).json()).toEqual({ ok: true, result: "taken" });
    expect(await (await send(body)).json()).toEqual({ ok: true, result: "duplicate" });
    // A repeated delivery with another id, since FACEIT does not document whether the id stays.
    expect(await sendOk("match_object_created")).toBe("duplicate");
    expect(await sendOk("match_status_configuring")).toBe("taken");
  });
});

describe("one match", () => {
  it("gets exactly two channels from twenty simultaneous webhooks", async () => {
    faceit.advance("READY");
    const responses = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        send(webhook("match_status_ready", { payload: { id: matchId, version: 11 + (i % 3) } })),
      ),
    );
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    await workUntil(async () => {
      const all = await rows();
      return all.length === 2 && all.every(({ voice_channel_id: id }) => id !== null);
    });
    await work();
    expect(ours()).toHaveLength(2);
    expect(discord.callsOf("POST").filter(({ path }) => path.startsWith("/guilds/"))).toHaveLength(
      2,
    );
    expect((await rows()).map(({ voice_channel_id: id }) => discord.channels.has(id))).toEqual([
      true,
      true,
    ]);
  });

  it("is published to clients from its first webhook to its end, and leaves nothing behind", async () => {
    const alice = await provider.mint({ sub: `alice-${tests}`, guilds: [GUILD] });
    const client = await streamAs(alice);
    await sendOk("match_object_created");
    await work();
    await ready();
    const answer = await callAs(alice, "GET", `/matches/${matchId}`);
    const match = Match.parse(await answer.json());
    expect(match).toMatchObject({ state: "live", status: "READY" });
    expect(match.factions.faction1.players).toEqual([
      { playerId: player("a", 1), nickname: "<b>a1", skillLevel: null, discordId: user("a", 1) },
      { playerId: player("a", 2), nickname: "<b>a2", skillLevel: null, discordId: null },
    ]);
    const [side] = await rows();
    const guest = `2000${tests}`;
    const where = { guildId: GUILD, channelId: side?.voice_channel_id ?? "", userId: guest };
    await hubPublisher(GUILD_HUBS, env).ingest(GUILD, [{ event: "voice.joined", payload: where }]);
    faceit.advance("FINISHED");
    await sendOk("match_status_finished");
    await work();
    later(MINUTE + 1_000);
    await workUntil(() => ours().length === 0);
    expect(await rows()).toEqual([]);
    // Discord has not reported the deletion, but nobody counts as being in the deleted channel.
    expect(await hubMatches(hubPublisher(GUILD_HUBS, env)).whereabouts(GUILD, [guest])).toEqual([]);
    await client.until(({ events: told }) =>
      told.some(
        ({ event, payload }) =>
          event === "voice.left" && (payload as { userId?: string }).userId === guest,
      ),
    );
    await client.until(
      ({ events: told }) => told.filter(({ event }) => event === "match.room.deleted").length === 2,
    );
    const told = client.events
      .map(({ event }) => event)
      .filter((event) => event.startsWith("match."));
    expect(told.filter((event) => event !== "match.updated")).toEqual([
      "match.created",
      "match.room.created",
      "match.room.created",
      "match.ended",
      "match.room.deleted",
      "match.room.deleted",
    ]);
    const ended = await callAs(alice, "GET", "/matches?state=ended");
    expect(await ended.json()).toMatchObject({ matches: [{ matchId, status: "FINISHED" }] });
    client.close();
  });

  it("continues after an eviction between any two of its rounds", async () => {
    await sendOk("match_object_created");
    await evictDurableObject(room());
    await work();
    discord.fail({ status: "lost", afterEffect: true, on: { method: "POST", path: /channels$/ } });
    faceit.advance("READY");
    await sendOk("match_status_ready");
    await work();
    await evictDurableObject(room());
    for (let i = 0; i < 6; i += 1) {
      later(2 * MINUTE);
      await work();
    }
    expect(ours()).toHaveLength(2);
    expect(new Set(ours().map(({ name }) => name)).size).toBe(2);
    faceit.advance("ABORTED");
    await sendOk("match_status_aborted");
    await evictDurableObject(room());
    for (let i = 0; i < 4; i += 1) {
      await work();
      later(2 * MINUTE);
    }
    expect(ours()).toEqual([]);
    expect(await rows()).toEqual([]);
  });

  it("waits as long as FACEIT asks, and for a slow answer only until the time-out", async () => {
    faceit.failures = [
      () => Response.json({}, { status: 429, headers: { "Retry-After": "30" } }),
      () => Response.json({}, { status: 500 }),
    ];
    faceit.advance("READY");
    await sendOk("match_status_ready");
    await work();
    expect(ours()).toEqual([]);
    later(29_000);
    await work();
    expect(faceit.reads).toBe(1);
    later(2_000);
    await work();
    expect(faceit.reads).toBe(2);
    later(10_000);
    await workUntil(() => ours().length === 2);
  });

  it("is forgotten a week after its end, and not before", async () => {
    await ready();
    faceit.advance("CANCELLED");
    await sendOk("match_status_cancelled");
    await work();
    later(6 * 24 * 60 * MINUTE);
    await work();
    expect(await room().look(false)).toBe("looks");
    later(2 * 24 * 60 * MINUTE);
    await work();
    expect(await room().look(false)).toBe("unknown");
    // The same object handles a new webhook like that of a new match.
    faceit.advance("READY");
    expect(await sendOk("match_status_ready")).toBe("taken");
    await workUntil(() => ours().length === 2);
    await vi.waitUntil(
      async () => (await d1Matches(env.DB).get(GUILD, matchId))?.state === "live",
      SOON,
    );
    await over();
  });

  it("keeps its own channels when its storage was lost", async () => {
    await ready();
    const known = async () => d1Matches(env.DB).get(GUILD, matchId);
    const channelsOf = (match: Match | null) =>
      match === null
        ? []
        : [match.factions.faction1.room?.channelId, match.factions.faction2.room?.channelId];
    const own = [...ours()].length;
    await workUntil(async () => channelsOf(await known()).every((id) => id !== undefined));
    const before = await known();
    if (before === null) throw new Error("no record");
    await runInDurableObject(room(), async (_, state) => {
      await state.storage.deleteAlarm();
      await state.storage.deleteAll();
    });
    await evictDurableObject(room());
    await MATCHES_HUB_PORTS.look(env, before, false);
    await workUntil(async () => {
      const now = await known();
      return now !== null && now.revision > before.revision && channelsOf(now).every(Boolean);
    });
    expect(channelsOf(await known())).toEqual(channelsOf(before));
    expect(ours()).toHaveLength(own);
    await over();
    expect(ours()).toEqual([]);
  });

  it("sees what happens in the middle of a round, after the links were read", async () => {
    await ready();
    await workUntil(async () => (await d1Matches(env.DB).get(GUILD, matchId))?.status === "READY");
    const link = { nickname: "x", verifiedMethod: "oauth", linkedAt: 1 } as const;
    const [faceitId, discordId] = [player("a", 2), user("a", 2)];
    // The hub is read after D1, so a new link between the two wakes the match during the round.
    let looked = false;
    vi.spyOn(Hub.prototype, "command").mockImplementationOnce(async () => {
      looked = true;
      await d1PlayerLinks(env.DB).put({ ...link, faceitId, discordId }, discordId);
      await room().look(false);
      return [];
    });
    await room().look(false);
    await work();
    expect(looked).toBe(true);
    const alarm = await runInDurableObject(room(), (_, state) => state.storage.getAlarm());
    expect(alarm ?? Number.POSITIVE_INFINITY).toBeLessThan(Date.now() + 1_000);
    await over();
  });
});

describe("a match whose work throws", () => {
  it("is retried with growing pauses, which start again after a success", async () => {
    await ready();
    const stored = async (change: (state: object) => object): Promise<void> =>
      runInDurableObject(room(), (_, { storage }) =>
        storage.kv.put("state", change(storage.kv.get<object>("state") ?? {})),
      );
    const pauses = async (times: number): Promise<number[]> => {
      const all: number[] = [];
      for (let time = 0; time < times; time += 1) {
        await runInDurableObject(room(), (_, { storage }) => storage.setAlarm(Date.now()));
        await runDurableObjectAlarm(room());
        // The count must not be in memory only.
        await evictDurableObject(room());
        const at = await runInDurableObject(room(), (_, { storage }) => storage.getAlarm());
        all.push((at ?? Number.NaN) - Date.now());
      }
      return all;
    };
    vi.useFakeTimers({ toFake: ["Date"] });
    await stored((state) => ({ ...state, troubles: null }));
    expect(await pauses(3)).toEqual([5_000, 10_000, 20_000]);
    expect(Math.max(...(await pauses(6)))).toBe(10 * MINUTE);
    await stored((state) => ({ ...state, troubles: [] }));
    await pauses(1);
    await stored((state) => ({ ...state, troubles: null }));
    expect(await pauses(1)).toEqual([5_000]);
    await stored((state) => ({ ...state, troubles: [] }));
  });
});

describe("the sweep", () => {
  const BOT_ALLOW = "17826832";
  const sweep = (): Promise<void> =>
    sweepOrphans(
      {
        discord: {
          botUserId: async () => ({ ok: true, value: "42" }),
          listChannels: async () => ({
            ok: true,
            value: [...discord.channels].map(([id, { name, type, parentId, overwrites }]) => ({
              id,
              name,
              type,
              parentId,
              overwrites: overwrites.map(({ id: who, type: kind, allow, deny }) => ({
                id: who,
                kind: kind === 0 ? ("role" as const) : ("member" as const),
                allow: BigInt(allow),
                deny: BigInt(deny),
              })),
            })),
          }),
          deleteChannel: async (id) => {
            discord.channels.delete(id);
            return { ok: true, value: undefined };
          },
          getChannel: async () => ({ ok: true, value: null }),
          sendMessage: async () => ({ ok: true, value: undefined }),
        },
        settings: matchSettingsOf(matchesConfigOf(env), GUILD),
        troubles: d1MatchTroubles(env.DB),
        store: d1Matches(env.DB),
        look: async (id) => env.MATCH.get(env.MATCH.idFromName(id)).look(false),
        hub: hubMatches(hubPublisher(GUILD_HUBS, env)),
        clock: () => Date.now(),
      },
      GUILD,
    );
  const addOurs = (name: string, id = discord.addChannel(name)): string => {
    const channel = discord.channels.get(id) ?? discord.channels.get(discord.addChannel(name));
    if (channel === undefined) throw new Error("no channel");
    const bot = { id: "42", type: 1, allow: BOT_ALLOW, deny: "0" };
    discord.channels.set(id, { ...channel, type: 2, overwrites: [bot] });
    return id;
  };

  it("shows operators settings that name nothing in Discord, until they are fixed", async () => {
    const troubles = async (): Promise<unknown> => {
      const { checks } = await (
        await callWorker("/ready")
      ).json<{
        checks: { matches: { troubles?: unknown } };
      }>();
      return checks.matches.troubles;
    };
    await sweep();
    expect(await troubles()).toEqual(["LOBBY_VC_ID", "VC_CATEGORY_ID"]);
    const { categoryId = "", lobbyId = "" } = matchSettingsOf(matchesConfigOf(env), GUILD);
    discord.addChannel("Matches", "", { id: categoryId, type: 4 });
    discord.addChannel("Lobby", "", { id: lobbyId, type: 2 });
    await sweep();
    later(READY_FRESH_MS);
    expect(await troubles()).toBeUndefined();
  });

  it("posts a trouble once, again after a day, and at once if the setting changes", async () => {
    const store = d1MatchTroubles(env.DB);
    const trouble = { guildId: `300${tests}`, kind: "staffRole", subject: "1" };
    const told = await Promise.all(Array.from({ length: 5 }, () => store.add(trouble, 10)));
    expect(told.filter(Boolean)).toHaveLength(1);
    expect(await store.add(trouble, 9 + TROUBLE_TOLD_AGAIN_MS)).toBe(false);
    expect(await store.add(trouble, 10 + TROUBLE_TOLD_AGAIN_MS)).toBe(true);
    expect(await store.add({ ...trouble, subject: "2" }, 11 + TROUBLE_TOLD_AGAIN_MS)).toBe(true);
    await store.remove(trouble.guildId, trouble.kind);
    const kinds = async (): Promise<string[]> =>
      (await store.all()).flatMap(({ guildId, kind }) =>
        guildId.startsWith(trouble.guildId) ? [kind] : [],
      );
    expect(await kinds()).toEqual([]);
    // All guilds share the key for FACEIT.
    for (const kind of ["faceitKey", "faceitDown", "moving"]) {
      for (const n of ["", "9"]) {
        await store.add({ guildId: trouble.guildId + n, kind, subject: "" }, 10);
      }
    }
    await store.remove(null, "faceitKey", "faceitDown");
    expect(await kinds()).toEqual(["moving", "moving"]);
  });

  it("deletes channels that no match owns, and keeps all others", async () => {
    await ready();
    const [mine] = ours();
    const foreign = discord.addChannel(`${ownPrefix}faction1`);
    const general = addOurs("general");
    const twice = addOurs(mine?.name ?? "");
    const nobodys = addOurs("match-00000000-faction2");
    await sweep();
    expect([twice, nobodys].map((id) => discord.channels.has(id))).toEqual([false, false]);
    expect([foreign, general].map((id) => discord.channels.has(id))).toEqual([true, true]);
    for (const { voice_channel_id: id } of await rows())
      expect(discord.channels.has(id)).toBe(true);
  });

  it("waits for a channel that is still young", async () => {
    const now = String((BigInt(Date.now()) - DISCORD_EPOCH_MS) << 22n);
    const young = addOurs("match-00000000-faction2", now);
    await sweep();
    expect(discord.channels.has(young)).toBe(true);
    later(ORPHAN_MIN_AGE_MS + 1_000);
    await sweep();
    expect(discord.channels.has(young)).toBe(false);
  });

  it("keeps a row that was inserted by hand, and its channel", async () => {
    const channelId = addOurs("match-00000000-faction1");
    await env.DB.prepare(
      "INSERT INTO active_matches (match_id, faction, voice_channel_id) VALUES (?, 'faction1', ?)",
    )
      .bind(matchId, channelId)
      .run();
    await sweep();
    expect(discord.channels.has(channelId)).toBe(true);
    expect(await rows()).toEqual([{ faction: "faction1", voice_channel_id: channelId }]);
    // Every guild's sweep sees the row.
    await env.DB.prepare("DELETE FROM active_matches WHERE match_id = ?").bind(matchId).run();
  });

  it("deletes the rows and channels of a match that was forgotten", async () => {
    await ready();
    await runInDurableObject(room(), async (_, state) => state.storage.deleteAll());
    await evictDurableObject(room());
    await sweep();
    expect(ours()).toEqual([]);
    expect(await rows()).toEqual([]);
  });
});

describe("once an hour", () => {
  const hourly = async (): Promise<void> => {
    await worker.scheduled(createScheduledController(), env);
  };

  it("channels that no match owns are deleted, also when no match is live", async () => {
    const id = discord.addChannel("match-00000000-faction1");
    const channel = discord.channels.get(id);
    if (channel === undefined) throw new Error("no channel");
    const bot = { id: "42", type: 1, allow: "17826832", deny: "0" };
    discord.channels.set(id, { ...channel, type: 2, overwrites: [bot] });
    await hourly();
    expect(discord.channels.has(id)).toBe(false);
  });

  it("every guild is swept, also after one whose hub fails", async () => {
    const asked: string[] = [];
    const hubs = {
      getByName: (guildId: string) => {
        asked.push(guildId);
        if (guildId === GUILD) throw new Error("broken");
        return env.HUB.getByName(guildId);
      },
    } as typeof env.HUB;
    const served = { ...env, HUB: hubs, FACEIT_ORGANIZERS: "a=3001,b=3002" };
    await tidyMatches(served);
    expect(asked).toEqual([GUILD, "3001", "3002"]);
  });

  it("a match that lost its state gets it back before its channels are swept", async () => {
    await ready();
    const before = new Set(discord.channels.keys());
    await runInDurableObject(room(), async (_, state) => state.storage.deleteAll());
    await evictDurableObject(room());
    await hourly();
    expect(new Set(discord.channels.keys())).toEqual(before);
    expect(await rows()).toHaveLength(2);
    expect(await room().look(false)).toBe("looks");
  });

  it("ended matches and the audit of links are deleted after their retention, not before", async () => {
    await ready();
    faceit.advance("FINISHED");
    await sendOk("match_status_finished");
    await workUntil(() => ours().length === 0);
    await vi.waitUntil(
      async () => (await d1Matches(env.DB).get(GUILD, matchId))?.state === "ended",
      SOON,
    );
    const traces = async (): Promise<number> =>
      (await env.DB.prepare("SELECT count(*) AS n FROM link_audit").first<number>("n")) ?? -1;
    later(MATCH_KEEP_MS - MINUTE);
    await hourly();
    expect(await d1Matches(env.DB).get(GUILD, matchId)).not.toBeNull();
    later(2 * MINUTE);
    await hourly();
    expect(await d1Matches(env.DB).get(GUILD, matchId)).toBeNull();
    expect(await traces()).toBeGreaterThan(0);
    later(LINK_AUDIT_KEEP_MS);
    await hourly();
    expect(await traces()).toBe(0);
  });

  it("the audit of links is deleted after its retention where there are no webhooks, too", async () => {
    const none = { FACEIT_WEBHOOK_SECRET: undefined, FACEIT_WEBHOOK_SECRET_PREVIOUS: undefined };
    const traces = async (): Promise<number> =>
      (await env.DB.prepare("SELECT count(*) AS n FROM link_audit").first<number>("n")) ?? -1;
    expect(await traces()).toBeGreaterThan(0);
    later(LINK_AUDIT_KEEP_MS + MINUTE);
    await tidyMatches({ ...env, ...none });
    expect(await traces()).toBe(0);
  });
});
