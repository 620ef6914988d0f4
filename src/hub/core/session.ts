import { z } from "zod";
import { isLongerThan } from "../../protocol/bytes.ts";
import { SESSION_GRANTS_MAX_BYTES, SESSION_SCOPE_MAX_BYTES } from "../../protocol/limits.ts";

/** The attachment of a socket, which survives hibernation: small, versioned, without secrets (HUB-6). */
const SessionRecord = z.discriminatedUnion("state", [
  z.object({
    v: z.literal(1),
    state: z.literal("waiting"),
    id: z.string(),
    /** When its `auth` frame must have arrived, milliseconds. */
    deadline: z.number(),
    frames: z.number(),
    bad: z.number(),
    batch: z.boolean(),
    signals: z.boolean().optional(),
    /** Absent: the first one of its kind. */
    dialect: z.string().optional(),
    /** The address that it is counted for while it waits. */
    address: z.string().optional(),
    resume: z.object({
      epoch: z.string().optional(),
      seq: z.number().optional(),
      base: z.number().optional(),
    }),
  }),
  z.object({
    v: z.literal(1),
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
    /** What the Worker makes of the socket (`src/hub/edge`); absent: it is the client's own. */
    transport: z.enum(["sse", "poll"]).optional(),
    /** Its connection began after this seq. A snapshot or an earlier connection covers what is before. */
    start: z.number().optional(),
    /** When its token was issued, seconds. */
    iat: z.number().optional(),
    /** It lags, and has made no progress since then, milliseconds (HUB-10). */
    lagging: z.number().optional(),
    /** Its resume from this seq is not finished. */
    resuming: z.number().optional(),
  }),
]);

/** A socket that has authenticated. */
export type OpenSession = Extract<z.infer<typeof SessionRecord>, { state: "open" }>;
/** A socket that has not authenticated yet. It receives nothing and is not counted. */
export type WaitingSession = Extract<z.infer<typeof SessionRecord>, { state: "waiting" }>;
export type SessionRecord = OpenSession | WaitingSession;

/** Reads an attachment; null: it is malformed or of an unknown version. */
export function parseSessionRecord(attachment: unknown): SessionRecord | null {
  const parsed = SessionRecord.safeParse(attachment);
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
  load(socket: Socket): SessionRecord | null;
  /** Reads the attachment also of one that is closing: its close may be what has woken the object. */
  loadClosing(socket: Socket): SessionRecord | null;
  /** Empties the attachment, so that nobody takes the socket for a session's after a wake. */
  clear(socket: Socket): void;
  save(socket: Socket, record: SessionRecord): void;
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
