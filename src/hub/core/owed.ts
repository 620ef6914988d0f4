import type { Clock } from "../../platform/clock.ts";
import {
  CALLS_WAITING_PER_CALLER_BYTES,
  CALLS_WAITING_PER_HUB_BYTES,
  LAGGING_MAX_MS,
  OWED_WAITING_BYTES,
} from "../../protocol/limits.ts";
import type { After } from "./batch-window.ts";
import { type Flow, TURN_MS } from "./flow.ts";
import type { LiveSession } from "./live-session.ts";
import type { SessionSender } from "./session-sender.ts";
import type { WaitingCall } from "./waiting-frames.ts";

/**
 * What clients are owed: answers, calls and messages that have to arrive (HUB-10, HUB-22). What a client has no space
 * for waits in memory, in order, until the client shows that it reads. Meanwhile the hub does not sleep: a sleep would
 * lose it. A crash loses the clients as well.
 */
export class Owed<Socket extends object> {
  readonly #sender: SessionSender<Socket>;
  readonly #flow: Flow<Socket>;
  readonly #clock: Clock;
  readonly #after: After;
  /** The clients for which something waits. */
  readonly #waiting = new Map<Socket, LiveSession>();
  /** Bytes of the calls that wait, by their callers, and of all of them. */
  readonly #bytesOf = new Map<string, number>();
  #bytes = 0;
  #isLooking = false;

  constructor(parts: {
    readonly sender: SessionSender<Socket>;
    readonly flow: Flow<Socket>;
    readonly clock: Clock;
    readonly after: After;
  }) {
    this.#sender = parts.sender;
    this.#flow = parts.flow;
    this.#clock = parts.clock;
    this.#after = parts.after;
  }

  /** Whether one more call of this connection may wait. */
  mayWait(caller: string): boolean {
    const own = this.#bytesOf.get(caller) ?? 0;
    if (own >= CALLS_WAITING_PER_CALLER_BYTES) return false;
    // The others may not take the last place from a caller of which nothing waits.
    return own === 0 || this.#bytes < CALLS_WAITING_PER_HUB_BYTES;
  }

  /** Sends a client what is for it alone, or lets it wait. Closes a client for which too much would wait. */
  send(socket: Socket, session: LiveSession, text: string): void {
    if (session.ended) return;
    const { waiting } = session;
    const now = this.#clock();
    const verdict =
      waiting.firstOwn === undefined
        ? this.#flow.judgeOwed(socket, session, text.length, now)
        : "wait";
    if (verdict === "send") this.#sender.send(socket, session, text);
    else if (verdict === "end") this.#sender.endSlow(socket, "unshown");
    else if (waiting.ownBytes + text.length > OWED_WAITING_BYTES) {
      this.#sender.endSlow(socket, "owed");
    } else {
      waiting.addOwn(text, now);
      this.#waiting.set(socket, session);
      this.#lookLater();
    }
  }

  /** Sends a client a call, or lets it wait. */
  ask(socket: Socket, session: LiveSession, call: WaitingCall): void {
    if (session.ended) return;
    session.waiting.addCall(call);
    this.#countCall(call, 1);
    this.#waiting.set(socket, session);
    this.pump(socket, session);
    this.#lookLater();
  }

  /** A call has ended. If it was waiting, it is never sent. */
  forget(session: LiveSession, { caller, id }: Pick<WaitingCall, "caller" | "id">): void {
    const dropped = session.waiting.dropCall(caller, id);
    if (dropped !== null) this.#countCall(dropped, -1);
  }

  /** Sends a client what waits for it, as far as it has space now. */
  pump(socket: Socket, session: LiveSession): void {
    if (!this.#waiting.has(socket)) return;
    while (!session.ended && this.#sendOne(socket, session));
    if (session.ended) for (const call of session.waiting.clear()) this.#countCall(call, -1);
    if (session.waiting.isEmpty) this.#waiting.delete(socket);
  }

  /** @returns false: nothing waits, or there is no space */
  #sendOne(socket: Socket, session: LiveSession): boolean {
    const { waiting } = session;
    const now = this.#clock();
    const own = waiting.firstOwn;
    if (own !== undefined) {
      const verdict = this.#flow.judgeOwed(socket, session, own.length, now);
      if (verdict === "send") {
        waiting.shiftOwn(now);
        this.#sender.send(socket, session, own);
        return true;
      }
      if (verdict === "end") this.#sender.endSlow(socket, "unshown");
    }
    const call = waiting.firstCall;
    if (call === undefined || session.ended) return false;
    const verdict = this.#flow.judgeCall(socket, session, call.text.length, now);
    if (verdict === "end") this.#sender.endSlow(socket, "unshown");
    if (verdict !== "send") return false;
    waiting.shiftCall();
    this.#countCall(call, -1);
    // Its answer does not count to the limit of frames.
    session.asked += 1;
    this.#sender.send(socket, session, call.text);
    session.hasAsked(call.id);
    return true;
  }

  /** Pings and time make space without an event of the hub. The timer also keeps the hub awake. */
  #lookLater(): void {
    if (this.#isLooking || this.#waiting.size === 0) return;
    this.#isLooking = true;
    this.#after(TURN_MS, () => {
      this.#isLooking = false;
      try {
        const now = this.#clock();
        for (const [socket, session] of this.#waiting) {
          this.pump(socket, session);
          const { waiting } = session;
          const isStuck = waiting.firstOwn !== undefined && now - waiting.since >= LAGGING_MAX_MS;
          if (isStuck && !session.ended) this.#sender.endSlow(socket, "stuck");
        }
      } finally {
        this.#lookLater();
      }
    });
  }

  #countCall({ caller, text }: WaitingCall, by: 1 | -1): void {
    const bytes = (this.#bytesOf.get(caller) ?? 0) + by * text.length;
    if (bytes === 0) this.#bytesOf.delete(caller);
    else this.#bytesOf.set(caller, bytes);
    this.#bytes += by * text.length;
  }
}
