import {
  applyD1Migrations,
  evictDurableObject,
  listDurableObjectIds,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { GUILD_HUBS } from "../../hub/guild-kind.ts";
import { hubPublisher } from "../../hub/hub-client.ts";
import type { IncomingEvent } from "../../hub/publisher.ts";
import { SnapshotFrame } from "../../protocol/frames.ts";
import {
  MATCHES_PAGE_MAX,
  MATCH_TOMBSTONE_MS,
  SNAPSHOT_MATCHES_MAX,
} from "../../protocol/limits.ts";
import { Match } from "../../protocol/match.ts";
import { GuildSnapshot } from "../../protocol/signed-events.ts";
import { FakeDiscord } from "../../testing/discord.ts";
import { testMatch, testPlayer, testSide } from "../../testing/match.ts";
import { SOON } from "../../testing/soon.ts";
import { testProvider, type TestProvider } from "../../testing/tokens.ts";
import {
  callAs,
  callWorker,
  mockOutside,
  streamAs,
  type StreamClient,
} from "../../testing/worker.ts";
import { d1PlayerLinks } from "./adapters/d1-links.ts";
import { d1Matches } from "./adapters/d1-matches.ts";
import { hubMatches } from "./hub-commands.ts";
import { SWEEP_EVERY_MS } from "./hub/put-match.ts";
import type { ActiveRoom, PlayerLink } from "./ports.ts";
import { MatchRoom } from "./room/match-room.ts";

const store = d1Matches(env.DB);
const links = d1PlayerLinks(env.DB);
const publisher = hubPublisher(GUILD_HUBS, env);
const matchesHub = hubMatches(publisher);

let provider: TestProvider;
let tests = 0;
/** Each test has its own guild and match. */
let guildId = "";
let matchId = "";

beforeAll(async () => {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
  provider = await testProvider();
});

beforeEach(() => {
  tests += 1;
  guildId = `3000${tests}`;
  matchId = `1-match-${tests}`;
  const discord = new FakeDiscord();
  mockOutside(provider, (request) => discord.answer(request));
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

// Matches that a sweep revived would go on asking FACEIT and could keep the run from ending.
afterAll(async () => {
  for (const id of await listDurableObjectIds(env.MATCH)) {
    await runInDurableObject(env.MATCH.get(id), async (_, state) => {
      await state.storage.deleteAlarm();
      await state.storage.deleteAll();
    });
  }
});

const tokenFor = (claims: Record<string, unknown> = { guilds: [guildId] }): Promise<string> =>
  provider.mint({ sub: `reader-${tests}`, ...claims });

describe("links in D1", () => {
  const link = (
    discordId: string,
    faceitId: string,
    more: Partial<PlayerLink> = {},
  ): PlayerLink => ({
    discordId: `${tests}${discordId}`,
    faceitId: `f${tests}-${faceitId}`,
    nickname: `nick ${faceitId}`,
    verifiedMethod: "oauth",
    linkedAt: 1_000,
    ...more,
  });
  const manual = { verifiedMethod: "manual" } as const;
  const put = (one: PlayerLink, by = one.discordId) => links.put(one, by);
  const linked = { kind: "linked", replaced: null, takenFrom: null };

  async function audit(): Promise<string[]> {
    const { results } = await env.DB.prepare(
      `SELECT action, discord_id, faceit_id, verified_method, by_discord_id FROM link_audit
       WHERE discord_id LIKE ? ORDER BY rowid`,
    )
      .bind(`${tests}%`)
      .all<Record<string, string>>();
    return results.map((row) => Object.values(row).join(" "));
  }

  it("are written, found from both sides, and audited", async () => {
    const one = link("01", "a");
    expect(await put(one)).toEqual(linked);
    expect(await links.ofDiscord(one.discordId)).toEqual(one);
    expect(await links.ofPlayers([one.faceitId, "nobody"])).toEqual([one]);
    expect(await links.ofDiscord("nobody")).toBeNull();
    expect(await links.ofPlayers([])).toEqual([]);
    expect(await put({ ...one, nickname: "new name", linkedAt: 2_000 })).toEqual(linked);
    expect(await links.ofDiscord(one.discordId)).toMatchObject({ nickname: "new name" });
    expect(await audit()).toEqual([
      `linked ${one.discordId} ${one.faceitId} oauth ${one.discordId}`,
    ]);
  });

  it("are found among more players than a statement may have parameters", async () => {
    const both = [link("01", "a"), link("02", "b")];
    await Promise.all(both.map((one) => put(one)));
    const nobody = Array.from({ length: 120 }, (_, n) => `nobody-${n}`);
    const found = await links.ofPlayers([...nobody, ...both.map(({ faceitId }) => faceitId)]);
    expect(found).toEqual(expect.arrayContaining(both));
    expect(found).toHaveLength(2);
  });

  it("move to another account of the same person", async () => {
    const before = link("01", "a");
    await put(before);
    const now = link("01", "b", { linkedAt: 2_000 });
    expect(await put(now)).toEqual({ ...linked, replaced: before.faceitId });
    expect(await links.ofDiscord(now.discordId)).toEqual(now);
    expect(await links.ofPlayers([before.faceitId])).toEqual([]);
    expect((await audit()).slice(1)).toEqual([
      `replaced ${before.discordId} ${before.faceitId} oauth ${before.discordId}`,
      `linked ${now.discordId} ${now.faceitId} oauth ${now.discordId}`,
    ]);
  });

  it("move to the user with the newest proof, and replace the older links on both sides", async () => {
    const [old, own] = [link("01", "a"), link("02", "b")];
    await put(old);
    await put(own);
    const now = link("02", "a", { linkedAt: 3_000 });
    expect(await put(now)).toEqual({
      kind: "linked",
      replaced: own.faceitId,
      takenFrom: old.discordId,
    });
    expect(await links.ofDiscord(old.discordId)).toBeNull();
    expect(await links.ofPlayers([old.faceitId, own.faceitId])).toEqual([now]);
    expect((await audit()).slice(2)).toEqual([
      `taken_over ${old.discordId} ${old.faceitId} oauth ${now.discordId}`,
      `replaced ${own.discordId} ${own.faceitId} oauth ${now.discordId}`,
      `linked ${now.discordId} ${now.faceitId} oauth ${now.discordId}`,
    ]);
  });

  it("registered by hand never replace a proven link, and are not audited then", async () => {
    const [proven, other] = [link("01", "a"), link("02", "b", manual)];
    await put(proven);
    await put(other, "9");
    const before = await audit();
    // Another person's account, and another account of a person with a proven link.
    for (const refused of [
      link("02", "a", manual),
      link("01", "c", manual),
      link("01", "b", manual),
    ]) {
      expect(await put(refused, "9")).toEqual({ kind: "proven_by_other" });
    }
    expect(await links.ofDiscord(proven.discordId)).toEqual(proven);
    expect(await links.ofDiscord(other.discordId)).toEqual(other);
    // A proven link stays proven when the same link is registered by hand.
    expect(await put({ ...proven, ...manual, linkedAt: 9_000 }, "9")).toEqual(linked);
    expect(await links.ofDiscord(proven.discordId)).toEqual(proven);
    expect(await audit()).toEqual(before);
  });

  it("registered by hand are replaced by newer ones and by a proof", async () => {
    const first = link("01", "a", manual);
    await put(first, "9");
    const second = link("02", "a", manual);
    expect(await put(second, "9")).toMatchObject({ takenFrom: first.discordId });
    const proof = link("02", "a");
    expect(await put(proof)).toEqual(linked);
    expect(await links.ofDiscord(proof.discordId)).toEqual(proof);
    expect((await audit()).at(-1)).toBe(
      `linked ${proof.discordId} ${proof.faceitId} oauth ${proof.discordId}`,
    );
  });

  it("are removed once, and that is audited", async () => {
    const one = link("01", "a");
    await put(one);
    const removed = await Promise.all(
      Array.from({ length: 5 }, () => links.remove(one.discordId, "9", 5_000)),
    );
    expect(removed.filter((gone) => gone !== null)).toEqual([one]);
    expect(await links.ofDiscord(one.discordId)).toBeNull();
    expect((await audit()).slice(1)).toEqual([`unlinked ${one.discordId} ${one.faceitId} oauth 9`]);
  });

  it("stay one for each person and each account when twenty are written at once", async () => {
    const all = [
      // Ten people prove one account, one person proves ten, and each link is written twice.
      ...Array.from({ length: 10 }, (_, n) => link(`1${n}`, "wanted")),
      ...Array.from({ length: 10 }, (_, n) => link("10", `account-${n}`)),
    ];
    const outcomes = await Promise.all(all.map((one) => put(one)));
    expect(outcomes.every(({ kind }) => kind === "linked")).toBe(true);
    const { results } = await env.DB.prepare("SELECT * FROM player_links WHERE faceit_id LIKE ?")
      .bind(`f${tests}-%`)
      .all<{ discord_id: string; faceit_id: string }>();
    const people = results.map((row) => row.discord_id);
    const accounts = results.map((row) => row.faceit_id);
    expect(new Set(people).size).toBe(people.length);
    expect(new Set(accounts).size).toBe(accounts.length);
    // Every link that was written and is gone again was replaced, taken over, or both.
    const written = await audit();
    const count = (action: string): number =>
      written.filter((row) => row.startsWith(action)).length;
    expect(count("linked") - count("taken_over") - count("replaced")).toBe(results.length);
  });
});

describe("matches in D1", () => {
  it("keep the newest revision when an older one comes late", async () => {
    const second = testMatch(matchId, guildId, { revision: 2, status: "ONGOING" });
    await store.write(second);
    await store.write(testMatch(matchId, guildId, { revision: 1 }));
    await store.write(testMatch(matchId, guildId, { revision: 2, status: "VOTING" }));
    expect(await store.get(guildId, matchId)).toEqual(second);
    await store.write(testMatch(matchId, guildId, { revision: 3, state: "ended" }));
    expect(await store.get(guildId, matchId)).toMatchObject({ state: "ended", revision: 3 });
    expect(await store.get("999", matchId)).toBeNull();
  });

  it("do not store who is in voice", async () => {
    const side = testSide("aurora", { inVoice: ["200"] });
    await store.write(testMatch(matchId, guildId, { factions: { faction1: side } }));
    expect((await store.get(guildId, matchId))?.factions.faction1.inVoice).toEqual([]);
  });

  it("are found by their players while they are live", async () => {
    const players = [testPlayer(`p-${tests}`), testPlayer("y")];
    const side = testSide("aurora", { players: [testPlayer("x")] });
    const factions = { faction1: side, faction2: testSide("borealis", { players }) };
    await store.write(testMatch(matchId, guildId, { factions }));
    await store.write(testMatch(`${matchId}-b`, guildId, { factions, state: "ended" }));
    const many = Array.from({ length: 200 }, (_, n) => `nobody-${n}`);
    expect(await store.liveMatchesOf([...many, `p-${tests}`])).toEqual([matchId]);
    expect(await store.liveMatchesOf(['"]) or (1=1 --', "'"])).toEqual([]);
    expect(await store.liveMatchesOf(many)).toEqual([]);
    expect(await store.liveMatchesOf([])).toEqual([]);
  });

  const side = (more: Partial<ActiveRoom & { readonly guildId: string }> = {}) => ({
    matchId,
    faction: "faction1" as const,
    channelId: null,
    channelName: `match-${tests}-faction1`,
    guildId,
    ...more,
  });

  it("reserve the name of a channel, so that no other side in the guild can get it", async () => {
    expect(await store.reserve(side(), 5)).toBe("ours");
    expect(await store.reserve(side(), 6)).toBe("ours");
    const other = `${matchId}-b`;
    expect(await store.reserve(side({ matchId: other }), 7)).toBe("taken");
    expect(await store.reserve(side({ faction: "faction2" }), 7)).toBe("taken");
    expect(await store.reserve({ ...side({ matchId: other }), guildId: `${guildId}9` }, 7)).toBe(
      "ours",
    );
    await store.opened(matchId, "faction1", "77");
    expect(await store.reserve(side(), 8)).toBe("ours");
    expect(await store.roomsOf(guildId)).toEqual([side({ channelId: "77" })]);
    // A side that reserves another name keeps its channel.
    expect(await store.reserve(side({ channelName: `longer-${tests}` }), 9)).toBe("ours");
    expect(await store.roomsOf(guildId)).toMatchObject([
      { channelId: "77", channelName: `longer-${tests}` },
    ]);
    await store.released(matchId, "faction1");
    await store.released(matchId, "faction1");
    expect(await store.roomsOf(guildId)).toEqual([]);
    await store.opened(matchId, "faction1", "77");
    expect(await store.roomsOf(guildId)).toEqual([]);
    expect(await store.reserve(side({ matchId: other }), 10)).toBe("ours");
  });

  it("give a name to one side when twenty ask at once", async () => {
    const asked = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        store.reserve(side({ matchId: `${matchId}-${n % 10}` }), n),
      ),
    );
    // Each of the ten sides asked twice, so the side with the name got it twice.
    expect(asked.filter((answer) => answer === "ours")).toHaveLength(2);
    expect(await store.roomsOf(guildId)).toHaveLength(1);
  });
});

describe("the tables by the seed's own columns", () => {
  // Their rows have no guild, so every guild's sweep sees them.
  afterEach(() => env.DB.prepare("DELETE FROM active_matches WHERE guild_id IS NULL").run());

  const run = (sql: string, ...values: readonly string[]) =>
    env.DB.prepare(sql)
      .bind(...values)
      .all();

  it("store a match's channels, one per side, find them and delete them", async () => {
    const upsert = `INSERT INTO active_matches (match_id, faction, voice_channel_id) VALUES (?, ?, ?)
      ON CONFLICT (match_id, faction) DO UPDATE SET voice_channel_id = excluded.voice_channel_id`;
    await run(upsert, matchId, "faction1", "7001");
    await run(upsert, matchId, "faction2", "7002");
    await run(upsert, `${matchId}-other`, "faction1", "7003");
    await run(upsert, matchId, "faction2", "7004");
    const select =
      "SELECT faction, voice_channel_id, created_at FROM active_matches WHERE match_id = ?";
    const { results } = await run(`${select} ORDER BY faction`, matchId);
    expect(results.map((row) => [row["faction"], row["voice_channel_id"]])).toEqual([
      ["faction1", "7001"],
      ["faction2", "7004"],
    ]);
    const age = Date.now() - z.number().parse(results[0]?.["created_at"]);
    expect(Math.abs(age)).toBeLessThan(60_000);
    const again =
      "INSERT INTO active_matches (match_id, faction, voice_channel_id) VALUES (?, ?, ?)";
    await expect(run(again, matchId, "faction1", "7005")).rejects.toThrow(/UNIQUE/);

    await run("DELETE FROM active_matches WHERE match_id = ? AND faction = ?", matchId, "faction1");
    expect((await run(select, matchId)).results).toHaveLength(1);
    await run("DELETE FROM active_matches WHERE match_id = ?", matchId);
    expect((await run(select, matchId)).results).toEqual([]);
  });

  it("have channels that no guild's sweep deletes", async () => {
    const insert =
      "INSERT INTO active_matches (match_id, faction, voice_channel_id) VALUES (?, ?, ?)";
    await run(insert, matchId, "faction1", "7006");
    for (const guild of [guildId, "1"]) {
      expect((await store.roomsOf(guild)).filter((row) => row.matchId === matchId)).toEqual([
        { matchId, faction: "faction1", guildId: null, channelId: "7006", channelName: "" },
      ]);
    }
    // The match takes the row over and gives it a name.
    const room = {
      matchId,
      faction: "faction1",
      guildId,
      channelId: null,
      channelName: "match-x",
    } as const;
    expect(await store.reserve(room, 5)).toBe("ours");
    expect((await store.roomsOf("1")).filter((row) => row.matchId === matchId)).toEqual([]);
    expect(await store.roomsOf(guildId)).toEqual([{ ...room, channelId: "7006" }]);
  });

  it("store a link of two ids, which counts as proven by OAuth", async () => {
    const [discordId, faceitId] = [`${tests}8001`, `f-${tests}`];
    const upsert = `INSERT INTO player_links (discord_id, faceit_id) VALUES (?, ?)
      ON CONFLICT (discord_id) DO UPDATE SET faceit_id = excluded.faceit_id`;
    await run(upsert, discordId, "somebody else");
    await run(upsert, discordId, faceitId);
    const link = await links.ofDiscord(discordId);
    expect(link).toMatchObject({ discordId, faceitId, nickname: "", verifiedMethod: "oauth" });
    expect(Math.abs(Date.now() - (link?.linkedAt ?? 0))).toBeLessThan(60_000);
    await expect(run(upsert, `${tests}8002`, faceitId)).rejects.toThrow(/UNIQUE/);
  });

  it("keep their rows through the migration that rebuilds them", async () => {
    const room = {
      matchId,
      faction: "faction2",
      guildId,
      channelId: "7007",
      channelName: "match-y",
    } as const;
    await store.reserve(room, 5);
    const link: PlayerLink = {
      discordId: `${tests}8003`,
      faceitId: `f-${tests}`,
      nickname: "n",
      verifiedMethod: "manual",
      linkedAt: 7,
    };
    await links.put(link, link.discordId);
    const migration = env.TEST_MIGRATIONS.find(({ name }) => name.includes("seed_columns"));
    if (migration === undefined) throw new Error("the migration is not there");
    for (const query of migration.queries) await env.DB.prepare(query).run();
    expect(await store.roomsOf(guildId)).toEqual([room]);
    expect(await links.ofDiscord(link.discordId)).toEqual(link);
    const taken = await store.reserve({ ...room, matchId: `${matchId}-other` }, 5);
    expect(taken).toBe("taken");
  });
});

describe("GET /matches", () => {
  const Page = z.object({ matches: z.array(Match), nextCursor: z.string().nullable() });
  const get = async (query = "", token?: string) =>
    callAs(token ?? (await tokenFor()), "GET", `/matches?guildId=${guildId}${query}`);
  const page = async (query = "") => Page.parse(await (await get(query)).json());
  const ids = ({ matches }: z.infer<typeof Page>) => matches.map((one) => one.matchId);
  const at = (minute: number): string => `2026-11-20T19:0${minute}:00.000Z`;

  it("has the guild's matches, newest first, page by page, each once", async () => {
    // Several began in the same millisecond, and a page may end between them.
    const times = [1, 2, 2, 2, 3];
    await Promise.all(
      times.map((minute, n) =>
        store.write(testMatch(`${matchId}-${n}`, guildId, { createdAt: at(minute) })),
      ),
    );
    await store.write(testMatch(`${matchId}-over`, guildId, { state: "ended" }));
    await store.write(testMatch(`${matchId}-other`, `${guildId}9`));
    const all = [4, 3, 2, 1, 0].map((n) => `${matchId}-${n}`);
    expect(ids(await page())).toEqual(all);
    expect((await page("&limit=5")).nextCursor).toBeNull();
    const seen: string[] = [];
    let cursor = "";
    for (let pages = 0; pages < 3; pages += 1) {
      const part = await page(`&limit=2${cursor}`);
      seen.push(...ids(part));
      cursor = part.nextCursor === null ? "" : `&cursor=${encodeURIComponent(part.nextCursor)}`;
    }
    expect(seen).toEqual(all);
    expect(cursor).toBe("");
    expect(ids(await page("&state=ended"))).toEqual([`${matchId}-over`]);
  });

  it("shows who is in voice for live matches", async () => {
    const factions = { faction1: testSide("aurora", { room: { channelId: "71", name: "x" } }) };
    const record = testMatch(matchId, guildId, { factions });
    await store.write(record);
    await matchesHub.put(record);
    await publisher.ingest(guildId, [joined("71", "200"), joined("72", "201")]);
    const [match] = (await page()).matches;
    expect(match?.factions.faction1.inVoice).toEqual(["200"]);
    const one = await callAs(await tokenFor(), "GET", `/matches/${matchId}?guildId=${guildId}`);
    expect(Match.parse(await one.json())).toEqual(match);
  });

  it("refuses a guild that the token does not list, and an invalid query", async () => {
    const foreign = await tokenFor({ guilds: ["1"] });
    for (const path of [`/matches?guildId=${guildId}`, `/matches/${matchId}?guildId=${guildId}`]) {
      const refused = await callAs(foreign, "GET", path);
      expect([refused.status, (await refused.json<{ code: string }>()).code]).toEqual([
        403,
        "forbidden_guild",
      ]);
      expect((await callWorker(path)).status).toBe(401);
    }
    const bad = [
      "&limit=0",
      "&limit=0x10",
      `&limit=${MATCHES_PAGE_MAX + 1}`,
      "&state=open",
      "&cursor=x",
      "&cursor=1.%27",
    ];
    for (const query of bad) expect((await get(query)).status).toBe(400);
    expect((await get(`&limit=${MATCHES_PAGE_MAX}`)).status).toBe(200);
    // Without the claim a token is for the primary guild only.
    await store.write(testMatch(matchId, guildId));
    const primary = await get("", await tokenFor({}));
    expect(ids(Page.parse(await primary.json()))).not.toContain(matchId);
  });

  it("does not know a match of another guild", async () => {
    await store.write(testMatch(matchId, guildId));
    const token = await tokenFor({ guilds: [guildId, `${guildId}9`] });
    const found = await callAs(token, "GET", `/matches/${matchId}?guildId=${guildId}`);
    expect(Match.parse(await found.json())).toMatchObject({ matchId, guildId });
    for (const path of [
      `/matches/${matchId}?guildId=${guildId}9`,
      `/matches/nope?guildId=${guildId}`,
    ]) {
      const missing = await callAs(token, "GET", path);
      expect([missing.status, (await missing.json<{ code: string }>()).code]).toEqual([
        404,
        "match_not_found",
      ]);
    }
    const odd = await callAs(token, "GET", `/matches/${"x".repeat(65)}?guildId=${guildId}`);
    expect(odd.status).toBe(400);
  });
});

const joined = (channelId: string, userId: string, user?: object): IncomingEvent => ({
  event: "voice.joined",
  payload: { guildId, channelId, userId, ...(user && { user }) },
});
const left = (channelId: string, userId: string): IncomingEvent => ({
  event: "voice.left",
  payload: { guildId, channelId, userId },
});

describe("matches in the guild's hub", () => {
  // The match objects have no state of these matches, so a wake by the hub would end them.
  const keepMatches = () => vi.spyOn(MatchRoom.prototype, "look").mockResolvedValue("looks");
  beforeEach(() => void keepMatches());

  const hub = () => env.HUB.get(env.HUB.idFromName(guildId));
  const LOBBY = "60";
  const [ROOM1, ROOM2] = ["71", "72"];
  const roomOf = (channelId: string) => ({ channelId, name: `match-${channelId}` });
  type Side = Partial<Match["factions"]["faction1"]>;
  /** Both sides with a linked player, 201 and 202, and with their channels. */
  const both = (first: Side = {}, second: Side = {}) => ({
    faction1: testSide("aurora", {
      players: [testPlayer("a", "201")],
      room: roomOf(ROOM1),
      ...first,
    }),
    faction2: testSide("borealis", {
      players: [testPlayer("b", "202")],
      room: roomOf(ROOM2),
      ...second,
    }),
  });
  const roomless = both({ room: null }, { room: null });
  const put = (revision: number, more: Parameters<typeof testMatch>[2] = {}) =>
    matchesHub.put(testMatch(matchId, guildId, { ...more, revision }));
  const ended = {
    state: "ended",
    status: "FINISHED",
    endedAt: "2026-11-20T20:00:00.000Z",
  } as const;
  const stream = async (): Promise<StreamClient> =>
    streamAs(await tokenFor(), undefined, { guildId });
  const names = (client: StreamClient): string[] => client.events.map(({ event }) => event);

  /** Lets the hub do what is due after this time. */
  async function later(ms: number): Promise<void> {
    const to = Date.now() + ms;
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(to);
    await runDurableObjectAlarm(hub());
  }

  async function sleep(): Promise<void> {
    await hub().status();
    await evictDurableObject(hub());
  }

  it("publishes a match's events once and in order, also through evictions of the hub", async () => {
    const client = await stream();
    const first = testMatch(matchId, guildId);
    await matchesHub.put(first);
    await matchesHub.put(first);
    await sleep();
    await put(2, { factions: both() });
    await put(1, { status: "VOTING" });
    await put(3, { factions: both(), status: "ONGOING" });
    await put(3, { factions: both(), status: "VOTING" });
    await sleep();
    await put(4, { factions: both(), ...ended });
    await put(5, { factions: roomless, ...ended });
    await put(6, { factions: roomless, ...ended, demoUrl: "https://demos.example.invalid/1" });
    await put(7, { factions: roomless, status: "ONGOING" });
    await client.until(({ events }) => events.length >= 10);
    expect(names(client)).toEqual([
      "match.created",
      // Players are linked too, so the match's own event is needed.
      "match.updated",
      "match.room.created",
      "match.room.created",
      "match.updated",
      "match.ended",
      "match.room.deleted",
      "match.room.deleted",
      "match.updated",
      "match.updated",
    ]);
    expect(client.events[0]?.payload).toEqual({ guildId, match: first });
    expect(client.events[2]?.payload).toEqual({
      guildId,
      matchId,
      faction: "faction1",
      channelId: ROOM1,
      name: `match-${ROOM1}`,
    });
    client.close();
  });

  it("publishes nothing of a match that had ended when it became known, until it is reopened", async () => {
    const client = await stream();
    await put(1, ended);
    await put(2, { ...ended, demoUrl: "https://demos.example.invalid/1" });
    await put(3);
    await client.until(({ events }) => events.length >= 1);
    expect(names(client)).toEqual(["match.created"]);
    client.close();
  });

  it("publishes a revision once when it is put twenty times at once", async () => {
    const client = await stream();
    await Promise.all(Array.from({ length: 20 }, () => put(1)));
    await put(2, ended);
    await client.until(({ events }) => events.length >= 2);
    expect(names(client)).toEqual(["match.created", "match.ended"]);
    client.close();
  });

  it("keeps an ended match for its time, and then deletes it", async () => {
    const isShown = async (): Promise<boolean> => {
      const client = await stream();
      client.close();
      return client.of("snapshot").some(({ matches = [] }) => matches.length > 0);
    };
    await put(5, ended);
    await put(4);
    await later(MATCH_TOMBSTONE_MS - 60_000);
    await put(4);
    expect(await isShown()).toBe(false);
    await later(60_000);
    await put(4);
    expect(await isShown()).toBe(true);
  });

  it("refuses a match of another guild", async () => {
    const foreign = testMatch(matchId, `${guildId}9`);
    await runInDurableObject(hub(), async (object) => {
      await expect(object.command("matches.put", foreign)).rejects.toThrow("another guild");
    });
  });

  it("has the newest live matches in the snapshot, and no `matches` without one", async () => {
    const snapshotOf = async () => {
      const client = await stream();
      const [frame] = client.of("snapshot");
      client.close();
      return SnapshotFrame.parse(frame);
    };
    expect(await snapshotOf()).not.toHaveProperty("matches");
    await put(1, { factions: both(), createdAt: "2026-11-20T19:59:00.000Z" });
    await publisher.ingest(guildId, [joined(ROOM1, "201")]);
    const many = Array.from({ length: SNAPSHOT_MATCHES_MAX }, (_, n) => `${matchId}-${n}`);
    const older = "2026-11-20T19:30:00.000Z";
    await Promise.all(
      many.map((id) => matchesHub.put(testMatch(id, guildId, { createdAt: older }))),
    );
    await sleep();
    const { matches = [] } = await snapshotOf();
    expect(matches).toHaveLength(SNAPSHOT_MATCHES_MAX);
    expect(matches[0]).toMatchObject({ matchId, factions: { faction1: { inVoice: ["201"] } } });
    for (const id of [matchId, ...many])
      await matchesHub.put(testMatch(id, guildId, { ...ended, revision: 9 }));
    expect(await snapshotOf()).not.toHaveProperty("matches");
  });

  it("knows who is in which channel, through moves, deletions, snapshots and evictions", async () => {
    const where = async () => {
      const users = await matchesHub.whereabouts(guildId, ["201", "202", "203"]);
      return Object.fromEntries(users.map(({ userId, channelId }) => [userId, channelId]));
    };
    await put(1, { factions: both() });
    await publisher.ingest(guildId, [joined(LOBBY, "201"), joined(LOBBY, "202")]);
    await publisher.ingest(guildId, [left(LOBBY, "201"), joined(ROOM1, "201")]);
    // Late: the user has joined another channel since.
    await publisher.ingest(guildId, [left(LOBBY, "201")]);
    await sleep();
    expect(await where()).toEqual({ "201": ROOM1, "202": LOBBY });
    const voice = await matchesHub.inVoice(guildId, [matchId, "unknown"]);
    const sides = { faction1: ["201"], faction2: [], bots: [] };
    expect([...voice]).toEqual([
      [matchId, { ...sides, isKnown: false }],
      ["unknown", { faction1: [], faction2: [], bots: [], isKnown: false }],
    ]);
    const room: IncomingEvent = { event: "room.deleted", payload: { guildId, channelId: LOBBY } };
    await publisher.ingest(guildId, [room]);
    expect(await where()).toEqual({ "201": ROOM1 });
    await publisher.ingest(guildId, [snapshotEvent([ROOM1, ROOM2], { "203": ROOM2 })]);
    expect(await where()).toEqual({ "203": ROOM2 });
    // Voice is known only while the gateway is connected and its snapshot was applied.
    const gateway = async (state: string, since: number): Promise<boolean | undefined> => {
      const payload = { guildId, state, since };
      await publisher.ingest(guildId, [{ event: "gateway.state", payload }]);
      await sleep();
      return (await matchesHub.inVoice(guildId, [matchId])).get(matchId)?.isKnown;
    };
    expect(await gateway("connected", 1)).toBe(true);
    expect(await gateway("down", 2)).toBe(false);
    expect(await gateway("connected", 3)).toBe(false);
    await publisher.ingest(guildId, [snapshotEvent([ROOM1, ROOM2], { "203": ROOM2 })]);
    expect(await gateway("connected", 3)).toBe(true);
    expect(await matchesHub.whereabouts(guildId, [])).toEqual([]);
  });

  it("knows which users in voice are bots once Discord has reported it", async () => {
    const inside = async () => (await matchesHub.inVoice(guildId, [matchId])).get(matchId);
    const bot = { name: "DJ", avatar: null, bot: true as const };
    await put(1, { factions: both() });
    await publisher.ingest(guildId, [joined(ROOM1, "800", bot), joined(ROOM2, "801")]);
    await sleep();
    expect(await inside()).toMatchObject({ faction1: ["800"], faction2: ["801"], bots: ["800"] });
    // An older container did not send this.
    const { event, payload } = snapshotEvent([ROOM1, ROOM2], {});
    const voiceStates = [{ userId: "801", channelId: ROOM2, user: bot }];
    await publisher.ingest(guildId, [{ event, payload: { ...payload, voiceStates } }]);
    expect(await inside()).toMatchObject({ faction1: [], faction2: ["801"], bots: ["801"] });
    await publisher.ingest(guildId, [left(ROOM2, "801"), joined(ROOM2, "801")]);
    expect(await inside()).toMatchObject({ faction2: ["801"], bots: [] });
  });

  function snapshotEvent(
    channels: readonly string[],
    voice: Record<string, string>,
  ): IncomingEvent {
    const payload = GuildSnapshot.parse({
      guildId,
      channels: channels.map((channelId) => ({ channelId, name: channelId, userLimit: 0 })),
      voiceStates: Object.entries(voice).map(([userId, channelId]) => ({ userId, channelId })),
    });
    return { event: "guild.snapshot", payload };
  }

  it("publishes the whole match when somebody was in its channel before the channel was known", async () => {
    const client = await stream();
    await put(1, { factions: roomless });
    await publisher.ingest(guildId, [joined(ROOM1, "201")]);
    await put(2, { factions: both({}, { room: null }) });
    await client.until(({ events }) => events.length >= 4);
    expect(names(client)).toEqual([
      "match.created",
      "voice.joined",
      "match.updated",
      "match.room.created",
    ]);
    expect(client.events[2]?.payload).toMatchObject({
      match: { factions: { faction1: { inVoice: ["201"] } } },
    });
    client.close();
  });

  describe("wakes a match", () => {
    /** The matches that were woken, and whether their channels may have been deleted. */
    async function looksAfter(...events: readonly IncomingEvent[]): Promise<string[]> {
      const looked: string[] = [];
      const spy = vi.spyOn(MatchRoom.prototype, "look").mockImplementation(async function (
        this: MatchRoom,
        channels,
      ) {
        const { ctx } = this as unknown as { ctx: DurableObjectState };
        // Hubs of other guilds wake their matches at their own times.
        const name = ctx.id.name ?? "";
        const isOwn = name === matchId || name.startsWith(`${matchId}-`);
        if (isOwn) looked.push(`${name}${channels ? " channels" : ""}`);
        return "looks";
      });
      await publisher.ingest(guildId, events);
      await runDurableObjectAlarm(hub());
      await vi.waitUntil(async () => !(await tasks()).some((key) => /look|check/.test(key)), SOON);
      spy.mockRestore();
      keepMatches();
      return looked;
    }
    const tasks = () =>
      runInDurableObject(hub(), (_, state) =>
        state.storage.sql
          .exec<{ key: string }>("SELECT key FROM tasks")
          .toArray()
          .map(({ key }) => key),
      );

    it("when a linked player joins or leaves voice, except for their own side's channel", async () => {
      await put(1, { factions: both() });
      expect(await looksAfter(joined(LOBBY, "201"))).toEqual([matchId]);
      expect(await looksAfter(joined(LOBBY, "999"))).toEqual([]);
      expect(await looksAfter(left(LOBBY, "201"))).toEqual([matchId]);
      expect(await looksAfter(joined(ROOM1, "201"))).toEqual([]);
      expect(await looksAfter(left(ROOM1, "201"))).toEqual([]);
      // The other side's channel is not the player's own.
      expect(await looksAfter(joined(ROOM2, "201"))).toEqual([matchId]);
      await put(2, { factions: both(), ...ended });
      expect(await looksAfter(left(ROOM2, "201"))).toEqual([]);
    });

    it("when its channel was deleted, or is missing in a snapshot", async () => {
      await put(1, { factions: both() });
      const deleted = (channelId: string): IncomingEvent => ({
        event: "room.deleted",
        payload: { guildId, channelId },
      });
      expect(await looksAfter(deleted(LOBBY))).toEqual([]);
      expect(await looksAfter(deleted(ROOM2))).toEqual([`${matchId} channels`]);
      expect(await looksAfter(snapshotEvent([ROOM1, ROOM2], {}))).toEqual([]);
      expect(await looksAfter(snapshotEvent([ROOM2, LOBBY], {}))).toEqual([`${matchId} channels`]);
      expect(await looksAfter(snapshotEvent([ROOM1, ROOM2], { "202": LOBBY }))).toEqual([matchId]);
      await put(2, { factions: both(), ...ended });
      expect(await looksAfter(deleted(ROOM1))).toEqual([]);
    });

    it("for each match of a player who plays in several, and on both sides of one", async () => {
      await put(1, { factions: both() });
      const other = `${matchId}-b`;
      const players = [testPlayer("a", "201")];
      const factions = {
        faction1: testSide("aurora", { players, room: roomOf("81") }),
        faction2: testSide("borealis", { players, room: roomOf("82") }),
      };
      await matchesHub.put(testMatch(other, guildId, { factions }));
      expect((await looksAfter(joined(LOBBY, "201"))).toSorted()).toEqual([matchId, other]);
      expect(await looksAfter(joined("82", "201"))).toContain(matchId);
      expect(await looksAfter(left("82", "201"))).toEqual([matchId]);
    });

    it("for a substitute and for a player who linked late", async () => {
      await put(1, { factions: both() });
      await put(2, { factions: both({ players: [testPlayer("c", "301")] }) });
      expect(await looksAfter(joined(LOBBY, "201"))).toEqual([]);
      expect(await looksAfter(joined(LOBBY, "301"))).toEqual([matchId]);
    });
  });

  describe("sweeps", () => {
    beforeEach(() => keepMatches().mockRestore());

    const sweepIn = async (): Promise<number | null> => {
      const at = await runInDurableObject(
        hub(),
        (_, state) =>
          state.storage.sql
            .exec<{ at: number }>("SELECT at FROM tasks WHERE key = 'matches/sweep'")
            .toArray()[0]?.at,
      );
      return at === undefined ? null : at - Date.now();
    };
    /** Whether it is due within this time, with a margin for the duration of the test. */
    const expectSweepIn = async (ms: number): Promise<void> => {
      const due = await sweepIn();
      expect(due).toBeGreaterThan(ms - 30_000);
      expect(due).toBeLessThanOrEqual(ms);
    };

    it("while matches are live, and once more after the last one", async () => {
      vi.spyOn(MatchRoom.prototype, "look").mockResolvedValue("looks");
      await hub().status();
      expect(await sweepIn()).toBeNull();
      await put(1);
      await expectSweepIn(SWEEP_EVERY_MS);
      // A later match does not postpone the sweep.
      await later(SWEEP_EVERY_MS / 2);
      await matchesHub.put(testMatch(`${matchId}-b`, guildId));
      await expectSweepIn(SWEEP_EVERY_MS / 2);
      await later(SWEEP_EVERY_MS / 2);
      await expectSweepIn(SWEEP_EVERY_MS);
      await sleep();
      await later(SWEEP_EVERY_MS / 2);
      await put(2, ended);
      await matchesHub.put(testMatch(`${matchId}-b`, guildId, { ...ended, revision: 2 }));
      // This sweep is too soon after the end: a channel made then may not be old enough.
      await later(SWEEP_EVERY_MS / 2);
      await expectSweepIn(SWEEP_EVERY_MS);
      await later(SWEEP_EVERY_MS);
      expect(await sweepIn()).toBeNull();
      await put(3);
      await expectSweepIn(SWEEP_EVERY_MS);
    });

    it("wakes live matches first, so that one that lost its storage is back", async () => {
      const revived: Match[] = [];
      vi.spyOn(MatchRoom.prototype, "revive").mockImplementation(async (record) => {
        if (record.matchId === matchId) revived.push(record);
      });
      await put(1);
      await matchesHub.put(testMatch(`${matchId}-b`, guildId, { ...ended }));
      await later(SWEEP_EVERY_MS);
      expect(revived).toEqual([testMatch(matchId, guildId, { revision: 1 })]);
    });
  });
});
