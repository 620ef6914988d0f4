import type { HubContext } from "../../../hub/extension.ts";
import type { DiscordFailure } from "../../../platform/discord/call.ts";
import { log } from "../../../platform/log.ts";
import { GATEWAY_HEARTBEAT_INTERVAL_MS } from "../../../protocol/limits.ts";
import { findChannel, findCreatedChannel, type Finding } from "../find-created-channel.ts";
import type { Recovered } from "../hub-commands.ts";
import type { RoomTaskPorts } from "../ports.ts";
import type { RoomRecord } from "../room-record.ts";
import { confirmEnd, giveUpRoom, openRoom, reopenRoom, type RepairTimes } from "./creation.ts";
import { endRoom, forgetIdle, roomTask, TOMBSTONE_MS, watchIdle } from "./room-changes.ts";
import type { RoomsTurn } from "./rooms-state.ts";

/**
 * Times for a creation whose request has not settled it, probably because its Worker died. It is decided when
 * that request cannot be waiting for Discord any more: its budget and time-out, with a reserve.
 */
export const REPAIR_ABANDONED: RepairTimes = { lookMs: 30_000, decideMs: 45_000 };

/** Times for a creation whose answer from Discord was lost. Discord has soon finished with it. */
export const REPAIR_IN_DOUBT: RepairTimes = { lookMs: 2_000, decideMs: 10_000 };

/** Pause between two searches for a creation's channel, milliseconds. */
const REPAIR_AGAIN_MS = 10_000;

/** The same while changes are held, milliseconds. */
const REPAIR_AWAITED_MS = 2_000;

/**
 * How long events are held for Discord's answer about a channel, milliseconds. After that a channel that was
 * requested counts as never made, and one that was seen as existing.
 */
export const REPAIR_GIVES_UP_MS = 10 * 60_000;

/** The shortest and the longest pause after a task's call to Discord failed, milliseconds. */
const DISCORD_RETRY_MS = 60_000;
const DISCORD_RETRY_MOST_MS = 60 * 60_000;

/** How long a heartbeat of the container may take to arrive, milliseconds. */
const HEARTBEAT_MARGIN_MS = 5_000;

/** Turns of the hub with the rooms' state, and what lies outside the hub. */
export type RoomsContext = { readonly guildId: string } & Pick<HubContext, "now"> &
  RoomTaskPorts & { readonly turn: <T>(work: (turn: RoomsTurn) => T) => T };

/** Copies a room to D1, and cancels the task that would do so once D1 has the newest revision. */
export async function copyRoom(context: RoomsContext, id: string): Promise<void> {
  for (;;) {
    const room = context.turn(({ state }) => state.room(id));
    if (room === null) return;
    await context.copy.write(room);
    const upToDate = context.turn(({ state, hub }) => {
      if (state.room(id)?.revision !== room.revision) return false;
      hub.cancel(roomTask.copy(id));
      if (room.state === "gone") state.removeRoom(id);
      return true;
    });
    if (upToDate) return;
  }
}

/** {@link copyRoom}, but a failure is only logged: the task retries. */
export async function tryCopyRoom(context: RoomsContext, id: string): Promise<void> {
  try {
    await copyRoom(context, id);
  } catch (error) {
    log("warn", "rooms.copy_failed", { guildId: context.guildId, roomId: id, error });
  }
}

/** The result of {@link settleCreation}. `now`: this very call settled the creation. */
type Settled = Recovered & { readonly now: boolean };

/**
 * Looks for the channel of a creation, and settles the creation if the result is certain (rooms.md §5).
 * @param last whether a channel that is not found now counts as never made
 */
