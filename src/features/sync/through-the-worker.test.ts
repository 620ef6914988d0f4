import { describe, expect, it } from "vitest";
import {
  SYNC_CALL_MAX_BYTES,
  SYNC_CALL_TIMEOUT_MS,
  SYNC_UNACKNOWLEDGED_BYTES_MAX,
  SYNC_WINDOW_BYTES,
  UNACKNOWLEDGED_BYTES_MAX,
} from "../../protocol/limits.ts";
import { SYNC_DIALECTS, type SyncDialect } from "../../testing/sync-client.ts";
import { SyncEdgeClient } from "../../testing/sync-edge.ts";
import { VirtualAccount } from "../../testing/virtual-account.ts";
import { SYNC_COMMANDS } from "./hub-commands.ts";

const MB = 1_000_000;

/** A session's agent that answers `<id>:read`, and a phone. */
async function pair(at: VirtualAccount, dialect: (typeof SYNC_DIALECTS)[number]) {
  const id = await at.session();
  // It gets no update: those of others are not for it.
  for (let i = 0; i < 20; i += 1) await at.session(`other ${i}`);
  const about = { clientType: "session-scoped", sessionId: id };
  const agent = await SyncEdgeClient.connect(at, about, dialect);
  const phone = await SyncEdgeClient.connect(at, {}, dialect);
  const method = `${id}:read`;
  await agent.send("rpc-register", { method });
  return { agent, phone, method };
}

