import { describe, expect, it } from "vitest";
import {
  CLIENT_FRAME_WINDOW_MS,
  FRAME_DEPTH_MAX,
  SYNC_CONTENT_MAX_BYTES,
  SYNC_CONTENT_MAX_LENGTH,
  SYNC_FRAME_MAX_BYTES,
  SYNC_FRAMES_PER_WINDOW,
  SYNC_JOURNAL_MAX_AGE_MS,
  SYNC_JOURNAL_MAX_BYTES,
  SYNC_JOURNAL_MAX_EVENTS,
  SYNC_UPDATE_MAX_BYTES,
  SYNC_ID_MAX_LENGTH,
  SYNC_SOCKETS_PER_ACCOUNT,
  SYNC_UNHEARD_MS,
  UNHEARD_GIVES_WAY_MS,
} from "../../../protocol/limits.ts";
import { framesOf, VirtualAccount } from "../../../testing/virtual-account.ts";
import { SYNC_DIALECTS, SyncClient } from "../../../testing/sync-client.ts";
import { NATIVE_PING } from "../dialects/native.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";
import type { Filter } from "../records.ts";

/** A client of each type, and one more phone. */
async function everybody(at: VirtualAccount, dialect: (typeof SYNC_DIALECTS)[number] = "native") {
  const id = await at.session();
  await at.machine("m1");
  const connect = (about = {}): Promise<SyncClient> => SyncClient.connect(at, about, { dialect });
  const phone = await connect();
  const agent = await connect({ clientType: "session-scoped", sessionId: id });
  const machine = await connect({ clientType: "machine-scoped", machineId: "m1" });
  const other = await connect({ clientType: "user-scoped" });
  for (const one of [phone, agent, machine, other]) one.forget();
  return { id, phone, agent, machine, other };
}

