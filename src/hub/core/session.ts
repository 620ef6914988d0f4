import { z } from "zod";
import { isLongerThan } from "../../protocol/bytes.ts";
import { SESSION_GRANTS_MAX_BYTES, SESSION_SCOPE_MAX_BYTES } from "../../protocol/limits.ts";
import { TRANSPORTS } from "./transport.ts";

/** The attachment of a socket, which survives hibernation: small, versioned, without secrets (HUB-6). */
const OpenSession = z.object({
  v: z.literal(1),
  /** Versions before also had `waiting`, for sockets that had not authenticated. */
  state: z.literal("open"),
  id: z.string(),
  sub: z.string(),
  /** From its token. */
  grants: z.array(z.string()),
  /** Grants that extensions give it beside those of its token, by the extension's name. */
  extra: z.record(z.string(), z.array(z.string())).optional(),
  /** What the client said of itself when it connected. Only extensions read it. */
  scope: z.unknown().optional(),
  /** Seconds, like the claim. */
  exp: z.number(),
  warned: z.boolean(),
  /** When it was opened, milliseconds. The oldest is closed when a user has too many. */
  since: z.number(),
  /** Up to this seq everything for it was sent. What was sent later is found in the journal. */
  from: z.number(),
  /**
   * Between `from` and this seq, earlier grants or an earlier subscription applied, and nothing was sent.
   * Absent: the present ones applied all the time.
   */
  decided: z.number().optional(),
  batch: z.boolean(),
  bad: z.number(),
  signals: z.boolean().optional(),
  /** Absent: the first one of its kind. */
  dialect: z.string().optional(),
  /** Its numbers are the hub's seq minus this; absent: they are the same. */
  base: z.number().optional(),
  /** Its client has sent a frame. Kept only of a client's own socket (HUB-30). */
  heard: z.literal(true).optional(),
  /** Absent: the client's own socket. */
  transport: z.enum(TRANSPORTS).optional(),
  /** Its connection began after this seq. A snapshot or an earlier connection covers what is before. */
  start: z.number().optional(),
  /** When its token was issued, seconds. */
  iat: z.number().optional(),
  /** It lags, and has made no progress since then, milliseconds (HUB-10). */
  lagging: z.number().optional(),
  /** Its resume from this seq is not finished. */
  resuming: z.number().optional(),
});

/** What is kept of a session. */
export type OpenSession = z.infer<typeof OpenSession>;

/** Reads an attachment; null: it is malformed or of an unknown version. */
export function parseSessionRecord(attachment: unknown): OpenSession | null {
  const parsed = OpenSession.safeParse(attachment);
  return parsed.success ? parsed.data : null;
}

/** Whose session it is, as the Worker has found out. */
export type SessionIdentity = {
  readonly sub: string;
  readonly grants: readonly string[];
  /** Seconds, like the claim. */
  readonly exp: number;
  /** When its token was issued, seconds; absent: the token does not say. */
  readonly iat?: number | undefined;
  /** What kind of client it is, for extensions. JSON, at most {@link SESSION_SCOPE_MAX_BYTES}. */
  readonly scope?: unknown;
};

/** What the hub needs of its sockets. The adapter over hibernating WebSockets is `socket-set.ts`. */
export interface HubSockets<Socket extends object> {
  /** Every socket, perhaps also those that are closing. */
  all(): Iterable<Socket>;
  /** Sends, or does nothing when the socket is closing. */
  send(socket: Socket, text: string): void;
  /** Closes, or does nothing when the socket is closing. */
  close(socket: Socket, code: number, reason: string): void;
  /** Reads the attachment of an open socket. */
  load(socket: Socket): OpenSession | null;
  /** Reads the attachment also of one that is closing: its close may be what has woken the object. */
  loadClosing(socket: Socket): OpenSession | null;
  /** Empties the attachment, so that nobody takes the socket for a session's after a wake. */
  clear(socket: Socket): void;
  save(socket: Socket, record: OpenSession): void;
  /** When the runtime last answered its ping, milliseconds; null: never. */
  lastPingAt(socket: Socket): number | null;
}

/** Whether grants do not fit into what a socket carries through hibernation. */
export function areGrantsTooLarge(grants: readonly string[]): boolean {
  return isLongerThan(JSON.stringify(grants), SESSION_GRANTS_MAX_BYTES);
}

/** Whether a session's grants or scope do not fit into what a socket carries through hibernation. */
export function isTooLarge({ grants, extra = {}, scope }: OpenSession): boolean {
  return (
    areGrantsTooLarge([...grants, ...Object.values(extra).flat()]) ||
    isLongerThan(JSON.stringify(scope ?? null), SESSION_SCOPE_MAX_BYTES)
  );
}
