import { FACTIONS, type Faction } from "../../../protocol/match.ts";
import { keyOf, type Action } from "./action.ts";
import { channelName } from "./channel-name.ts";
import { isGone, peopleOf, type RoomState } from "./room-state.ts";
import {
  CHANNELS_MADE_MAX,
  EVACUATION_MAX_MS,
  FORSAKEN_MS,
  freshUntil,
  isDue,
  nextLookAt,
  SILENT_LOOK_MS,
  silentAt,
} from "./timetable.ts";

/** How this deployment plays matches out. */
export type RoomSettings = {
  readonly hasApi: boolean;
  readonly lobbyId: string | undefined;
  readonly moveFrom: "lobby" | "anywhere";
  readonly hasNotices: boolean;
  readonly graceMs: number;
  readonly skipEmptyFactions: boolean;
};

/** Who is in voice, by user id; null: nobody could say. */
export type Voice = ReadonlyMap<string, string> | null;

/** What is to be done now, and when to look again if nothing happens before, milliseconds since 1970. */
export type Decision = { readonly actions: readonly Action[]; readonly wakeAt: number | null };

/** What may be done now, besides when something else becomes due. */
class Plan {
  readonly actions: Action[] = [];
  readonly #state: RoomState;
  readonly #now: number;
  wakeAt: number | null = null;

  constructor(state: RoomState, now: number) {
    this.#state = state;
    this.#now = now;
  }

  /** Does it now, or when it may be tried again. */
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
 * What has to be done so that Discord, the hub and D1 become what they should be. It looks at the
 * present state only, so it does not matter in which order things happened or what was interrupted.
 */
export function decide(
  state: RoomState,
  voice: Voice,
  settings: RoomSettings,
  now: number,
): Decision {
  const plan = new Plan(state, now);
  planReading(plan, state, settings, now);
  if (state.phase === "live") planLife(plan, state, voice, settings, now);
  if (state.phase === "closing") planEnd(plan, state, voice, settings, now);
  if (state.match !== null) {
    if (state.told < state.revision) plan.add({ kind: "tell", revision: state.revision });
    if (state.stored < state.revision) plan.add({ kind: "store", revision: state.revision });
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

function planLife(
  plan: Plan,
  state: RoomState,
  voice: Voice,
  settings: RoomSettings,
  now: number,
): void {
  if (!isDue(state, now)) return;
  const isChecked = state.checksDone >= state.checksWanted;
  if (!isChecked) plan.add({ kind: "check", wanted: state.checksWanted });
  for (const faction of FACTIONS) {
    const people = peopleOf(state, faction);
    const { channel } = state.sides[faction];
    if (channel !== null) planPeople(plan, state, faction, people, voice, settings);
    else if (isChecked) planChannel(plan, state, faction, people, settings);
  }
  const unlinked = FACTIONS.flatMap((faction) =>
    (state.match?.rosters?.[faction].players ?? []).filter(
      ({ playerId }) => state.links[playerId] === undefined,
    ),
  ).length;
  const isOpen = FACTIONS.every((faction) => state.sides[faction].channel !== null);
  if (settings.hasNotices && !state.noticed && isOpen && unlinked > 0) {
    plan.add({ kind: "notice", unlinked });
  }
  const isFull = FACTIONS.some((faction) => state.sides[faction].problem === "discord_full");
  if (settings.hasNotices && !state.warned && isFull) plan.add({ kind: "warn" });
}

function planChannel(
  plan: Plan,
  state: RoomState,
  faction: Faction,
  people: readonly string[],
  { skipEmptyFactions }: RoomSettings,
): void {
  const side = state.sides[faction];
  if (side.name === null || side.reserving) {
    if (skipEmptyFactions && people.length === 0) return;
    if (side.made >= CHANNELS_MADE_MAX) return;
    const name = channelName(state.matchId, faction, side.namesTaken);
    plan.add({ kind: "reserve", faction, name });
    return;
  }
  if (side.asked) plan.add({ kind: "find", faction, name: side.name });
  else if (side.made < CHANNELS_MADE_MAX) {
    plan.add({
      kind: "create",
      faction,
      name: side.name,
      people: side.withoutPeople ? [] : people.filter((userId) => !state.absent.includes(userId)),
      withCategory: !side.withoutCategory,
      withMoving: !side.withoutMoving,
    });
  }
}

function planPeople(
  plan: Plan,
  state: RoomState,
  faction: Faction,
  people: readonly string[],
  voice: Voice,
  settings: RoomSettings,
): void {
  const { channel } = state.sides[faction];
  if (channel === null) return;
  const channelId = channel.id;
  const wanted = new Set(people);
  for (const userId of channel.access) {
    if (!wanted.has(userId)) plan.add({ kind: "revoke", faction, userId, channelId });
  }
  const access = new Set(channel.access);
  for (const userId of people) {
    // Who is in voice here has come into the guild since.
    if (state.absent.includes(userId) && voice?.has(userId) !== true) continue;
    if (!access.has(userId)) plan.add({ kind: "grant", faction, userId, channelId });
    else if (voice !== null) planPlace(plan, state, faction, userId, voice, settings);
  }
  if (voice === null) return;
  for (const [userId, where] of voice) {
    // Who was substituted may not listen on; others who are in were let in by somebody in Discord.
    const hasLeftSide = where === channelId && !wanted.has(userId) && !access.has(userId);
    if (hasLeftSide && state.admitted.includes(`${faction}:${userId}`)) {
      const isLobbyShut = state.evacuated.includes(userId);
      const to = isLobbyShut ? null : (settings.lobbyId ?? null);
      plan.add({ kind: "evict", userId, channelId: to });
    }
  }
}

/** Gets somebody who may come in to where they belong: once. */
function planPlace(
  plan: Plan,
  state: RoomState,
  faction: Faction,
  userId: string,
  voice: ReadonlyMap<string, string>,
  { lobbyId, moveFrom }: RoomSettings,
): void {
  const channelId = state.sides[faction].channel?.id;
  if (channelId === undefined) return;
  const where = voice.get(userId);
  if (where === undefined) {
    if (!state.messaged.includes(userId)) plan.add({ kind: "message", userId, channelId });
    return;
  }
  if (where === channelId || state.moved.includes(`${faction}:${userId}`)) return;
  const isOurs = FACTIONS.some((one) => state.sides[one].channel?.id === where);
  if (moveFrom === "anywhere" || where === lobbyId || isOurs) {
    plan.add({ kind: "move", faction, userId, channelId });
  } else if (!state.messaged.includes(userId)) {
    plan.add({ kind: "message", userId, channelId });
  }
}

function planEnd(
  plan: Plan,
  state: RoomState,
  voice: Voice,
  { graceMs, lobbyId }: RoomSettings,
  now: number,
): void {
  const { end } = state;
  if (end === null) return;
  const channels = FACTIONS.flatMap((faction) => state.sides[faction].channel?.id ?? []);
  const inside = [...(voice ?? [])].filter(([, where]) => channels.includes(where));
  // Nobody has to be waited for in an empty channel.
  const isEmpty = voice !== null && inside.length === 0;
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
    if (now >= end.at + FORSAKEN_MS) plan.add({ kind: "release", faction });
    else if (side.channel !== null) {
      plan.add({ kind: "delete", faction, channelId: side.channel.id });
    } else if (side.name !== null && (side.asked || side.doubtful)) {
      plan.add({ kind: "find", faction, name: side.name });
    } else {
      plan.add({ kind: "release", faction });
    }
  }
}