export async function settleCreation(
  context: RoomsContext,
  id: string,
  last: boolean,
): Promise<Settled> {
  const room = context.turn(({ state }) => state.room(id));
  if (room?.state !== "creating") return { ...outcomeOf(room), now: false };
  const finding = await findCreatedChannel(context.discord, room);
  const open = finding.kind !== "found" && !(last && decides(context, room, finding));
  const settled = context.turn((turn) => {
    const before = turn.state.room(id);
    // The creation's own request may have settled it meanwhile.
    if (before?.state !== "creating") return { ...outcomeOf(before), now: false };
    if (open) {
      const again = last ? roomTask.decide(id) : roomTask.repair(id);
      const pause = turn.state.heldCount() > 0 ? REPAIR_AWAITED_MS : REPAIR_AGAIN_MS;
      turn.hub.schedule(again, turn.hub.now() + pause);
      return { kind: "undecided" as const, now: false };
    }
    if (finding.kind === "found") openRoom(turn, id, finding.channel);
    else giveUpRoom(turn, id);
    return { ...outcomeOf(turn.state.room(id)), now: true };
  });
  if (settled.now) await tryCopyRoom(context, id);
  return settled;
}

/** Settles a creation that its request left open, and stores the answer for a repetition of that request. */
export async function repairCreation(
  context: RoomsContext,
  id: string,
  last: boolean,
): Promise<void> {
  const room = context.turn(({ state }) => state.room(id));
  const settled = await settleCreation(context, id, last);
  if (!settled.now || room === null) return;
  if (settled.kind === "opened") await context.answers.succeeded(settled.room);
  else await context.answers.failed(room);
}

function outcomeOf(room: RoomRecord | null): Exclude<Recovered, { kind: "undecided" }> {
  return room === null || room.state === "gone" ? { kind: "nothing" } : { kind: "opened", room };
}

/** Whether a channel counts as not created: the search missed it, was refused, or has failed for too long. */
function decides(
  context: RoomsContext,
  room: RoomRecord,
  finding: Exclude<Finding, { readonly kind: "found" }>,
): boolean {
  if (finding.kind === "absent" || finding.why.kind === "refused") return true;
  return context.now() - room.createdAt >= REPAIR_GIVES_UP_MS;
}

/** Ends a room that stayed empty, in Discord first. */
export async function endIdleRoom(context: RoomsContext, id: string): Promise<void> {
  const due = context.turn((turn) => idleDue(turn, id));
  if (due === null) return;
  const heardAt = await context.gatewayHeardAt(context.guildId);
  const room = context.turn((turn) => {
    const found = turn.state.room(id);
    if (found === null || idleDue(turn, id) !== due) return null;
    if (heardAt === null || heardAt >= due) return found;
    // A dead container reports no joins: wait for a heartbeat from after the room was due.
    const next = heardAt + GATEWAY_HEARTBEAT_INTERVAL_MS + HEARTBEAT_MARGIN_MS;
    turn.hub.schedule(roomTask.idle(id), Math.max(next, turn.hub.now() + HEARTBEAT_MARGIN_MS));
    return null;
  });
  if (room === null || room.channelId === null) return;
  const deleted = await context.discord.deleteChannel(room.channelId, "Nobody was in this room");
  if (deleted.ok) {
    await endHere(context, room);
    return;
  }
  log("warn", "rooms.idle_end_failed", {
    guildId: context.guildId,
    roomId: id,
    why: deleted.error,
  });
  retryLater(context, roomTask.idle(id), deleted.error, due);
}

/** When a room's idle time ended, milliseconds since 1970; null: it has not. Schedules a running task. */
function idleDue(turn: RoomsTurn, id: string): number | null {
  const { state, hub } = turn;
  const room = state.room(id);
  const since = state.emptySince(id);
  if (room?.state !== "open" || room.channelId === null || since === null) return null;
  // A held change may show that somebody joined.
  if (state.isAfterHeld({ channelId: room.channelId, userId: null })) {
    watchIdle(turn, room);
    return null;
  }
  const due = since + room.idleMs;
  if (due > hub.now()) {
    hub.schedule(roomTask.idle(id), due);
    return null;
  }
  // Rooms learn of joins only while the area runs (`AREAS`), so the guild's voice is checked too.
  const isUsed = state
    .membersOf(room.channelId)
    .some(({ userId }) => state.person(userId)?.bot !== true);
  if (!isUsed) return due;
  forgetIdle(turn, id);
  return null;
}