describe("sync.md §6.1 a connection", () => {
  it("is told what it is for", async () => {
    const at = new VirtualAccount();
    const id = await at.session();
    await at.machine("m1");
    const connectionId = expect.any(String);
    for (const [about, told] of [
      [{}, { clientType: "user-scoped" }],
      [{ clientType: "else" }, { clientType: "user-scoped" }],
      // A phone has no session, whatever it says.
      [
        { clientType: "user-scoped", sessionId: id, machineId: "m1" },
        { clientType: "user-scoped" },
      ],
      [
        { clientType: "session-scoped", sessionId: id, machineId: "m1" },
        { clientType: "session-scoped", sessionId: id },
      ],
      [
        { clientType: "machine-scoped", machineId: "m1" },
        { clientType: "machine-scoped", machineId: "m1" },
      ],
    ] as const) {
      const client = await SyncClient.connect(at, about);
      const { now } = at.time;
      const [connected] = client.events("connected");
      expect(connected).toEqual({
        connectionId,
        userId: "account-1",
        timestamp: expect.any(Number),
        ...told,
      });
      expect(now - Number(connected?.["timestamp"])).toBeLessThanOrEqual(100);
    }
  });

  it("over Socket.IO is opened for the Worker, which answers CONNECT", async () => {
    const at = new VirtualAccount();
    const client = await SyncClient.connect(at, {}, { dialect: "Socket.IO" });
    expect(client.names).toEqual(["opened"]);
    expect(client.events("opened")).toMatchObject([{ resumes: false }]);
  });

  it.each([
    ["session-scoped", {}, 4003, "Session ID required"],
    ["session-scoped", { sessionId: "unknown" }, 4003, "Session ID required"],
    [
      "session-scoped",
      { sessionId: "s".repeat(SYNC_ID_MAX_LENGTH + 1) },
      4003,
      "Session ID required",
    ],
    ["session-scoped", { sessionId: "" }, 4003, "Session ID required"],
    ["machine-scoped", {}, 4004, "Machine ID required"],
    ["machine-scoped", { machineId: "unknown" }, 4004, "Machine ID required"],
    ["machine-scoped", { machineId: "constructor" }, 4004, "Machine ID required"],
  ])("(%s) without what it is for is turned away: %j", async (clientType, about, code, message) => {
    const at = new VirtualAccount();
    const native = await SyncClient.connect(at, { clientType, ...about });
    expect(native.names).toEqual(["error"]);
    expect(native.events("error")).toEqual([{ code, message }]);
    expect(native.socket.closedWith).toBe(code);
    // Over Socket.IO the close is all: the Worker makes CONNECT_ERROR of it.
    const packets = await SyncClient.connect(
      at,
      { clientType, ...about },
      { dialect: "Socket.IO" },
    );
    expect([packets.socket.sent, packets.socket.closedWith]).toEqual([[], code]);
  });

  it("to a session or machine that was deleted is turned away like one that never was", async () => {
    const at = new VirtualAccount();
    const { id } = await everybody(at);
    await at.run(SYNC_COMMANDS.deleteSession, { id });
    await at.run(SYNC_COMMANDS.deleteMachine, { id: "m1" });
    const agent = await SyncClient.connect(at, { clientType: "session-scoped", sessionId: id });
    const machine = await SyncClient.connect(at, {
      clientType: "machine-scoped",
      machineId: "m1",
    });
    expect([agent.socket.closedWith, machine.socket.closedWith]).toEqual([4003, 4004]);
  });

  it("of a machine that is deleted is closed with 4004, and no other one", async () => {
    for (const dialect of SYNC_DIALECTS) {
      const at = new VirtualAccount();
      const { phone, agent, machine } = await everybody(at, dialect);
      await at.run(SYNC_COMMANDS.deleteMachine, { id: "m1" });
      const codes = [phone, agent, machine].map(({ socket }) => socket.closedWith);
      expect(codes).toEqual([null, null, 4004]);
      if (dialect === "native") expect(machine.events("error")).toMatchObject([{ code: 4004 }]);
    }
  });

  it("with a later token shows that the earlier ones were revoked", async () => {
    const at = new VirtualAccount();
    const old = await SyncClient.connect(at);
    const newer = await SyncClient.connect(at, {}, { epoch: 1 });
    expect([old.socket.closedWith, newer.socket.closedWith]).toEqual([4001, null]);
    const request = await at.hubs.call({ ...at.caller, epoch: 2 }, SYNC_COMMANDS.socketStats, {});
    expect(request).toMatchObject({ ok: true });
    expect(newer.socket.closedWith).toBe(4001);
  });

  it("with a revoked token is closed, and not let in again, and its requests are refused", async () => {
    for (const dialect of SYNC_DIALECTS) {
      const at = new VirtualAccount();
      const old = await SyncClient.connect(at, {}, { dialect });
      const caller = { ...at.caller, epoch: 1 };
      await at.hubs.call(caller, SYNC_COMMANDS.verify, {});
      const newer = await SyncClient.connect(at, {}, { dialect, epoch: 1 });
      expect([old.socket.closedWith, newer.socket.closedWith]).toEqual([4001, null]);
      const again = await SyncClient.connect(at, {}, { dialect });
      expect(again.socket.closedWith).toBe(4001);
      if (dialect === "native") {
        for (const one of [old, again]) {
          expect(one.events("auth-error")).toEqual([
            { code: 4001, message: "Invalid authentication token", timestamp: expect.any(Number) },
          ]);
        }
      }
      expect(await at.hubs.call(at.caller, SYNC_COMMANDS.socketStats, {})).toEqual({
        ok: false,
        error: "revoked",
      });
      // The same revocation once more changes nothing.
      const late = await at.hubs.call(caller, SYNC_COMMANDS.verify, {});
      expect(late).toEqual({ ok: true, value: true });
      expect(newer.socket.closedWith).toBeNull();
      await at.sleep();
      const afterSleep = await SyncClient.connect(at, {}, { dialect });
      expect(afterSleep.socket.closedWith).toBe(4001);
    }
  });

  it("is one of 100 of its account over both dialects: the 101st is turned away", async () => {
    const at = new VirtualAccount();
    const clients: SyncClient[] = [];
    for (let i = 0; i < SYNC_SOCKETS_PER_ACCOUNT; i += 1) {
      const dialect = SYNC_DIALECTS[i % 2] ?? "native";
      clients.push(await SyncClient.connect(at, {}, { dialect }));
    }
    const native = await SyncClient.connect(at);
    expect([native.names, native.socket.closedWith]).toEqual([["error"], 4005]);
    expect(native.events("error")).toEqual([{ code: 4005, message: "Connection limit exceeded" }]);
    const packets = await SyncClient.connect(at, {}, { dialect: "Socket.IO" });
    expect([packets.socket.sent, packets.socket.closedWith]).toEqual([[], 4005]);
    expect(clients.filter(({ socket }) => socket.closedWith !== null)).toEqual([]);
    await clients[0]?.leave();
    expect((await SyncClient.connect(at)).socket.closedWith).toBeNull();
  });

  it("makes room for a new one if its client has sent nothing, and may be gone", async () => {
    const at = new VirtualAccount();
    const clients: SyncClient[] = [];
    for (let i = 0; i < SYNC_SOCKETS_PER_ACCOUNT; i += 1) {
      clients.push(await SyncClient.connect(at));
    }
    const [first, second, third] = clients;
    if (first === undefined || second === undefined || third === undefined) throw new Error();
    await first.say("anything");
    at.hub.message(second.socket, NATIVE_PING.request);
    // All 100 may have been reset as they connected: nobody waits longer than this.
    await at.time.pass(UNHEARD_GIVES_WAY_MS);
    for (const dialect of SYNC_DIALECTS) {
      const late = await SyncClient.connect(at, {}, { dialect });
      expect(late.socket.closedWith).toBeNull();
    }
    const closed = clients.filter(({ socket }) => socket.closedWith !== null);
    expect(closed).toEqual([third, clients[3]]);
    expect(third.events("error")).toEqual([{ code: 4005, message: "Connection limit exceeded" }]);
    expect(third.socket.closedWith).toBe(4005);
    // Whoever has said something stays, and one more is refused.
    for (const one of clients) if (one.socket.closedWith === null) await one.say("anything");
    const refused = await SyncClient.connect(at);
    expect(refused.socket.closedWith).toBe(4005);
  });

  it("is not counted once its client has sent nothing for a minute", async () => {
    const at = new VirtualAccount();
    await at.machine("m1");
    const about = { clientType: "machine-scoped", machineId: "m1" };
    const said = await SyncClient.connect(at, about);
    const pings = await SyncClient.connect(at);
    await SyncClient.connect(at, about);
    await SyncClient.connect(at);
    await said.say("anything");
    at.hub.message(pings.socket, NATIVE_PING.request);
    const count = async (): Promise<unknown> => {
      const { totalConnections, byType } = await at.run(SYNC_COMMANDS.socketStats, {});
      return [totalConnections, byType["user-scoped"], byType["machine-scoped"]];
    };
    await at.time.pass(SYNC_UNHEARD_MS - 1_000);
    expect(await count()).toEqual([4, 2, 2]);
    await at.time.pass(1_000);
    expect(await count()).toEqual([2, 1, 1]);
  });
});

