import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SYNC_SEQ_COPIED_MS, SYNC_SETTINGS_COPIED_MS } from "../../../protocol/limits.ts";
import { takeHubFailures } from "../../../testing/hub-failures.ts";
import { SYNC_DIALECTS, SyncClient } from "../../../testing/sync-client.ts";
import { VirtualAccount } from "../../../testing/virtual-account.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";

const change = (at: VirtualAccount, value: string | null, expected: number) =>
  at.run(SYNC_COMMANDS.changeSettings, { value, expected });
const read = (at: VirtualAccount) => at.run(SYNC_COMMANDS.settings, {});

describe("sync.md §3.8 settings", () => {
  it("are replaced for their present version only, and told", async () => {
    const Value = fc.option(fc.string({ maxLength: 5 }), { nil: null });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(Value, fc.integer({ min: -2, max: 2 })), { maxLength: 30 }),
        async (tries) => {
          const at = new VirtualAccount();
          const phone = await SyncClient.connect(at);
          let present: { value: string | null; version: number } = { value: null, version: 0 };
          const told: unknown[] = [];
          for (const [value, beside] of tries) {
            const isCurrent = beside === 0;
            if (isCurrent) {
              present = { value, version: present.version + 1 };
              told.push({ t: "update-account", id: at.caller.account, settings: present });
            }
            const result = isCurrent ? "success" : "version-mismatch";
            const expected = isCurrent ? present.version - 1 : present.version + beside;
            expect(await change(at, value, expected)).toEqual({ result, ...present });
          }
          expect(await read(at)).toEqual(present);
          expect(phone.updates).toEqual(told);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("lose no change of 50 writers, however they interleave", async () => {
    const WRITERS = 50;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(WRITERS - 1), { minLength: 50, maxLength: 200, size: "max" }),
        fc.nat(40),
        async (turns, sleepsEvery) => {
          const at = new VirtualAccount();
          /** What each writer knows. Everybody begins with nothing. */
          const known = Array.from({ length: WRITERS }, () => ({ value: "", version: 0 }));
          const marks: string[] = [];
          /** One try of a writer: it adds its mark to what it knows. */
          const write = async (i: number): Promise<boolean> => {
            const { value, version } = known[i] ?? { value: "", version: 0 };
            const answer = await change(at, `${value}${i},`, version);
            known[i] = { value: answer.value ?? "", version: answer.version };
            if (answer.result === "success") marks.push(`${i},`);
            return answer.result === "success";
          };
          let done = 0;
          for (const i of turns) {
            await write(i);
            done += 1;
            if (sleepsEvery > 0 && done % sleepsEvery === 0) await at.sleep();
          }
          for (let i = 0; i < WRITERS; i += 1) {
            if (!(await write(i))) expect(await write(i)).toBe(true);
          }
          expect(await read(at)).toEqual({ value: marks.join(""), version: marks.length });
        },
      ),
      { numRuns: 20 },
    );
  });

  it("are told to clients of the whole account, in both dialects, as names are", async () => {
    const at = new VirtualAccount();
    const session = await SyncClient.connect(at, {
      clientType: "session-scoped",
      sessionId: await at.session(),
    });
    const phones = await Promise.all(
      SYNC_DIALECTS.map((dialect) => SyncClient.connect(at, {}, { dialect })),
    );
    for (const one of [session, ...phones]) one.forget();
    await change(at, "s", 0);
    const news = { kind: "account", changed: { username: "ada", lastName: null } } as const;
    for (let times = 0; times < 2; times += 1) {
      await at.run(SYNC_COMMANDS.hearOfOthers, { messages: [{ id: "1", news }] });
    }
    for (const { updates } of phones) {
      const about = { t: "update-account", id: at.caller.account };
      expect(updates).toEqual([
        { ...about, settings: { value: "s", version: 1 } },
        { ...about, username: "ada", lastName: null },
      ]);
    }
    expect(session.names).toEqual([]);
  });
});

