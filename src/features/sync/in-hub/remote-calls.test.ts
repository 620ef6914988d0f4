import { describe, expect, it } from "vitest";
import {
  SYNC_CALL_GRACE_MS,
  SYNC_CALL_MAX_BYTES,
  SYNC_CALL_TIMEOUT_MS,
  SYNC_CALLS_WAITING_LENGTH_MAX,
  SYNC_CALLS_WAITING_MAX,
  SYNC_CONTENT_MAX_BYTES,
  SYNC_FRAME_MAX_BYTES,
  SYNC_METHODS_PER_CONNECTION,
  SYNC_WINDOW_BYTES,
} from "../../../protocol/limits.ts";
import { SYNC_DIALECTS, SyncClient, type SyncDialect } from "../../../testing/sync-client.ts";
import { VirtualAccount } from "../../../testing/virtual-account.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";

const failed = (error: string) => ({ ok: false, error });
const AWAY = failed("RPC method not available");
const GONE = failed("RPC target disconnected");

/** An account with a machine that answers `m1:bash`, and a phone. */
class Calls {
  readonly at = new VirtualAccount();
  readonly #dialects: readonly [SyncDialect, SyncDialect];

  /** @param dialects of the phone and the machine */
  constructor(dialects: readonly [SyncDialect, SyncDialect] = ["native", "native"]) {
    this.#dialects = dialects;
  }