describe("sync.md §6.5 a frame of a native client", () => {
  const invalid = { code: 1002, message: "Invalid message format" };

  it("has one of two envelopes", async () => {
    const at = new VirtualAccount();
    const { phone, id } = await everybody(at);
    const data = { sid: id, metadata: "new", expectedVersion: 1 };
    await phone.frame(JSON.stringify({ type: "update-metadata", payload: data, messageId: "b" }));
    expect(phone.answersTo("b")).toEqual([{ result: "success", version: 2, metadata: "new" }]);
    await phone.frame(
      JSON.stringify({
        event: "update-metadata",
        data: { ...data, expectedVersion: 2 },
        ackId: "a",
      }),
    );
    expect(phone.answersTo("a")).toEqual([{ result: "success", version: 3, metadata: "new" }]);
    const more = { timestamp: 1, extra: true };
    await phone.frame(JSON.stringify({ ...more, event: "ping", ackId: null }));
    await phone.frame(JSON.stringify({ ...more, type: "ping" }));
    expect(phone.events("pong")).toHaveLength(2);
  });

  it.each([
    ["{", { code: 1002, message: "Invalid JSON message" }],
    ["", { code: 1002, message: "Invalid JSON message" }],
    ["null", invalid],
    ["5", invalid],
    ["[]", invalid],
    ["{}", invalid],
    ['{"event":5}', invalid],
    ['{"type":null}', invalid],
    ['{"event":"ping","ackId":5}', invalid],
    [`{"event":"ping","ackId":"${"a".repeat(SYNC_ID_MAX_LENGTH + 1)}"}`, invalid],
    ['{"event":"rpc-response","ack":"r"}', invalid],
    [
      `{"event":"ping","data":${"[".repeat(FRAME_DEPTH_MAX)}${"]".repeat(FRAME_DEPTH_MAX)}}`,
      invalid,
    ],
  ])("that cannot be read is answered, and the socket stays open: %s", async (text, error) => {
    const at = new VirtualAccount();
    const phone = await SyncClient.connect(at);
    for (let i = 0; i < 10; i += 1) await phone.frame(text);
    expect(phone.events("error")).toEqual(Array.from({ length: 10 }, () => error));
    await at.sleep();
    await phone.frame(text);
    expect(await phone.ask("ping")).toEqual({});
  });

  it("of an unknown event is dropped, also if it has the name of a prototype's member", async () => {
    for (const dialect of SYNC_DIALECTS) {
      const at = new VirtualAccount();
      const { phone, other } = await everybody(at, dialect);
      for (const name of [
        "unknown",
        "constructor",
        "__proto__",
        "toString",
        "hasOwnProperty",
        "",
        "app-state",
        "connected",
        "pong",
        "ack",
        "update",
        "broadcast:plain",
      ]) {
        expect(await phone.ask(name, { sid: "s" })).toBeUndefined();
        await phone.say(name, null);
      }
      expect([phone.names, other.names, phone.socket.closedWith]).toEqual([[], [], null]);
    }
  });

  it("of an unknown event is dropped, however many arguments it has", async () => {
    const at = new VirtualAccount();
    const { phone, other } = await everybody(at, "Socket.IO");
    for (const packet of ['2["unknown",1,2]', '27["unknown",{},null,3]']) await phone.frame(packet);
    expect([phone.names, phone.answersTo("7"), other.names]).toEqual([[], [], []]);
    expect(await phone.ask("ping")).toEqual({});
  });

  it("that authenticates again says so, and changes nothing", async () => {
    const at = new VirtualAccount();
    const { phone } = await everybody(at);
    await phone.say("auth", { token: "t", clientType: "machine-scoped", machineId: "m1" });
    expect(phone.events("error")).toEqual([{ code: 1002, message: "Already authenticated" }]);
    expect(await phone.ask("ping")).toEqual({});
  });

  it("may have 2,097,152 bytes, in both dialects", async () => {
    for (const dialect of SYNC_DIALECTS) {
      const at = new VirtualAccount();
      const { phone } = await everybody(at, dialect);
      const frame = (extra: number): string => {
        const around = dialect === "native" ? ['{"event":"x","data":"', '"}'] : ['2["x","', '"]'];
        const bytes = SYNC_FRAME_MAX_BYTES - around.join("").length + extra;
        return around.join("x".repeat(bytes));
      };
      await phone.frame(frame(0));
      expect(phone.socket.closedWith).toBeNull();
      await phone.frame(frame(1));
      expect(phone.socket.closedWith).toBe(1009);
    }
  });
});

