import { describe, expect, it } from "vitest";
import { FRAME_SHOWS_AFTER_MS, TURN_MS } from "../../../hub/core/flow.ts";
import { SLOW_CLIENTS } from "../../../protocol/close-codes.ts";
import {
  CALLS_WAITING_PER_CALLER_BYTES,
  CALLS_WAITING_PER_HUB_BYTES,
  LAGGING_MAX_MS,
  OWED_WAITING_BYTES,
  SYNC_CALL_TIMEOUT_MS,
  SYNC_UNACKNOWLEDGED_BYTES_MAX,
  SYNC_WINDOW_BYTES,
} from "../../../protocol/limits.ts";
import { SyncClient } from "../../../testing/sync-client.ts";
import { SyncEdgeClient } from "../../../testing/sync-edge.ts";
import { VirtualAccount } from "../../../testing/virtual-account.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";

const MB = 1_000_000;
const PING = '{"event":"ping"}';
const failed = (error: string) => ({ ok: false, error });
const TOO_MANY = failed("Too many RPC calls are waiting");
const M1 = { clientType: "machine-scoped", machineId: "m1" };

/** Length of what a client was sent. */
const lengthOf = ({ socket }: SyncClient): number =>
  socket.sent.reduce((sum, text) => sum + text.length, 0);

class Account {
  readonly at = new VirtualAccount();
  #messages = 0;

  async addMessages(sessionId: string, count: number, length: number): Promise<void> {
    const messages = Array.from({ length: count }, () => ({
      localId: `l${(this.#messages += 1)}`,
      content: "x".repeat(length),
    }));
    await this.at.run(SYNC_COMMANDS.addMessages, { sessionId, messages });
  }

  async machine(): Promise<SyncClient> {
    await this.at.machine("m1");
    const machine = await SyncClient.connect(this.at, M1);
    await machine.say("rpc-register", { method: "m1:x" });
    return machine;
  }

  broadcast(length: number): Promise<number> {
    const message = { type: "big", timestamp: 1, payload: "x".repeat(length) };
    return this.at.run(SYNC_COMMANDS.broadcast, { message, filter: { type: "all" } });
  }
}

const ask = (phone: SyncClient, length: number): Promise<string> =>
  phone.send("rpc-call", { method: "m1:x", params: "p".repeat(length) });

/** Answers everything that was asked, again and again. */
async function answerAll(at: VirtualAccount, machine: SyncClient, length: number): Promise<void> {
  for (let done = 0; done < machine.calls.length; done += 1) {
    await machine.answer(machine.calls[done]?.id ?? "", "r".repeat(length));
  }
  await at.time.pass(TURN_MS);
}

describe("HUB-10 native clients of sync, which acknowledge nothing", () => {
  it("get 10 MB at once on 10 devices, a window at a time, each update once and in order", async () => {
    const account = new Account();
    const { at } = account;
    const id = await at.session();
    const devices: SyncClient[] = [];
    for (let i = 0; i < 10; i += 1) devices.push(await SyncClient.connect(at));
    for (let round = 1; round <= 3; round += 1) {
      for (const one of devices) one.forget();
      await account.addMessages(id, 10, 999_000);
      for (const one of devices) expect(lengthOf(one)).toBeLessThanOrEqual(SYNC_WINDOW_BYTES);
      await at.time.pass(2 * TURN_MS);
      for (const one of devices) expect(lengthOf(one)).toBeLessThanOrEqual(4 * SYNC_WINDOW_BYTES);
      await at.time.pass(8 * TURN_MS);
      const seqs = Array.from({ length: 10 }, (_, i) => (round - 1) * 10 + i + 1);
      for (const one of devices) {
        expect(one.updates.map(({ message }) => (message as { seq: number }).seq)).toEqual(seqs);
        expect(one.socket.closedWith).toBeNull();
      }
    }
  });

  it("go on with a burst after the hub has slept", async () => {
    const account = new Account();
    const id = await account.at.session();
    const device = await SyncClient.connect(account.at);
    await account.addMessages(id, 5, 900_000);
    await account.at.sleep();
    await account.at.time.pass(5 * TURN_MS);
    expect(device.updates).toHaveLength(5);
  });

  it("hear live again, half a second after a burst at the latest", async () => {
    const account = new Account();
    const id = await account.at.session();
    const device = await SyncClient.connect(account.at);
    await account.addMessages(id, 2, 990_000);
    await account.at.time.pass(TURN_MS + 1);
    await account.addMessages(id, 1, 900_000);
    expect(device.updates).toHaveLength(3);
  });

  /** Sends a device much, with something between. @returns how much it was sent before it was closed */
  async function flood(between: (device: SyncClient) => Promise<void>) {
    const account = new Account();
    const { at } = account;
    const id = await at.session();
    const device = await SyncClient.connect(at);
    const began = at.time.now;
    let length = 0;
    while (length < 2 * SYNC_UNACKNOWLEDGED_BYTES_MAX && device.socket.closedWith === null) {
      await account.addMessages(id, 1, 990_000);
      await at.time.pass(4 * TURN_MS);
      length += lengthOf(device);
      device.forget();
      await between(device);
    }
    const { closedWith: closed, reason } = device.socket;
    return { length, closed, reason, ms: at.time.now - began };
  }

  it("are closed after 64 MB without any sign that they read, and told so", async () => {
    const { length, closed, reason } = await flood(async () => {});
    expect(closed).toBe(1013);
    expect(reason).toBe(SLOW_CLIENTS.unshown);
    // It is judged once for each window.
    expect(Math.abs(length - SYNC_UNACKNOWLEDGED_BYTES_MAX)).toBeLessThan(SYNC_WINDOW_BYTES);
  });

  it("stay as long as they like with pings, or with other frames now and then", async () => {
    const pings = await flood((device) => device.frame(PING));
    expect(pings.closed).toBeNull();
    // A beat a minute after a frame shows that the frame was taken.
    const beats = await flood((device) => device.say("session-alive", {}));
    expect(beats.closed).toBeNull();
    expect(beats.ms).toBeGreaterThan(FRAME_SHOWS_AFTER_MS);
  });

  it("say by a frame nothing of the last minute: who asks and never reads is closed", async () => {
    const { at } = new Account();
    const device = await SyncClient.connect(at);
    const id = await at.session("tag", { metadata: "m".repeat(500_000) });
    const update = { sid: id, metadata: "n", expectedVersion: 0 };
    let asked = 0;
    for (; asked < 1_000 && device.socket.closedWith === null; asked += 1) {
      await device.send("update-metadata", update);
      await at.time.pass(100);
    }
    expect(device.socket.closedWith).toBe(1013);
    expect(lengthOf(device)).toBeLessThan(SYNC_UNACKNOWLEDGED_BYTES_MAX + SYNC_WINDOW_BYTES);
  });
});

