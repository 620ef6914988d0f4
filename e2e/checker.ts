import type { Seen } from "./recorder.ts";

/** User ids by voice channel. */
type Voice = ReadonlyMap<string, ReadonlySet<string>>;

/** The state of the guild at the end of a history. */
export type View = {
  /** Open rooms with their members. */
  readonly rooms: Voice;
  /** Number of times that the client had to start over. */
  readonly resets: number;
};

/**
 * Checks the history of a client that may see everything, and replays it. After a snapshot the events must
 * follow each other without a gap, none may come twice, and each must change something.
 * @returns the state that a page with this history shows at its end
 * @throws with everything that is wrong
 */
export function checkHistory(history: readonly Seen[]): View {
  const problems: string[] = [];
  const ids = new Set<string>();
  let rooms = new Map<string, Set<string>>();
  let position: { epoch: string; seq: number } | undefined;
  let resets = -1;

  for (const seen of history) {
    if (seen.kind === "snapshot") {
      resets++;
      position = { epoch: seen.epoch, seq: seen.seq };
      rooms = new Map(
        seen.rooms.map((room) => [
          room.channelId,
          new Set(room.members.map((member) => member.userId)),
        ]),
      );
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
      const complaint = apply(rooms, event, seen.frame.payload);
      if (complaint !== undefined) problems.push(`event ${seq}: ${complaint}`);
    }
  }
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return { rooms, resets: Math.max(resets, 0) };
}

/** Applies an event to the rooms; reports a contradiction. */
function apply(
  rooms: Map<string, Set<string>>,
  event: string,
  payload: unknown,
): string | undefined {
  const { channelId, userId } = Object(payload) as { channelId: string; userId: string };
  const members = rooms.get(channelId);
  switch (event) {
    case "room.created":
      if (members !== undefined) return `room ${channelId} was created twice`;
      rooms.set(channelId, new Set());
      return undefined;
    case "room.deleted":
      if (members === undefined) return `room ${channelId} was deleted, but is unknown`;
      if (members.size > 0) return `room ${channelId} was deleted with ${[...members].join()}`;
      rooms.delete(channelId);
      return undefined;
    case "voice.joined":
      if (members?.has(userId) === true) return `${userId} joined ${channelId} twice`;
      members?.add(userId);
      return undefined;
    case "voice.left":
      if (members?.has(userId) === false) return `${userId} left ${channelId} without joining`;
      members?.delete(userId);
      return undefined;
    default:
      return undefined;
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