describe("a client that sends too many frames", () => {
  it("is closed, and one that keeps to the limit is not", async () => {
    for (const dialect of SYNC_DIALECTS) {
      const at = new VirtualAccount();
      const { phone } = await everybody(at, dialect);
      for (let window = 0; window < 2; window += 1) {
        for (let i = 0; i < SYNC_FRAMES_PER_WINDOW; i += 1) at.hub.message(phone.socket, "{");
        expect(phone.socket.closedWith).toBeNull();
        if (window === 0) await at.time.pass(CLIENT_FRAME_WINDOW_MS);
      }
      at.hub.message(phone.socket, "{");
      expect(phone.socket.closedWith).toBe(4429);
    }
  });
});

describe("sync.md §6.5 a ping", () => {
  it("of a native client is answered by the runtime if it is exactly this text", async () => {
    const at = new VirtualAccount();
    const phone = await SyncClient.connect(at);
    const { timers } = at.hub;
    await phone.frame('{"event":"ping"}');
    expect(phone.socket.sent.at(-1)).toBe('{"event":"pong"}');
    expect(at.hub.timers).toBe(timers);
  });

  it("of a native client is answered with pong, and with its ack if it waits for one", async () => {
    const at = new VirtualAccount();
    const phone = await SyncClient.connect(at);
    await phone.frame('{"event": "ping"}');
    expect(phone.events("pong")).toEqual([{ timestamp: at.time.now }]);
    phone.forget();
    expect(await phone.ask("ping")).toEqual({});
    expect(phone.events("pong")).toEqual([{ timestamp: at.time.now }]);
  });

  it("of a client of Socket.IO is answered by its ack alone", async () => {
    const at = new VirtualAccount();
    const agent = await SyncClient.connect(at, {}, { dialect: "Socket.IO" });
    agent.forget();
    await agent.frame('20["ping"]');
    await agent.frame('2["ping"]');
    expect(agent.socket.sent).toEqual(["30[{}]"]);
  });
});