describe("HUB-22 large remote calls", () => {
  it("20 at once, with results as large, all end well, and close nobody", async () => {
    const account = new Account();
    const machine = await account.machine();
    const phone = await SyncClient.connect(account.at);
    const acks: string[] = [];
    for (let i = 0; i < 20; i += 1) acks.push(await ask(phone, MB));
    expect(lengthOf(machine)).toBeLessThan(SYNC_WINDOW_BYTES + 1.1 * MB);
    await answerAll(account.at, machine, MB);
    await account.at.time.pass(20 * TURN_MS);
    for (const ack of acks) expect(phone.answersTo(ack)).toMatchObject([{ ok: true }]);
    expect([machine.socket.closedWith, phone.socket.closedWith]).toEqual([null, null]);
  });

  it("keep no other device waiting for more than one of them", async () => {
    const account = new Account();
    const machine = await account.machine();
    const [busy, other] = [
      await SyncClient.connect(account.at),
      await SyncClient.connect(account.at),
    ];
    for (let i = 0; i < 20; i += 1) await ask(busy, MB);
    const asked = machine.calls.length;
    const small = await ask(other, 1);
    expect(machine.calls).toHaveLength(asked);
    await machine.answer(machine.calls[0]?.id ?? "", "r");
    await machine.answer(machine.calls[1]?.id ?? "", "r");
    const position = machine.calls.findIndex(({ params }) => params === "p");
    expect(position).toBeGreaterThanOrEqual(asked);
    expect(position).toBeLessThanOrEqual(asked + 1);
    await machine.answer(machine.calls[position]?.id ?? "", "r");
    expect(other.answersTo(small)).toEqual([{ ok: true, result: "r" }]);
  });

  it("that wait for room are sent by time as well, and never after their 30 s", async () => {
    const account = new Account();
    const machine = await account.machine();
    const phone = await SyncClient.connect(account.at);
    for (let i = 0; i < 6; i += 1) await ask(phone, MB);
    const asked = machine.calls.length;
    await account.at.time.pass(2 * TURN_MS);
    expect(machine.calls.length).toBeGreaterThan(asked);
    await account.at.time.pass(10 * TURN_MS);
    expect(machine.calls).toHaveLength(6);
  });

  it("are not sent for a caller that has left", async () => {
    const account = new Account();
    const machine = await account.machine();
    const phone = await SyncClient.connect(account.at);
    for (let i = 0; i < 6; i += 1) await ask(phone, MB);
    const asked = machine.calls.length;
    await phone.leave();
    await account.at.time.pass(20 * TURN_MS);
    expect(machine.calls).toHaveLength(asked);
  });

  /** A machine over Socket.IO that takes a window and never acknowledges it. */
  async function stalled() {
    const account = new Account();
    await account.at.machine("m1");
    const machine = await SyncEdgeClient.connect(account.at, M1, "Socket.IO");
    await machine.send("rpc-register", { method: "m1:x" });
    return { account, machine };
  }

  it("fail at once beyond what may wait of one caller, and of all, and the first one of each waits", async () => {
    const { account, machine } = await stalled();
    const { at } = account;
    const greedy = [
      await SyncClient.connect(at),
      await SyncClient.connect(at),
      await SyncClient.connect(at),
    ];
    const [first, second, third] = greedy;
    if (first === undefined || second === undefined || third === undefined) throw new Error();
    let waiting = 0;
    const fill = async (phone: SyncClient): Promise<number> => {
      for (let times = 0; ; times += 1) {
        const before = waiting;
        const ack = await ask(phone, MB);
        if (phone.answersTo(ack).length === 0) waiting = before + MB;
        else {
          expect(phone.answersTo(ack)).toEqual([TOO_MANY]);
          return times;
        }
      }
    };
    const most = CALLS_WAITING_PER_CALLER_BYTES / MB;
    const sentAtOnce = Math.ceil(SYNC_WINDOW_BYTES / MB) + 1;
    const times = [await fill(first), await fill(second), await fill(third)];
    expect(times[0]).toBeGreaterThan(most);
    expect(times[0]).toBeLessThanOrEqual(most + 1 + sentAtOnce);
    const all = times.reduce((sum, one) => sum + one, 0);
    expect(all).toBeLessThanOrEqual(CALLS_WAITING_PER_HUB_BYTES / MB + 2 + sentAtOnce);
    expect(times[2]).toBeGreaterThanOrEqual(1);
    const late = await SyncClient.connect(at);
    const ack = await ask(late, MB);
    expect(late.answersTo(ack)).toEqual([]);
    await at.time.pass(SYNC_CALL_TIMEOUT_MS + 2_000);
    expect(late.answersTo(ack)).toEqual([failed("RPC timed out")]);
    expect(machine.calls.length).toBeLessThanOrEqual(sentAtOnce);
    // What has timed out takes up no place.
    expect(first.answersTo(await ask(first, MB))).toEqual([]);
  });
});

