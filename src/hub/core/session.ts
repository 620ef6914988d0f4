import { z } from "zod";
import type { CloseName } from "../../protocol/close-codes.ts";

/** What a socket carries through hibernation: small, versioned, without secrets (HUB-6). */
const SessionRecord = z.discriminatedUnion("state", [
  z.object({
    v: z.literal(1),
    state: z.literal("waiting"),
    id: z.string(),
    /** Until when its `auth` frame must have arrived, milliseconds. */
    deadline: z.number(),
    frames: z.number(),
    bad: z.number(),
    batch: z.boolean(),
    signals: z.boolean().optional(),
    /** Whose waiting sockets it is counted with. */
    address: z.string().optional(),
    resume: z.object({ epoch: z.string().optional(), seq: z.number().optional() }),
  }),
  z.object({
    v: z.literal(1),
    state: z.literal("open"),
    id: z.string(),
    sub: z.string(),
    grants: z.array(z.string()),
    /** Seconds, like the claim. */
    exp: z.number(),
    warned: z.boolean(),
    /** When it was opened, milliseconds: the oldest goes when a user has too many. */
    since: z.number(),
    /** It has seen what it may see up to this seq; later sends are found in the journal. */
    from: z.number(),
    /**
     * Up to here it was decided by other grants, or another subscription, what it was sent: nothing
     * after `from`. Absent: nothing was decided otherwise.
     */
    decided: z.number().optional(),
    batch: z.boolean(),
    bad: z.number(),
    signals: z.boolean().optional(),
    /** Absent: a WebSocket. */
    transport: z.enum(["sse", "poll"]).optional(),
    /** Its connection began after this seq: a snapshot or an earlier connection has what is before. */
    start: z.number().optional(),
    /** When its token was issued, seconds. */
    iat: z.number().optional(),
    /** It takes no more for now; since when it has made no progress, milliseconds (HUB-10). */
    lagging: z.number().optional(),
    /** Its resume from this seq has not come to its end. */
    resuming: z.number().optional(),
  }),
]);

/** A socket that has authenticated. */
export type OpenSession = Extract<z.infer<typeof SessionRecord>, { state: "open" }>;
/** A socket that has not authenticated yet: it receives nothing and is not counted. */
export type WaitingSession = Extract<z.infer<typeof SessionRecord>, { state: "waiting" }>;
export type SessionRecord = OpenSession | WaitingSession;

/** Reads an attachment; null when it is not one of ours or of a version that is not known. */
export function parseSessionRecord(attachment: unknown): SessionRecord | null {
  const parsed = SessionRecord.safeParse(attachment);
  return parsed.success ? parsed.data : null;
}

/** Who a session is for: what the Worker found out before it handed the socket over. */
export type SessionIdentity = {
  readonly sub: string;
  readonly grants: readonly string[];
  /** Seconds, like the claim. */
  readonly exp: number;
  /** When its token was issued, seconds; absent: the token does not say. */
  readonly iat?: number | undefined;
};

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
