import type { CloseName } from "../../protocol/close-codes.ts";
import type { Delivery } from "./delivery.ts";
import type { DirectFrames, TurnedAway } from "./dialect.ts";
import type { LiveSession } from "./live-session.ts";
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

  constructor({ sessions, sender, delivery }: ServingParts<Socket>) {
    this.#sessions = sessions;
    this.#sender = sender;
    this.#delivery = delivery;
  }

  /** The open sessions that a selector names. */
  selected(to: Selector): LiveSession[] {
    return [...this.#sessions.selected(to)].map(([, session]) => session);
  }

  /** Sends a frame to those that do not lag. @param encode writes it in the dialect of each session */
  tell(to: Selector, encode: (frames: DirectFrames) => string): void {
    for (const [socket, session] of this.#sessions.selected(to)) {
      const { direct } = session.dialect;
      if (direct !== undefined) this.#delivery.sendSignal(socket, session, encode(direct));
    }
  }

  /** Sends one connection a call. Its answer does not count to the limit of its frames. */
  ask(connection: string, encode: (frames: DirectFrames) => string): void {
    for (const [, session] of this.#sessions.selected({ connection })) session.asked += 1;
    this.owe(connection, encode);
  }

  /** Sends one connection what it is owed. */
  owe(connection: string, encode: (frames: DirectFrames) => string): void {
    for (const [socket, session] of this.#sessions.selected({ connection })) {
      const { direct } = session.dialect;
      if (direct === undefined) continue;
      this.#sender.owe(socket, session, encode(direct));
    }
  }

  /** Whether a connection is open, and has taken what it was sent up to a window. */
  canBeAsked(connection: string): "yes" | "full" | "no" {
    for (const [socket, session] of this.#sessions.selected({ connection })) {
      // In other dialects nobody can be asked.
      if (session.dialect.direct !== undefined) {
        return this.#sender.mayBeAsked(socket, session) ? "yes" : "full";
      }
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
