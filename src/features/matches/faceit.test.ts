import { afterEach, describe, expect, it, vi } from "vitest";
import { matchesConfigOf } from "./config.ts";
import {
  FACEIT_ANSWER_MAX_BYTES,
  FACEIT_TIMEOUT_MS,
  MATCH_PLAYERS_PER_SIDE_MAX,
  MATCH_DEMOS_MAX,
} from "../../protocol/limits.ts";
import { faceitApi } from "./adapters/http-faceit.ts";
import { httpsUrl } from "./faceit-match.ts";
import { readWebhook } from "./webhook.ts";

const MATCH_ID = "1-7c1f0a52-4b1e-4d0e-9a34-2f6d5b8e1c90";
const KEY = "a-key-that-must-not-leak";

function config(variables: Record<string, string> = {}) {
  return matchesConfigOf({
    PRIMARY_GUILD_ID: "100",
    HUB_SECRET: "0123456789abcdef0123456789abcdef",
    DISCORD_BOT_TOKEN: "bot-0123456789abcdef0123456789abcdef",
    JWT_ISSUER: "https://idp.test",
    JWT_AUDIENCE: "guildhub",
    JWT_PUBLIC_JWK_URL: "https://idp.test/jwks",
    WEB_ORIGIN: "https://a.test",
    FACEIT_API_KEY: KEY,
    FACEIT_API_URL: "https://faceit.test/data/v4",
    ...variables,
  });
}

const team = (name: string, ids: readonly string[], idName = "player_id") => ({
  name,
  roster: ids.map((id) => ({ [idName]: id, nickname: `nick ${id}`, game_skill_level: 7 })),
});

const READY = {
  match_id: MATCH_ID,
  version: 71,
  game: "cs2",
  region: "EU",
  competition_id: "hub",
  organizer_id: "org",
  competition_name: "Nordic Night Hub",
  status: "ready",
  best_of: 1,
  faceit_url: "https://www.faceit.com/{lang}/cs2/room/1",
  teams: { faction1: team("aurora", ["p1"]), faction2: team("borealis", ["p2"]) },
  voting: { map: { pick: ["de_inferno"] } },
};

/** A FACEIT double with these answers, in order. */
function answering(...answers: readonly (Response | Error)[]) {
  const left = [...answers];
  const asked: Request[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    asked.push(new Request(input, init));
    const next = left.shift();
    if (next === undefined || next instanceof Error) throw next ?? new TypeError("no more answers");
    return next;
  });
  return asked;
}

afterEach(() => vi.restoreAllMocks());