describe("HUB-10 answers and broadcasts for a client without room", () => {
  it("of many results at once wait, and arrive in order", async () => {
    const account = new Account();
    const machine = await account.machine();
    const phone = await SyncClient.connect(account.at);
    const acks: string[] = [];
    for (let i = 0; i < 20; i += 1) acks.push(await ask(phone, 1));
    await answerAll(account.at, machine, MB);
    expect(lengthOf(phone)).toBeLessThan(20 * MB);
    await account.at.time.pass(20 * TURN_MS);
    const answered = phone.socket.sent.flatMap((text) => {
      const { event, ackId } = JSON.parse(text) as { event: string; ackId?: string };
      return event === "ack" ? [ackId] : [];
    });
    expect(answered).toEqual(acks);
    expect(phone.socket.closedWith).toBeNull();
  });

  it("are sent, all of them, to each client that a broadcast counts", async () => {
    const account = new Account();
    const clients: SyncClient[] = [];
    for (let i = 0; i < 3; i += 1) clients.push(await SyncClient.connect(account.at));
    for (let i = 0; i < 20; i += 1) expect(await account.broadcast(900_000)).toBe(3);
    await account.at.time.pass(20 * TURN_MS);
    for (const one of clients) {
      expect(one.events("plain big")).toHaveLength(20);
      expect(one.socket.closedWith).toBeNull();
    }
  });

  it("are bounded: beyond that the client is closed, and told why", async () => {
    const { at, broadcast } = bound(new Account());
    // Its Worker acknowledges for it, and does not: it has taken nothing.
    const socket = await at.connect({}, { socketIo: true, edge: "socket-io" });
    let length = 0;
    for (; socket.closedWith === null; length += 900_000) await broadcast(900_000);
    expect(socket.closedWith).toBe(1013);
    expect(socket.reason).toBe(SLOW_CLIENTS.owed);
    expect(length).toBeGreaterThan(OWED_WAITING_BYTES);
    expect(length).toBeLessThan(OWED_WAITING_BYTES + 5 * SYNC_WINDOW_BYTES);
  });

  it("are given up after a minute in which the client takes none of them", async () => {
    const { at, broadcast } = bound(new Account());
    const socket = await at.connect({}, { socketIo: true, edge: "socket-io" });
    for (let i = 0; i < 12; i += 1) await broadcast(900_000);
    await at.time.pass(LAGGING_MAX_MS - 1);
    expect(socket.closedWith).toBeNull();
    await at.time.pass(TURN_MS + 1);
    expect([socket.closedWith, socket.reason]).toEqual([1013, SLOW_CLIENTS.stuck]);
    // Nothing keeps the hub awake any more.
    await at.sleep();
  });
});

function bound(account: Account) {
  return { at: account.at, broadcast: (length: number) => account.broadcast(length) };
}