describe("sync.md §0b.17 a broadcast", () => {
  it("of a client goes to all others of its account", async () => {
    for (const dialect of SYNC_DIALECTS) {
      const at = new VirtualAccount();
      const { phone, agent, machine, other } = await everybody(at, dialect);
      await agent.say("broadcast", { any: ["thing"] });
      for (const one of [phone, machine, other]) {
        expect(one.events("broadcast")).toEqual([{ any: ["thing"] }]);
      }
      expect(agent.names).toEqual([]);
    }
  });

  it("of a request reaches native clients as it is, and those of Socket.IO as an event", async () => {
    const at = new VirtualAccount();
    const native = await SyncClient.connect(at);
    const packets = await SyncClient.connect(at, {}, { dialect: "Socket.IO" });
    const message = { type: "hello", payload: { a: 1 }, timestamp: 5, extra: null };
    const filter = { type: "all" } as const;
    expect(await at.run(SYNC_COMMANDS.broadcast, { message, filter })).toBe(2);
    expect(JSON.parse(native.socket.sent.at(-1) ?? "")).toEqual(message);
    expect(packets.socket.sent.at(-1)).toBe(`2${JSON.stringify(["broadcast", message])}`);
  });

  it.each([
    ["all", {}, ["phone", "agent", "machine", "other"]],
    ["user-scoped-only", {}, ["phone", "other"]],
    ["session", { sessionId: "SESSION" }, ["agent"]],
    ["session", { sessionId: "another" }, []],
    ["machine", { machineId: "m1" }, ["machine"]],
    ["machine", { machineId: "SESSION" }, []],
    ["exclude", { connectionId: "AGENT" }, ["phone", "machine", "other"]],
    ["exclude", { connectionId: "nobody" }, ["phone", "agent", "machine", "other"]],
    ["all-interested-in-session", { sessionId: "SESSION" }, ["phone", "agent", "other"]],
    ["all-interested-in-session", { sessionId: "another" }, ["phone", "other"]],
    ["machine-scoped-only", { machineId: "m1" }, ["phone", "machine", "other"]],
  ])("of a request goes to whom its filter names: %s %j", async (type, of, names) => {
    const at = new VirtualAccount();
    const { id, ...clients } = await everybody(at);
    const agentId = at.hub.impl.host.server.direct.selected({ grant: `session:${id}` })[0]?.record
      .id;
    const ids: Readonly<Record<string, string | undefined>> = { SESSION: id, AGENT: agentId };
    const filter = {
      type,
      ...Object.fromEntries(Object.entries(of).map(([key, value]) => [key, ids[value] ?? value])),
    } as Filter;
    const message = { type: "hello", timestamp: 1 };
    expect(await at.run(SYNC_COMMANDS.broadcast, { message, filter })).toBe(names.length);
    const got = Object.entries(clients).filter(([, one]) => one.socket.sent.length > 0);
    expect(got.map(([name]) => name).toSorted()).toEqual([...names].toSorted());
    for (const [, { socket }] of got) expect(socket.sent).toEqual([JSON.stringify(message)]);
  });
});

