import { EXPIRY_WARNING_MS } from "../../protocol/limits.ts";
import type { ServingParts } from "./serving-parts.ts";
import type { LiveSession } from "./live-session.ts";

/** Task that looks for sockets whose token has expired. */
export const DEADLINES_TASK = "hub/deadlines";

/** Closes sockets whose token has expired, and warns those whose token does soon (HUB-7). */
export class Deadlines<Socket extends object> {
  readonly #parts: ServingParts<Socket>;

  constructor(parts: ServingParts<Socket>) {
    this.#parts = parts;
  }

  /** Warns a session before its token expires, and closes it when it does. */
  watchToken(session: LiveSession): void {
    this.#dueNoLaterThan(session.expiresAtMs - EXPIRY_WARNING_MS);
  }

  /** Does what is due now, and schedules the next look. */
  check(): void {
    const now = this.#parts.clock();
    const ids = new Set<string>();
    let next = Number.POSITIVE_INFINITY;
    for (const socket of this.#parts.sockets.all()) {
      const session = this.#parts.sessions.live(socket);
      if (session === null || session.ended) continue;
      if (session.expiresAtMs <= now) {
        this.#parts.sender.end(socket, "unauthorized");
        continue;
      }
      ids.add(session.record.id);
      const warnAt = session.expiresAtMs - EXPIRY_WARNING_MS;
      if (!session.record.warned && warnAt <= now) this.#warn(socket, session);
      next = Math.min(next, session.record.warned ? session.expiresAtMs : warnAt);
    }
    this.#parts.store.retainFilters(ids);
    this.#parts.store.writeTask(DEADLINES_TASK, Number.isFinite(next) ? next : null);
  }

  #warn(socket: Socket, session: LiveSession): void {
    session.record = { ...session.record, warned: true };
    this.#parts.sessions.save(socket, session);
    const { exp } = session.record;
    this.#parts.sender.send(socket, session, session.dialect.expiring(exp));
  }

  #dueNoLaterThan(at: number): void {
    const known = this.#parts.store.readTask(DEADLINES_TASK);
    if (known === null || at < known) this.#parts.store.writeTask(DEADLINES_TASK, at);
  }
}
