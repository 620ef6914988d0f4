import { FACTIONS, type Faction } from "../../../protocol/match.ts";
import type { MatchSettings } from "../config.ts";
import { keyOf, type Action } from "./action.ts";
import { channelName } from "./channel-name.ts";
import { isGone, peopleOf, type RoomState, type SideState } from "./room-state.ts";
import {
  CHANNELS_MADE_MAX,
  EVACUATION_MAX_MS,
  GIVE_UP_AFTER_MS,
  freshUntil,
  isDue,
  nextLookAt,
  SILENT_LOOK_MS,
  silentAt,
} from "./timetable.ts";

/** The settings of the guild that plays the match. */
export type RoomSettings = MatchSettings & {
  /** Whether there is a key for FACEIT's Data API. */
  readonly hasApi: boolean;
};

/** The voice channel of each user who is in one, by user id. Null: it could not be read. */
type Voice = ReadonlyMap<string, string> | null;

/** Who is in voice. `isKnown` false: the gateway is away, so others may have joined unseen. */
export type VoiceView = { readonly voice: Voice; readonly isKnown: boolean };

/** The actions to run now, and when to decide again if nothing happens before, milliseconds since 1970. */
export type Decision = { readonly actions: readonly Action[]; readonly wakeAt: number | null };

/** Collects the actions that are due, and the earliest time at which another one will be. */
class Plan {
  readonly actions: Action[] = [];
  readonly #state: RoomState;
  readonly #now: number;
  wakeAt: number | null = null;

  constructor(state: RoomState, now: number) {
    this.#state = state;
    this.#now = now;
  }

