import type { Clock } from "../../platform/clock.ts";
import { PROTOCOL_VERSION } from "../../protocol/frames.ts";
import { EXPIRY_WARNING_MS } from "../../protocol/limits.ts";
import type { Delivery } from "./delivery.ts";
import { encodeFrame } from "./encode.ts";
import type { HubStore } from "./journal.ts";
import type { LiveSession } from "./live-session.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { HubSockets } from "./sockets.ts";

/** Task that looks for sockets whose time to authenticate or whose token has run out. */
export const DEADLINES_TASK = "hub/deadlines";

/** Closes sockets whose time is over and warns those whose token ends soon (HUB-7). */
export class Deadlines<Socket extends object> {
  readonly #sockets: HubSockets<Socket>;
  readonly #sessions: SessionRegistry<Socket>;
  readonly #delivery: Delivery<Socket>;
  readonly #store: HubStore;
  readonly #clock: Clock;

  constructor(parts: {
    readonly sockets: HubSockets<Socket>;
    readonly sessions: SessionRegistry<Socket>;
    readonly delivery: Delivery<Socket>;
    readonly store: HubStore;
    readonly clock: Clock;
  }) {
    this.#sockets = parts.sockets;
    this.#sessions = parts.sessions;
    this.#delivery = parts.delivery;
    this.#store = parts.store;
    this.#clock = parts.clock;
  }

  /** A waiting socket closes at `at`, milliseconds, unless it has authenticated. */
  watchWaiting(at: number): void {
    this.#dueNoLaterThan(at);
  }

  /** A session is warned before its token ends, and closed at its end. */
  watchToken(session: LiveSession): void {
    this.#dueNoLaterThan(session.expiresAtMs - EXPIRY_WARNING_MS);
  }

  /** Does what is due now, and schedules the next look. */
  check(): void {
    const now = this.#clock();
    const ids = new Set<string>();
    let next = Number.POSITIVE_INFINITY;
    for (const socket of this.#sockets.all()) {
      const waiting = this.#sessions.waiting(socket);
      if (waiting !== null) {
        if (waiting.deadline <= now) this.#delivery.end(socket, "authenticationTimeout");
        else next = Math.min(next, waiting.deadline);
        continue;
      }
      const session = this.#sessions.live(socket);
      if (session === null || session.ended) continue;
      if (session.expiresAtMs <= now) {
        this.#delivery.end(socket, "unauthorized");
        continue;
      }
      ids.add(session.record.id);
      const warnAt = session.expiresAtMs - EXPIRY_WARNING_MS;
      if (!session.record.warned && warnAt <= now) this.#warn(socket, session);
      next = Math.min(next, session.record.warned ? session.expiresAtMs : warnAt);
    }
    this.#store.retainFilters(ids);
    this.#store.writeTask(DEADLINES_TASK, Number.isFinite(next) ? next : null);
  }

  #warn(socket: Socket, session: LiveSession): void {
    session.record = { ...session.record, warned: true };
    this.#sessions.save(socket, session);
    const { exp } = session.record;
    this.#delivery.send(
      socket,
      session,
      encodeFrame({ v: PROTOCOL_VERSION, type: "auth.expiring", exp }),
    );
  }

  #dueNoLaterThan(at: number): void {
    const known = this.#store.readTask(DEADLINES_TASK);
    if (known === null || at < known) this.#store.writeTask(DEADLINES_TASK, at);
  }
}