  async phone(): Promise<SyncClient> {
    return SyncClient.connect(this.at, {}, { dialect: this.#dialects[0] });
  }

  async machine(...methods: readonly string[]): Promise<SyncClient> {
    await this.at.machine("m1");
    const about = { clientType: "machine-scoped", machineId: "m1" };
    const machine = await SyncClient.connect(this.at, about, { dialect: this.#dialects[1] });
    for (const method of methods) await machine.say("rpc-register", { method });
    return machine;
  }

  async both(): Promise<{ readonly phone: SyncClient; readonly machine: SyncClient }> {
    return { phone: await this.phone(), machine: await this.machine("m1:bash") };
  }
}

const bash = (params: unknown = "p") => ({ method: "m1:bash", params });

describe("sync.md §6.9 a remote call", () => {
  it.each(
    SYNC_DIALECTS.flatMap((phone) => SYNC_DIALECTS.map((machine) => [phone, machine] as const)),
  )(
    "of a phone (%s) is answered by the machine (%s) that registered its method",
    async (...dialects) => {
      const calls = new Calls(dialects);
      const { phone, machine } = await calls.both();
      const other = await calls.phone();
      expect(machine.events("rpc-registered")).toEqual([{ method: "m1:bash" }]);
      const ack = await phone.send("rpc-call", bash({ cmd: "ls" }));
      const [call] = machine.calls;
      expect(call).toMatchObject({ method: "m1:bash", params: { cmd: "ls" } });
      await machine.answer(call?.id ?? "", "r");
      expect(phone.answersTo(ack)).toEqual([{ ok: true, result: "r" }]);
      await machine.answer(call?.id ?? "", "again");
      expect(phone.answersTo(ack)).toHaveLength(1);
      expect([other.calls, other.names]).toEqual([[], [phone.names[0]]]);
    },
  );

  it.each(SYNC_DIALECTS)("may be named rpc-request by its caller as well (%s)", async (dialect) => {
    const { phone, machine } = await new Calls([dialect, "native"]).both();
    const ack = await phone.send("rpc-request", bash());
    await machine.answer(machine.calls[0]?.id ?? "", "r");
    expect(phone.answersTo(ack)).toEqual([{ ok: true, result: "r" }]);
  });

  it("has null for parameters that were left out, and goes nowhere if nobody waits for its answer", async () => {
    const { phone, machine } = await new Calls().both();
    await phone.say("rpc-call", bash());
    expect(machine.calls).toEqual([]);
    await phone.send("rpc-call", { method: "m1:bash" });
    expect(machine.calls).toMatchObject([{ method: "m1:bash", params: null }]);
  });

  it.each([
    [null],
    ["m1:bash"],
    [{}],
    [{ method: "" }],
    [{ method: 5, params: "p" }],
    [{ method: "m".repeat(257) }],
  ])("without a method fails at once: %j", async (data) => {
    const { phone } = await new Calls().both();
    expect(await phone.ask("rpc-call", data)).toEqual(
      failed("Invalid parameters: method is required"),
    );
  });

  it("is answered by nobody but its target", async () => {
    const calls = new Calls();
    const { phone, machine } = await calls.both();
    const thief = await calls.machine();
    const ack = await phone.send("rpc-call", bash());
    const id = machine.calls[0]?.id ?? "";
    await thief.answer(id, "stolen");
    await phone.answer(id, "my own");
    expect(phone.answersTo(ack)).toEqual([]);
    await machine.answer(id, "r");
    expect(phone.answersTo(ack)).toEqual([{ ok: true, result: "r" }]);
    expect([thief.names.includes("error"), phone.names.includes("error")]).toEqual([false, false]);
  });

  it("to oneself fails at once, and so does one of a method that nobody has or had", async () => {
    const { phone, machine } = await new Calls().both();
    expect(await machine.ask("rpc-call", bash())).toEqual(
      failed("Cannot call RPC on the same socket"),
    );
    expect(await phone.ask("rpc-call", { method: "m1:other" })).toEqual(AWAY);
    await machine.say("rpc-unregister", { method: "m1:bash" });
    expect(machine.events("rpc-unregistered")).toEqual([{ method: "m1:bash" }]);
    expect(await phone.ask("rpc-call", bash())).toEqual(AWAY);
    expect(machine.calls).toEqual([]);
  });

  it("takes 1,048,576 characters each way, and not one more", async () => {
    const calls = new Calls();
    const { phone, machine } = await calls.both();
    const most = "x".repeat(SYNC_CALL_MAX_BYTES);
    const tooLarge = failed("Payload too large");
    const ack = await phone.send("rpc-call", bash(most));
    expect(machine.calls[0]?.params).toBe(most);
    await machine.answer(machine.calls[0]?.id ?? "", most);
    expect(phone.answersTo(ack)).toEqual([{ ok: true, result: most }]);

    expect(await phone.ask("rpc-call", bash(`${most}x`))).toEqual(tooLarge);
    // Of anything but a text its JSON counts.
    expect(await phone.ask("rpc-call", bash([most.slice(4)]))).toBeUndefined();
    expect(await phone.ask("rpc-call", bash([most.slice(3)]))).toEqual(tooLarge);
    // Two bytes of a row are missing for so many bytes, although these are few characters.
    const bytes = "\u{4e2d}".repeat(SYNC_CONTENT_MAX_BYTES / 3 + 1);
    expect(await phone.ask("rpc-call", bash(bytes))).toEqual(tooLarge);

    const late = await phone.send("rpc-call", bash());
    await machine.answer(machine.calls.at(-1)?.id ?? "", `${most}x`);
    expect(phone.answersTo(late)).toEqual([tooLarge]);
    expect([phone.socket.closedWith, machine.socket.closedWith]).toEqual([null, null]);
  });

  it("times out after 30 s, also while the hub sleeps, and a late answer is dropped", async () => {
    const calls = new Calls();
    const { phone, machine } = await calls.both();
    const ack = await phone.send("rpc-call", bash());
    await calls.at.sleep();
    await calls.at.time.pass(SYNC_CALL_TIMEOUT_MS - 1_000);
    expect(phone.answersTo(ack)).toEqual([]);
    await calls.at.time.pass(1_000);
    expect(phone.answersTo(ack)).toEqual([failed("RPC timed out")]);
    await machine.answer(machine.calls[0]?.id ?? "", "late");
    expect(phone.answersTo(ack)).toHaveLength(1);
  });

  it.each([
    [1, "Payload too large"],
    // Of several nobody knows which result it was.
    [2, "RPC target disconnected"],
  ])("of %i whose result is over the limit of frames: %s", async (times, error) => {
    const { phone, machine } = await new Calls().both();
    const acks: string[] = [];
    for (let i = 0; i < times; i += 1) acks.push(await phone.send("rpc-call", bash()));
    await machine.answer(machine.calls[0]?.id ?? "", "x".repeat(SYNC_FRAME_MAX_BYTES));
    expect(machine.socket.closedWith).toBe(1009);
    for (const ack of acks) expect(phone.answersTo(ack)).toEqual([failed(error)]);
  });

  it("goes on for a long time to a machine that never pings, or only pings", async () => {
    for (const pings of [false, true]) {
      const calls = new Calls();
      const { phone, machine } = await calls.both();
      const params = "x".repeat(1_000_000);
      // The machine shows by its answers that it reads, and the phone shows nothing.
      const windows = pings ? 6 : 3;
      const times = (windows * SYNC_WINDOW_BYTES) / params.length;
      for (let i = 0; i < times; i += 1) {
        const ack = await phone.send("rpc-call", bash(params));
        await machine.answer(machine.calls.at(-1)?.id ?? "", params);
        expect(phone.answersTo(ack)).toMatchObject([{ ok: true }]);
        for (const one of [phone, machine]) {
          one.forget();
          if (pings) await one.frame('{"event":"ping"}');
        }
        await calls.at.time.pass(1_000);
      }
      expect([phone.socket.closedWith, machine.socket.closedWith]).toEqual([null, null]);
    }
  });
});

describe("sync.md §0b.9 a method", () => {
  it.each(SYNC_DIALECTS)(
    "may be registered only by its own session or machine (%s)",
    async (dialect) => {
      const calls = new Calls([dialect, dialect]);
      const { at } = calls;
      const id = await at.session();
      const about = { clientType: "session-scoped", sessionId: id };
      const agent = await SyncClient.connect(at, about, { dialect });
      await agent.say("rpc-register", { method: `${id}:abort` });
      expect(agent.events("rpc-registered")).toEqual([{ method: `${id}:abort` }]);
      const phone = await calls.phone();
      const machine = await calls.machine();
      for (const [client, method] of [
        [phone, "m1:bash"],
        [phone, `${id}:abort`],
        [machine, `${id}:abort`],
        [machine, "m10:bash"],
        [machine, "m1"],
        [agent, "m1:bash"],
        [agent, "abort"],
      ] as const) {
        client.forget();
        await client.say("rpc-register", { method });
        expect(client.events("rpc-registered")).toEqual([]);
        expect(client.events("rpc-error")).toEqual([
          { type: "register", error: expect.any(String) },
        ]);
      }
      expect(await phone.ask("rpc-call", { method: "m1:bash" })).toEqual(AWAY);
    },
  );

  it("has to have a name", async () => {
    const machine = await new Calls().machine();
    for (const data of [null, {}, { method: 5 }, { method: "" }, { method: "m1:".repeat(100) }]) {
      machine.forget();
      await machine.say("rpc-register", data);
      await machine.say("rpc-unregister", data);
      expect(machine.events("rpc-error")).toEqual([
        { type: "register", error: "Method is required" },
        { type: "unregister", error: "Method is required" },
      ]);
    }
  });

  it("belongs to the connection that registered it last", async () => {
    const calls = new Calls();
    const { phone, machine: older } = await calls.both();
    const newer = await calls.machine("m1:bash");
    await phone.send("rpc-call", bash());
    expect([older.calls.length, newer.calls.length]).toEqual([0, 1]);
    // The older one no longer decides.
    await older.say("rpc-unregister", { method: "m1:bash" });
    await older.leave("lost");
    await phone.send("rpc-call", bash());
    expect(newer.calls).toHaveLength(2);
    await newer.leave();
    expect(await phone.ask("rpc-call", bash())).toEqual(AWAY);
  });

  it.each(["unregister", "goodbye"] as const)(
    "goes back to the next newest connection after the newest one's %s",
    async (how) => {
      const calls = new Calls();
      const { phone, machine: oldest } = await calls.both();
      const older = await calls.machine("m1:bash");
      const newest = await calls.machine("m1:bash");
      const asked = () => [oldest, older, newest].map((one) => one.calls.length);
      const leaves = (one: SyncClient) =>
        how === "goodbye" ? one.leave() : one.say("rpc-unregister", { method: "m1:bash" });
      await phone.send("rpc-call", bash());
      expect(asked()).toEqual([0, 0, 1]);
      await leaves(newest);
      await phone.send("rpc-call", bash());
      expect(asked()).toEqual([0, 1, 1]);
      // Registering it again makes a connection the newest one.
      await oldest.say("rpc-register", { method: "m1:bash" });
      await older.say("rpc-register", { method: "m1:bash" });
      await leaves(older);
      await phone.send("rpc-call", bash());
      expect(asked()).toEqual([1, 1, 1]);
      await leaves(oldest);
      expect(await phone.ask("rpc-call", bash())).toEqual(AWAY);
    },
  );

  it("goes to the next newest connection when the newest one was lost, and is not back in 3 s", async () => {
    const calls = new Calls();
    const { phone, machine: older } = await calls.both();
    const newest = await calls.machine("m1:bash");
    await newest.leave("lost");
    const ack = await phone.send("rpc-call", bash("waits"));
    await calls.at.time.pass(SYNC_CALL_GRACE_MS - 1);
    expect([older.calls, phone.answersTo(ack)]).toEqual([[], []]);
    await calls.at.time.pass(1);
    await phone.send("rpc-call", bash("goes on"));
    expect(older.calls.map(({ params }) => params)).toEqual(["waits", "goes on"]);
    await older.answer(older.calls[0]?.id ?? "", "r");
    expect(phone.answersTo(ack)).toEqual([{ ok: true, result: "r" }]);
  });

  it("is one of at most 200 of a connection", async () => {
    const calls = new Calls();
    const machine = await calls.machine();
    for (let i = 0; i <= SYNC_METHODS_PER_CONNECTION; i += 1) {
      await machine.say("rpc-register", { method: `m1:${i}` });
    }
    expect(machine.events("rpc-registered")).toHaveLength(SYNC_METHODS_PER_CONNECTION);
    expect(machine.events("rpc-error")).toEqual([{ type: "register", error: "Too many methods" }]);
    // Registering one again needs no further place.
    await machine.say("rpc-register", { method: "m1:0" });
    expect(machine.events("rpc-error")).toHaveLength(1);
  });
});

describe("sync.md §0b.4 a target that is away", () => {
  it.each([
    ["said goodbye", 1000],
    ["closed without a code", 1005],
    ["was revoked", 4001],
  ])("and %s is not waited for", async (_, code) => {
    const { phone, machine } = await new Calls().both();
    const sent = await phone.send("rpc-call", bash());
    await machine.leave(code);
    expect(phone.answersTo(sent)).toEqual([GONE]);
    expect(await phone.ask("rpc-call", bash())).toEqual(AWAY);
  });

  it("because its machine was deleted is not waited for", async () => {
    const calls = new Calls();
    const { phone } = await calls.both();
    await calls.at.run(SYNC_COMMANDS.deleteMachine, { id: "m1" });
    await calls.at.time.pass(10);
    expect(await phone.ask("rpc-call", bash())).toEqual(AWAY);
  });

  it.each([
    ["lost", 1006],
    ["going away", 1001],
  ])("and was %s is reached when it comes back within 3 s", async (_, code) => {
    const calls = new Calls();
    const { phone, machine } = await calls.both();
    const sent = await phone.send("rpc-call", bash("sent"));
    await machine.leave(code);
    // What it was sent before may have had its effect, and is not sent again.
    expect(phone.answersTo(sent)).toEqual([GONE]);
    const acks = [await phone.send("rpc-call", bash("1")), await phone.send("rpc-call", bash("2"))];
    await calls.at.time.pass(2_000);
    const again = await calls.machine("m1:bash");
    expect(again.calls.map(({ params }) => params)).toEqual(["1", "2"]);
    for (const { id } of again.calls) await again.answer(id, "r");
    for (const ack of acks) expect(phone.answersTo(ack)).toEqual([{ ok: true, result: "r" }]);
    await calls.at.time.pass(SYNC_CALL_TIMEOUT_MS);
    for (const ack of acks) expect(phone.answersTo(ack)).toHaveLength(1);
  });

  it("and does not come back in 3 s fails the calls that waited, also if the hub slept", async () => {
    const calls = new Calls();
    const { phone, machine } = await calls.both();
    await machine.leave("lost");
    const ack = await phone.send("rpc-call", bash());
    await calls.at.sleep();
    await calls.at.time.pass(SYNC_CALL_GRACE_MS - 1_000);
    expect(phone.answersTo(ack)).toEqual([]);
    await calls.at.time.pass(1_000);
    expect(phone.answersTo(ack)).toEqual([AWAY]);
    // Later calls do not get what earlier ones asked.
    const again = await calls.machine("m1:bash");
    expect(again.calls).toEqual([]);
  });

  it("leaves a call 30 s in all, with the time that it waited", async () => {
    const calls = new Calls();
    const { phone, machine } = await calls.both();
    await machine.leave("lost");
    const began = calls.at.time.now;
    const ack = await phone.send("rpc-call", bash());
    await calls.at.time.pass(2_000);
    const again = await calls.machine("m1:bash");
    expect(again.calls).toHaveLength(1);
    await calls.at.time.pass(began + SYNC_CALL_TIMEOUT_MS - calls.at.time.now - 1);
    expect(phone.answersTo(ack)).toEqual([]);
    await calls.at.time.pass(1);
    expect(phone.answersTo(ack)).toEqual([failed("RPC timed out")]);
  });

  it("is not waited for when it was lost a minute ago", async () => {
    const calls = new Calls();
    const { phone, machine } = await calls.both();
    await machine.leave("lost");
    const other = await calls.machine();
    await calls.at.time.pass(60_001);
    expect(await phone.ask("rpc-call", bash())).toEqual(AWAY);
    // Its row goes with the next loss.
    await other.leave("lost");
    const { sql } = calls.at.hub.storage;
    expect(sql.exec("SELECT * FROM sync_registrations").toArray()).toEqual([]);
  });

  it("after a crash of the hub is waited for from the first moment", async () => {
    const calls = new Calls();
    await calls.both();
    calls.at.hub.crash();
    const phone = await calls.phone();
    const ack = await phone.send("rpc-call", bash());
    expect(phone.answersTo(ack)).toEqual([]);
    await calls.at.time.pass(2_000);
    const again = await calls.machine("m1:bash");
    await again.answer(again.calls[0]?.id ?? "", "r");
    expect(phone.answersTo(ack)).toEqual([{ ok: true, result: "r" }]);
  });

  it("is not asked for a caller that has left or was lost meanwhile", async () => {
    for (const how of ["goodbye", "lost", "crash"] as const) {
      const calls = new Calls();
      const { phone, machine } = await calls.both();
      await machine.leave("lost");
      await phone.send("rpc-call", bash());
      if (how === "crash") calls.at.hub.crash();
      else await phone.leave(how);
      const again = await calls.machine("m1:bash");
      expect(again.calls).toEqual([]);
    }
  });

  it("and comes back as the caller itself fails the call", async () => {
    const calls = new Calls();
    const { machine } = await calls.both();
    const other = await calls.machine();
    await machine.leave("lost");
    const ack = await other.send("rpc-call", bash());
    await other.say("rpc-register", { method: "m1:bash" });
    expect(other.answersTo(ack)).toEqual([failed("Cannot call RPC on the same socket")]);
  });

  it("is waited for by a bounded number of calls", async () => {
    const calls = new Calls();
    const { phone, machine } = await calls.both();
    await machine.leave("lost");
    const acks: string[] = [];
    for (let i = 0; i < SYNC_CALLS_WAITING_MAX; i += 1)
      acks.push(await phone.send("rpc-call", bash()));
    expect(acks.flatMap((ack) => phone.answersTo(ack))).toEqual([]);
    const tooMany = failed("Too many RPC calls are waiting");
    expect(await phone.ask("rpc-call", bash())).toEqual(tooMany);
    // Those of a caller that leaves take up no place.
    await phone.leave("lost");
    const next = await calls.phone();
    const params = "x".repeat(SYNC_CALL_MAX_BYTES);
    for (let length = 0; length < SYNC_CALLS_WAITING_LENGTH_MAX; length += params.length) {
      expect(await next.ask("rpc-call", bash(params))).toBeUndefined();
    }
    expect(await next.ask("rpc-call", bash())).toEqual(tooMany);
  });
});
