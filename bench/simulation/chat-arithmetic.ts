import { JOURNAL_MAX_EVENTS } from "../../src/protocol/limits.ts";
import { ASSUMPTIONS, fanOutMs, MONTH_SECONDS, PLATFORM, ROWS, type Usage } from "./arithmetic.ts";

/**
 * Figures that only the arithmetic of chat and of calls needs. docs/scale.md names the source of each. After a
 * change here `npm run simulate -- 0` writes the tables.
 */
export const CHAT_ASSUMPTIONS = {
  /** CPU of a shard for one call that brings one event: to read it, to write it, and to commit, milliseconds. */
  takeMs: 0.32,
  /** CPU of a shard for each further event of a call, milliseconds. */
  furtherMs: 0.02,
  /** Calls a second that one shard takes. Cloudflare names 200 to 500 for requests that write. */
  callsPerShard: 500,
  /** The part of a shard's thread that deliveries may take. */
  deliveryShare: 0.5,
  /** Grants of a session in each of its spaces: as a member, and for channels that not everybody sees. */
  grantsPerSpace: 3,
  /** Memory of one session under one grant in the audience index, bytes. */
  indexEntryBytes: 100,
  /** Between two heartbeats of a client, seconds. Each one reaches its shard. */
  heartbeatSeconds: 15,
  /** Part of the members of a space that are at its home shard, when users are placed by their spaces. */
  atHome: 0.8,
  /** Hours of a day with this many events and users. Nothing happens in the others. */
  busyHours: 6,
  /** CPU of a hub for a call of one client to another, with its answer, milliseconds (docs/benchmarks.md, steadily). */
  clientCallMs: 0.23,
} as const;

/** Rows that SQLite writes. */
export const CHAT_ROWS = {
  /** An event at a shard: one row added, one deleted, and the position of its space. */
  shardEvent: 3,
  /** The same event in a journal of one user: one row added, one deleted. */
  userEvent: 2,
  /** A call of one client to another: the call, and its end. */
  clientCall: 2,
} as const;

/** What a deployment of chat has to do at one moment. */
export type Chat = {
  readonly spaces: number;
  /** Users that are online, each with one connection. */
  readonly users: number;
  readonly spacesPerUser: number;
  /** Of each space: messages, typing, presence and all others. */
  readonly eventsPerSecond: number;
  readonly shards: number;
};

/** What one shard has to do in a second, on average. */
type ShardLoad = {
  /** Spaces that it follows. */
  readonly spaces: number;
  readonly calls: number;
  readonly events: number;
  readonly deliveries: number;
  /** Part of its thread. */
  readonly thread: number;
  readonly indexBytes: number;
  /** How long the journal reaches back with the bounds of a guild's, seconds. */
  readonly journalSeconds: number;
};

/** Members of a space that are online, on average. */
export function membersOnline({ spaces, users, spacesPerUser }: Chat): number {
  return (users * spacesPerUser) / spaces;
}

/**
 * Shards that follow a space: those that have a member of it online. So many calls takes each of its events.
 * @param atHome the part of its members that are at one shard, its home; the others are spread over the rest. By
 * default users are placed without regard to their spaces
 */
export function followers(members: number, shards: number, atHome: number = 1 / shards): number {
  if (shards === 1) return 1;
  const others = shards - 1;
  const isHome = 1 - (1 - atHome) ** members;
  return isHome + others * (1 - (1 - (1 - atHome) / others) ** members);
}

/** Calls a second from a hub to one object that follows it. At most one is under way, so a burst shares calls. */
export function callsToFollower(eventsPerSecond: number): number {
  return Math.min(eventsPerSecond, 1000 / ASSUMPTIONS.roundTripMs);
}

/** What each shard has to do. @param followedBy shards that follow a space */
export function shardLoad(chat: Chat, followedBy: number): ShardLoad {
  const { takeMs, furtherMs, grantsPerSpace, indexEntryBytes, heartbeatSeconds } = CHAT_ASSUMPTIONS;
  const { eventsPerSecond, spacesPerUser, shards } = chat;
  const users = chat.users / shards;
  const spaces = (chat.spaces * followedBy) / shards;
  const calls = spaces * callsToFollower(eventsPerSecond);
  const events = spaces * eventsPerSecond;
  const deliveries = users * spacesPerUser * eventsPerSecond;
  const heartbeatsMs = (users / heartbeatSeconds) * ASSUMPTIONS.ackMs;
  const takenMs = calls * takeMs + (events - calls) * furtherMs;
  return {
    spaces,
    calls,
    events,
    deliveries,
    thread: (takenMs + fanOutMs(deliveries) + heartbeatsMs) / 1000,
    indexBytes: users * spacesPerUser * grantsPerSpace * indexEntryBytes,
    journalSeconds: JOURNAL_MAX_EVENTS / events,
  };
}

