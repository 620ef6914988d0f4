import { describe, expect, it, vi } from "vitest";
import { CALLS_PER_TARGET, SESSION_GRANTS_MAX_BYTES } from "../protocol/limits.ts";
import { desk, deskWith } from "../testing/desk-extension.ts";
import { takeHubFailures } from "../testing/hub-failures.ts";
import type { MemorySocket } from "../testing/memory-platform.ts";
import { OPCODE_DIALECT } from "../testing/opcode-dialect.ts";
import { opcodeFrames, VirtualDesk } from "../testing/virtual-desk.ts";
import { KIND } from "../testing/virtual-guild.ts";
import type { CallFailure } from "./core/calls.ts";
import type { Client, HubExtension, HubTurn, SocketExtension } from "./extension.ts";

const NATIVE = { dialect: "guild" } as const;
const SIGNALS = { dialect: "guild", signals: true } as const;

/** The desk with a command that runs this turn. */
function deskThat(run: (turn: HubTurn) => void): HubExtension {
  return { ...desk, commands: [{ name: "desk.do", run: (hub) => hub.turn(run) }] };
}

/** A function that throws until it is mended. */
function broken<Given extends unknown[], Result>(
  works: (...given: Given) => Result,
): { readonly run: (...given: Given) => Result; readonly mend: () => void } {
  let isMended = false;
  return {
    run: (...given) => {
      if (!isMended) throw new Error("it fails");
      return works(...given);
    },
    mend: () => {
      isMended = true;
    },
  };
}

const tell = (turn: HubTurn, event: string): void => {
  turn.publish({ event, payload: {}, audience: null, topic: null });
};
const does = (at: VirtualDesk): Promise<unknown> =>
  at.hub.event((impl) => impl.command("desk.do", null));
const shout = (at: VirtualDesk): Promise<unknown> =>
  at.hub.event((impl) =>
    impl.publish([{ event: "desk.shouted", payload: {}, audience: null, topic: null }]),
  );
/** Names and numbers of native events since a length. */
const eventsSince = (socket: MemorySocket, from: number): string[] =>
  socket.sent.slice(from).flatMap((text) => {
    const frame = JSON.parse(text) as { type: string; event: string; seq: number; events?: [] };
    const all = frame.type === "event" ? [frame] : (frame.events ?? []);
    return all.map(({ event, seq }: { event: string; seq: number }) => `${event} ${seq}`);
  });

describe("HUB-2 a close in the middle of what is sent", () => {
  it.each([NATIVE, SIGNALS])("keeps the order of a turn, for %o", async (as) => {
    const at = new VirtualDesk([
      deskThat((turn) => {
        tell(turn, "desk.before");
        turn.sockets.close({ grant: "sub:victim" }, "forbidden");
        tell(turn, "desk.after");
      }),
    ]);
    const watcher = await at.connect("watcher", undefined, as);
    await at.connect("victim", undefined, NATIVE);
    await at.time.pass(60_000);
    const from = watcher.sent.length;
    await does(at);
    await at.time.pass(10_000);
    expect(eventsSince(watcher, from)).toEqual(["desk.before 3", "desk.after 4", "desk.left 5"]);
  });

  it("of a client whose token has expired takes no event from those after it", async () => {
    const at = new VirtualDesk();
    const first = await at.connect("first", undefined, SIGNALS);
    await at.connect("victim", undefined, NATIVE);
    const last = await at.connect("last", undefined, SIGNALS);
    await at.time.pass(60_000);
    const { sessions } = at.hub.impl.host.server;
    // As if the alarm were late.
    for (const session of sessions.ofUser("victim").values()) session.expiresAtMs = at.time.now;
    const from = [first.sent.length, last.sent.length] as const;
    await shout(at);
    const expected = ["desk.shouted 4", "desk.left 5"];
    expect(eventsSince(first, from[0])).toEqual(expected);
    expect(eventsSince(last, from[1])).toEqual(expected);
  });

  it("of one socket too many comes after the welcome of the newest", async () => {
    const at = new VirtualDesk();
    await at.connect("watcher", undefined, SIGNALS);
    for (let i = 0; i < KIND.limits.socketsPerUser; i += 1) {
      await at.connect("many", undefined, NATIVE);
    }
    await at.time.pass(60_000);
    const newest = await at.connect("many", undefined, NATIVE);
    await at.time.pass(10);
    const types = newest.sent.map((text) => (JSON.parse(text) as { type: string }).type);
    expect(types.slice(0, 2)).toEqual(["ack", "snapshot"]);
    const seqs = eventsSince(newest, 0).map((one) => one.split(" ")[1]);
    expect(new Set(seqs).size).toBe(seqs.length);
  });
});