describe("sync.md §6.7 the numbers of an account's connections", () => {
  it("count each once, by type, and the sessions and machines", async () => {
    const at = new VirtualAccount();
    expect(await at.run(SYNC_COMMANDS.socketStats, {})).toEqual({
      totalConnections: 0,
      byType: { "user-scoped": 0, "session-scoped": 0, "machine-scoped": 0 },
      activeSessions: 0,
      activeMachines: 0,
      oldestConnection: null,
    });
    const { id, phone } = await everybody(at);
    await SyncClient.connect(at, { clientType: "session-scoped", sessionId: id });
    await SyncClient.connect(at, { clientType: "session-scoped", sessionId: "unknown" });
    const stats = await at.run(SYNC_COMMANDS.socketStats, {});
    expect(stats).toMatchObject({
      totalConnections: 5,
      byType: { "user-scoped": 2, "session-scoped": 2, "machine-scoped": 1 },
      activeSessions: 1,
      activeMachines: 1,
    });
    const first = stats.oldestConnection ?? 0;
    await phone.leave();
    await at.sleep();
    const later = await at.run(SYNC_COMMANDS.socketStats, {});
    expect(later.totalConnections).toBe(4);
    expect(later.oldestConnection).toBeGreaterThan(first);
    expect(later.oldestConnection).toBeLessThanOrEqual(at.time.now);
  });
});

