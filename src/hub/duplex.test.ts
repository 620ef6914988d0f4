import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CALLS_PER_CALLER_ALWAYS,
  CALLS_PER_HUB,
  CALLS_PER_TARGET,
  SESSION_SCOPE_MAX_BYTES,
} from "../protocol/limits.ts";
import { desk, DESK_TIMEOUT_MS, deskWith } from "../testing/desk-extension.ts";
import { takeHubFailures } from "../testing/hub-failures.ts";
import type { MemorySocket } from "../testing/memory-platform.ts";
import { OPCODE_DIALECT } from "../testing/opcode-dialect.ts";
import { opcodeFrames, VirtualDesk } from "../testing/virtual-desk.ts";
import { KIND } from "../testing/virtual-guild.ts";
import type { HubExtension, Reply, PendingAck } from "./extension.ts";
import { SqliteCalls } from "./sqlite-calls.ts";

const frames = opcodeFrames;
/** The answers that a client got, by name. */
const answers = (socket: MemorySocket): Record<string, unknown> =>
  Object.fromEntries(
    frames(socket).flatMap(({ op, d }) => (op === 21 ? [[d["id"], d["data"]]] : [])),
  );
/** Ids of the calls that a client was asked. */
const calls = (socket: MemorySocket): string[] =>
  frames(socket).flatMap(({ op, d }) => (op === 22 ? [String(d["id"])] : []));
/** Id of its connection. */
const idOf = (socket: MemorySocket): string =>
  frames(socket).flatMap(({ t, d }) => (t === "READY" ? [String(d["id"])] : []))[0] ?? "";
/** How many calls wait, as the storage says. */
const waitingCalls = (at: VirtualDesk): number =>
  new SqliteCalls(at.hub.storage.sql).countCalls("any", "anybody").all;
const events = (socket: MemorySocket): string[] =>
  frames(socket).flatMap(({ op, t = "" }) => (op === 0 ? [t] : []));

describe("HUB-21 an extension and its clients", () => {
  it("answers a message after the events that it caused, and sends to the others", async () => {
    const at = new VirtualDesk();
    const [one, other] = [await at.connect("alice"), await at.connect("bob")];
    const ack = await at.say(one, "desk.shout", "hello");
    expect(answers(one)).toEqual({ [ack]: "done" });
    const last = frames(one).slice(-2);
    expect(last.map(({ op, t }) => [op, t])).toEqual([
      [0, "desk.shouted"],
      [21, undefined],
    ]);
    expect(frames(other).at(-1)).toMatchObject({ op: 20, d: { name: "shouted", data: "hello" } });
    expect(frames(one).some(({ op }) => op === 20)).toBe(false);
  });

  it("hears who comes, with what they say of themselves, and who leaves, once", async () => {
    const at = new VirtualDesk();
    const watcher = await at.connect("watcher");
    const other = await at.connect("alice", { type: "machine", id: "m1" });
    expect(frames(watcher).at(-1)).toMatchObject({
      t: "desk.came",
      d: { sub: "alice", scope: { type: "machine", id: "m1" } },
    });
    at.hub.drop(other, 1001);
    await at.hub.event((impl) => impl.command("desk.close", "nobody"));
    expect(events(watcher).filter((name) => name === "desk.left")).toEqual(["desk.left"]);
    expect(frames(watcher).at(-1)).toMatchObject({
      t: "desk.left",
      d: { sub: "alice", code: 1001 },
    });
  });

  it("hears of a client that it closed itself, with the code of its dialect", async () => {
    const at = new VirtualDesk();
    const watcher = await at.connect("watcher");
    const other = await at.connect("alice");
    await at.hub.event((impl) => impl.command("desk.close", idOf(other)));
    const { code } = OPCODE_DIALECT.farewell("forbidden");
    expect(other.closedWith).toBe(code);
    expect(frames(watcher).at(-1)).toMatchObject({ t: "desk.left", d: { sub: "alice", code } });
    await at.time.pass(10);
    expect(events(watcher).filter((name) => name === "desk.left")).toHaveLength(1);
  });

  it("hears after a crash that its clients are lost, once, also if it crashes again at once", async () => {
    const at = new VirtualDesk();
    await at.connect("alice");
    at.hub.crash();
    at.hub.crash();
    const watcher = await at.connect("watcher");
    at.hub.crash();
    const next = await at.connect("next");
    await at.time.pass(1_000);
    const left = at.hub.impl.host.store
      .readAfter(0, 100)
      .flatMap(({ event, payload }) => (event === "desk.left" ? [payload] : []));
    expect(left).toEqual(['{"sub":"alice","code":1006}', '{"sub":"watcher","code":1006}']);
    expect([watcher.closedWith, next.closedWith]).toEqual([1006, null]);
  });

  it("rolls everything of a message back that fails, and closes its sender, who comes again", async () => {
    const at = new VirtualDesk();
    const [one, other] = [await at.connect("alice"), await at.connect("bob")];
    const before = events(other).length;
    await at.say(one, "desk.fail", null);
    expect(takeHubFailures()).toHaveLength(1);
    expect(one.closedWith).toBe(OPCODE_DIALECT.farewell("restart").code);
    await at.time.pass(10);
    expect(events(other).slice(before)).toEqual(["desk.left"]);
  });

  it("refuses a message that nobody takes", async () => {
    const at = new VirtualDesk();
    const one = await at.connect("alice");
    await at.say(one, "other.thing", null);
    expect(frames(one).at(-1)).toEqual({ op: 9, d: { code: "unknown_type" } });
  });

  it("does not let in a client that says too much of itself", async () => {
    const at = new VirtualDesk();
    const fits = await at.connect("alice", "x".repeat(SESSION_SCOPE_MAX_BYTES - 2));
    expect(fits.closedWith).toBeNull();
    const over = await at.connect("alice", "x".repeat(SESSION_SCOPE_MAX_BYTES - 1));
    expect(over.closedWith).toBe(OPCODE_DIALECT.farewell("forbidden").code);
    expect(frames(over).some(({ op }) => op === 0)).toBe(false);
  });
});