describe("HUB-8 a change of grants while a batch waits", () => {
  it.each([
    ["clerk", "desk.after"],
    [null, "desk.before"],
  ])("to %o lets only %s through, with and without batches", async (role, only) => {
    const at = new VirtualDesk();
    const give = (quietly: boolean, to: string | null): Promise<unknown> =>
      at.hub.event((impl) => impl.command("desk.role", { sub: "clerk", role: to, quietly }));
    if (role === null) await give(true, "clerk");
    const clerks = [
      await at.connect("clerk", undefined, NATIVE),
      await at.connect("clerk", undefined, { ...NATIVE, batch: true }),
    ];
    await at.time.pass(1_000);
    const from = clerks.map(({ sent }) => sent.length);
    // It opens the batching window.
    await shout(at);
    await give(false, role);
    await at.time.pass(1_000);
    for (const [i, clerk] of clerks.entries()) {
      const names = eventsSince(clerk, from[i] ?? 0).map((one) => one.split(" ")[0]);
      expect(names).toEqual(["desk.shouted", only]);
    }
  });

  it.each([SESSION_GRANTS_MAX_BYTES, 20_000])(
    "to %i bytes, which are too many, closes the client and stops nothing else",
    async (size) => {
      const at = new VirtualDesk([
        deskThat((turn) => {
          turn.sockets.regrant({ grant: "sub:victim" }, ["x".repeat(size)]);
          tell(turn, "desk.after");
        }),
      ]);
      const watcher = await at.connect("watcher", undefined, NATIVE);
      const victim = await at.connect("victim");
      const from = watcher.sent.length;
      await does(at);
      expect(victim.closedWith).toBe(OPCODE_DIALECT.farewell("forbidden").code);
      expect(eventsSince(watcher, from)).toEqual(["desk.after 3", "desk.left 4"]);
    },
  );

  it("by a newer token that is too large beside them closes the client", async () => {
    const at = new VirtualDesk();
    const clerk = await at.connect("clerk");
    const role = "r".repeat(SESSION_GRANTS_MAX_BYTES - 100);
    await at.hub.event((impl) => impl.command("desk.role", { sub: "clerk", role }));
    expect(clerk.closedWith).toBeNull();
    const exp = Math.floor(at.time.now / 1_000) + 7_200;
    at.hub.impl.host.server.renew(clerk, { sub: "clerk", grants: ["g".repeat(200)], exp });
    expect(clerk.closedWith).toBe(OPCODE_DIALECT.farewell("forbidden").code);
  });

  it("is seen by operators", async () => {
    const at = new VirtualDesk();
    await at.connect("clerk");
    await at.hub.event((impl) => impl.command("desk.role", { sub: "clerk", role: "clerk" }));
    const [one] = await at.hub.impl.connections("clerk");
    expect(one?.grants).toEqual(["sub:clerk", "role:clerk"]);
  });
});

