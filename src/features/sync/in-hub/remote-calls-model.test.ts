import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SYNC_CALL_GRACE_MS, SYNC_CALL_TIMEOUT_MS } from "../../../protocol/limits.ts";
import { SYNC_DIALECTS, SyncClient } from "../../../testing/sync-client.ts";
import { VirtualAccount } from "../../../testing/virtual-account.ts";

/** Who may be connected: two phones, two connections of one machine, and one of another. */
const SEATS = ["phone", "phone", "m1", "m1", "m2"] as const;
const METHODS = ["m1:a", "m1:b", "m2:a"] as const;

const SAME_SOCKET = "Cannot call RPC on the same socket";
const NOT_AVAILABLE = "RPC method not available";
const GONE = "RPC target disconnected";
const TIMED_OUT = "RPC timed out";

/** A lost target is forgotten after this time. */
const FORGOTTEN_MS = 60_000;
/** After a crash it counts a second later, or later still if the hub crashes again before that. */
const NOTICED_MS = 1_500;

/** So small that two large calls fill it. */
const LIMITS = { windowBytes: 4_096 };
/** The most that a call waits for room, if its target reads: as many turns as there are calls. */
const ROOM_MS = 20_000;

const seat = fc.nat(SEATS.length - 1);
const method = fc.constantFrom(...METHODS);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("call" as const),
      seat,
      method,
      size: fc.constantFrom(0, 0, 2_500),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("register" as const), seat, method }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("unregister" as const), seat, method }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("answer" as const), seat, which: fc.nat(30) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("goodbye" as const), seat }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("lost" as const), seat }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("sleep" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("crash" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      ms: fc.constantFrom(1, 500, 1_900, 3_000, 15_000, 28_500, 30_000, 70_000),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;

/** A call as the contract wants it: where it is, or the answer that its caller has. */
type Call = {
  readonly caller: SyncClient;
  readonly ack: string;
  readonly method: string;
  /** Different for each, so that one can see who was asked. */
  readonly params: string;
  readonly at: number;
  where:
    | "waits"
    /** For room at its target. */
    | { readonly dueAt: SyncClient; readonly since: number }
    | { readonly sentTo: SyncClient }
    | { readonly answer: unknown }
    | "caller left"
    /** Its caller left while it waited: nobody is asked. */
    | "dropped";
};

/** Whether a call waits at a client, or at this one, in that way. */
function isAt(where: Call["where"], how: "sentTo" | "dueAt", client?: SyncClient): boolean {
  if (typeof where !== "object" || !(how in where)) return false;
  return client === undefined || Object.values(where).includes(client);
}

type Registration = { readonly owner: SyncClient; lostAt: number | null };

const AWAY = { answer: { ok: false, error: NOT_AVAILABLE } };

/** The account beside a model of it, which says what each step must lead to. */
class Model {
  readonly at = new VirtualAccount(undefined, undefined, LIMITS);
  readonly calls: Call[] = [];
  readonly #seats: (SyncClient | null)[] = SEATS.map(() => null);
  readonly #everybody: SyncClient[] = [];
  #crashes = 0;
  /** Calls that waited for a target to come back: later ones may be asked before them. */
  readonly #hasWaited = new Set<number>();
  /** The registrations of each method, the newest last. Only the newest one can be a lost one. */
  readonly #methods = new Map<string, Registration[]>();

  async begin(): Promise<void> {
    for (const id of ["m1", "m2"]) await this.at.machine(id);
  }

  async run(one: Step): Promise<void> {
    switch (one.do) {
      case "call":
        await this.#call(await this.#at(one.seat), one.method, one.size);
        break;
      case "register":
        await this.#register(await this.#at(one.seat), one.method);
        break;
      case "unregister": {
        const client = await this.#at(one.seat);
        await client.say("rpc-unregister", { method: one.method });
        this.#drop(one.method, ({ owner }) => owner === client);
        break;
      }
      case "answer":
        await this.#answer(await this.#at(one.seat), one.which);
        break;
      case "goodbye":
      case "lost":
        await this.#leave(one.seat, one.do);
        break;
      case "sleep":
        await this.at.sleep();
        break;
      case "crash":
        this.#crashes += 1;
        this.at.hub.crash();
        this.#seats.forEach((client, at) => this.#gone(at, client, "crash"));
        break;
      case "pass":
        await this.at.time.pass(one.ms);
    }
    this.#passTime();
    this.#findSent();
    this.check();
  }

  /** Calls that waited for room may have been sent meanwhile, but not for ever. */
  #findSent(): void {
    for (const call of this.calls) {
      if (typeof call.where !== "object" || !("dueAt" in call.where)) continue;
      const { dueAt, since } = call.where;
      if (dueAt.calls.some(({ params }) => params === call.params)) {
        call.where = { sentTo: dueAt };
      } else expect(this.at.time.now - since).toBeLessThan(ROOM_MS);
    }
    for (const one of this.#everybody) {
      // Those of one caller are asked in their order.
      const numbers = one.calls.map(({ params }) => Number.parseInt(String(params), 10));
      for (const caller of this.#everybody) {
        const own = numbers.filter(
          (n) => this.calls[n]?.caller === caller && !this.#hasWaited.has(n),
        );
        expect(own).toEqual(own.toSorted((a, b) => a - b));
      }
    }
  }

  /** Every call is where the model has it, and its caller has heard exactly that. */
  check(): void {
    for (const { caller, ack, params, where } of this.calls) {
      const asked = this.#everybody.filter((one) => one.calls.some((c) => c.params === params));
      expect(asked.length).toBeLessThanOrEqual(1);
      expect(
        this.#everybody.flatMap(({ calls }) => calls).filter((c) => c.params === params),
      ).toHaveLength(asked.length);
      if (where === "dropped") expect(asked).toHaveLength(0);
      if (where === "caller left" || where === "dropped") continue;
      const isOver = typeof where === "object" && "answer" in where;
      expect(caller.answersTo(ack)).toEqual(isOver ? [where.answer] : []);
      const isUnsent = where === "waits" || (typeof where === "object" && "dueAt" in where);
      if (isUnsent) expect(asked).toHaveLength(0);
      if (typeof where === "object" && "sentTo" in where) expect(asked[0]).toBe(where.sentTo);
    }
  }

  async #at(at: number): Promise<SyncClient> {
    const known = this.#seats[at];
    if (known !== null && known !== undefined) return known;
    const who = SEATS[at] ?? "phone";
    const about = who === "phone" ? {} : { clientType: "machine-scoped", machineId: who };
    const client = await SyncClient.connect(this.at, about, {
      dialect: SYNC_DIALECTS[at % 2] ?? "native",
    });
    this.#seats[at] = client;
    this.#everybody.push(client);
    this.#passTime();
    return client;
  }

  async #call(caller: SyncClient, name: string, size: number): Promise<void> {
    const params = `${this.calls.length} ${"x".repeat(size)}`;
    const { now } = this.at.time;
    const ack = await caller.send("rpc-call", { method: name, params });
    const call: Call = { caller, ack, method: name, params, at: now, where: "waits" };
    this.calls.push(call);
    const registered = this.#methods.get(name) ?? [];
    const newest = registered.at(-1);
    const lostMs = newest?.lostAt === null || newest === undefined ? 0 : now - newest.lostAt;
    const isForgotten = lostMs > FORGOTTEN_MS + NOTICED_MS * this.#crashes;
    const next = this.#aliveOf(name);
    if (newest === undefined) call.where = AWAY;
    else if (newest.lostAt === null || (next !== null && lostMs >= SYNC_CALL_GRACE_MS)) {
      this.#goes(call, next ?? newest.owner);
    } else if (isForgotten) call.where = AWAY;
    else if (lostMs > FORGOTTEN_MS) {
      // After a crash nobody knows exactly when it was lost.
      const [answer] = caller.answersTo(ack);
      if (answer !== undefined) call.where = AWAY;
    }
  }

  /** The newest connection that is there. */
  #aliveOf(name: string): SyncClient | null {
    const alive = (this.#methods.get(name) ?? []).filter(({ lostAt }) => lostAt === null);
    return alive.at(-1)?.owner ?? null;
  }

  /** A call goes to a connection: at once, or when that has room. */
  #goes(call: Call, to: SyncClient): void {
    call.where =
      to === call.caller
        ? { answer: { ok: false, error: SAME_SOCKET } }
        : { dueAt: to, since: this.at.time.now };
  }

  #drop(name: string, isDropped: (one: Registration) => boolean): void {
    const left = (this.#methods.get(name) ?? []).filter((one) => !isDropped(one));
    if (left.length === 0) this.#methods.delete(name);
    else this.#methods.set(name, left);
  }

  async #register(client: SyncClient, name: string): Promise<void> {
    await client.say("rpc-register", { method: name });
    const at = this.#seats.indexOf(client);
    if (SEATS[at] !== name.slice(0, 2)) return;
    this.#drop(name, ({ owner, lostAt }) => owner === client || lostAt !== null);
    const registered = this.#methods.get(name) ?? [];
    this.#methods.set(name, [...registered, { owner: client, lostAt: null }]);
    this.calls.forEach((call, n) => {
      if (call.method !== name || call.where !== "waits") return;
      this.#hasWaited.add(n);
      this.#goes(call, client);
    });
  }

  /** Anybody answers any call that was ever sent to anybody. */
  async #answer(by: SyncClient, which: number): Promise<void> {
    const sent = this.#everybody.flatMap(({ calls }) => calls);
    const chosen = sent[which % Math.max(1, sent.length)];
    if (chosen === undefined) return;
    const result = `answer ${which}`;
    await by.answer(chosen.id, result);
    const call = this.calls.find(({ params }) => params === chosen.params);
    if (call === undefined || typeof call.where !== "object" || !("sentTo" in call.where)) return;
    if (call.where.sentTo === by) call.where = { answer: { ok: true, result } };
  }

  async #leave(at: number, how: "goodbye" | "lost"): Promise<void> {
    const client = this.#seats[at] ?? null;
    await client?.leave(how);
    this.#gone(at, client, how);
  }

  #gone(at: number, client: SyncClient | null, how: "goodbye" | "lost" | "crash"): void {
    if (client === null) return;
    this.#seats[at] = null;
    const { now } = this.at.time;
    for (const [name, registered] of this.#methods) {
      const own = registered.find(({ owner }) => owner === client);
      if (own === undefined) continue;
      // Nobody waits for one that a newer one has replaced.
      const isReplaced = own !== registered.at(-1) && how !== "crash";
      if (how === "goodbye" || isReplaced) this.#drop(name, (one) => one === own);
      else own.lostAt = now;
    }
    if (how === "crash") {
      for (const [name, registered] of this.#methods) this.#methods.set(name, registered.slice(-1));
    }
    for (const call of this.calls) {
      if (typeof call.where === "object" && "answer" in call.where) continue;
      // A crash takes all callers with it.
      if (call.caller === client || how === "crash") {
        const isSent = call.where === "caller left" || isAt(call.where, "sentTo");
        call.where = isSent ? "caller left" : "dropped";
      } else if (isAt(call.where, "sentTo", client) || isAt(call.where, "dueAt", client)) {
        call.where = { answer: { ok: false, error: GONE } };
      }
    }
  }

  #passTime(): void {
    const { now } = this.at.time;
    for (const call of this.calls) {
      if (call.where === "waits" && now >= call.at + SYNC_CALL_GRACE_MS) {
        const next = this.#aliveOf(call.method);
        if (next === null) call.where = AWAY;
        else {
          this.#hasWaited.add(this.calls.indexOf(call));
          this.#goes(call, next);
        }
      }
      const isSent = isAt(call.where, "sentTo") || isAt(call.where, "dueAt");
      if (isSent && now >= call.at + SYNC_CALL_TIMEOUT_MS) {
        call.where = { answer: { ok: false, error: TIMED_OUT } };
      }
    }
  }
}

describe("sync.md §0b.4 remote calls", () => {
  it("end exactly once and reach one target, whoever calls, comes, leaves or answers", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: "max" }), async (steps) => {
        const model = new Model();
        await model.begin();
        for (const one of steps) await model.run(one);
        await model.at.time.pass(SYNC_CALL_TIMEOUT_MS);
        await model.run({ do: "pass", ms: 1 });
        // Nothing is left over.
        for (const { where } of model.calls) {
          const isOver = typeof where === "object" && "answer" in where;
          expect(isOver || where === "caller left" || where === "dropped").toBe(true);
        }
        const waiting = "SELECT * FROM sync_waiting_calls";
        expect(model.at.hub.storage.sql.exec(waiting).toArray()).toEqual([]);
      }),
      { numRuns: Number(process.env["MODEL_RUNS"] ?? 150) },
    );
  });
});