describe("HUB-22 an extension that answers later", () => {
  /** `desk.wait` is answered by the next `desk.answer` with what `reply` makes of it. */
  function waiting(reply: (data: unknown) => Reply): HubExtension {
    const waiters: PendingAck[] = [];
    return deskWith({
      onMessage(hub, { connectionId }, { name, data, ack }) {
        if (name === "desk.wait" && ack !== null) waiters.push({ connectionId, ack });
        if (name !== "desk.answer") return null;
        for (const waiter of waiters.splice(0)) hub.sockets.reply(waiter, reply(data));
        return { data: "done" };
      },
    });
  }

  it("answers the one who waits, in its turn's order, also after a sleep", async () => {
    const at = new VirtualDesk([waiting((data) => ({ data }))]);
    const [one, other] = [await at.connect("alice"), await at.connect("bob")];
    const ack = await at.say(one, "desk.wait", null);
    expect(answers(one)).toEqual({});
    await at.sleep();
    const done = await at.say(other, "desk.answer", "late");
    expect([answers(one), answers(other)]).toEqual([{ [ack]: "late" }, { [done]: "done" }]);
  });

  it("may have another client answer", async () => {
    const at = new VirtualDesk([
      waiting((to) => ({ call: { to: String(to), name: "add", data: 1, timeoutMs: 60_000 } })),
    ]);
    const [one, other] = [await at.connect("alice"), await at.connect("bob")];
    const ack = await at.say(one, "desk.wait", null);
    await at.say(other, "desk.answer", idOf(other));
    await at.answer(other, calls(other)[0] ?? "", 2);
    expect(answers(one)).toEqual({ [ack]: 2 });
  });

  it("does nothing for a client that has left meanwhile: nobody is asked in vain", async () => {
    for (const lost of [(at: VirtualDesk, one: MemorySocket) => at.hub.drop(one), null]) {
      const at = new VirtualDesk([
        waiting((to) => ({ call: { to: String(to), name: "add", data: 1, timeoutMs: 60_000 } })),
      ]);
      const one = await at.connect("alice");
      await at.say(one, "desk.wait", null);
      if (lost === null) at.hub.crash();
      else lost(at, one);
      const other = await at.connect("bob");
      await at.say(other, "desk.answer", idOf(other));
      expect(calls(other)).toEqual([]);
    }
  });

  it("may change what a client gets of an answer to its call", async () => {
    const callAnswered = (answer: unknown): unknown => ({ answer });
    const at = new VirtualDesk([deskWith({ callAnswered })]);
    const [target, caller] = [await at.worker("add"), await at.connect("a")];
    const ack = await at.say(caller, "desk.call", { method: "add", params: null });
    await at.answer(target, calls(target)[0] ?? "", 3);
    const none = await at.say(caller, "desk.call", { method: "unknown", params: null });
    const echo = await at.say(caller, "desk.echo", 4);
    expect(answers(caller)).toEqual({
      [ack]: { answer: 3 },
      [none]: { failed: "no_target" },
      [echo]: 4,
    });
  });
});

