import type { Clock } from "../../../platform/clock.ts";
import { FACTIONS } from "../../../protocol/match.ts";
import type { MatchesHub, PlayerLinks } from "../ports.ts";
import type { Action } from "./action.ts";
import { decide, type RoomSettings, type Sight } from "./decide.ts";
import { isGone, peopleOf, tidied, type RoomState } from "./room-state.ts";
import { begin, expire, settle, type Outcome } from "./settle.ts";

/** Rounds in a row after which others get their turn, and this match goes on a moment later. */
const ROUNDS_MAX = 50;
/** Pause after that, milliseconds. */
const SOON_MS = 1_000;
/** Pause when D1 could not say who is linked, or the hub who is in voice, milliseconds. */
const UNSEEN_PAUSE_MS = 5_000;

/** Where a match's state lives. Between two calls others may have changed it. */
export interface RoomMemory {
  read(): RoomState;
  /** Changes it and stores it before anything else happens. */
  update(change: (state: RoomState) => RoomState): void;
}

/** What working on a match needs. */
export type ReconcilePorts = {
  readonly links: Pick<PlayerLinks, "ofPlayers">;
  readonly hub: Pick<MatchesHub, "whereabouts" | "inVoice">;
  /** Of the guild that plays the match. */
  readonly settingsOf: (guildId: string) => RoomSettings;
  readonly clock: Clock;
  /** Does one thing. What it throws counts as broken. */
  readonly perform: (action: Action, state: RoomState) => Promise<Outcome>;
  /** Something broke that is tried again: for the log. */
  readonly broke: (what: string, matchId: string, error: unknown) => void;
};

/**
 * Works until nothing is left that can be done now.
 * @returns when to go on, milliseconds since 1970; null: when something happens
 */
export async function reconcile(memory: RoomMemory, ports: ReconcilePorts): Promise<number | null> {
  const { settingsOf, clock } = ports;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const { isWhole, ...sight } = await lookAround(memory, ports);
    memory.update((state) => tidied(expire(state, isEmptyIn(state, sight), clock())));
    const state = memory.read();
    const { actions, wakeAt } = decide(state, sight, settingsOf(state.guildId), clock());
    if (actions.length === 0) {
      return earliest(wakeAt, isWhole ? null : clock() + UNSEEN_PAUSE_MS);
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
  memory.update((state) => tidied(settle(state, action, outcome, ports.clock())));
}

/** What a round goes by. Not whole: somebody could not be asked. */
type View = Sight & { readonly isWhole: boolean };

/** Reads who is linked, and who is in voice. */
async function lookAround(memory: RoomMemory, ports: ReconcilePorts): Promise<View> {
  const knowsLinks = await readLinks(memory, ports);
  const state = memory.read();
  if (!needsVoice(state)) return { ...UNSEEN, isWhole: knowsLinks };
  const sight = await readVoice(state, ports);
  return { ...sight, isWhole: knowsLinks && sight.voice !== null };
}

/** @returns false when D1 could not say: those who were known stay linked */
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
    memory.update((state) => tidied({ ...state, links: now }));
    return true;
  } catch (error) {
    broke("links", matchId, error);
    return false;
  }
}

const UNSEEN: Sight = { voice: null, isKnown: false };

async function readVoice(
  state: RoomState,
  { hub, broke }: Pick<ReconcilePorts, "hub" | "broke">,
): Promise<Sight> {
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
    return UNSEEN;
  }
}

/** Where people are matters only while there are channels for them. */
function needsVoice({ sides }: RoomState): boolean {
  return FACTIONS.some((faction) => !isGone(sides[faction]));
}

function isEmptyIn({ sides }: RoomState, { voice, isKnown }: Sight): boolean {
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