  /** Plans the action now, or wakes when its retry is due. */
  add(action: Action): void {
    const notBefore = this.#state.retries[keyOf(action)]?.notBefore ?? 0;
    if (notBefore <= this.#now) this.actions.push(action);
    else this.wake(notBefore);
  }

  wake(at: number): void {
    this.wakeAt = Math.min(this.wakeAt ?? at, at);
  }
}

/**
 * Decides which actions bring Discord, the hub and D1 to the state that the match needs. It looks at the
 * present state only, so neither the order of events nor an interruption matters.
 */
export function decide(
  state: RoomState,
  { voice, isKnown }: VoiceView,
  settings: RoomSettings,
  now: number,
): Decision {
  const plan = new Plan(state, now);
  planReading(plan, state, settings, now);
  if (state.phase === "live") planLiveMatch(plan, state, voice, settings, now);
  if (state.phase === "closing") planEnd(plan, state, { voice, isKnown }, settings, now);
  for (const trouble of state.phase === "closed" ? [] : state.troubles) {
    if (!state.postedTroubles.includes(trouble)) plan.add({ kind: "complain", trouble });
  }
  if (state.match !== null) {
    if (state.toldRevision < state.revision) plan.add({ kind: "tell", revision: state.revision });
    if (state.storedRevision < state.revision)
      plan.add({ kind: "store", revision: state.revision });
  }
  return { actions: plan.actions, wakeAt: plan.wakeAt };
}

function planReading(plan: Plan, state: RoomState, { hasApi }: RoomSettings, now: number): void {
  if (state.phase === "live") {
    const silent = silentAt(state);
    plan.wake(silent > now ? silent : now + SILENT_LOOK_MS);
  }
  if (!hasApi) return;
  const wants = state.mustRead
    ? freshUntil(state)
    : state.phase === "live"
      ? nextLookAt(state)
      : null;
  if (wants === null) return;
  if (wants > now) plan.wake(wants);
  else plan.add({ kind: "read" });
}

/** A side whose channel exists, with the Discord users who belong in it. */
type OpenSide = {
  readonly faction: Faction;
  readonly channel: NonNullable<SideState["channel"]>;
  readonly people: readonly string[];
};

function planLiveMatch(
  plan: Plan,
  state: RoomState,
  voice: Voice,
  settings: RoomSettings,
  now: number,
): void {
  const rosters = state.match?.rosters ?? null;
  if (state.match === null || rosters === null || !isDue(state.match, now)) return;
  const isChecked = state.checksDone >= state.checksWanted;
  if (!isChecked) plan.add({ kind: "check", wanted: state.checksWanted });
  const open: OpenSide[] = [];
  let isWaiting = false;
  for (const faction of FACTIONS) {
    const people = peopleOf(state, faction);
    const { channel } = state.sides[faction];
    if (channel !== null) open.push({ faction, channel, people });
    else {
      if (!settings.skipEmptyFactions || people.length > 0) isWaiting = true;
      if (isChecked) planChannel(plan, state, faction, people, settings);
    }
  }
  for (const side of open) planPeople(plan, state, side, voice, settings);
  if (voice !== null) for (const side of open) planEvictions(plan, state, side, voice, settings);

  if (settings.noticeChannelId === undefined) return;
  const isSomebodyUnlinked = FACTIONS.flatMap((faction) => rosters[faction].players).some(
    ({ playerId }) => state.links[playerId] === undefined,
  );
  // Wait for a channel: while D1 is away every player looks unlinked.
  if (!state.noticePosted && open.length > 0 && !isWaiting && isSomebodyUnlinked) {
    plan.add({ kind: "notice" });
  }
}

function planChannel(
  plan: Plan,
  state: RoomState,
  faction: Faction,
  people: readonly string[],
  { skipEmptyFactions, staffRoleId }: RoomSettings,
): void {
  const side = state.sides[faction];
  if (side.name === null || side.reserving) {
    if (skipEmptyFactions && people.length === 0) return;
    const name = channelName(state.matchId, faction, side.namesTaken);
    plan.add({ kind: "reserve", faction, name });
    return;
  }
  if (side.creationUnanswered) plan.add({ kind: "find", faction, name: side.name });
  else if (side.channelsMade < CHANNELS_MADE_MAX) {
    plan.add({
      kind: "create",
      faction,
      name: side.name,
      people: side.withoutPeople ? [] : people.filter((userId) => !state.absent.includes(userId)),
      withCategory: !side.withoutCategory,
      withStaff: staffRoleId !== undefined && !side.withoutStaff,
      withMoving: !side.withoutMoving,
    });
  }
}

function planPeople(
  plan: Plan,
  state: RoomState,
  { faction, channel, people }: OpenSide,
  voice: Voice,
  settings: RoomSettings,
): void {
  const channelId = channel.id;
  const wanted = new Set(people);
  for (const userId of channel.access) {
    if (!wanted.has(userId)) plan.add({ kind: "revoke", faction, userId, channelId });
  }
  const access = new Set(channel.access);
  for (const userId of people) {
    // A user in voice must have joined the guild since we found them absent.
    if (state.absent.includes(userId) && voice?.has(userId) !== true) continue;
    const one = { faction, userId, channelId };
    if (!access.has(userId)) plan.add({ kind: "grant", ...one });
    else if (voice !== null) planArrival(plan, state, one, voice, settings);
  }
}

/** Brings a user who has access to their channel, once: by a move, otherwise by a direct message. */
function planArrival(
  plan: Plan,
  state: RoomState,
  one: { readonly faction: Faction; readonly userId: string; readonly channelId: string },
  voice: ReadonlyMap<string, string>,
  { lobbyId, moveFrom }: RoomSettings,
): void {
  const { faction, userId, channelId } = one;
  const where = voice.get(userId);
  if (where === channelId) return;
  if (where !== undefined) {
    if (state.moved.includes(`${faction}:${userId}`)) return;
    const isOurs = FACTIONS.some((side) => state.sides[side].channel?.id === where);
    if (moveFrom === "anywhere" || where === lobbyId || isOurs) {
      plan.add({ kind: "move", ...one });
      return;
    }
  }
  if (!state.messaged.includes(userId)) plan.add({ kind: "message", userId, channelId });
}

/**
 * A substituted player must not go on listening. Only users whom we admitted are evicted: anyone else was
 * let in by a person in Discord.
 */
function planEvictions(
  plan: Plan,
  state: RoomState,
  { faction, channel, people }: OpenSide,
  voice: ReadonlyMap<string, string>,
  { lobbyId }: RoomSettings,
): void {
  for (const [userId, where] of voice) {
    if (where !== channel.id || !state.admitted.includes(`${faction}:${userId}`)) continue;
    if (people.includes(userId) || channel.access.includes(userId)) continue;
    // A player who changed sides is moved; a parallel eviction could arrive after that move and undo it.
    if (plan.actions.some((action) => action.kind === "move" && action.userId === userId)) continue;
    const isLobbyShut = state.evacuated.includes(userId);
    plan.add({ kind: "evict", userId, channelId: isLobbyShut ? null : (lobbyId ?? null) });
  }
}

function planEnd(
  plan: Plan,
  state: RoomState,
  { voice, isKnown }: VoiceView,
  { graceMs, lobbyId }: RoomSettings,
  now: number,
): void {
  const { end } = state;
  if (end === null) return;
  const channels = FACTIONS.flatMap((faction) => state.sides[faction].channel?.id ?? []);
  const inside = [...(voice ?? [])].filter(([, where]) => channels.includes(where));
  // The grace period is for the people inside: an empty channel can go at once.
  const isEmpty = isKnown && inside.length === 0;
  const until = end.at + graceMs;
  if (!isEmpty && now < until) return plan.wake(until);

  const isPatient = now < until + EVACUATION_MAX_MS;
  const left =
    lobbyId === undefined ? [] : inside.filter(([userId]) => !state.evacuated.includes(userId));
  for (const [userId] of left) {
    plan.add({ kind: "evict", userId, channelId: lobbyId ?? null });
  }
  if (left.length > 0 && isPatient) return plan.wake(until + EVACUATION_MAX_MS);

  for (const faction of FACTIONS) {
    const side = state.sides[faction];
    if (isGone(side)) continue;
    if (now >= end.at + GIVE_UP_AFTER_MS) plan.add({ kind: "release", faction });
    else if (side.channel !== null) {
      plan.add({ kind: "delete", faction, channelId: side.channel.id });
    } else if (side.name !== null && (side.creationUnanswered || side.maybeDuplicate)) {
      plan.add({ kind: "find", faction, name: side.name });
    } else {
      plan.add({ kind: "release", faction });
    }
  }
}