describe("HUB-21 an extension that fails", () => {
  it("when a client leaves: calls to it fail at once, and other extensions hear of it", async () => {
    const heard = vi.fn();
    const other: HubExtension = {
      name: "other",
      migrate: () => false,
      snapshot: () => ({}),
      sockets: {
        takes: () => false,
        onMessage: () => null,
        onClose: (_, { sub }) => heard(sub),
        callFailed: () => "not its call",
      },
    };
    const fails = (): never => {
      throw new Error("it fails");
    };
    const at = new VirtualDesk([deskWith({ onClose: fails }), other]);
    const [target, caller] = [await at.worker("add"), await at.connect("caller")];
    await at.say(caller, "desk.call", { method: "add", params: null });
    at.hub.drop(target);
    expect(opcodeFrames(caller).at(-1)?.d).toMatchObject({ data: { failed: "target_gone" } });
    expect(heard).toHaveBeenCalledWith("worker");
    expect(takeHubFailures()).toHaveLength(1);
  });

  it("when a client comes: nobody stays behind, and the client may come again", async () => {
    const onOpen = broken((hub: HubTurn, client: Client) => desk.sockets?.onOpen?.(hub, client));
    const at = new VirtualDesk([deskWith({ onOpen: onOpen.run })]);
    await expect(at.connect("alice")).rejects.toThrow("503");
    expect(takeHubFailures()).toHaveLength(1);
    await at.time.pass(10);
    expect([at.hub.impl.host.server.sessions.openCount, at.hub.sockets.size]).toEqual([0, 0]);
    onOpen.mend();
    expect((await at.connect("alice")).closedWith).toBeNull();
  });

  it("takes no grants away that another one gave", async () => {
    const first: HubExtension = {
      name: "first",
      migrate: () => false,
      snapshot: () => ({}),
      sockets: {
        takes: () => false,
        onMessage: () => null,
        grantsOf: () => ["role:of-first"],
        callFailed: () => null,
      },
    };
    const at = new VirtualDesk([first, desk]);
    await at.connect("clerk");
    await at.hub.event((impl) => impl.command("desk.role", { sub: "clerk", role: "clerk" }));
    const [one] = await at.hub.impl.connections("clerk");
    expect(one?.grants).toEqual(["sub:clerk", "role:of-first", "role:clerk"]);
  });

  it("answers only for its own calls", async () => {
    const first: HubExtension = {
      name: "first",
      migrate: () => false,
      snapshot: () => ({}),
      sockets: { takes: () => false, onMessage: () => null, callFailed: () => "of another" },
    };
    const at = new VirtualDesk([first, desk]);
    const caller = await at.connect("caller");
    await at.say(caller, "desk.call", { method: "nobody's", params: null });
    expect(opcodeFrames(caller).at(-1)?.d).toMatchObject({ data: { failed: "no_target" } });
  });

  it("hears of lost clients also if nobody comes after the crash", async () => {
    const at = new VirtualDesk();
    await at.connect("alice");
    at.hub.crash();
    await at.hub.event((impl) => impl.status());
    await at.time.pass(1_000);
    const events = at.hub.impl.host.store.readAfter(0, 10).map(({ event }) => event);
    expect(events).toEqual(["desk.came", "desk.left"]);
  });
});

describe("HUB-6 a close that wakes the hub", () => {
  it("is told and counted as any other, with its code", async () => {
    const at = new VirtualDesk();
    const watcher = await at.connect("watcher", undefined, SIGNALS);
    const leaver = await at.connect("leaver");
    await at.time.pass(60_000);
    const from = watcher.sent.length;
    at.hub.dropAsleep(leaver, 1000);
    await at.time.pass(10_000);
    const frames = watcher.sent.slice(from).map((text) => JSON.parse(text) as { type: string });
    expect(frames).toMatchObject([
      { event: "desk.left", payload: { sub: "leaver", code: 1000 } },
      { type: "signal", payload: { count: 1 } },
    ]);
    expect((await at.hub.impl.inspect()).closes).toEqual({ "1000": 1 });
  });

  it("is told with its code also if several close at once", async () => {
    const at = new VirtualDesk();
    const watcher = await at.connect("watcher");
    const leavers = [await at.connect("a"), await at.connect("b")];
    await at.time.pass(60_000);
    const [first, second] = leavers;
    if (first === undefined || second === undefined) throw new Error("two leave");
    second.readyState = WebSocket.CLOSING;
    at.hub.dropAsleep(first, 1000);
    at.hub.drop(second, 1001);
    await at.time.pass(5_000);
    const left = opcodeFrames(watcher).filter(({ t }) => t === "desk.left");
    expect(left.map(({ d }) => d["code"])).toEqual([1000, 1001]);
  });

  it("is told once when the hub itself had begun it before it slept", async () => {
    const at = new VirtualDesk([
      deskThat((turn) => turn.sockets.close({ grant: "sub:victim" }, "forbidden")),
    ]);
    const watcher = await at.connect("watcher");
    const victim = await at.connect("victim");
    await does(at);
    await at.sleep();
    at.hub.drop(victim, 4403);
    await at.time.pass(100);
    const left = opcodeFrames(watcher).filter(({ t }) => t === "desk.left");
    expect(left).toHaveLength(1);
    const { code } = OPCODE_DIALECT.farewell("forbidden");
    expect((await at.hub.impl.inspect()).closes).toEqual({ [code]: 1 });
  });
});

