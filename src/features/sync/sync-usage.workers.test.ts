import { applyD1Migrations, env } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import { newSession, noSession, refused } from "../../testing/sync-records.ts";
import { SyncAccount } from "../../testing/sync-worker.ts";

beforeAll(() => applyD1Migrations(env.DB, env.TEST_MIGRATIONS));

const NOTHING = { usage: [], groupBy: "day", totalReports: 0 };

describe("usage (sync.md §4)", () => {
  it("is summed up for the account and for one of its sessions", async () => {
    const account = await SyncAccount.create();
    const { id: sessionId } = await newSession(account);
    const ask = (query: object) => account.ask("POST", "/v1/usage/query", query);
    expect(await ask({})).toEqual([200, NOTHING]);
    const at = await account.connectSocketIo();
    const report = { key: "k", tokens: { total: 3 }, cost: { total: 0.5 } };
    const startTime = Math.floor(Date.now() / 1_000);
    await at.ask("usage-report", { ...report, sessionId });
    await at.ask("usage-report", report);
    const day = 86_400;
    const timestamp = Math.floor(startTime / day) * day;
    const both = { timestamp, tokens: { total: 6 }, cost: { total: 1 }, reportCount: 2 };
    expect(await ask({})).toEqual([200, { usage: [both], groupBy: "day", totalReports: 2 }]);
    const one = { tokens: { total: 3 }, cost: { total: 0.5 }, reportCount: 1 };
    const endTime = startTime + 60;
    expect(await ask({ sessionId, groupBy: "hour", startTime, endTime })).toMatchObject([
      200,
      { usage: [one], groupBy: "hour", totalReports: 1 },
    ]);
    expect(await ask({ endTime: startTime - 1 })).toEqual([200, NOTHING]);
    expect(await ask({ startTime: endTime })).toEqual([200, NOTHING]);
    at.close();
  });

  it("is an account's own", async () => {
    const [owner, other] = [await SyncAccount.create(), await SyncAccount.create()];
    const { id: sessionId } = await newSession(owner);
    const at = await owner.connect();
    await at.ask("usage-report", { key: "k", sessionId, tokens: { total: 1 }, cost: { total: 1 } });
    await at.ask("update-usage-limits", { daily: 1 });
    at.close();
    expect(await other.ask("POST", "/v1/usage/query", {})).toEqual([200, NOTHING]);
    for (const id of [sessionId, "nobodys"]) {
      const said = await other.ask("POST", "/v1/usage/query", { sessionId: id });
      expect(said).toEqual(noSession);
    }
    expect(await other.ask("GET", "/v1/usage/limits")).toEqual([200, { limits: null }]);
    expect(await owner.ask("GET", "/v1/usage/limits")).toEqual([200, { limits: { daily: 1 } }]);
  });

  it.each([
    { sessionId: "" },
    { sessionId: 1 },
    { sessionId: "x".repeat(129) },
    { startTime: -1 },
    { startTime: 1.5 },
    { endTime: "now" },
    { endTime: Number.MAX_SAFE_INTEGER },
    { groupBy: "week" },
  ])("is not told for %j", async (query) => {
    const account = await SyncAccount.create();
    expect(await account.ask("POST", "/v1/usage/query", query)).toEqual(refused(400));
  });
});
