import type { GuildEvent, PayloadOf } from "./guild-event.ts";
import { isText } from "./json-shape.ts";
import {
  applyMatch,
  applyMatchRoom,
  applyMatchVoice,
  type LiveMatches,
  liveMatchesOf,
} from "./live-matches.ts";
import type { Room } from "./resources.ts";
import type {
  OtherEvent,
  Presence,
  SnapshotReason,
  StreamEvent,
  StreamItem,
} from "./stream-item.ts";

/** Entries that the log keeps; the oldest go. */
export const LOG_MAX_ENTRIES = 300;

/** Someone in a room; `joinedAt` in milliseconds since 1970. */
export type MemberView = {
  readonly userId: string;
  readonly joinedAt: number;
};

/** What an event does not say about a room: it is asked for once. */
export type RoomDetails = Pick<Room, "userLimit" | "private" | "createdBy" | "createdAt">;

/** A room as it is now. `details` null: only its event has been seen. */
export type RoomView = {
  readonly channelId: string;
  readonly name: string;
  readonly members: readonly MemberView[];
  readonly details: RoomDetails | null;
};

/** The Discord connection as the stream last told; `since` in milliseconds since 1970. */
export type GatewayView = Pick<PayloadOf<"gateway.state">, "state" | "since">;

/** A line of the log. `key` is unique; `at` and `ts` in milliseconds since 1970. */
export type LogEntry =
  | {
      readonly kind: "event";
      readonly key: string;
      readonly seq: number;
      /** The seq before this one, after a jump over what this reader may not see. */
      readonly prev?: number | undefined;
      readonly ts: number;
      /** Null: an event of a kind that is not known here. */
      readonly event: GuildEvent | null;
      readonly eventName: string;
      /** Name of its room at that time; null when it is not about a room of ours. */
      readonly roomName: string | null;
    }
  | { readonly kind: "mark"; readonly key: string; readonly at: number; readonly mark: Mark };

/** What happened to the stream itself. */
export type Mark =
  | { readonly type: "snapshot"; readonly seq: number; readonly reason: SnapshotReason }
  | { readonly type: "resumed"; readonly events: number }
  | { readonly type: "hole"; readonly after: number; readonly got: number }
  | { readonly type: "lost"; readonly why: string };

/** Everything that the stream has told. Never changed in place. */
export type GuildView = {
  readonly guildId: string | null;
  readonly epoch: string | null;
  readonly seq: number;
  /** Whether a snapshot has arrived: before it, no rooms means nothing. */
  readonly known: boolean;
  /** By channel id, oldest first. */
  readonly rooms: ReadonlyMap<string, RoomView>;
  /** With who is in voice now. */
  readonly matches: LiveMatches;
  readonly gateway: GatewayView | null;
  /** Who is connected, as last told; null: not told. */
  readonly presence: Presence | null;
  /** Newest first, at most {@link LOG_MAX_ENTRIES}. */
  readonly log: readonly LogEntry[];
  /** Marks made so far, for their keys. */
  readonly marks: number;
};

/** Before anything was received. */
export const EMPTY_VIEW: GuildView = {
  guildId: null,
  epoch: null,
  seq: 0,
  known: false,
  rooms: new Map(),
  matches: new Map(),
  gateway: null,
  presence: null,
  log: [],
  marks: 0,
};

/**
 * Applies what arrived, in order. Pure: an event that was applied already changes nothing, and a
 * snapshot replaces what was known.
 * @param at now, milliseconds since 1970: when marks are made
 */
export function applyItems(view: GuildView, items: readonly StreamItem[], at: number): GuildView {
  let next = view;
  for (const item of items) next = applyItem(next, item, at);
  return next;
}

/** Fills in what an event left open about a room. Members come from the stream alone. */
export function applyRoomDetails(view: GuildView, room: Room): GuildView {
  const known = view.rooms.get(room.channelId);
  if (known === undefined || known.details !== null) return view;
  return withRoom(view, { ...known, details: detailsOf(room) });
}

function applyItem(view: GuildView, item: StreamItem, at: number): GuildView {
  switch (item.type) {
    case "accepted":
      return { ...view, guildId: item.guildId };
    case "event":
    case "other":
      return item.seq <= view.seq ? view : applyEvent(view, item);
    case "snapshot":
      return withMark(
        {
          ...view,
          epoch: item.epoch,
          seq: item.seq,
          known: true,
          rooms: roomsOf(item.rooms),
          matches: liveMatchesOf(item.matches ?? []),
          gateway: item.gateway ?? null,
        },
        { type: "snapshot", seq: item.seq, reason: item.reason },
        at,
      );
    case "presence":
      return { ...view, presence: { count: item.count, users: item.users } };
    case "signal":
    case "error":
      return view;
    case "resumed":
      return withMark(view, { type: "resumed", events: item.events }, at);
    case "hole":
      return withMark(view, { type: "hole", after: item.after, got: item.got }, at);
    case "lost":
      // Who came and went meanwhile is not told again.
      return withMark({ ...view, presence: null }, { type: "lost", why: item.why }, at);
  }
}

