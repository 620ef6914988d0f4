import type { Dialect, Intent } from "../../../hub/core/dialect.ts";
import {
  eventPacket,
  readPacket,
  SOCKET_IO_DIALECT,
  SOCKET_IO_DIRECT,
} from "../../../hub/dialects/socket-io.ts";
import type { SocketIoManners } from "../../../hub/edge/socket-io.ts";
import { ok } from "../../../platform/result.ts";
import { SYNC_PING_INTERVAL_MS, SYNC_PING_TIMEOUT_MS } from "../../../protocol/limits.ts";
import { PLAIN_BROADCAST, SYNC_CLOSE_CODES, SYNC_CLOSES, updateOf } from "./native.ts";

/** Clients of sync have no whole state: they read it by REST. */
const { snapshot: _, ...STATELESS } = SOCKET_IO_DIALECT;

/** Nothing but a sign of life. */
const DROPPED: Intent = { kind: "acknowledge", number: null };

/** The packets of Socket.IO that the published clients of Happy know (sync.md §7). */
export const HAPPY_SOCKET_IO_DIALECT: Dialect = {
  ...STATELESS,
  name: "sync-socket-io",
  read(data) {
    // Every event is a message here: no name is the engine's own.
    const read = readPacket(data, () => null);
    // Events that nobody knows are dropped without an answer, however many arguments they have (sync.md §0b.17).
    return read.ok && read.value.kind === "unknown" ? ok(DROPPED) : read;
  },
  event: (entry) => `2["update",${updateOf(entry)}]`,
  signal: () => null,
  resumed: () => null,
  renewed: () => null,
  expiring: () => null,
  farewell: (why) => SYNC_CLOSES[why] ?? SOCKET_IO_DIALECT.farewell(why),
  direct: {
    ...SOCKET_IO_DIRECT,
    message: (name, data) => eventPacket(name === PLAIN_BROADCAST ? "broadcast" : name, data),
  },
};

/** What a client is told whose CONNECT is refused, and who has to stay away (sync.md §7), by the code of the close. */
const REFUSALS: ReadonlyMap<number, string> = new Map([
  [SYNC_CLOSE_CODES.authFailed, "Invalid authentication token"],
  [SYNC_CLOSE_CODES.authTimeout, "Missing authentication token"],
  [SYNC_CLOSE_CODES.sessionMissing, "Session ID required for session-scoped clients"],
  [SYNC_CLOSE_CODES.machineMissing, "Machine ID required for machine-scoped clients"],
  [SYNC_CLOSE_CODES.connectionLimit, "Connection limit exceeded"],
]);

/** What these clients expect of a server of Socket.IO. They cannot go on where they were: they read what they missed. */
export const HAPPY_MANNERS: SocketIoManners = {
  pingIntervalMs: SYNC_PING_INTERVAL_MS,
  pingTimeoutMs: SYNC_PING_TIMEOUT_MS,
  // A daemon that has sent one frame too large must not stay away for ever.
  reconnect: (code) => (REFUSALS.has(code) ? "no" : "yes"),
  refusal: ({ code, reason }, hasToken) => ({
    message: hasToken ? (REFUSALS.get(code) ?? reason) : "Missing authentication token",
  }),
  recovers: false,
  farewell: () => null,
};
