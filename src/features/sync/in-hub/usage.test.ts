import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  SYNC_CONTENT_MAX_LENGTH,
  SYNC_LIST_MAX_LENGTH,
  SYNC_USAGE_COUNTERS_MAX,
} from "../../../protocol/limits.ts";
import { SYNC_DIALECTS, SyncClient } from "../../../testing/sync-client.ts";
import { VirtualAccount } from "../../../testing/virtual-account.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";

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

const HOUR_MS = 3_600_000;
const ALL = { sessionId: null, from: 0, to: null, period: "hour" } as const;

describe("sync.md §4 a query of usage", () => {
  it("sums up what the reports of each period say, whatever they are", async () => {
    const counters = fc.record(
      { total: fc.nat(1_000), input: fc.nat(1_000), toString: fc.nat(9) },
      { requiredKeys: ["total"] },
    );
    const report = fc.record({
      key: fc.constantFrom("a", "b", "c"),
      of: fc.constantFrom("one", "two", "none"),
      tokens: counters,
      cost: counters,
      afterMs: fc.constantFrom(0, 1, HOUR_MS, 25 * HOUR_MS, 1_000_000),
    });
    const period = fc.constantFrom("hour" as const, "day" as const);
    const asked = fc.record({
      of: fc.constantFrom("one", "two", null),
      period,
      from: fc.nat(40),
      to: fc.option(fc.nat(80)),
    });
    const runs = fc.asyncProperty(
      fc.array(report, { maxLength: 12, size: "max" }),
      asked,
      async (reports, { of, period: by, ...hours }) => {
        const at = new VirtualAccount();
        const start = at.time.now;
        const ids = { one: await at.session("one"), two: await at.session("two") };
        const kept = new Map<string, (typeof reports)[number] & { readonly at: number }>();
        for (const one of reports) {
          await at.time.pass(one.afterMs);
          // A token ends after an hour.
          const phone = await SyncClient.connect(at);
          const { key, tokens, cost } = one;
          const sessionId = one.of === "none" ? null : ids[one.of];
          await phone.ask("usage-report", { key, sessionId, tokens, cost });
          const before = kept.get(`${one.of} ${key}`);
          // It counts in the period in which it came first.
          kept.set(`${one.of} ${key}`, { ...one, at: before?.at ?? at.time.now });
        }
        const from = start + hours.from * HOUR_MS;
        const to = hours.to === null ? null : start + hours.to * HOUR_MS;
        const length = by === "hour" ? HOUR_MS : 24 * HOUR_MS;
        const wanted = [...kept.values()].filter(
          (one) =>
            (of === null || one.of === of) && one.at >= from && (to === null || one.at <= to),
        );
        const begins = new Set(wanted.map((one) => Math.floor(one.at / length)));
        const sum = (all: readonly Readonly<Record<string, number>>[]): Record<string, number> => {
          const sums: Record<string, number> = Object.create(null) as Record<string, number>;
          for (const one of all) {
            for (const [name, value] of Object.entries(one)) sums[name] = (sums[name] ?? 0) + value;
          }
          return Object.fromEntries(Object.entries(sums));
        };
        const usage = [...begins]
          .toSorted((a, b) => a - b)
          .map((begin) => {
            const all = wanted.filter((one) => Math.floor(one.at / length) === begin);
            return {
              timestamp: (begin * length) / 1_000,
              tokens: sum(all.map((one) => one.tokens)),
              cost: sum(all.map((one) => one.cost)),
              reportCount: all.length,
            };
          });
        const sessionId = of === null ? null : ids[of];
        const answer = await at.run(SYNC_COMMANDS.queryUsage, { sessionId, from, to, period: by });
        expect(answer).toEqual({ usage, totalReports: wanted.length });
      },
    );
    await fc.assert(runs, { numRuns: 100 });
  });

  it("includes both ends of its time", async () => {
    const at = new VirtualAccount();
    const phone = await SyncClient.connect(at);
    await phone.ask("usage-report", { key: "k", tokens: TOKENS, cost: COST });
    const { now } = at.time;
    const found = [
      [now, now],
      [now + 1, null],
      [0, now - 1],
    ] as const;
    const totals = found.map(([from, to]) =>
      at.run(SYNC_COMMANDS.queryUsage, { ...ALL, from, to }),
    );
    expect(await Promise.all(totals)).toMatchObject(
      [1, 0, 0].map((totalReports) => ({ totalReports })),
    );
  });

  it("is answered for a deleted session, and not for one of nobody", async () => {
    const at = new VirtualAccount();
    const id = await at.session();
    const phone = await SyncClient.connect(at);
    await phone.ask("usage-report", { key: "k", sessionId: id, tokens: TOKENS, cost: COST });
    await at.run(SYNC_COMMANDS.deleteSession, { id });
    const ask = (sessionId: string) => at.run(SYNC_COMMANDS.queryUsage, { ...ALL, sessionId });
    expect(await ask(id)).toMatchObject({ totalReports: 1 });
    expect(await ask("nobodys")).toBe(null);
  });

  it("has sums that are numbers, however large", async () => {
    const at = new VirtualAccount();
    const phone = await SyncClient.connect(at);
    for (const key of ["a", "b"]) {
      const tokens = { total: Number.MAX_VALUE };
      await phone.ask("usage-report", { key, tokens, cost: { total: -Number.MAX_VALUE } });
    }
    const [{ tokens, cost } = { tokens: {}, cost: {} }] =
      (await at.run(SYNC_COMMANDS.queryUsage, ALL))?.usage ?? [];
    expect([tokens, cost]).toEqual([{ total: Number.MAX_VALUE }, { total: -Number.MAX_VALUE }]);
  });

  it("is cut where it would be too large, and has the newest reports", async () => {
    const at = new VirtualAccount();
    const { sql } = at.hub.storage;
    const perReport = 2 * SYNC_USAGE_COUNTERS_MAX;
    const count = Math.ceil((2 * SYNC_LIST_MAX_LENGTH) / (perReport * 128));
    for (let i = 0; i < count; i += 1) {
      const names = Array.from({ length: SYNC_USAGE_COUNTERS_MAX }, (_, n) => [
        `${i}-${n}`.padEnd(128, "x"),
        1,
      ]);
      const all = Object.fromEntries(names) as Record<string, number>;
      sql.exec(
        "INSERT INTO sync_usage_reports (sessionId, key, id, data, createdAt, updatedAt) VALUES ('', ?1, ?1, ?2, ?3, ?3)",
        `k${i}`,
        JSON.stringify({ tokens: all, cost: all }),
        i * HOUR_MS,
      );
    }
    const answer = await at.run(SYNC_COMMANDS.queryUsage, ALL);
    const { usage = [], totalReports = 0 } = answer ?? {};
    expect(totalReports).toBeLessThan(count);
    expect(totalReports).toBe(usage.length);
    expect(usage.at(-1)?.timestamp).toBe(((count - 1) * HOUR_MS) / 1_000);
    const { length } = JSON.stringify(usage);
    expect(length).toBeGreaterThan(SYNC_LIST_MAX_LENGTH / 2);
    expect(length).toBeLessThan(1.1 * SYNC_LIST_MAX_LENGTH);
  });

  it("reads its time only", () => {
    const { sql } = new VirtualAccount().hub.storage;
    const [plan] = sql
      .exec(
        `EXPLAIN QUERY PLAN SELECT data, createdAt FROM sync_usage_reports WHERE createdAt >= 1
         AND createdAt <= 2 AND (NULL IS NULL OR sessionId = NULL) ORDER BY createdAt DESC`,
      )
      .toArray();
    expect(plan?.["detail"]).toContain("USING INDEX sync_usage_reports_by_time");
  });
});

describe.each(SYNC_DIALECTS)("sync.md §6.9 update-usage-limits (%s)", (dialect) => {
  it("keeps what was said last", async () => {
    const at = new VirtualAccount();
    const phone = await SyncClient.connect(at, {}, { dialect });
    const read = () => at.run(SYNC_COMMANDS.usageLimits, {});
    expect(await read()).toBe(null);
    for (const limits of [{ daily: { used: 1 } }, { weekly: [1, "é"] }]) {
      expect(await phone.ask("update-usage-limits", limits)).toEqual({ success: true });
      expect(await read()).toEqual(limits);
    }
    for (const wrong of [null, "text", [1], { long: "x".repeat(SYNC_CONTENT_MAX_LENGTH) }]) {
      expect(await phone.ask("update-usage-limits", wrong)).toEqual(PROBLEM);
    }
    expect(await read()).toEqual({ weekly: [1, "é"] });
  });
});