/** What a month of such days uses, with shards. @param followedBy shards that follow a space */
export function chatUsage(chat: Chat, followedBy: number): Partial<Usage> {
  const { busyHours, heartbeatSeconds } = CHAT_ASSUMPTIONS;
  const { spaces, users, shards, eventsPerSecond } = chat;
  const { calls, thread } = shardLoad(chat, followedBy);
  const seconds = (MONTH_SECONDS * busyHours) / 24;
  const events = spaces * eventsPerSecond * seconds;
  const rows = ROWS.hubEvent + followedBy * CHAT_ROWS.shardEvent;
  // A shard waits for the disk after each call, and is awake meanwhile.
  const shardAwake = Math.min(1, thread + (calls * ASSUMPTIONS.commitMs) / 1000);
  const spaceAwake = Math.min(1, (eventsPerSecond * hubEventMs()) / 1000);
  return usageParts({
    events,
    requests:
      events + (calls * shards + users / heartbeatSeconds / PLATFORM.messagesPerRequest) * seconds,
    activeSeconds: (shardAwake * shards + spaceAwake * spaces) * seconds,
    rows: events * rows,
  });
}

/** The same with a journal for each user instead of shards: each event is a call to each member's object. */
export function journalPerUserUsage(chat: Chat): Partial<Usage> {
  const { busyHours, takeMs, heartbeatSeconds } = CHAT_ASSUMPTIONS;
  const { spaces, users, eventsPerSecond } = chat;
  const members = membersOnline(chat);
  const seconds = (MONTH_SECONDS * busyHours) / 24;
  const events = spaces * eventsPerSecond * seconds;
  const userEvents = events * members;
  const beats = (users / heartbeatSeconds) * seconds;
  const spaceAwake = Math.min(1, (eventsPerSecond * hubEventMs()) / 1000);
  const awakeMs = userEvents * (takeMs + ASSUMPTIONS.commitMs) + beats * ASSUMPTIONS.ackMs;
  return usageParts({
    events,
    requests: events + userEvents + beats / PLATFORM.messagesPerRequest,
    activeSeconds: awakeMs / 1000 + spaceAwake * spaces * seconds,
    rows: events * (ROWS.hubEvent + members * CHAT_ROWS.userEvent),
  });
}

/**
 * The most events a second of all spaces together, before a shard takes too many calls or deliveries.
 * @param members of each space that are online
 */
export function mostEvents(members: number, shards: number, atHome?: number): number {
  const { callsPerShard, deliveryShare } = CHAT_ASSUMPTIONS;
  const byCalls = (callsPerShard * shards) / followers(members, shards, atHome);
  const byDeliveries = (deliveryShare * 1000 * shards) / fanOutMs(members);
  return Math.min(byCalls, byDeliveries);
}

/** What calls between clients use in a month. @param callsPerSecond day and night */
export function clientCallsUsage(callsPerSecond: number): Partial<Usage> {
  const calls = callsPerSecond * MONTH_SECONDS;
  const { clientCallMs } = CHAT_ASSUMPTIONS;
  // The message and the answer. The hub may sleep while it waits for the answer.
  const activeMs = calls * (clientCallMs + 2 * ASSUMPTIONS.commitMs);
  return usageParts({
    events: 0,
    requests: (2 * calls) / PLATFORM.messagesPerRequest,
    activeSeconds: Math.min(MONTH_SECONDS, activeMs / 1000),
    rows: calls * CHAT_ROWS.clientCall,
  });
}

/** How long a hub is awake for an event: it commits, and waits for its followers. */
function hubEventMs(): number {
  return ASSUMPTIONS.commitMs + ASSUMPTIONS.roundTripMs;
}

/** @param events those that clients publish, by a request each */
function usageParts(parts: {
  readonly events: number;
  readonly requests: number;
  readonly activeSeconds: number;
  readonly rows: number;
}): Partial<Usage> {
  return {
    workerRequests: parts.events,
    workerCpuMs: parts.events * ASSUMPTIONS.workerCpuMs,
    requests: parts.requests,
    gigabyteSeconds: parts.activeSeconds * PLATFORM.billedGigabytes,
    rowsWritten: parts.rows,
  };
}