describe("sync.md §0b.11 an update", () => {
  it("is a frame of its own with the account's seq, in both dialects", async () => {
    const at = new VirtualAccount();
    const native = await SyncClient.connect(at);
    const packets = await SyncClient.connect(at, {}, { dialect: "Socket.IO" });
    for (const tag of ["a", "b", "c"]) await at.session(tag);
    const updates = native.events("update");
    expect(packets.events("update")).toEqual(updates);
    expect(updates.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    for (const update of updates) {
      expect(Object.keys(update)).toEqual(["id", "seq", "body", "createdAt"]);
    }
    expect(new Set(updates.map(({ id }) => id)).size).toBe(3);
    const [, ...frames] = framesOf(native.socket);
    expect(frames.map(({ event }) => event)).toEqual(["update", "update", "update"]);
  });

  it("alone takes a number: beats, presence, broadcasts, calls and notices take none", async () => {
    const at = new VirtualAccount();
    const { id, phone, agent, machine } = await everybody(at);
    await at.session("before");
    await agent.say("rpc-register", { method: `${id}:read` });
    const ack = await phone.send("rpc-call", { method: `${id}:read`, params: "p" });
    await agent.answer(agent.calls[0]?.id ?? "", "r");
    expect(phone.answersTo(ack)).toEqual([{ ok: true, result: "r" }]);
    await agent.say("session-alive", { sid: id, time: at.time.now, thinking: true });
    const used = { key: "k", sessionId: id, tokens: { total: 1 }, cost: { total: 1 } };
    await agent.say("usage-report", used);
    await agent.say("session-end", { sid: id, time: at.time.now });
    await agent.say("broadcast", { any: "thing" });
    const message = { type: "hello", timestamp: 1 };
    await at.run(SYNC_COMMANDS.broadcast, { message, filter: { type: "all" } });
    const event = { sessionId: id, kind: "done", title: "t", body: "b" };
    await at.run(SYNC_COMMANDS.pushEvent, event);
    await machine.leave();
    const told = ["activity", "usage", "session-event", "machine-activity", "machine-status"];
    const heard = phone.ephemerals().map(({ type }) => type);
    expect(heard).toEqual(expect.arrayContaining(told));
    await at.session("after");
    const [before, after] = phone.events("update").map(({ seq }) => Number(seq));
    expect(after).toBe((before ?? 0) + 1);
    expect(phone.ephemerals().filter((one) => "seq" in one)).toEqual([]);
  });
});

describe("the journal of an account", () => {
  const oldest = (at: VirtualAccount): number => at.hub.impl.host.store.extent().oldest;
  const add = async (at: VirtualAccount, id: string, contents: unknown[]): Promise<unknown> => {
    const messages = contents.map((content) => ({ localId: null, content }));
    return at.run(SYNC_COMMANDS.addMessages, { sessionId: id, messages });
  };

  it("keeps the newest updates up to their number", async () => {
    const at = new VirtualAccount();
    const id = await at.session();
    await add(
      at,
      id,
      Array.from({ length: SYNC_JOURNAL_MAX_EVENTS - 1 }, (_, i) => i),
    );
    expect(oldest(at)).toBe(1);
    await add(at, id, ["one more"]);
    expect(oldest(at)).toBe(2);
  });

  it("keeps them up to their age", async () => {
    const at = new VirtualAccount();
    const id = await at.session();
    await at.time.pass(SYNC_JOURNAL_MAX_AGE_MS);
    await add(at, id, ["in time"]);
    expect(oldest(at)).toBe(1);
    await at.time.pass(1);
    await add(at, id, ["late"]);
    expect(oldest(at)).toBe(2);
  });

  it("keeps them up to their bytes", async () => {
    const at = new VirtualAccount();
    const id = await at.session();
    const content = "x".repeat(SYNC_CONTENT_MAX_LENGTH - 2);
    const times = Math.ceil(SYNC_JOURNAL_MAX_BYTES / SYNC_CONTENT_MAX_LENGTH);
    for (let i = 0; i < times; i += 1) await add(at, id, [content]);
    const kept = at.hub.impl.host.store.readAfter(0, 100);
    const size = kept.reduce((sum, { payload }) => sum + payload.length, 0);
    expect(size).toBeLessThanOrEqual(SYNC_JOURNAL_MAX_BYTES);
    expect(size).toBeGreaterThan(SYNC_JOURNAL_MAX_BYTES - 2 * SYNC_CONTENT_MAX_LENGTH);
    expect(oldest(at)).toBeGreaterThan(1);
  });

  it("has place for the message with the most bytes, and it is told", async () => {
    const at = new VirtualAccount();
    const id = await at.session();
    const phone = await SyncClient.connect(at);
    // Each of these characters has three bytes.
    const wide = "\u{4e2d}".repeat(Math.floor((SYNC_CONTENT_MAX_BYTES - 2) / 3));
    await add(at, id, [wide]);
    const bytes = Buffer.byteLength(phone.socket.sent.at(-1) ?? "");
    expect(bytes).toBeGreaterThan(SYNC_CONTENT_MAX_BYTES - 3);
    expect(bytes).toBeLessThan(SYNC_UPDATE_MAX_BYTES);
  });
});