describe("the Data API (matches-and-music.md §A2)", () => {
  it("returns a match with both rosters", async () => {
    const asked = answering(Response.json(READY));
    expect(await faceitApi(config().faceit).match(MATCH_ID)).toEqual({
      ok: true,
      value: {
        matchId: MATCH_ID,
        owners: ["hub", "org"],
        version: 71,
        status: "READY",
        game: "cs2",
        region: "EU",
        competition: "Nordic Night Hub",
        map: "de_inferno",
        bestOf: 1,
        url: "https://www.faceit.com/en/cs2/room/1",
        demoUrl: null,
        demoUrls: [],
        scheduledAt: null,
        rosters: {
          faction1: {
            name: "aurora",
            players: [{ playerId: "p1", nickname: "nick p1", skillLevel: 7 }],
          },
          faction2: {
            name: "borealis",
            players: [{ playerId: "p2", nickname: "nick p2", skillLevel: 7 }],
          },
        },
      },
    });
    expect(asked[0]?.url).toBe(`https://faceit.test/data/v4/matches/${MATCH_ID}`);
    expect(asked[0]?.headers.get("Authorization")).toBe(`Bearer ${KEY}`);
  });

  it.each([
    ["no teams", { teams: {} }],
    [
      "one team without players",
      { teams: { faction1: team("a", ["p1"]), faction2: team("b", []) } },
    ],
    ["no teams at all", { teams: undefined }],
  ])("has no rosters while there are %s", async (_, change) => {
    answering(Response.json({ ...READY, ...change, status: "CHECK_IN", voting: undefined }));
    const match = await faceitApi(config().faceit).match(MATCH_ID);
    expect(match).toMatchObject({
      ok: true,
      value: { status: "CHECK_IN", rosters: null, map: null },
    });
  });

  it("reads unix seconds, a demo, and no more players than a side may have", async () => {
    const many = Array.from({ length: MATCH_PLAYERS_PER_SIDE_MAX + 1 }, (_, i) => `p${i}`);
    answering(
      Response.json({
        ...READY,
        status: "FINISHED",
        scheduled_at: 1_795_226_000,
        demo_url: [
          "https://demos.test/1.dem",
          "javascript:alert(1)",
          ...Array.from(
            { length: 2 * MATCH_DEMOS_MAX },
            (_, i) => `https://demos.test/${1 + (i >> 1)}.dem`,
          ),
          "https://demos.test/last.dem",
        ],
        teams: { ...READY.teams, faction1: team("a", [...many, "not an id!", "p0"]) },
      }),
    );
    const match = await faceitApi(config().faceit).match(MATCH_ID);
    if (!match.ok) throw new Error("no match");
    expect(match.value.scheduledAt).toBe(1_795_226_000_000);
    // Each recording once, and at most MATCH_DEMOS_MAX.
    expect(match.value.demoUrl).toBe("https://demos.test/1.dem");
    expect(match.value.demoUrls).toEqual(
      Array.from({ length: MATCH_DEMOS_MAX }, (_, i) => `https://demos.test/${i + 1}.dem`),
    );
    expect(match.value.rosters?.faction1.players).toHaveLength(MATCH_PLAYERS_PER_SIDE_MAX);
  });

  it("skips a player whose id is invalid or a property of every object", async () => {
    const ids = ["not an id!", "constructor", "__proto__", "toString", "p1"];
    answering(Response.json({ ...READY, teams: { ...READY.teams, faction1: team("a", ids) } }));
    const match = await faceitApi(config().faceit).match(MATCH_ID);
    if (!match.ok) throw new Error("no match");
    expect(match.value.rosters?.faction1.players.map(({ playerId }) => playerId)).toEqual(["p1"]);
  });

  it.each([
    [404, {}, { kind: "not_found" }],
    [401, {}, { kind: "refused" }],
    [403, {}, { kind: "refused" }],
    [429, { "Retry-After": "7" }, { kind: "rate_limited", retryAfterMs: 7_000 }],
    [429, {}, { kind: "rate_limited", retryAfterMs: 2_000 }],
    [429, { "Retry-After": "3600" }, { kind: "rate_limited", retryAfterMs: 3_600_000 }],
    [503, { "Retry-After": "7" }, { kind: "rate_limited", retryAfterMs: 7_000 }],
    [503, {}, { kind: "failed" }],
    [500, {}, { kind: "failed" }],
    [302, { Location: "http://10.0.0.1/" }, { kind: "failed" }],
  ])("answers %s", async (status, headers, error) => {
    answering(Response.json({}, { status, headers }));
    const api = faceitApi(config().faceit, () => Date.UTC(2026, 10, 21));
    expect(await api.match(MATCH_ID)).toEqual({ ok: false, error });
  });

  it("gets no request of any match during a pause, which may be a date and grows each time", async () => {
    let now = Date.UTC(2026, 10, 21);
    const date = new Date(now + 30_000).toUTCString();
    const asked = answering(
      new Response("<html>", { status: 429, headers: { "Retry-After": date } }),
      new Response("<html>", { status: 429 }),
      Response.json(READY),
      Response.json(READY),
    );
    const { faceit } = config();
    const waits: number[] = [];
    for (const match of ["1-a", "1-b", MATCH_ID]) {
      const answer = await faceitApi(faceit, () => now).match(match);
      if (answer.ok || answer.error.kind !== "rate_limited") throw new Error("no pause");
      waits.push(answer.error.retryAfterMs);
      now += 1_000;
    }
    expect([asked.length, waits]).toEqual([1, [30_000, 29_000, 28_000]]);
    now += 28_000;
    const again = await faceitApi(faceit, () => now).match(MATCH_ID);
    expect([asked.length, again]).toEqual([
      2,
      { ok: false, error: { kind: "rate_limited", retryAfterMs: 4_000 } },
    ]);
    now += 4_000;
    for (let i = 0; i < 2; i += 1) {
      expect((await faceitApi(faceit, () => now).match(MATCH_ID)).ok).toBe(true);
    }
  });

  it("gets one match's request after a pause, and those of the others once that one is answered", async () => {
    let now = 0;
    const asked = answering(
      new Response(null, { status: 429, headers: { "Retry-After": "10" } }),
      ...Array.from({ length: 3 }, () => Response.json(READY)),
    );
    const api = faceitApi(config().faceit, () => now);
    await api.match(MATCH_ID);
    now = 10_000;
    const answers = await Promise.all([MATCH_ID, "1-b", "1-c"].map((id) => api.match(id)));
    expect([asked.length, answers.map(({ ok }) => ok)]).toEqual([2, [true, false, false]]);
    await api.match(MATCH_ID);
    expect(asked).toHaveLength(3);
  });

  it.each([
    ["is lost", new TypeError("lost")],
    ["is not JSON", new Response("<html>")],
    ["is of another match", Response.json({ ...READY, match_id: "1-other" })],
    ["has no status", Response.json({ ...READY, status: undefined })],
    ["is too long", new Response(`"${"x".repeat(FACEIT_ANSWER_MAX_BYTES)}"`)],
  ])("counts as failed when the answer %s", async (_, answer) => {
    answering(answer);
    expect(await faceitApi(config().faceit).match(MATCH_ID)).toEqual({
      ok: false,
      error: { kind: "failed" },
    });
  });

  it("has five seconds to answer", async () => {
    vi.useFakeTimers();
    let aborted = false;
    vi.spyOn(globalThis, "fetch").mockImplementation(
      (_, init) =>
        new Promise((_resolve, reject) => {
          init?.signal?.addEventListener("abort", () => {
            aborted = true;
            reject(new DOMException("aborted", "AbortError"));
          });
        }),
    );
    const asked = faceitApi(config().faceit).match(MATCH_ID);
    await vi.advanceTimersByTimeAsync(FACEIT_TIMEOUT_MS - 1);
    expect(aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await asked).toEqual({ ok: false, error: { kind: "failed" } });
    vi.useRealTimers();
  });

  it("gets no request for a minute after it refused our key three times", async () => {
    const refusals = Array.from({ length: 5 }, () => Response.json({}, { status: 401 }));
    const asked = answering(...refusals);
    let now = 0;
    const api = faceitApi(config().faceit, () => now);
    for (let i = 0; i < 5; i += 1) expect((await api.match(MATCH_ID)).ok).toBe(false);
    expect(asked).toHaveLength(3);
    now = 61_000;
    await api.match(MATCH_ID);
    expect(asked).toHaveLength(4);
  });

  it("finds players by their nickname, whatever characters it has", async () => {
    const asked = answering(
      Response.json({ player_id: "p1", nickname: "a&b" }),
      Response.json({}, { status: 404 }),
      Response.json({}, { status: 500 }),
    );
    const api = faceitApi(config().faceit);
    expect(await api.playerByNickname("a&b/../x")).toEqual({
      ok: true,
      value: { playerId: "p1", nickname: "a&b" },
    });
    expect(asked[0]?.url).toBe("https://faceit.test/data/v4/players?nickname=a%26b%2F..%2Fx");
    expect(await api.playerByNickname("nobody")).toEqual({ ok: true, value: null });
    expect((await api.playerByNickname("x")).ok).toBe(false);
  });
});