describe("HUB-10 what a client is owed", () => {
  const bytes = (socket: MemorySocket): number =>
    socket.sent.reduce((sum, text) => sum + text.length, 0);
  const { windowBytes } = KIND.limits;

  it("by calls is at most a window, however many time out", async () => {
    const at = new VirtualDesk();
    const [target, caller] = [await at.worker("add"), await at.connect("caller")];
    at.hub.message(target, JSON.stringify({ op: 1, d: 1 }));
    const params = "x".repeat(15_000);
    for (let i = 0; i < 60; i += 1) {
      await at.say(caller, "desk.call", { method: "add", params, timeoutMs: 100 });
      await at.time.pass(500);
    }
    expect(bytes(target)).toBeLessThan(windowBytes + 2 * params.length);
    // The later ones have waited in vain, and are never sent.
    expect(opcodeFrames(caller).at(-1)?.d).toMatchObject({ data: { failed: "timed_out" } });
    const asked = opcodeFrames(target).filter(({ op }) => op === 22).length;
    // It is asked once, and is whole again when it answers.
    expect(opcodeFrames(target).filter(({ op }) => op === 1)).toHaveLength(1);
    const last = Math.max(...opcodeFrames(target).map(({ s = 0 }) => s));
    at.hub.message(target, JSON.stringify({ op: 1, d: last }));
    expect(opcodeFrames(target).filter(({ op }) => op === 22)).toHaveLength(asked);
    await at.say(caller, "desk.call", { method: "add", params, timeoutMs: 100 });
    expect(opcodeFrames(target).at(-1)).toMatchObject({ op: 22 });
  });

  it("by calls is a window more with each ping, if it only pings", async () => {
    const at = new VirtualDesk();
    const [target, caller] = [await at.worker("add"), await at.connect("caller")];
    const ping = (): void => at.hub.message(target, KIND.ping.request);
    const params = "x".repeat(15_000);
    const outcome = async (): Promise<unknown> => {
      await at.say(caller, "desk.call", { method: "add", params, timeoutMs: 100 });
      await at.time.pass(500);
      return opcodeFrames(caller).at(-1)?.d["data"];
    };
    ping();
    // Without events nothing else looks at its pings.
    for (let i = 0; i < 100; i += 1) {
      expect(await outcome()).toEqual({ failed: "timed_out" });
      if (i % 5 === 0) ping();
    }
    expect(bytes(target)).toBeGreaterThan(6 * windowBytes);
    // It has stopped.
    const before = bytes(target);
    for (let i = 0; i < 60; i += 1) expect(await outcome()).toEqual({ failed: "timed_out" });
    expect(bytes(target)).toBeLessThan(before + windowBytes + 2 * params.length);
    expect(target.closedWith).toBeNull();
  });

  it("by answers is a window more with each ping, if it only pings", async () => {
    const at = new VirtualDesk();
    const client = await at.connect("alice");
    for (let i = 0; i < 1_500; i += 1) {
      await at.say(client, "desk.echo", "x".repeat(15_000));
      client.sent.splice(0, client.sent.length - 1);
      await at.time.pass(500);
      if (i % 5 === 0) at.hub.message(client, KIND.ping.request);
    }
    expect(client.closedWith).toBeNull();
  });

  it("by calls is 16 MB if it shows nothing: then it is closed, and may come again", async () => {
    const at = new VirtualDesk();
    const [target, caller] = [await at.worker("add"), await at.connect("caller")];
    const params = "x".repeat(15_000);
    for (let i = 0; i < 2_000 && target.closedWith === null; i += 1) {
      const ack = await at.say(caller, "desk.call", { method: "add", params, timeoutMs: 100 });
      await at.time.pass(500);
      const isClosed = target.closedWith !== null;
      const answer = opcodeFrames(caller).find(({ d }) => d["id"] === ack);
      expect(answer?.d["data"]).toEqual({ failed: isClosed ? "target_gone" : "timed_out" });
      caller.sent = [];
    }
    expect(target.closedWith).toBe(OPCODE_DIALECT.farewell("overloaded").code);
    expect(bytes(target)).toBeGreaterThan(KIND.limits.unacknowledgedBytes - 100_000);
    await at.worker("add");
    await at.say(caller, "desk.call", { method: "add", params, timeoutMs: 100 });
    await at.time.pass(500);
    expect(opcodeFrames(caller).at(-1)?.d).toMatchObject({ data: { failed: "timed_out" } });
  });

  it("by answers that it never acknowledges is 16 MB for all its sockets, however often it asks", async () => {
    const at = new VirtualDesk();
    const [one, other] = [await at.connect("alice"), await at.connect("alice")];
    const isOpen = (): boolean => one.closedWith === null && other.closedWith === null;
    for (let i = 0; i < 2_000 && isOpen(); i += 1) {
      for (const socket of [one, other]) await at.say(socket, "desk.echo", "x".repeat(15_000));
      await at.time.pass(500);
    }
    expect(isOpen()).toBe(false);
    const { unacknowledgedBytes } = KIND.limits;
    expect(bytes(one) + bytes(other)).toBeGreaterThan(unacknowledgedBytes - 100_000);
    expect(bytes(one) + bytes(other)).toBeLessThan(unacknowledgedBytes + 100_000);
  });

  it("is nothing in a dialect without such frames: a call to it fails at once", async () => {
    const onMessage: SocketExtension["onMessage"] = (_, __, { data }) => ({
      call: { to: String(data), name: "add", data: 1, timeoutMs: 60_000 },
    });
    const at = new VirtualDesk([deskWith({ onMessage })]);
    const target = await at.connect("native", undefined, NATIVE);
    const caller = await at.connect("caller");
    const { connectionId } = JSON.parse(target.sent[0] ?? "") as { readonly connectionId: string };
    const ack = await at.say(caller, "desk.call", connectionId);
    expect(opcodeFrames(caller).at(-1)?.d).toEqual({ id: ack, data: { failed: "no_target" } });
  });

  it("by calls allows it as many frames for its answers", async () => {
    const at = new VirtualDesk();
    const target = await at.worker("add");
    const callers = [await at.connect("a"), await at.connect("b")];
    const calls = KIND.limits.framesPerWindow;
    for (let i = 0; i < calls; i += 1) {
      for (const caller of callers) {
        if (i < calls / 2 + 5) {
          await at.say(caller, "desk.call", { method: "add", params: i, timeoutMs: 60_000 });
        }
      }
    }
    const asked = opcodeFrames(target).filter(({ op }) => op === 22);
    expect(asked.length).toBeGreaterThan(calls);
    for (const { d } of asked) {
      at.hub.message(target, JSON.stringify({ op: 21, d: { id: d["id"], data: 1 } }));
    }
    await at.time.quiet();
    expect(target.closedWith).toBeNull();
  });

  it("by answers is some windows, then it is closed and may come again", async () => {
    const at = new VirtualDesk();
    const client = await at.connect("alice");
    at.hub.message(client, JSON.stringify({ op: 1, d: 1 }));
    for (let i = 0; i < 200 && client.closedWith === null; i += 1) {
      await at.say(client, "desk.echo", "x".repeat(15_000));
      await at.time.pass(500);
    }
    expect(client.closedWith).toBe(OPCODE_DIALECT.farewell("overloaded").code);
    expect(bytes(client)).toBeGreaterThan(3 * windowBytes);
    expect(bytes(client)).toBeLessThan(4 * windowBytes + 20_000);
  });
});