/**
 * Asks Discord whether a room's channel exists: a snapshot lacked that of a young room, or an event showed that
 * of an ended one.
 */
export async function checkRoom(context: RoomsContext, id: string): Promise<void> {
  const room = context.turn(({ state }) => state.room(id));
  if (room === null || room.state === "gone" || room.channelId === null) return;
  const known = { id: room.channelId, name: room.name };
  const channel = await findChannel(context.discord, known);
  if (!channel.ok && !context.turn((turn) => isAwaitedTooLong(turn, known.id))) {
    retryLater(context, roomTask.check(id), channel.error, context.now());
    return;
  }
  const found = channel.ok ? channel.value : known;
  context.turn((turn) => {
    const now = turn.state.room(id);
    if (now?.state === "open" && found === null) endRoom(turn, now);
    if (now?.state !== "ended") return;
    if (found === null) confirmEnd(turn, now);
    // Reopen only if it had ended before Discord was asked.
    else if (now.endedAt === room.endedAt) reopenRoom(turn, now, found);
    else turn.hub.schedule(roomTask.check(id), turn.hub.now());
  });
  await tryCopyRoom(context, id);
}

/** Whether events of a channel have been held for Discord's answer for {@link REPAIR_GIVES_UP_MS}. */
function isAwaitedTooLong({ state, hub }: RoomsTurn, channelId: string): boolean {
  const first = state.held().find((held) => held.channelId === channelId);
  return first !== undefined && hub.now() - first.ts >= REPAIR_GIVES_UP_MS;
}

/**
 * Deletes an ended room whose channel is gone from the hub; D1 keeps its copy. While the channel exists the hub
 * must keep the room, or events in a private room's channel would be visible to everybody.
 */
export async function forgetRoom(context: RoomsContext, id: string): Promise<void> {
  await copyRoom(context, id);
  const room = context.turn(({ state }) => state.room(id));
  if (room?.state !== "ended" || room.channelId === null || room.endedAt === null) return;
  const { endedAt, channelId } = room;
  const channel = await findChannel(context.discord, { id: channelId, name: room.name });
  if (!channel.ok) {
    retryLater(context, roomTask.forget(id), channel.error, endedAt + TOMBSTONE_MS);
    return;
  }
  context.turn((turn) => {
    const now = turn.state.room(id);
    // It may have been reopened while Discord was asked.
    if (now?.state !== "ended" || now.endedAt !== endedAt) return;
    if (channel.value === null) {
      confirmEnd(turn, now);
      turn.state.removeRoom(id);
      return;
    }
    const age = turn.hub.now() - endedAt;
    turn.hub.schedule(roomTask.forget(id), turn.hub.now() + Math.max(age, TOMBSTONE_MS));
  });
}

/** Ends a room whose channel was deleted in Discord. */
export async function endHere(context: RoomsContext, room: Pick<RoomRecord, "id">): Promise<void> {
  context.turn((turn) => {
    const now = turn.state.room(room.id);
    if (now !== null) endRoom(turn, now);
  });
  await tryCopyRoom(context, room.id);
}

/** @param dueAt when the task was due, milliseconds since 1970: the pause is the time since then, so it doubles */
function retryLater(context: RoomsContext, key: string, why: DiscordFailure, dueAt: number): void {
  context.turn(({ hub }) => {
    const now = hub.now();
    const pause = Math.min(Math.max(now - dueAt, DISCORD_RETRY_MS), DISCORD_RETRY_MOST_MS);
    const wait = "retryAfterMs" in why ? Math.max(why.retryAfterMs, 1_000) : pause;
    hub.schedule(key, now + wait);
  });
}