describe("sync.md §0b.2 the copies in D1", () => {
  /** An account that has a row in D1. */
  function inD1(): VirtualAccount {
    const at = new VirtualAccount();
    const columns = "id, publicKey, createdAt, updatedAt";
    at.d1.rows(`INSERT INTO Account (${columns}) VALUES (?, 'k', 1, 1)`, at.caller.account);
    return at;
  }
  const copiedIn = (at: VirtualAccount) => {
    const [row] = at.d1.rows("SELECT seq, settings, settingsVersion FROM Account");
    return { ...row };
  };
  const NOTHING = { seq: 0, settings: null, settingsVersion: 0 };

  it("follow changed settings at once, and the number of updates in a while", async () => {
    const at = inD1();
    await at.session("one");
    await at.time.pass(SYNC_SEQ_COPIED_MS - 1_000);
    expect(copiedIn(at)).toEqual(NOTHING);
    await at.session("two");
    await at.time.pass(2_000);
    expect(copiedIn(at)).toEqual({ ...NOTHING, seq: 2 });
    await change(at, "a", 0);
    await change(at, "b", 1);
    expect(at.d1.requests).toBe(1);
    await at.time.pass(SYNC_SETTINGS_COPIED_MS + 1_000);
    expect(copiedIn(at)).toEqual({ seq: 4, settings: "b", settingsVersion: 2 });
    expect(at.d1.requests).toBe(2);
    // Nothing happens, and nothing is copied.
    await at.time.pass(3 * SYNC_SEQ_COPIED_MS);
    expect(at.d1.requests).toBe(2);
  });

  it("are made again until D1 has them, also over a sleep and a crash", async () => {
    const at = inD1();
    at.d1.fate = () => ({ lost: "request" });
    await change(at, "a", 0);
    await at.time.pass(SYNC_SETTINGS_COPIED_MS + 100);
    expect(at.d1.requests).toBe(1);
    await at.sleep();
    await at.time.pass(6_000);
    expect(at.d1.requests).toBe(2);
    // It dies while D1 is asked, which then has the copies without anybody knowing.
    at.d1.fate = () => ({ thereMs: 100, backMs: 1_000 });
    await at.time.pass(5_500);
    at.hub.crash();
    await at.time.pass(1_000);
    expect([at.d1.requests, copiedIn(at)]).toEqual([
      3,
      { seq: 1, settings: "a", settingsVersion: 1 },
    ]);
    await change(at, "b", 1);
    at.d1.fate = () => (at.d1.requests < 6 ? { lost: "answer" } : {});
    await at.time.pass(60_000);
    expect(copiedIn(at)).toEqual({ seq: 2, settings: "b", settingsVersion: 2 });
    const { requests } = at.d1;
    await at.time.pass(3 * SYNC_SEQ_COPIED_MS);
    expect(at.d1.requests).toBe(requests);
    takeHubFailures();
  });

  it("miss nothing that changes while they are written", async () => {
    const at = inD1();
    at.d1.fate = () => ({ thereMs: 100, backMs: 100 });
    await change(at, "a", 0);
    await at.time.pass(SYNC_SETTINGS_COPIED_MS + 50);
    await change(at, "b", 1);
    await at.time.pass(200);
    expect(copiedIn(at)).toEqual({ seq: 1, settings: "a", settingsVersion: 1 });
    await at.time.pass(SYNC_SETTINGS_COPIED_MS + 50);
    await at.session();
    await at.time.pass(200);
    expect(copiedIn(at)).toEqual({ seq: 2, settings: "b", settingsVersion: 2 });
    await at.time.pass(SYNC_SEQ_COPIED_MS + 1_000);
    expect(copiedIn(at)).toEqual({ seq: 3, settings: "b", settingsVersion: 2 });
    expect(at.d1.requests).toBe(3);
  });
});
