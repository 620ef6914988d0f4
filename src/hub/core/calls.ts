import type { Clock } from "../../platform/clock.ts";
import type { IdGenerator } from "../../platform/ids.ts";
import { CALLS_PER_CALLER_ALWAYS, CALLS_PER_HUB, CALLS_PER_TARGET } from "../../protocol/limits.ts";

/** A call of one client to another that is not answered yet. */
export type PendingCall = {
  readonly id: string;
  /** Id of the connection that waits for the answer. */
  readonly caller: string;
  /** The name under which it waits. */
  readonly ack: string;
  /** Id of the connection that is to answer. */
  readonly target: string;
  /** Name of the extension that passed it on. */
  readonly extension: string;
  /** When it fails, milliseconds. */
  readonly deadline: number;
};

/** Why a call has no answer. */
export type CallFailure =
  /** The target is not connected, or is the caller itself. Nothing was sent. */
  | "no_target"
  /** Too many calls wait for that target, or in this hub, or too much of this caller. Nothing was sent. */
  | "too_many"
  /** The target has left. The call may have had its effect. */
  | "target_gone"
  /** The target was closed because its answer, the only one that it owed, was over the limit of frames. */
  | "answer_too_large"
  /** The target did not answer in time. */
  | "timed_out";

/** Where pending calls are kept, so that they survive a sleep of the hub. Synchronous. */
export interface CallStore {
  addCall(call: PendingCall): void;
  /** Removes a call that waits for this target. @returns null: there is none */
  takeCall(id: string, target: string): PendingCall | null;
  /** Removes the calls that wait for this target. */
  takeCallsTo(target: string): PendingCall[];
  /** Removes the calls of this caller. */
  takeCallsOf(caller: string): PendingCall[];
  /** Removes the calls whose deadline has passed. */
  takeDueCalls(now: number): PendingCall[];
  /** The next deadline, milliseconds; null: no call waits. */
  nextCallDeadline(): number | null;
  /** How many wait in all, for this target, and of this caller. */
  countCalls(
    target: string,
    caller: string,
  ): { readonly all: number; readonly toTarget: number; readonly ofCaller: number };
}

/** What calls need from the hub. */
export type CallPorts = {
  /** Asked for in each turn, because it is another one after a rollback. */
  readonly store: () => CallStore;
  readonly clock: Clock;
  readonly newId: IdGenerator;
  /** Whether a connection is open; `full`: too much of this caller waits already. */
  readonly canBeAsked: (connectionId: string, caller: string) => "yes" | "full" | "no";
  /** Sends the call to its target, when that has space for it. */
  readonly ask: (call: PendingCall, name: string, data: unknown) => void;
  /** The call has ended without an answer of its target. If it was not sent yet, it is never sent. */
  readonly forget: (call: PendingCall) => void;
  /** Sends the answer to the caller, if it is still there. */
  readonly answer: (call: PendingCall, data: unknown) => void;
  /** Sends the caller that there is no answer. */
  readonly fail: (
    call: Pick<PendingCall, "caller" | "ack" | "extension">,
    why: CallFailure,
  ) => void;
  /** Makes {@link Calls.expire} run at this time, milliseconds, if it would run later or not at all. */
  readonly runBy: (at: number) => void;
};

/**
 * Calls between the clients of a hub (HUB-22). Each goes to exactly one target, has an id that the hub makes and a
 * deadline, and ends exactly once: with the target's answer, or with the reason why there is none.
 */
export class Calls {
  readonly #ports: CallPorts;

  constructor(ports: CallPorts) {
    this.#ports = ports;
  }

  /** Sends a call, or fails it at once. @param timeoutMs how long the target may take */
  place(
    call: Pick<PendingCall, "caller" | "ack" | "target" | "extension">,
    name: string,
    data: unknown,
    timeoutMs: number,
  ): void {
    const { clock, newId, canBeAsked, ask, fail } = this.#ports;
    const store = this.#ports.store();
    const { caller, target } = call;
    const state = caller === target ? "no" : canBeAsked(target, caller);
    if (state === "no") return fail(call, "no_target");
    const { all, toTarget, ofCaller } = store.countCalls(target, caller);
    // The others may not take the last places from a caller that has few calls.
    const isOver = toTarget >= CALLS_PER_TARGET && ofCaller >= CALLS_PER_CALLER_ALWAYS;
    if (state === "full" || all >= CALLS_PER_HUB || isOver) return fail(call, "too_many");
    const now = clock();
    const pending = { ...call, id: newId(now), deadline: now + timeoutMs };
    store.addCall(pending);
    this.#ports.runBy(pending.deadline);
    return ask(pending, name, data);
  }

  /**
   * Passes an answer on. A second answer, one that came too late, and one of another client than the target are
   * dropped.
   * @returns whether the call waited for it
   */
  answered(target: string, id: string, data: unknown): boolean {
    const call = this.#ports.store().takeCall(id, target);
    if (call === null) return false;
    this.#ports.answer(call, data);
    return true;
  }

  /**
   * A connection is gone: the calls to it fail now, and nobody waits for those that it made.
   * @param isTooLarge whether it was closed because a frame of it was over the limit
   */
  gone(connectionId: string, isTooLarge: boolean): void {
    const { fail, forget } = this.#ports;
    const store = this.#ports.store();
    for (const call of store.takeCallsOf(connectionId)) forget(call);
    const calls = store.takeCallsTo(connectionId);
    // Of several nobody knows which one it was.
    const why = isTooLarge && calls.length === 1 ? "answer_too_large" : "target_gone";
    for (const call of calls) fail(call, why);
  }

  /**
   * Fails the calls whose deadline has passed. It may run early, because a call that ends does not move the time: a
   * row less for each call.
   */
  expire(): void {
    const { clock, fail, forget, runBy } = this.#ports;
    const store = this.#ports.store();
    const calls = store.takeDueCalls(clock());
    const next = store.nextCallDeadline();
    if (next !== null) runBy(next);
    for (const call of calls) {
      forget(call);
      fail(call, "timed_out");
    }
  }
}
