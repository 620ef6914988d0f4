import type { CloseName } from "../../protocol/close-codes.ts";
import type { SessionRecord } from "./session.ts";

/** What the hub needs of its sockets. The adapter over hibernating WebSockets is `socket-set.ts`. */
export interface HubSockets<Socket extends object> {
  /** Every socket; one that is closing may still be among them. */
  all(): Iterable<Socket>;
  /** Sends, or does nothing when the socket is closing. */
  send(socket: Socket, text: string): void;
  close(socket: Socket, why: CloseName): void;
  /** What the socket carries through hibernation. */
  load(socket: Socket): SessionRecord | null;
  save(socket: Socket, record: SessionRecord): void;
  /** When the runtime last answered its ping, milliseconds; null: never. */
  lastPingAt(socket: Socket): number | null;
}
