import { CLOSING_SOCKETS_FACTOR } from "../../protocol/limits.ts";
import type { StreamLimits } from "./stream-limits.ts";

/**
 * Sockets of users that we have closed, or turned away, and that are not gone. A client may leave the close
 * unanswered, and the object keeps the socket and what is buffered for it. Memory only: after a wake the count begins
 * again.
 */
export class ClosingSockets<Socket extends object> {
  readonly #most: number;
  readonly #userOf = new Map<Socket, string>();
  readonly #byUser = new Map<string, number>();

  constructor({ socketsPerUser }: Pick<StreamLimits, "socketsPerUser">) {
    this.#most = CLOSING_SOCKETS_FACTOR * socketsPerUser;
  }

  /** Whether so many of a user's sockets are closing that it may not open another one. */
  isOver(sub: string): boolean {
    return (this.#byUser.get(sub) ?? 0) > this.#most;
  }

  /** We close a socket. Idempotent. */
  add(socket: Socket, sub: string): void {
    if (this.#userOf.has(socket)) return;
    this.#userOf.set(socket, sub);
    this.#byUser.set(sub, (this.#byUser.get(sub) ?? 0) + 1);
  }

  /** A socket is gone, whether we had closed it or not. */
  gone(socket: Socket): void {
    const sub = this.#userOf.get(socket);
    if (sub === undefined) return;
    this.#userOf.delete(socket);
    const left = (this.#byUser.get(sub) ?? 0) - 1;
    if (left > 0) this.#byUser.set(sub, left);
    else this.#byUser.delete(sub);
  }
}
