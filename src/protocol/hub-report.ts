import { z } from "zod";
import { DiscordId } from "./discord-id.ts";
import { TraceId } from "./trace.ts";

const Count = z.number().int().min(0);
const Seq = z.number().int().min(0);
const Milliseconds = z.number().int().meta({ description: "Milliseconds since 1970" });

/** In `closes`: all codes that clients have chosen and that are not ours. */
export const OTHER_CODE = "other";

/** One relay of a guild, as its hub knows it. */
export const RelayReport = z.object({
  index: Count,
  state: z.enum(["open", "draining", "unreachable"]).meta({
    description:
      "`open`: takes new sockets; `draining`: keeps those it has; `unreachable`: the last call failed",
  }),
  sockets: Count,
  acked: Seq.meta({ description: "The newest seq that the relay has acknowledged" }),
  behind: Count.meta({ description: "Events that it has not acknowledged" }),
});
export type RelayReport = z.infer<typeof RelayReport>;

/** The present state of a hub. */
const HubState = z.object({
  at: Milliseconds,
  epoch: z.string(),
  seq: Seq.meta({ description: "The newest event" }),
  sockets: Count.meta({
    description: "Connections that have authenticated, streams among them, with those at relays",
  }),
  users: Count.meta({ description: "Users with at least one connection at the hub itself" }),
  streams: Count.meta({
    description: "Streams and long polls of `GET /events`, at the hub itself",
  }),
  journal: z.object({
    events: Count,
    bytes: Count,
    oldestSeq: Seq.nullable(),
    oldestAt: Milliseconds.nullable(),
  }),
  lag: z.object({
    sockets: Count.meta({ description: "Sockets that are past their window" }),
    events: Count.meta({ description: "How far behind the last of them is" }),
  }),
  countedSince: Milliseconds.meta({ description: "When `closes` and `wakes` began to count" }),
  closes: z.record(z.string().regex(new RegExp(`^(?:\\d{4}|${OTHER_CODE})$`)), Count).meta({
    description: "Closes by code; `other`: codes of clients that are not ours",
    examples: [{ "1013": 2, "4401": 17 }],
  }),
  wakes: Count.meta({ description: "How often the hub was started or woken" }),
  relays: z.array(RelayReport),
  limits: z.object({
    sockets: Count,
    socketsPerUser: Count,
    journalEvents: Count,
    journalBytes: Count,
    journalAgeMs: Count,
    windowEvents: Count,
    windowBytes: Count,
  }),
});
export type HubState = z.infer<typeof HubState>;

/** The answer of `GET /admin/guilds/:id/hub`. */
export const HubReport = z
  .object({ guildId: DiscordId, ...HubState.shape })
  .meta({ id: "HubReport" });
export type HubReport = z.infer<typeof HubReport>;

/** One connection, as operators see it; they find its `connectionId` here. */
export const HubConnection = z
  .object({
    connectionId: z.string(),
    sub: z.string(),
    transport: z.enum(["websocket", "pre-auth", "socket-io", "sse", "poll"]),
    relay: Count.nullable().meta({ description: "Index of the relay; null: at the hub itself" }),
    since: Milliseconds,
    expiresAt: Milliseconds.meta({ description: "When its token ends" }),
    grants: z.array(z.string()),
    topics: z
      .array(z.string())
      .nullable()
      .meta({ description: "What it has narrowed to; null: everything" }),
    from: Seq.meta({ description: "Up to here it was served by a snapshot or an earlier one" }),
    sent: Seq.meta({ description: "The last event that was sent to it" }),
    acked: Seq.nullable().meta({ description: "What it has acknowledged; null: it never did" }),
    lagging: z.boolean(),
  })
  .meta({ id: "HubConnection" });
export type HubConnection = z.infer<typeof HubConnection>;

/** Why a connection did or did not get an event. A closed list, so that tools can rely on it. */
export const ExplanationCode = z.enum([
  /** It was sent on this connection. `connection.acked` shows whether the client has acknowledged it. */
  "delivered",
  /** It will be sent in a moment, with the next batch or a catch-up in progress. */
  "pending",
  /** The connection has used up its window and gets it after an acknowledgement. */
  "lagging",
  /** None of the connection's grants is in the event's audience. */
  "not_in_audience",
  /** The connection itself caused the event, and its area sends it to the others only. */
  "caused_it",
  /** The connection has subscribed to other topics. */
  "not_subscribed",
  /** The connection is newer than the event: its snapshot or the previous connection had it. */
  "before_connection",
  /** The journal no longer has the event, so the answer is unknown. */
  "trimmed",
  /** No event has this seq yet. */
  "not_yet",
  /** The connection's token had expired. */
  "expired",
  /** The hub has no such connection now. */
  "unknown_connection",
]);
export type ExplanationCode = z.infer<typeof ExplanationCode>;

/** A hub's answer about one connection and one event. The route adds an explanation in words. */
export const Explanation = z.object({
  code: ExplanationCode,
  seq: Seq,
  /** Null: the connection is unknown or not authenticated. */
  connection: z.union([HubConnection, z.null()]),
  /** Null: the journal does not have it. Without the payload, which operators do not need to see. */
  event: z
    .object({
      id: z.string(),
      event: z.string(),
      ts: Milliseconds,
      audience: z.array(z.string()).nullable(),
      topic: z.string().nullable(),
      trace: TraceId.nullable(),
    })
    .nullable(),
});
export type Explanation = z.infer<typeof Explanation>;

/** Whose connections to close. */
export const RevocationTarget = z.union([
  z.strictObject({ sub: z.string().min(1).max(255) }),
  z.strictObject({ connectionId: z.string().min(1).max(64) }),
]);
export type RevocationTarget = z.infer<typeof RevocationTarget>;

/** The number of connections that a revocation closed. 0 is a success: nobody was connected. */
export const RevocationResult = z.object({ closed: Count });
export type RevocationResult = z.infer<typeof RevocationResult>;
