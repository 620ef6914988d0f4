import { FACTIONS } from "../../src/client/live-matches.ts";
import type { Faction, Match, MatchPlayer, MatchSide } from "../../src/client/resources.ts";
import type { Tone } from "./standing.ts";

/** FACEIT's statuses of finished matches. */
const ENDED: ReadonlySet<string> = new Set(["FINISHED", "ABORTED", "CANCELLED"]);

/** A player on a card. */
export type PlayerLine = {
  readonly playerId: string;
  readonly nickname: string;
  /** FACEIT's level, 1 to 10; null: unknown. */
  readonly level: number | null;
  /** Null: the player has not linked accounts with /link. */
  readonly discordId: string | null;
  /** Whether this player is in their side's channel now. */
  readonly inVoice: boolean;
};

/** A side on a card. */
export type SideLines = {
  readonly faction: Faction;
  readonly name: string;
  /** The side's channel; null: there is none. */
  readonly channel: MatchSide["room"];
  /** What people should know about the channel; empty: nothing. */
  readonly note: string;
  /** Whether the note describes a problem. */
  readonly trouble: boolean;
  readonly players: readonly PlayerLine[];
  /** Discord users in the channel who do not play on this side. */
  readonly guests: readonly string[];
};

/** Both sides, in FACEIT's order. */
export function sidesOf(match: Match): readonly SideLines[] {
  return FACTIONS.map((faction, index) => {
    const side = match.factions[faction];
    const note = channelNote(side);
    return {
      faction,
      name: sideName(side, index),
      channel: side.room,
      note,
      trouble: side.problem !== null && side.room === null,
      players: side.players.map((player) => playerLine(player, side)),
      guests: side.inVoice.filter(
        (userId) => !side.players.some((player) => player.discordId === userId),
      ),
    };
  });
}

function playerLine(player: MatchPlayer, side: MatchSide): PlayerLine {
  const { playerId, nickname, skillLevel, discordId } = player;
  const inVoice = discordId !== null && side.inVoice.includes(discordId);
  return { playerId, nickname, level: skillLevel, discordId, inVoice };
}

/** The name of a side, even if FACEIT gives it none. */
export function sideName(side: MatchSide, index: number): string {
  return side.name.trim() === "" ? `Side ${index + 1}` : side.name;
}

const PROBLEM_WORDS: Readonly<Record<NonNullable<MatchSide["problem"]>, string>> = {
  discord_full:
    "No channel yet: this Discord server is full. The channel is created as soon as another one is deleted.",
  discord_refused:
    "No channel: Discord does not let the bot create one. An administrator of the server has to check the bot's permissions.",
  discord_unreachable: "No channel yet: Discord does not answer. The server keeps trying.",
};

function channelNote(side: MatchSide): string {
  if (side.room !== null) return "";
  if (side.problem !== null) return PROBLEM_WORDS[side.problem];
  if (side.players.length === 0) return "The channel is made once the players are known.";
  // A deployment may be configured to create no channel for such a side.
  if (side.players.every((player) => player.discordId === null)) {
    return "No channel yet: nobody on this side has typed /link in Discord.";
  }
  return "The channel is being made.";
}

/** The name of a match in sentences: its sides, or its competition while the sides have no names. */
export function matchName({ competition, factions }: Match): string {
  const names = FACTIONS.map((faction) => factions[faction].name.trim());
  if (names.every((name) => name !== "")) return names.join(" against ");
  return competition.trim() === "" ? "A match" : competition;
}

const STATUSES: ReadonlyMap<string, { readonly text: string; readonly tone: Tone }> = new Map([
  ["SCHEDULED", { text: "Scheduled", tone: "quiet" }],
  ["CREATED", { text: "Announced", tone: "quiet" }],
  ["CHECK_IN", { text: "Check-in", tone: "quiet" }],
  ["VOTING", { text: "Voting", tone: "quiet" }],
  ["CONFIGURING", { text: "Being set up", tone: "quiet" }],
  ["READY", { text: "Ready", tone: "good" }],
  ["ONGOING", { text: "Being played", tone: "good" }],
  ["FINISHED", { text: "Finished", tone: "quiet" }],
  ["ABORTED", { text: "Aborted", tone: "bad" }],
  ["CANCELLED", { text: "Cancelled", tone: "bad" }],
]);

/** FACEIT's status in words. An unknown status is shown as plain text. */
export function statusWords(status: string): { readonly text: string; readonly tone: Tone } {
  const known = STATUSES.get(status.toUpperCase());
  if (known !== undefined) return known;
  const text = status.replaceAll("_", " ").trim().toLowerCase();
  return { text: text === "" ? "Unknown" : capitalised(text), tone: "quiet" };
}

/** Whether FACEIT has ended a match of this status. */
export function isEnded(status: string): boolean {
  return ENDED.has(status.toUpperCase());
}

const GAMES: ReadonlyMap<string, string> = new Map([
  ["cs2", "Counter-Strike 2"],
  ["csgo", "Counter-Strike: Global Offensive"],
  ["dota2", "Dota 2"],
  ["lol", "League of Legends"],
  ["rocket_league", "Rocket League"],
  ["valorant", "VALORANT"],
]);

/** Game, region and number of maps, as far as they are known. */
export function matchFacts(match: Match): readonly string[] {
  const { game, map, bestOf, region } = match;
  return [
    GAMES.get(game.toLowerCase()) ?? game,
    map === null ? "" : mapWords(map),
    bestOf === null || bestOf < 2 ? "" : `best of ${bestOf}`,
    region,
  ].filter((fact) => fact !== "");
}

/** People know `de_inferno` as Inferno; other names stay. */
function mapWords(map: string): string {
  const [, name] = /^(?:de|cs|ar)_(\w+)$/.exec(map) ?? [];
  return name === undefined ? map : capitalised(name.replaceAll("_", " "));
}

/** The text with a capital first letter. */
export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** How many players are linked to Discord and how many are in voice; empty without players. */
export function playersInWords(sides: readonly SideLines[]): string {
  const players = sides.flatMap((side) => side.players);
  if (players.length === 0) return "";
  const linked = players.filter((player) => player.discordId !== null).length;
  const inVoice = players.filter((player) => player.inVoice).length;
  return `${linked} of ${players.length} linked to Discord, ${inVoice} in voice`;
}

/** The live matches, newest first. */
export function liveMatches(matches: Iterable<Match>): readonly Match[] {
  return [...matches]
    .filter((match) => match.state === "live")
    .toSorted((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt));
}
