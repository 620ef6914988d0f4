import type { CloseName } from "../../protocol/close-codes.ts";
import type { Delivery } from "./delivery.ts";
import type { Dialect, DirectFrames, TurnedAway } from "./dialect.ts";
import type { LiveSession } from "./live-session.ts";
import type { Owed } from "./owed.ts";
import type { ServingParts } from "./serving-parts.ts";
import type { Selector } from "./session-index.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { SessionSender } from "./session-sender.ts";
import { isTooLarge } from "./session.ts";

/** Reaches some sessions outside of the sequence of events (HUB-21). */
export class Direct<Socket extends object> {
  readonly #sessions: SessionRegistry<Socket>;
  readonly #sender: SessionSender<Socket>;
  readonly #delivery: Delivery<Socket>;
  readonly #owed: Owed<Socket>;

  constructor({ sessions, sender, delivery, owed }: ServingParts<Socket>) {
    this.#sessions = sessions;
    this.#sender = sender;
    this.#delivery = delivery;
    this.#owed = owed;
  }

  /** The open sessions that a selector names. */
  selected(to: Selector): LiveSession[] {
    return [...this.#sessions.selected(to)].map(([, session]) => session);
  }

  /** The open sessions that nothing was heard of since they opened, which was at `by` or before (HUB-30). */
  unheard(by: number): LiveSession[] {
    return this.#sessions.unheard(this.#sessions.open(), by).map(([, session]) => session);
  }

  /** Sends a frame to those that do not lag. @param encode writes it in the dialect of each session */
  tell(to: Selector, encode: (frames: DirectFrames) => string): void {
    for (const [socket, session] of this.#sessions.selected(to)) {
      const { direct } = session.dialect;
      if (direct !== undefined) this.#delivery.sendSignal(socket, session, encode(direct));
    }
  }

  /** Sends one connection a call, when it has space for it. */
  ask(
    connection: string,
    call: { readonly id: string; readonly caller: string },
    encode: (frames: DirectFrames) => string,
  ): void {
    for (const [socket, session] of this.#sessions.selected({ connection })) {
      const { direct } = session.dialect;
      if (direct !== undefined) {
        this.#owed.ask(socket, session, { ...call, text: encode(direct) });
      }
    }
  }

  /** A call to a connection has ended: if it waits, it is never sent. */
  forget(connection: string, call: { readonly id: string; readonly caller: string }): void {
    for (const [, session] of this.#sessions.selected({ connection })) {
      this.#owed.forget(session, call);
    }
  }

  /** A connection has answered a call, so it has taken what it was sent before. */
  answered(connection: string, call: string): void {
    for (const [socket, session] of this.#sessions.selected({ connection })) {
      if (!session.hasAnswered(call)) continue;
      this.#delivery.feed(socket, session);
      this.#owed.pump(socket, session);
    }
  }

  /** Sends connections what they are owed, as soon as each has space for it. */
  owe(to: Selector, encode: (frames: DirectFrames) => string): void {
    // One text for all of a dialect: it may be large, and wait.
    const texts = new Map<Dialect, string>();
    for (const [socket, session] of this.#sessions.selected(to)) {
      const { dialect } = session;
      if (dialect.direct === undefined) continue;
      const text = texts.get(dialect) ?? encode(dialect.direct);
      texts.set(dialect, text);
      this.#owed.send(socket, session, text);
    }
  }

  /** Whether a connection can be asked. `full`: too much of its caller waits already */
  canBeAsked(connection: string, caller: string): "yes" | "full" | "no" {
    for (const [, session] of this.#sessions.selected({ connection })) {
      // In other dialects nobody can be asked.
      if (session.dialect.direct !== undefined) return this.#owed.mayWait(caller) ? "yes" : "full";
    }
    return "no";
  }

  /** Tells a connection that nobody takes its frame. */
  refuse(connection: string): void {
    for (const [socket, session] of this.#sessions.selected({ connection })) {
      this.#sender.send(socket, session, session.dialect.refused("unknown_type"));
    }
  }

  /**
   * Replaces the grants that an extension gives sessions beside those of their tokens (HUB-8).
   * @param upTo the last event that the old ones are for
   */
  regrant(to: Selector, extension: string, grants: readonly string[], upTo: number): void {
    for (const [socket, session] of this.#sessions.selected(to)) {
      const extra = { ...session.record.extra, [extension]: [...grants] };
      if (isTooLarge({ ...session.record, extra })) {
        this.#sender.end(socket, "forbidden");
        continue;
      }
      this.#delivery.settle(socket, session, upTo);
      if (session.ended) continue;
      this.#sessions.renew(socket, session, { ...session.record, extra });
    }
  }

  /** Closes sessions. */
  end(to: Selector, why: CloseName | TurnedAway): void {
    for (const [socket, { dialect, record }] of this.#sessions.selected(to)) {
      if (typeof why === "string") this.#sender.end(socket, why);
      else this.#sender.turnAway(socket, why, { dialect, sub: record.sub });
    }
  }
}
