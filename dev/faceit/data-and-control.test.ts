import { describe, expect, it } from "vitest";
import { control } from "../doubles/control.ts";
import { asJson, AURORA_ONE, dataApi, type Json, startForTest } from "./test-client.ts";

describe("the Data API", () => {
  it("has no teams and no vote in CHECK_IN, both rosters later, and a result at the end", async () => {
    const faceit = await startForTest();
    const { matchId: id } = await control(faceit, "POST", "/matches", { silent: true });
    const document = async (): Promise<Json> =>
      (await dataApi(faceit, `/matches/${String(id)}`)).body;
    const move = (status: string): Promise<Json> =>
      control(faceit, "POST", `/matches/${String(id)}/status`, { status, silent: true });

    const checkIn = await document();
    expect(checkIn).toMatchObject({ match_id: id, status: "CHECK_IN", version: 1 });
    expect(checkIn["teams"]).toEqual({});
    expect(id).toMatch(/^1-[0-9a-f]{8}-[0-9a-f-]{27}$/);
    for (const absent of ["voting", "results", "demo_url", "started_at", "entity"]) {
      expect(Object.keys(checkIn)).not.toContain(absent);
    }

    await move("VOTING");
    expect(await document()).toMatchObject({ voting: { map: { pick: [] } } });
    await move("READY");
    const ready = await document();
    expect(ready).toMatchObject({
      status: "READY",
      teams: {
        faction1: { leader: AURORA_ONE, roster: [{ player_id: AURORA_ONE }, {}, {}, {}, {}] },
        faction2: { name: "team_borealis_one", substituted: false },
      },
      voting: { map: { pick: ["de_inferno"] } },
    });
    expect(Number(ready["version"])).toBeGreaterThan(2);
    expect(Math.abs(Number(ready["configured_at"]) - Date.now() / 1_000)).toBeLessThan(3_600);

    await move("FINISHED");
    expect(await document()).toMatchObject({
      results: { winner: "faction1", score: { faction1: 1, faction2: 0 } },
    });
  });

  it("has the teams of a scheduled match, which a bracket knows days ahead", async () => {
    const faceit = await startForTest();
    const teamsOf = async (status: string): Promise<string[]> => {
      const made = await control(faceit, "POST", "/matches", { status, silent: true });
      const { body } = await dataApi(faceit, `/matches/${String(made["matchId"])}`);
      return Object.keys(asJson(body["teams"]));
    };
    expect(await teamsOf("SCHEDULED")).toEqual(["faction1", "faction2"]);
    for (const status of ["CREATED", "CHECK_IN"]) expect(await teamsOf(status)).toEqual([]);
  });

  it("finds players by id and by their exact nickname", async () => {
    const faceit = await startForTest();
    const found = { player_id: AURORA_ONE, nickname: "aurora_one", games: { cs2: {} } };
    expect((await dataApi(faceit, "/players?nickname=aurora_one&game=cs2")).body).toMatchObject(
      found,
    );
    expect((await dataApi(faceit, `/players/${AURORA_ONE}`)).body).toMatchObject(found);
    for (const path of [
      "/players?nickname=Aurora_One",
      "/players/nobody",
      "/matches/1-none",
      "/",
    ]) {
      const { status, body } = await dataApi(faceit, path);
      expect([path, status]).toEqual([path, 404]);
      expect(body).toMatchObject({ errors: [{ code: "err_nf0", http_status: 404 }] });
    }
    expect((await dataApi(faceit, "/players")).status).toBe(400);
    expect((await dataApi(faceit, `/players/${AURORA_ONE}`, "wrong")).status).toBe(401);
  });

  it("fails exactly as often as `/_control/api` sets", async () => {
    const waits: number[] = [];
    const faceit = await startForTest({ sleep: async (ms) => void waits.push(ms) });
    const get = (): ReturnType<typeof dataApi> => dataApi(faceit, `/players/${AURORA_ONE}`);
    await control(faceit, "POST", "/api", { status: 429, times: 2, retryAfter: 3 });
    for (const _ of [1, 2]) {
      const { status, headers } = await get();
      expect([status, headers.get("retry-after")]).toEqual([429, "3"]);
    }
    expect((await get()).status).toBe(200);
    await control(faceit, "POST", "/api", { status: 0, times: 1 });
    await expect(get()).rejects.toThrow("fetch failed");
    await control(faceit, "POST", "/api", { status: 200, times: 1, delayMs: 7_000 });
    expect((await get()).status).toBe(200);
    expect(waits).toContain(7_000);
    await control(faceit, "POST", "/api", { status: 403, times: 9 });
    await control(faceit, "POST", "/api", { times: 0 });
    expect((await get()).status).toBe(200);
  });
});