describe("clients of sync, through the Worker to the hub", () => {
  it.each(SYNC_DIALECTS)("call each other, and hear of a close (%s)", async (dialect) => {
    const at = new VirtualAccount();
    const { agent, phone, method } = await pair(at, dialect);
    const ack = await phone.send("rpc-call", { method, params: "p" });
    await agent.answer(agent.calls[0] ?? "", "r");
    await phone.settle();
    expect(phone.answerTo(ack)).toEqual({ ok: true, result: "r" });
    const away = await SyncEdgeClient.connect(at, { clientType: "machine-scoped" }, dialect);
    expect(away.far.closed?.code).toBe(4004);
    expect(away.far.heard.at(-1)).toContain("Machine ID required");
  });

  const lost = ({ far }: SyncEdgeClient): unknown => far.breakOff();
  const withoutCode = ({ far }: SyncEdgeClient): unknown => far.end(1005, "");
  const LEAVING: readonly (readonly [
    SyncDialect,
    string,
    (client: SyncEdgeClient) => unknown,
    boolean,
  ])[] = [
    ["native", "says goodbye", ({ far }) => far.end(1000), false],
    ["native", "closes without a code", withoutCode, false],
    ["native", "is lost", lost, true],
    ["Socket.IO", "says goodbye", ({ far }) => far.say("41"), false],
    // So does the published library when no ping has come in time, and then it comes back.
    ["Socket.IO", "closes without a goodbye", withoutCode, true],
    ["Socket.IO", "is lost", lost, true],
  ];
  it.each(LEAVING)(
    "are waited for or not when one (%s) %s",
    async (dialect, _, leaves, isAwaited) => {
      const at = new VirtualAccount();
      const { agent, phone, method } = await pair(at, dialect);
      leaves(agent);
      await phone.settle();
      const ack = await phone.send("rpc-call", { method });
      const missing = { ok: false, error: "RPC method not available" };
      expect(phone.answerTo(ack)).toEqual(isAwaited ? undefined : missing);
    },
  );

  it.each(SYNC_DIALECTS)(
    "hear and call as ever while one is asked more than it reads (%s)",
    async (dialect) => {
      const at = new VirtualAccount();
      const { agent, phone, method } = await pair(at, dialect);
      const about = { clientType: "session-scoped", sessionId: await at.session("quick") };
      const quick = await SyncEdgeClient.connect(at, about, dialect);
      const other = await SyncEdgeClient.connect(at, {}, dialect);
      const ask = { method: `${about.sessionId}:read`, params: "p" };
      await quick.send("rpc-register", { method: ask.method });
      const params = "x".repeat(SYNC_CALL_MAX_BYTES);
      const most = 2 * UNACKNOWLEDGED_BYTES_MAX;
      const acks: string[] = [];
      for (let sent = 0; sent < most; sent += params.length) {
        // The agent reads nothing: it answers neither calls nor pings.
        acks.push(await phone.send("rpc-call", { method, params }));
        const session = await at.session(`during ${sent}`);
        const ack = await other.send("rpc-call", ask);
        expect(other.far.heard.some((text) => text.includes(session))).toBe(true);
        await quick.settle();
        await quick.answer(quick.calls.at(-1) ?? "", "r");
        await other.settle();
        expect(other.answerTo(ack)).toEqual({ ok: true, result: "r" });
      }
      // Either it is closed, or further calls fail at once until it reads: it is never sent more than this.
      const length = agent.far.heard.reduce((sum, text) => sum + text.length, 0);
      expect(length).toBeLessThan(UNACKNOWLEDGED_BYTES_MAX + 2 * params.length);
      await at.time.pass(SYNC_CALL_TIMEOUT_MS);
      for (const one of [phone, other, quick]) await one.settle();
      for (const ack of acks) expect(phone.answerTo(ack)).toMatchObject({ ok: false });
      expect([phone, other, quick].map(({ far }) => far.closed)).toEqual([null, null, null]);
    },
  );

  it.each(SYNC_DIALECTS)(
    "are asked on, however much they were asked, without a single update (%s)",
    async (dialect) => {
      const at = new VirtualAccount();
      const { agent, phone, method } = await pair(at, dialect);
      const params = "x".repeat(MB);
      // Much more than may be sent to a client that shows nothing: its answers show that it reads.
      const most =
        1.2 * (dialect === "native" ? SYNC_UNACKNOWLEDGED_BYTES_MAX : 12 * SYNC_WINDOW_BYTES);
      for (let sent = 0; sent < most; sent += params.length) {
        const ack = await phone.send("rpc-call", { method, params });
        await agent.settle();
        await agent.answer(agent.calls.at(-1) ?? "", "r");
        await phone.settle();
        expect(phone.answerTo(ack)).toEqual({ ok: true, result: "r" });
      }
      expect([agent.far.closed, phone.far.closed]).toEqual([null, null]);
    },
  );

  it.each(SYNC_DIALECTS)("get the largest update after small ones (%s)", async (dialect) => {
    const at = new VirtualAccount();
    const sessionId = await at.session();
    const client = await SyncEdgeClient.connect(at, {}, dialect);
    const add = async (length: number): Promise<void> => {
      const messages = [{ localId: null, content: "x".repeat(length) }];
      await at.run(SYNC_COMMANDS.addMessages, { sessionId, messages });
      await client.settle();
    };
    // The Worker tells the hub of a quarter of a window, and this is less. There are pings for each sixteenth.
    for (let i = 0; i < 3; i += 1) await add(SYNC_WINDOW_BYTES / 16 + 40_000);
    await add(1_800_000);
    await at.time.pass(1_000);
    expect(client.far.heard.some((text) => text.length > 1_800_000)).toBe(true);
  });

  it("stay through many broadcasts at once, if they read them one after the other", async () => {
    const at = new VirtualAccount();
    const client = await SyncEdgeClient.connect(at, {}, "Socket.IO");
    const message = { type: "big", timestamp: 1, payload: "x".repeat(900_000) };
    const filter = { type: "all" } as const;
    const { far } = client;
    const pings = (): number => far.heard.filter((text) => text === "2").length;
    let answered = pings();
    for (let i = 0; i < 30; i += 1) await at.run(SYNC_COMMANDS.broadcast, { message, filter });
    // It answers one ping after the other.
    for (let i = 0; i < 200; i += 1) {
      if (pings() > answered) {
        far.say("3");
        answered += 1;
      }
      await at.time.pass(10);
    }
    expect(far.closed).toBeNull();
    expect(far.heard.filter((text) => text.startsWith('42["broadcast"'))).toHaveLength(30);
  });

  it.each([true, false])(
    "native ones are closed after 64 MB without a sign, and pings (%s) are one",
    async (pings) => {
      const at = new VirtualAccount();
      const sessionId = await at.session();
      const phone = await SyncEdgeClient.connect(at, {}, "native");
      const content = "x".repeat(990_000);
      let sent = 0;
      for (; sent < 1.5 * SYNC_UNACKNOWLEDGED_BYTES_MAX && phone.far.closed === null;) {
        await at.run(SYNC_COMMANDS.addMessages, {
          sessionId,
          messages: [{ localId: null, content }],
        });
        sent += content.length;
        await at.time.pass(1_000);
        if (pings) phone.far.say('{"event":"ping"}');
      }
      expect(phone.far.closed?.code ?? null).toBe(pings ? null : 1013);
      if (pings) return;
      expect(Math.abs(sent - SYNC_UNACKNOWLEDGED_BYTES_MAX)).toBeLessThan(2 * SYNC_WINDOW_BYTES);
    },
  );
});
