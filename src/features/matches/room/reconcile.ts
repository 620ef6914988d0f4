import type { Clock } from "../../../platform/clock.ts";
import { FACTIONS } from "../../../protocol/match.ts";
import type { MatchesHub } from "../hub-commands.ts";
import type { PlayerLinks } from "../ports.ts";
import type { Action } from "./action.ts";
import { decide, type RoomSettings, type VoiceView } from "./decide.ts";
import { isGone, peopleOf, normalized, type RoomState } from "./room-state.ts";
import { begin, expire, settle, type Outcome } from "./settle.ts";

/** Rounds in a row before the match pauses, so that a mistake here cannot loop for ever. */
const ROUNDS_MAX = 50;
/** Pause after that, milliseconds. */
const SOON_MS = 1_000;
/** Pause when the links could not be read from D1, or voice from the hub, milliseconds. */
const UNREAD_PAUSE_MS = 5_000;

/** The stored state of a match. It may change between two calls. */
export interface RoomMemory {
  read(): RoomState;
  /** Changes the state and stores it in one synchronous step. */
  update(change: (state: RoomState) => RoomState): void;
}

/** What working on a match needs. */
export type ReconcilePorts = {
  readonly links: Pick<PlayerLinks, "ofPlayers">;
  readonly hub: Pick<MatchesHub, "whereabouts" | "inVoice">;
  readonly settingsOf: (guildId: string) => RoomSettings;
  readonly clock: Clock;
  /** Runs one action. A throw becomes the outcome `broke`. */
  readonly perform: (action: Action, state: RoomState) => Promise<Outcome>;
  /** Logs a failure of our own that will be retried. */
  readonly broke: (what: string, matchId: string, error: unknown) => void;
};

/**
 * Decides and acts, round after round, until no action is due.
 * @returns when to go on, milliseconds since 1970; null: only when something happens
 */
export async function reconcile(memory: RoomMemory, ports: ReconcilePorts): Promise<number | null> {
  const { settingsOf, clock } = ports;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const { isComplete, ...view } = await readRoundView(memory, ports);
    memory.update((state) => normalized(expire(state, isEmptyIn(state, view), clock())));
    const state = memory.read();
    const { actions, wakeAt } = decide(state, view, settingsOf(state.guildId), clock());
    if (actions.length === 0) {
      return earliest(wakeAt, isComplete ? null : clock() + UNREAD_PAUSE_MS);
    }
    await Promise.all(actions.map((action) => doOne(memory, ports, action)));
  }
  ports.broke("rounds", memory.read().matchId, new Error(`more than ${ROUNDS_MAX} rounds at once`));
  return clock() + SOON_MS;
}

async function doOne(memory: RoomMemory, ports: ReconcilePorts, action: Action): Promise<void> {
  memory.update((state) => begin(state, action));
  let outcome: Outcome;
  try {
    outcome = await ports.perform(action, memory.read());
  } catch (error) {
    ports.broke(action.kind, memory.read().matchId, error);
    outcome = { kind: "broke" };
  }
  memory.update((state) => normalized(settle(state, action, outcome, ports.clock())));
}

/** The voice that one round decides by. `isComplete` false: the links or voice could not be read. */
type RoundView = VoiceView & { readonly isComplete: boolean };

/** Reads the links into the state, and returns who is in voice. */
async function readRoundView(memory: RoomMemory, ports: ReconcilePorts): Promise<RoundView> {
  const knowsLinks = await readLinks(memory, ports);
  const state = memory.read();
  if (!needsVoice(state)) return { ...VOICE_UNKNOWN, isComplete: knowsLinks };
  const view = await readVoice(state, ports);
  return { ...view, isComplete: knowsLinks && view.voice !== null };
}

/** Reads the players' links. @returns false if D1 failed; the state then keeps the links it had */
async function readLinks(
  memory: RoomMemory,
  { links, broke }: Pick<ReconcilePorts, "links" | "broke">,
): Promise<boolean> {
  const { phase, match, matchId } = memory.read();
  const rosters = match?.rosters ?? null;
  if (phase !== "live" || rosters === null) return true;
  const playerIds = FACTIONS.flatMap((faction) =>
    rosters[faction].players.map(({ playerId }) => playerId),
  );
  try {
    const found = await links.ofPlayers(playerIds);
    const now = Object.fromEntries(found.map(({ faceitId, discordId }) => [faceitId, discordId]));
    memory.update((state) => normalized({ ...state, links: now }));
    return true;
  } catch (error) {
    broke("links", matchId, error);
    return false;
  }
}

const VOICE_UNKNOWN: VoiceView = { voice: null, isKnown: false };

async function readVoice(
  state: RoomState,
  { hub, broke }: Pick<ReconcilePorts, "hub" | "broke">,
): Promise<VoiceView> {
  const { guildId, matchId } = state;
  try {
    const people = FACTIONS.flatMap((faction) => peopleOf(state, faction));
    const [places, inside] = await Promise.all([
      hub.whereabouts(guildId, people),
      hub.inVoice(guildId, [matchId]),
    ]);
    const sides = inside.get(matchId);
    const voice = new Map(places.map(({ userId, channelId }) => [userId, channelId]));
    for (const faction of FACTIONS) {
      const channelId = state.sides[faction].channel?.id;
      if (channelId === undefined) continue;
      for (const userId of sides?.[faction] ?? []) voice.set(userId, channelId);
    }
    for (const userId of sides?.bots ?? []) voice.delete(userId);
    return { voice, isKnown: sides?.isKnown === true };
  } catch (error) {
    broke("whereabouts", matchId, error);
    return VOICE_UNKNOWN;
  }
}

/** Voice matters only while the match has channels. */
function needsVoice({ sides }: RoomState): boolean {
  return FACTIONS.some((faction) => !isGone(sides[faction]));
}

function isEmptyIn({ sides }: RoomState, { voice, isKnown }: VoiceView): boolean {
  const channels = FACTIONS.flatMap((faction) => sides[faction].channel?.id ?? []);
  if (channels.length === 0) return true;
  return (
    isKnown && voice !== null && ![...voice.values()].some((where) => channels.includes(where))
  );
}

function earliest(...times: readonly (number | null)[]): number | null {
  const known = times.filter((at) => at !== null);
  return known.length === 0 ? null : Math.min(...known);
}
