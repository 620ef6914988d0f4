import { describe, expect, it } from "vitest";
import { SYNC_USAGE_COUNTERS_MAX } from "../../../protocol/limits.ts";
import { SyncClient } from "../../../testing/sync-client.ts";
import { VirtualAccount } from "../../../testing/virtual-account.ts";

const TOKENS = { total: 12, input: 10, output: 2 };
const COST = { total: 0.5 };
const PROBLEM = { success: false, error: expect.any(String) };

describe("sync.md §6.9 a usage report", () => {
  it("is kept once for a session and key, the newest one, and told to the account's devices only", async () => {
    const at = new VirtualAccount();
    const id = await at.session();
    const phone = await SyncClient.connect(at);
    const agent = await SyncClient.connect(at, { clientType: "session-scoped", sessionId: id });
    const report = { key: "claude-session", sessionId: id, tokens: TOKENS, cost: COST };
    const first = await agent.ask("usage-report", report);
    const { now } = at.time;
    expect(first).toEqual({
      success: true,
      reportId: expect.any(String),
      createdAt: now,
      updatedAt: now,
    });
    await at.time.pass(1_000);
    const second = await agent.ask("usage-report", { ...report, tokens: { total: 20 } });
    expect(second).toEqual({ ...(first as object), updatedAt: at.time.now });
    expect(phone.events("ephemeral").filter((one) => one["type"] === "usage")).toEqual([
      { type: "usage", id, sid: id, key: report.key, tokens: TOKENS, cost: COST, timestamp: now },
      {
        type: "usage",
        id,
        sid: id,
        key: report.key,
        tokens: { total: 20 },
        cost: COST,
        timestamp: at.time.now,
      },
    ]);
    expect(agent.events("ephemeral")).toEqual([]);
  });

  it("has its own place for each session and key", async () => {
    const at = new VirtualAccount();
    const phone = await SyncClient.connect(at);
    const ids = [await at.session("one"), await at.session("two"), undefined];
    const reports = ids.flatMap((sessionId) => ["a", "b"].map((key) => ({ key, sessionId })));
    for (let i = 0; i < 2; i += 1) {
      const answers: unknown[] = [];
      for (const about of reports) {
        const answer = await phone.ask("usage-report", { ...about, tokens: TOKENS, cost: COST });
        answers.push((answer as { readonly reportId?: string }).reportId);
      }
      expect(new Set(answers).size).toBe(reports.length);
    }
    const sql = "SELECT COUNT(*) AS count FROM sync_usage_reports";
    expect(at.hub.storage.sql.exec(sql).one()).toEqual({ count: reports.length });
  });

  it("may belong to no session, and is told to nobody then", async () => {
    const at = new VirtualAccount();
    const phone = await SyncClient.connect(at);
    for (let i = 0; i < 2; i += 1) {
      const report = { key: "k", tokens: TOKENS, cost: COST };
      expect(await phone.ask("usage-report", report)).toMatchObject({ success: true });
    }
    const sql = "SELECT COUNT(*) AS count FROM sync_usage_reports";
    expect(at.hub.storage.sql.exec(sql).one()).toEqual({ count: 1 });
    expect(phone.events("ephemeral")).toEqual([]);
  });

  it.each([
    ["for a session of nobody", { sessionId: "unknown" }],
    ["without a sum", { tokens: { input: 1 } }],
    ["with a text for a number", { cost: { total: "1" } }],
    ["without a key", { key: undefined }],
    [
      "with one counter too many",
      {
        tokens: Object.fromEntries(
          Array.from({ length: SYNC_USAGE_COUNTERS_MAX + 1 }, (_, at) => [
            at === 0 ? "total" : `c${at}`,
            1,
          ]),
        ),
      },
    ],
  ])("%s is refused, and nothing is kept", async (_what, wrong) => {
    const at = new VirtualAccount();
    const phone = await SyncClient.connect(at);
    const report = { key: "k", tokens: TOKENS, cost: COST, ...wrong };
    expect(await phone.ask("usage-report", report)).toEqual(PROBLEM);
    const sql = "SELECT COUNT(*) AS count FROM sync_usage_reports";
    expect(at.hub.storage.sql.exec(sql).one()).toEqual({ count: 0 });
  });
});
