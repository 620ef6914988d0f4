import type { Room } from "../src/protocol/room.ts";
import type { Seen } from "./recorder.ts";

/** Open rooms with their members. */
export type RoomsView = ReadonlyMap<string, ReadonlySet<string>>;

/** The state of the guild at the end of a history. */
type View = {
  readonly rooms: RoomsView;
  /** Number of times that the client had to start over. */
  readonly resets: number;
};

/**
 * Checks the history of a client that may see everything, and replays it. After a snapshot the events must follow
 * each other without a gap, each only once, and each must change something.
 * @returns the state that a page with this history shows at its end
 * @throws with all problems
 */
export function checkHistory(history: readonly Seen[]): View {
  const problems: string[] = [];
  const ids = new Set<string>();
  let story = new Story([]);
  let position: { epoch: string; seq: number } | undefined;
  let resets = -1;

  for (const seen of history) {
    if (seen.kind === "snapshot") {
      resets++;
      position = { epoch: seen.epoch, seq: seen.seq };
      story = new Story(seen.rooms);
    } else if (seen.kind === "wrong") {
      problems.push(seen.what);
    } else if (seen.kind === "resumed" && seen.to !== position?.seq) {
      problems.push(`resumed to ${seen.to}, but the last event was ${position?.seq}`);
    } else if (seen.kind === "event") {
      const { seq, id, event } = seen.frame;
      if (position === undefined) problems.push(`event ${seq} before any snapshot`);
      else if (seq !== position.seq + 1) problems.push(`event ${seq} follows ${position.seq}`);
      if (ids.has(id)) problems.push(`event ${id} (${seq}) came twice`);
      ids.add(id);
      position = { epoch: seen.epoch, seq };
      const complaint = story.apply(event, seen.frame.payload);
      if (complaint !== null) problems.push(`event ${seq}: ${complaint}`);
    }
  }
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return { rooms: story.rooms, resets: Math.max(resets, 0) };
}

/** The state that the events of a guild describe: which rooms are open, and who is in which voice channel. */
export class Story {
  readonly #rooms = new Map<string, Set<string>>();
  readonly #channelOf = new Map<string, string>();
  readonly #isWhole: boolean;

  /**
   * @param rooms open at the start, when it is unknown who is in other channels; absent: no room is open and all
   * voice channels are empty
   */
  constructor(rooms?: readonly Room[]) {
    this.#isWhole = rooms === undefined;
    for (const { channelId, members } of rooms ?? []) {
      this.#rooms.set(channelId, new Set(members.map(({ userId }) => userId)));
      for (const { userId } of members) this.#channelOf.set(userId, channelId);
    }
  }

  get rooms(): RoomsView {
    return this.#rooms;
  }

  /** Applies an event. @returns why the event is impossible, in words; null: it is possible */
  apply(event: string, payload: unknown): string | null {
    const { channelId, userId } = Object(payload) as { channelId: string; userId: string };
    const members = this.#rooms.get(channelId);
    const before = this.#channelOf.get(userId);
    switch (event) {
      case "room.created":
        this.#rooms.set(channelId, new Set());
        return members === undefined ? null : `room ${channelId} was created twice`;
      case "room.deleted": {
        if (!this.#rooms.delete(channelId)) return `${channelId} was deleted, but is unknown`;
        const inside = [...this.#channelOf].filter(([, at]) => at === channelId);
        const users = inside.map(([user]) => user).join();
        return users === "" ? null : `room ${channelId} was deleted with ${users}`;
      }
      case "voice.joined":
        members?.add(userId);
        this.#channelOf.set(userId, channelId);
        if (before === channelId) return `${userId} joined ${channelId} twice`;
        return before === undefined ? null : `${userId} joined ${channelId} and was in ${before}`;
      case "voice.left": {
        members?.delete(userId);
        this.#channelOf.delete(userId);
        const isKnown = before !== undefined || members !== undefined || this.#isWhole;
        return before === channelId || !isKnown
          ? null
          : `${userId} left ${channelId} without joining`;
      }
      default:
        return null;
    }
  }
}

/**
 * Checks that clients with the same rights got the same events: an event with the same `seq` must be the
 * same in all histories.
 */
export function checkSame(...histories: readonly (readonly Seen[])[]): void {
  const known = new Map<string, string>();
  for (const history of histories) {
    for (const seen of history) {
      if (seen.kind !== "event") continue;
      const key = `${seen.epoch}/${seen.frame.seq}`;
      const content = JSON.stringify([seen.frame.id, seen.frame.event, seen.frame.payload]);
      const other = known.get(key);
      if (other !== undefined && other !== content) {
        throw new Error(`two clients were sent different events at ${key}: ${other} ${content}`);
      }
      known.set(key, content);
    }
  }
}