describe("HUB-21 HUB-22 a client that lags while its window has room", () => {
  const { windowBytes } = KIND.limits;
  /** Three of these fit into a window. When the fourth one does not fit, everything small still does. */
  const text = "x".repeat(windowBytes / 4);
  const everybody = (turn: HubTurn): void => turn.sockets.send({ all: true }, "news", "small");
  const publish = (at: VirtualDesk, payload: Record<string, unknown>): Promise<unknown> =>
    at.hub.event((impl) =>
      impl.publish([{ event: "desk.shouted", payload, audience: null, topic: null }]),
    );
  const confirm = async (at: VirtualDesk, client: MemorySocket): Promise<void> => {
    const last = Math.max(...opcodeFrames(client).map(({ s = 0 }) => s));
    at.hub.message(client, JSON.stringify({ op: 1, d: last }));
    await at.time.quiet();
  };
  const heard = (client: MemorySocket, op: number): unknown[] =>
    opcodeFrames(client).flatMap((frame) => (frame.op === op ? [frame.d["name"]] : []));
  /** Two that read, and one that was sent less than a window and takes nothing more. */
  const setUp = async () => {
    const at = new VirtualDesk([deskThat(everybody)]);
    const lagging = await at.worker("add");
    const reading = [await at.connect("caller"), await at.connect("other")] as const;
    for (const client of [lagging, ...reading]) await confirm(at, client);
    for (let i = 0; i < 4; i += 1) {
      await publish(at, { text });
      for (const client of reading) await confirm(at, client);
    }
    const [session] = at.hub.impl.host.server.sessions.ofUser("worker").values();
    expect(session?.isLagging).toBe(true);
    expect(session?.credit.fits(1_000, 1)).toBe(true);
    return { at, lagging, reading };
  };

  it("is not sent what is for several, also not when it has caught up, and misses no event", async () => {
    const { at, lagging, reading } = await setUp();
    await does(at);
    expect(reading.map((client) => heard(client, 20))).toEqual([["news"], ["news"]]);
    expect(heard(lagging, 20)).toEqual([]);
    await confirm(at, lagging);
    expect(heard(lagging, 20)).toEqual([]);
    const events = (client: MemorySocket): number =>
      opcodeFrames(client).filter(({ t }) => t === "desk.shouted").length;
    expect([lagging, ...reading].map(events)).toEqual([4, 4, 4]);
    await does(at);
    expect(heard(lagging, 20)).toEqual(["news"]);
  });

  it("is sent what it is owed", async () => {
    const { at, lagging } = await setUp();
    const ack = await at.say(lagging, "desk.echo", "to it alone");
    expect(opcodeFrames(lagging).at(-1)?.d).toEqual({ id: ack, data: "to it alone" });
  });

  it("is asked when it has caught up: calls to it wait until then", async () => {
    const { at, lagging, reading } = await setUp();
    const [caller] = reading;
    const ack = await at.say(caller, "desk.call", { method: "add", params: null });
    expect([heard(lagging, 22), heard(caller, 21)]).toEqual([[], []]);
    await confirm(at, lagging);
    expect(heard(lagging, 22)).toEqual(["add"]);
    const id = String(opcodeFrames(lagging).find(({ op }) => op === 22)?.d["id"]);
    await at.answer(lagging, id, 1);
    expect(opcodeFrames(caller).at(-1)?.d).toEqual({ id: ack, data: 1 });
  });

  it("begins to lag by a message that does not fit, and does not get it", async () => {
    const at = new VirtualDesk([
      deskThat((turn) => turn.sockets.send({ all: true }, "news", text)),
    ]);
    const [reader, slow] = [await at.connect("reader"), await at.connect("slow")];
    for (const client of [reader, slow]) await confirm(at, client);
    for (let i = 0; i < 4; i += 1) {
      await does(at);
      await confirm(at, reader);
    }
    expect([heard(reader, 20).length, heard(slow, 20).length]).toEqual([4, 3]);
    await publish(at, {});
    const events = (): unknown[] => opcodeFrames(slow).filter(({ t }) => t === "desk.shouted");
    expect(events()).toEqual([]);
    await confirm(at, slow);
    expect([events().length, heard(slow, 20).length]).toEqual([1, 3]);
  });
});