describe("HUB-8 grants that are not in a token", () => {
  it("change between the events of one turn, survive a sleep, and are found again at the next connect", async () => {
    const at = new VirtualDesk();
    const clerk = await at.connect("clerk");
    const give = (role: string | null): Promise<unknown> =>
      at.hub.event((impl) => impl.command("desk.role", { sub: "clerk", role }));
    await give("clerk");
    expect(events(clerk).slice(-1)).toEqual(["desk.after"]);
    await at.sleep();
    await give("clerk");
    expect(events(clerk).slice(-2)).toEqual(["desk.before", "desk.after"]);
    const again = await at.connect("clerk");
    await give(null);
    expect(events(again).slice(-1)).toEqual(["desk.before"]);
    expect(events(clerk).filter((name) => name.startsWith("desk.a"))).toHaveLength(2);
  });
});

describe("HUB-5 what was sent before", () => {
  it("is found in the journal by the grants of then, also after a sleep and a change of grants", async () => {
    const at = new VirtualDesk();
    const clerk = await at.connect("clerk");
    const give = (role: string | null, quietly = false): Promise<unknown> =>
      at.hub.event((impl) => impl.command("desk.role", { sub: "clerk", role, quietly }));
    await give("clerk");
    await give("clerk");
    const { s = 0 } = frames(clerk).at(-1) ?? {};
    await at.sleep();
    await give(null, true);
    at.hub.message(clerk, JSON.stringify({ op: 1, d: s }));
    await at.time.quiet();
    expect(frames(clerk).at(-1)).toEqual({ op: 11, d: null });
    expect(frames(clerk).filter(({ op }) => op === 9)).toEqual([]);
  });
});