describe("the control API", () => {
  it("lists twelve accounts with fixed ids", async () => {
    const { accounts } = await control(await startForTest(), "GET", "/state");
    expect(accounts).toHaveLength(12);
    expect(accounts).toContainEqual(
      expect.objectContaining({ playerId: AURORA_ONE, nickname: "aurora_one" }),
    );
    expect(JSON.stringify(accounts)).toContain("borealis_five");
    expect(JSON.stringify(accounts)).toContain("substitute_two");
  });

  it("creates matches with any players and names, and deletes them", async () => {
    const faceit = await startForTest();
    const name = '<img src=x onerror="alert(1)">';
    const { playerId } = await control(faceit, "POST", "/players", { nickname: name });
    const made = await control(faceit, "POST", "/matches", {
      rosters: { faction1: [name, "aurora_two"], faction2: [playerId] },
      names: { faction1: name },
      competition: { name },
      organizerId: "my-organizer",
      status: "ready",
      silent: true,
    });
    const path = `/matches/${String(made["matchId"])}`;
    expect((await dataApi(faceit, path)).body).toMatchObject({
      competition_name: name,
      organizer_id: "my-organizer",
      teams: {
        faction1: { name, roster: [{ player_id: playerId, nickname: name }, {}] },
        faction2: { roster: [{ player_id: playerId }] },
      },
    });
    await control(faceit, "DELETE", path);
    expect((await dataApi(faceit, path)).status).toBe(404);
    expect((await control(faceit, "GET", "/state"))["deliveries"]).toEqual([]);
  });

  it("substitutes a player", async () => {
    const faceit = await startForTest();
    const { matchId, version } = await control(faceit, "POST", "/matches", { status: "READY" });
    const changed = await control(faceit, "POST", `/matches/${String(matchId)}/roster`, {
      faction: "faction1",
      out: "aurora_two",
      in: "substitute_one",
    });
    expect(Number(changed["version"])).toBeGreaterThan(Number(version));
    const { teams } = (await dataApi(faceit, `/matches/${String(matchId)}`)).body;
    expect(teams).toMatchObject({ faction1: { substituted: true } });
    expect(JSON.stringify(teams)).not.toContain("aurora_two");
    expect(JSON.stringify(teams)).toContain("substitute_one");
  });

  it.each([
    ["/matches", { rosters: { faction1: ["nobody"] } }, "nobody"],
    ["/matches", { rosters: { faction3: [] } }, "rosters"],
    ["/matches", { status: "LOST" }, "status"],
    ["/matches/{id}/status", { status: "READY", version: 1 }, "version"],
    ["/matches/{id}/status", {}, "status"],
    ["/matches/{id}/roster", { faction: "faction1", out: "borealis_one", in: "aurora_one" }, "out"],
    ["/matches/{id}/roster", { faction: "faction1", out: "aurora_one", in: "aurora_two" }, "in"],
    ["/players", { nickname: "aurora_one" }, "nickname"],
    ["/webhook", { duplicate: 0, event: "x" }, "duplicate"],
    ["/webhook", {}, "event"],
    ["/api", { status: 99, times: 1 }, "status"],
    ["/hold", { hold: "yes" }, "hold"],
    ["/hold", "no JSON", "JSON"],
  ])("names the invalid member: %s %o", async (path, body, named) => {
    const faceit = await startForTest();
    const { matchId } = await control(faceit, "POST", "/matches", { silent: true });
    const response = await fetch(`${faceit.url}/_control${path.replace("{id}", String(matchId))}`, {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ error: expect.stringContaining(named) });
  });

  it("accepts callers without an origin and pages of this machine only", async () => {
    const faceit = await startForTest();
    const from = (origin: string): Promise<Response> =>
      fetch(`${faceit.url}/_control/state`, { headers: { origin } });
    for (const origin of ["http://127.0.0.1:8787", "http://localhost:5173"]) {
      const response = await from(origin);
      expect(response.status).toBe(200);
      expect(response.headers.get("access-control-allow-origin")).toBe(origin);
    }
    for (const origin of ["https://page.test", "http://127.0.0.1.page.test", "null"]) {
      const response = await from(origin);
      expect(response.status).toBe(403);
      expect(response.headers.get("access-control-allow-origin")).toBeNull();
    }
    for (const path of ["/nothing", "/matches/1-none/status"]) {
      const response = await fetch(`${faceit.url}/_control${path}`, {
        method: "POST",
        body: JSON.stringify({ status: "READY" }),
      });
      expect(response.status).toBe(404);
    }
  });
});