function applyEvent(view: GuildView, frame: StreamEvent | OtherEvent): GuildView {
  const event = frame.type === "event" ? frame : null;
  const applied = event === null ? view : applyKnown(view, event, frame.ts);
  const channelId = event !== null && "channelId" in event.payload ? event.payload.channelId : "";
  const room = applied.rooms.get(channelId) ?? view.rooms.get(channelId);
  const entry = entryOf(view, frame, room?.name ?? null);
  return { ...applied, seq: frame.seq, log: [entry, ...view.log].slice(0, LOG_MAX_ENTRIES) };
}

function entryOf(
  { epoch }: GuildView,
  frame: StreamEvent | OtherEvent,
  roomName: string | null,
): LogEntry {
  const { seq, prev, ts, event: eventName } = frame;
  const event = frame.type === "event" ? frame : null;
  return { kind: "event", key: `${epoch ?? ""}:${seq}`, seq, prev, ts, event, eventName, roomName };
}

/**
 * Puts events from before the stream began below the log. The state is untouched: it came with the
 * snapshot.
 * @param events of the view's epoch, oldest first; those that the log has already are left out
 */
export function applyPast(
  view: GuildView,
  events: readonly (StreamEvent | OtherEvent)[],
): GuildView {
  const logged = new Set(view.log.flatMap((entry) => (entry.kind === "event" ? [entry.seq] : [])));
  const names = new Map([...view.rooms.values()].map((room) => [room.channelId, room.name]));
  const past: LogEntry[] = [];
  for (const frame of events) {
    const payload: Readonly<Record<string, unknown>> = frame.payload;
    const { channelId, name } = payload;
    if (frame.event === "room.created" || frame.event === "room.updated") {
      if (isText(channelId) && isText(name)) names.set(channelId, name);
    }
    const roomName = isText(channelId) ? (names.get(channelId) ?? null) : null;
    if (frame.seq <= view.seq && !logged.has(frame.seq)) {
      past.push(entryOf(view, frame, roomName));
    }
  }
  return { ...view, log: [...view.log, ...past.toReversed()].slice(0, LOG_MAX_ENTRIES) };
}

function applyKnown(view: GuildView, { event, payload }: GuildEvent, ts: number): GuildView {
  switch (event) {
    case "room.created": {
      if (view.rooms.has(payload.channelId)) return view;
      const { channelId, name } = payload;
      return withRoom(view, { channelId, name, members: [], details: null });
    }
    case "room.updated": {
      const room = view.rooms.get(payload.channelId);
      if (room === undefined) return view;
      const details =
        room.details === null ? null : { ...room.details, userLimit: payload.userLimit };
      return withRoom(view, { ...room, name: payload.name, details });
    }
    case "room.deleted": {
      const rooms = new Map(view.rooms);
      rooms.delete(payload.channelId);
      return { ...view, rooms };
    }
    case "voice.joined": {
      const room = view.rooms.get(payload.channelId);
      if (room === undefined)
        return withMatches(view, applyMatchVoice(view.matches, payload, true));
      const others = room.members.filter((member) => member.userId !== payload.userId);
      if (others.length < room.members.length) return view;
      const member = { userId: payload.userId, joinedAt: ts };
      return withRoom(view, { ...room, members: [...others, member] });
    }
    case "voice.left": {
      const room = view.rooms.get(payload.channelId);
      if (room === undefined)
        return withMatches(view, applyMatchVoice(view.matches, payload, false));
      const members = room.members.filter((member) => member.userId !== payload.userId);
      return withRoom(view, { ...room, members });
    }
    case "gateway.state":
      return { ...view, gateway: { state: payload.state, since: payload.since } };
    case "match.created":
    case "match.updated":
    case "match.ended":
      return withMatches(view, applyMatch(view.matches, payload.match));
    case "match.room.created":
      return withMatches(view, applyMatchRoom(view.matches, payload, true));
    case "match.room.deleted":
      return withMatches(view, applyMatchRoom(view.matches, payload, false));
  }
}

function roomsOf(rooms: readonly Room[]): Map<string, RoomView> {
  const open = rooms
    .filter((room) => room.state !== "ended")
    .toSorted((a, b) => Date.parse(a.createdAt) - Date.parse(b.createdAt));
  return new Map(
    open.map((room) => [
      room.channelId,
      {
        channelId: room.channelId,
        name: room.name,
        members: room.members.map(({ userId, joinedAt }) => ({
          userId,
          joinedAt: Date.parse(joinedAt),
        })),
        details: detailsOf(room),
      },
    ]),
  );
}

function detailsOf(room: Room): RoomDetails {
  const { userLimit, createdBy, createdAt } = room;
  return { userLimit, private: room.private, createdBy, createdAt };
}

function withRoom(view: GuildView, room: RoomView): GuildView {
  return { ...view, rooms: new Map(view.rooms).set(room.channelId, room) };
}

function withMatches(view: GuildView, matches: LiveMatches): GuildView {
  return matches === view.matches ? view : { ...view, matches };
}

function withMark(view: GuildView, mark: Mark, at: number): GuildView {
  const entry: LogEntry = { kind: "mark", key: `mark:${view.marks}`, at, mark };
  return { ...view, marks: view.marks + 1, log: [entry, ...view.log].slice(0, LOG_MAX_ENTRIES) };
}
