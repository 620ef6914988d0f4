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

/** Entries that the log keeps. Older ones are dropped. */
export const LOG_MAX_ENTRIES = 300;

/** Someone in a room; `joinedAt` in milliseconds since 1970. */
export type MemberView = {
  readonly userId: string;
  readonly joinedAt: number;
};

/** Facts about a room that events do not carry. They are fetched once. */
export type RoomDetails = Pick<Room, "userLimit" | "private" | "createdBy" | "createdAt">;

/** A room as it is now. `details` null: not fetched yet. */
export type RoomView = {
  readonly channelId: string;
  readonly name: string;
  readonly members: readonly MemberView[];
  readonly details: RoomDetails | null;
};

/** The newest state of the Discord connection; `since` in milliseconds since 1970. */
export type GatewayView = Pick<PayloadOf<"gateway.state">, "state" | "since">;

/** A line of the log. `key` is unique; `at` and `ts` in milliseconds since 1970. */
export type LogEntry =
  | {
      readonly kind: "event";
      readonly key: string;
      readonly seq: number;
      /** The seq of the event sent before, when events between are hidden from this reader. */
      readonly prev?: number | undefined;
      readonly ts: number;
      /** Null: an event with an unknown name. */
      readonly event: GuildEvent | null;
      readonly eventName: string;
      /** Name of its room at that time; null: the event is not about a known room. */
      readonly roomName: string | null;
    }
  | { readonly kind: "mark"; readonly key: string; readonly at: number; readonly mark: Mark };

/** What happened to the stream itself. */
export type Mark =
  | { readonly type: "snapshot"; readonly seq: number; readonly reason: SnapshotReason }
  | { readonly type: "resumed"; readonly events: number }
  | { readonly type: "hole"; readonly after: number; readonly got: number }
  | { readonly type: "lost"; readonly why: string };

/** The state of a guild, built from its stream. Never changed in place. */
export type GuildView = {
  readonly guildId: string | null;
  readonly epoch: string | null;
  readonly seq: number;
  /** Whether a snapshot has arrived. Before it, an empty `rooms` does not mean that there are none. */
  readonly known: boolean;
  /** By channel id, oldest first. */
  readonly rooms: ReadonlyMap<string, RoomView>;
  /** Live matches, with the users in voice now. */
  readonly matches: LiveMatches;
  readonly gateway: GatewayView | null;
  /** Who is connected; null: not known. */
  readonly presence: Presence | null;
  /** Newest first, at most {@link LOG_MAX_ENTRIES}. */
  readonly log: readonly LogEntry[];
  /** Number of marks so far, for their keys. */
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
 * Applies items in order. Pure. An event that was already applied changes nothing, and a snapshot replaces the
 * state.
 * @param at now, milliseconds since 1970: the time of new marks
 */
export function applyItems(view: GuildView, items: readonly StreamItem[], at: number): GuildView {
  let next = view;
  for (const item of items) next = applyItem(next, item, at);
  return next;
}

/** Adds the details of a room. Its members come from the stream only. */
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
      // A resume does not report presence changes that were missed.
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
 * Appends events from before the snapshot to the end of the log. The rest of the state stays: the snapshot
 * includes them.
 * @param events of the view's epoch, oldest first; events that the log already has are skipped
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