describe("a webhook (matches-and-music.md §A3)", () => {
  const body = (event: string, payload: Record<string, unknown> = {}) => ({
    event,
    event_id: "6f3c9a10-1111-4c2e-8a4b-0c1d2e3f4a02",
    payload: {
      id: MATCH_ID,
      organizer_id: "org",
      region: "EU",
      game: "cs2",
      version: 71,
      entity: { id: "hub", name: "Nordic Night Hub", type: "hub" },
      ...payload,
    },
  });

  it.each([
    ["match_object_created", "CREATED"],
    ["match_status_configuring", "CONFIGURING"],
    ["match_status_ready", "READY"],
    ["match_status_finished", "FINISHED"],
    ["match_status_aborted", "ABORTED"],
    ["match_status_cancelled", "CANCELLED"],
  ])("%s means %s", (event, status) => {
    const teams = [team("aurora", ["p1"], "id"), team("borealis", ["p2"], "id")];
    expect(readWebhook(body(event, { teams }), { organizers: [] }, "100")).toMatchObject({
      kind: "match",
      guildId: "100",
      hint: {
        event,
        match: {
          matchId: MATCH_ID,
          version: 71,
          status,
          competition: "Nordic Night Hub",
          rosters: { faction1: { players: [{ playerId: "p1" }] } },
        },
      },
    });
  });

  it("about an end is read, also for a match that was never played", () => {
    const ended = body("match_status_finished", { started_at: "1970-01-01T00:00:00Z", teams: [] });
    const read = readWebhook(ended, config().faceit, "100");
    expect(read).toMatchObject({ kind: "match", hint: { match: { status: "FINISHED" } } });
  });

  it("without teams, or with reduced ones, has no rosters", () => {
    const reduced = [
      { id: "a", name: "aurora", players: [] },
      { id: "b", name: "b", players: [] },
    ];
    for (const teams of [undefined, [], reduced, [team("a", ["p1"], "id")]]) {
      const webhook = readWebhook(body("match_status_ready", { teams }), { organizers: [] }, "100");
      expect(webhook).toMatchObject({ kind: "match", hint: { match: { rosters: null } } });
    }
  });

  it("may have the address of a recording, over https only", () => {
    const demo = (url: unknown) =>
      readWebhook(body("match_demo_ready", { demo_url: url }), { organizers: [] }, "100");
    expect(demo("https://demos.test/1.dem")).toMatchObject({
      hint: { match: { demoUrl: "https://demos.test/1.dem" } },
    });
    expect(demo("javascript:alert(1)")).toMatchObject({ hint: { match: { demoUrl: null } } });
  });

  it("of another kind is ignored, whatever it contains", () => {
    for (const event of ["hub_user_added", "championship_created", "toString", "__proto__"]) {
      expect(readWebhook({ event }, { organizers: [] }, "100")).toEqual({ kind: "ignored" });
    }
  });

  it("about a match that is not ours is ignored; a FACEIT hub counts before its organizer", () => {
    const { organizers } = config({ FACEIT_ORGANIZERS: "org=200,hub=300" }).faceit;
    const guildOf = (payload: Record<string, unknown>) => {
      const webhook = readWebhook(body("match_status_ready", payload), { organizers }, "100");
      return webhook.kind === "match" ? webhook.guildId : webhook.kind;
    };
    expect(guildOf({})).toBe("300");
    expect(guildOf({ entity: { id: "other", name: "" } })).toBe("200");
    expect(guildOf({ organizer_id: "x", entity: null })).toBe("ignored");
  });

  it.each([
    [null],
    [[]],
    [{}],
    [{ event: 7 }],
    [{ event: "match_status_ready" }],
    [body("match_status_ready", { id: "../players" })],
    [body("match_status_ready", { id: undefined })],
    [{ ...body("match_status_ready"), event_id: undefined }],
  ])("that cannot be read is refused with the place of the error: %j", (bad) => {
    const webhook = readWebhook(bad, { organizers: [] }, "100");
    expect(webhook.kind).toBe("invalid");
  });
});

describe("texts from FACEIT", () => {
  it("count as addresses only with https", () => {
    expect(httpsUrl("https://a.test/x")).toBe("https://a.test/x");
    for (const bad of ["http://a.test", "javascript:alert(1)", "https://u:p@a.test", "", null]) {
      expect(httpsUrl(bad)).toBeNull();
    }
  });
});