describe("HUB-22 calls whose turn fails", () => {
  const call = (at: VirtualDesk, from: MemorySocket, timeoutMs = 600_000): Promise<string> =>
    at.say(from, "desk.call", { method: "add", params: null, timeoutMs });
  /** How many calls wait, as the storage says. */
  const stored = (at: VirtualDesk): number =>
    at.hub.storage.sql.exec("SELECT id FROM calls").toArray().length;
  const asked = (target: MemorySocket): number =>
    opcodeFrames(target).filter(({ op }) => op === 22).length;
  const answerOf = (caller: MemorySocket, ack: string): unknown =>
    opcodeFrames(caller).find(({ op, d }) => op === 21 && d["id"] === ack)?.d["data"];

  it("when the journal refuses its event leave nothing: no call waits, and nobody is asked", async () => {
    const onMessage: SocketExtension["onMessage"] = (hub, client, said) => {
      // Nobody is sent it, so that it fills no window.
      const about = { payload: {}, audience: ["role:nobody"], topic: null };
      if (said.name === "desk.call") hub.publish({ event: "desk.before", ...about });
      return desk.sockets?.onMessage(hub, client, said) ?? null;
    };
    const at = new VirtualDesk([deskWith({ onMessage })]);
    const target = await at.worker("add");
    const { sql } = at.hub.storage;
    const exec = sql.exec.bind(sql);
    const refuses = (query: string, ...bindings: SqlStorageValue[]) => {
      if (query.startsWith("INSERT INTO entries")) throw new Error("the disk is full");
      return exec(query, ...bindings);
    };
    const failed = 3;
    for (let i = 0; i < failed; i += 1) {
      const caller = await at.connect(`refused${i}`);
      const spy = vi.spyOn(sql, "exec").mockImplementation(refuses as typeof exec);
      await call(at, caller);
      spy.mockRestore();
      expect(caller.closedWith).toBe(OPCODE_DIALECT.farewell("restart").code);
    }
    expect(takeHubFailures()).toHaveLength(failed);
    expect([stored(at), asked(target)]).toEqual([0, 0]);
    // None of them takes the place of another one.
    const each = 50;
    for (let i = 0; i < CALLS_PER_TARGET / each; i += 1) {
      const caller = await at.connect(`caller${i}`);
      for (let n = 0; n < each; n += 1) await call(at, caller);
    }
    expect([stored(at), asked(target)]).toEqual([CALLS_PER_TARGET, CALLS_PER_TARGET]);
  });

  it("when an extension fails after the answer was taken wait on, in memory and in storage", async () => {
    const callFailed = broken((why: CallFailure) => ({ failed: why }));
    const at = new VirtualDesk([deskWith({ callFailed: callFailed.run })]);
    const target = await at.worker("add");
    const caller = await at.connect("caller");
    const late = await call(at, caller, 1_000);
    const answered = await call(at, caller);
    await at.time.pass(1_000);
    expect(takeHubFailures().length).toBeGreaterThan(0);
    expect([stored(at), answerOf(caller, late)]).toEqual([2, undefined]);
    // The alarm comes again, also if the hub slept meanwhile.
    callFailed.mend();
    const ids = opcodeFrames(target).flatMap(({ op, d }) => (op === 22 ? [String(d["id"])] : []));
    await at.answer(target, ids[1] ?? "", "in time");
    await at.time.pass(10_000);
    expect(answerOf(caller, late)).toEqual({ failed: "timed_out" });
    expect(answerOf(caller, answered)).toBe("in time");
    expect(stored(at)).toBe(0);
  });

  it("when it fails as their target leaves end at the next wake", async () => {
    const callFailed = broken((why: CallFailure) => ({ failed: why }));
    const at = new VirtualDesk([deskWith({ callFailed: callFailed.run })]);
    const target = await at.worker("add");
    const caller = await at.connect("caller");
    const ack = await call(at, caller);
    at.hub.drop(target);
    await at.time.quiet();
    expect(takeHubFailures().length).toBeGreaterThan(0);
    expect([stored(at), answerOf(caller, ack)]).toEqual([1, undefined]);
    callFailed.mend();
    await at.sleep();
    await at.time.pass(2_000);
    expect(answerOf(caller, ack)).toEqual({ failed: "target_gone" });
    expect(stored(at)).toBe(0);
  });
});