describe("HUB-22 calls between clients", () => {
  it("go to one target, and its answer to the caller alone", async () => {
    const at = new VirtualDesk();
    const [target, caller, other] = [
      await at.worker("add"),
      await at.connect("a"),
      await at.connect("b"),
    ];
    const ack = await at.say(caller, "desk.call", { method: "add", params: [1, 2] });
    expect(frames(target).at(-1)).toMatchObject({ op: 22, d: { name: "add", data: [1, 2] } });
    await at.answer(target, calls(target)[0] ?? "", 3);
    expect(answers(caller)).toEqual({ [ack]: 3 });
    expect([calls(other), answers(other)]).toEqual([[], {}]);
  });

  it("survive a sleep of the hub", async () => {
    const at = new VirtualDesk();
    const [target, caller] = [await at.worker("add"), await at.connect("a")];
    const ack = await at.say(caller, "desk.call", { method: "add", params: null });
    await at.sleep();
    await at.answer(target, calls(target)[0] ?? "", "late but here");
    expect(answers(caller)).toEqual({ [ack]: "late but here" });
  });

  it("fail at once when nobody has the method, when it is one's own, and when the target leaves", async () => {
    const at = new VirtualDesk();
    const [target, caller] = [await at.worker("add"), await at.connect("a")];
    const nobody = await at.say(caller, "desk.call", { method: "unknown", params: null });
    const own = await at.say(target, "desk.call", { method: "add", params: null });
    expect(answers(caller)).toEqual({ [nobody]: { failed: "no_target" } });
    expect(answers(target)[own]).toEqual({ failed: "no_target" });
    expect(calls(target)).toEqual([]);
    const left = await at.say(caller, "desk.call", { method: "add", params: null });
    at.hub.drop(target);
    expect(answers(caller)[left]).toEqual({ failed: "target_gone" });
  });

  it("fail at their deadline, by an alarm, also if the hub slept, and a later answer is dropped", async () => {
    const at = new VirtualDesk();
    const [target, caller] = [await at.worker("add"), await at.connect("a")];
    const ack = await at.say(caller, "desk.call", { method: "add", params: null });
    await at.sleep();
    await at.time.pass(DESK_TIMEOUT_MS - 1_000);
    expect(answers(caller)).toEqual({});
    await at.time.pass(1_000);
    expect(answers(caller)).toEqual({ [ack]: { failed: "timed_out" } });
    await at.answer(target, calls(target)[0] ?? "", 3);
    expect(frames(caller).filter(({ op }) => op === 21)).toHaveLength(1);
    expect(target.closedWith).toBeNull();
  });

  it("take one answer, and only from their target", async () => {
    const at = new VirtualDesk();
    const [target, caller, thief] = [
      await at.worker("add"),
      await at.connect("a"),
      await at.connect("b"),
    ];
    const ack = await at.say(caller, "desk.call", { method: "add", params: null });
    const [id = ""] = calls(target);
    await at.answer(thief, id, "stolen");
    await at.answer(caller, id, "my own");
    expect(answers(caller)).toEqual({});
    await at.answer(target, id, "first");
    await at.answer(target, id, "second");
    expect(frames(caller).filter(({ op }) => op === 21)).toHaveLength(1);
    expect(answers(caller)).toEqual({ [ack]: "first" });
  });

  it("to one target are limited, and there is room again when some end", async () => {
    const at = new VirtualDesk();
    const target = await at.worker("add");
    const callers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => at.connect(`caller${i}`)),
    );
    for (const caller of callers) {
      for (let i = 0; i < CALLS_PER_TARGET / callers.length; i += 1) {
        await at.say(caller, "desk.call", { method: "add", params: null });
      }
      // So that no caller sends too many frames.
      await at.time.pass(10_000 / callers.length);
    }
    expect(calls(target)).toHaveLength(CALLS_PER_TARGET);
    const late = await at.connect("late");
    const call = (): Promise<string> => at.say(late, "desk.call", { method: "add", params: null });
    // The others do not take the last places from one that has few.
    for (let i = 0; i < CALLS_PER_CALLER_ALWAYS; i += 1) await call();
    const most = CALLS_PER_TARGET + CALLS_PER_CALLER_ALWAYS;
    expect([answers(late), calls(target).length]).toEqual([{}, most]);
    const over = await call();
    expect(answers(late)).toEqual({ [over]: { failed: "too_many" } });
    for (let i = 0; i <= CALLS_PER_CALLER_ALWAYS; i += 1) {
      await at.answer(target, calls(target)[i] ?? "", 1);
    }
    await call();
    expect(calls(target)).toHaveLength(most + 1);
    // Nobody waits for the calls of a caller that has left.
    const [, leaver] = callers;
    if (leaver !== undefined) at.hub.drop(leaver);
    await call();
    expect(calls(target)).toHaveLength(most + 2);
  });

  it("in one hub are limited, also after a sleep, and each that ends makes room for one", async () => {
    const at = new VirtualDesk();
    const targets: MemorySocket[] = [];
    for (let i = 0; i <= CALLS_PER_HUB / CALLS_PER_TARGET; i += 1) {
      targets.push(await at.worker(`m${i}`, `target${i}`));
    }
    const [first, second] = targets;
    if (first === undefined || second === undefined) throw new Error("there are targets");
    const call = (from: MemorySocket, method: string): Promise<string> =>
      at.say(from, "desk.call", { method, params: null, timeoutMs: 3_600_000 });
    // No caller sends too many frames.
    const each = CALLS_PER_TARGET / 20;
    const callers: MemorySocket[] = [];
    for (let i = 0; i < CALLS_PER_HUB / each; i += 1) {
      const caller = await at.connect(`caller${i}`);
      callers.push(caller);
      for (let n = 0; n < each; n += 1) await call(caller, `m${Math.floor(i / 20)}`);
    }
    expect(callers.flatMap((caller) => Object.values(answers(caller)))).toEqual([]);
    const asked = (): number[] => targets.map((target) => calls(target).length);
    const full = targets.map((_, i) => (i < targets.length - 1 ? CALLS_PER_TARGET : 0));
    expect(asked()).toEqual(full);
    await at.sleep();
    // The last target has no call yet, but the hub has too many.
    const late = await at.connect("late");
    const last = `m${targets.length - 1}`;
    const over = [await call(late, last), await call(late, last)];
    for (const ack of over) expect(answers(late)[ack]).toEqual({ failed: "too_many" });
    expect(asked()).toEqual(full);
    const outcomes = async (times: number): Promise<unknown[]> => {
      const acks: string[] = [];
      for (let i = 0; i < times; i += 1) acks.push(await call(late, last));
      return acks.map((ack) => answers(late)[ack]);
    };
    await at.answer(first, calls(first)[0] ?? "", 1);
    expect(await outcomes(2)).toEqual([undefined, { failed: "too_many" }]);
    // All calls of one caller end when it leaves.
    const [, leaver] = callers;
    if (leaver !== undefined) at.hub.drop(leaver);
    await at.time.pass(10_000);
    const room = Array.from({ length: each });
    expect(await outcomes(each + 1)).toEqual([...room, { failed: "too_many" }]);
    // All calls to one target end when it leaves.
    at.hub.drop(second);
    await at.time.pass(10_000);
    expect(await outcomes(each)).toEqual(room);
  });

  it("of every kind end exactly once, whoever leaves, sleeps, crashes or answers twice", async () => {
    const step = fc.oneof(
      fc.record({
        do: fc.constant("call" as const),
        from: fc.nat(3),
        to: fc.nat(3),
        /** Four large ones fill a window: further ones wait. */
        size: fc.constantFrom(0, 12_000, 12_000),
      }),
      fc.record({ do: fc.constant("read" as const), who: fc.nat(3) }),
      fc.record({ do: fc.constant("answer" as const), by: fc.nat(3), which: fc.nat(20) }),
      fc.record({ do: fc.constant("leave" as const), who: fc.nat(3) }),
      fc.record({ do: fc.constant("sleep" as const) }),
      fc.record({
        do: fc.constant("crash" as const),
        /** Whether it stores one more call, and dies before it has sent it. */
        unsent: fc.boolean(),
        from: fc.nat(3),
        to: fc.nat(3),
        /** It also dies soon after the wake, or it has time to forget who is lost. */
        next: fc.constantFrom("go on", "again", "forget"),
      }),
      fc.record({ do: fc.constant("pass" as const), ms: fc.constantFrom(1, 5_000, 20_000) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
        const limits = { ...KIND.limits, windowBytes: 40_000 };
        const at = new VirtualDesk([desk], { limits });
        const clients: MemorySocket[] = [];
        const all = new Set<MemorySocket>();
        const comes = async (i: number): Promise<void> => {
          const client = await at.worker(`m${i}`, `c${i}`);
          clients[i] = client;
          all.add(client);
          read(client);
        };
        /** Acknowledges what it was sent. */
        const read = (client: MemorySocket): void => {
          const last = Math.max(...frames(client).map(({ s = 0 }) => s));
          at.hub.message(client, JSON.stringify({ op: 1, d: last }));
        };
        for (let i = 0; i < 4; i += 1) await comes(i);
        /** The acks that each connection waits for. */
        const waiting = new Map<MemorySocket, string[]>();
        const call = async (from: MemorySocket, method: string, size = 0): Promise<void> => {
          const ack = await at.say(from, "desk.call", { method, params: "p".repeat(size) });
          waiting.set(from, [...(waiting.get(from) ?? []), ack]);
        };
        for (const one of steps) {
          // Some have read nothing for a minute.
          for (const i of clients.keys()) if (clients[i]?.closedWith !== null) await comes(i);
          switch (one.do) {
            case "call": {
              const from = clients[one.from];
              if (from !== undefined) await call(from, `m${one.to}`, one.size);
              break;
            }
            case "read": {
              const who = clients[one.who];
              if (who !== undefined) read(who);
              break;
            }
            case "answer": {
              const by = clients[one.by];
              const asked = [...all].flatMap(calls);
              const id = asked[one.which % Math.max(1, asked.length)];
              if (by !== undefined && id !== undefined) await at.answer(by, id, "ok");
              break;
            }
            case "leave": {
              const who = clients[one.who];
              if (who === undefined) break;
              at.hub.drop(who);
              await comes(one.who);
              break;
            }
            case "sleep":
              await at.sleep();
              break;
            case "crash": {
              const from = clients[one.from];
              if (one.unsent && from !== undefined) {
                at.hub.isMute = true;
                await call(from, `m${one.to}`);
              }
              at.hub.crash();
              if (one.next === "again") {
                await comes(0);
                at.hub.crash();
              }
              for (let i = 0; i < 4; i += 1) await comes(i);
              if (one.next !== "forget") break;
              await at.time.pass(1_000);
              // Nobody is left who made or was asked one of them.
              expect(waitingCalls(at)).toBe(0);
              break;
            }
            case "pass":
              await at.time.pass(one.ms);
          }
        }
        await at.time.pass(DESK_TIMEOUT_MS);
        for (const [socket, acks] of waiting) {
          const got = frames(socket).flatMap(({ op, d }) => (op === 21 ? [String(d["id"])] : []));
          const ofCalls = got.filter((id) => acks.includes(id));
          expect(new Set(ofCalls).size).toBe(ofCalls.length);
          const isHere = clients.includes(socket) && socket.closedWith === null;
          if (isHere) expect(ofCalls.toSorted()).toEqual(acks.toSorted());
        }
        expect(waitingCalls(at)).toBe(0);
      }),
      { numRuns: Number(process.env["MODEL_RUNS"] ?? 60) },
    );
  });
});
