import { escapeMarkdown } from "../../../platform/discord/interactions/slash-command.ts";
import { type Faction, FACTIONS } from "../../../protocol/match.ts";
import type { MatchSettings } from "../config.ts";
import type { Action } from "./action.ts";
import type { RoomState } from "./room-state.ts";
import type { Outcome } from "./settle.ts";
import {
  isOfGuild,
  isDiscordSetting,
  DISCORD_SETTINGS,
  subjectOf,
  type TroubleKind,
} from "./trouble.ts";

/** Characters for names and for the match's address, of the 2,000 that a Discord message may have. */
const NAMES_MAX = 1_000;
const URL_MAX = 200;

/** The message about players who cannot be let in because they have not linked their accounts. */
export function unlinkedNotice(state: RoomState): string {
  const sides = FACTIONS.map((faction) => unlinkedOf(state, faction));
  const count = sides.flat().length;
  const who = count === 1 ? "1 player of this match is" : `${count} players of this match are`;
  const names = listed(
    FACTIONS.flatMap((faction, index) =>
      (sides[index] ?? []).map(
        (nickname) => `${escapeMarkdown(nickname)} (${teamOf(state, faction)})`,
      ),
    ),
  );
  return `${matchLine(state)}\n${who} not linked to Discord and cannot be let into the team's channel: ${names}. Use /link; you are let in at once.`;
}

/** The message about a trouble of the match or of its guild. */
export function troubleNotice(
  kind: TroubleKind,
  state: RoomState,
  settings: MatchSettings,
): string {
  return isOfGuild(kind)
    ? guildTroubleNotice(kind, settings)
    : `${matchLine(state)}\n${matchTroubleText(kind)}`;
}

/** The message about a trouble of the whole guild. */
export function guildTroubleNotice(
  kind: Parameters<typeof subjectOf>[0],
  settings: MatchSettings,
): string {
  if (isDiscordSetting(kind)) {
    const { variable, what } = DISCORD_SETTINGS[kind];
    return `\`${variable}\` names the ${what} \`${subjectOf(kind, settings)}\`, which this server does not have. Matches go on without it. The operator of GuildHub must correct it, or leave it empty.`;
  }
  switch (kind) {
    case "moving":
      return "The bot may not move members here. Players have access to their team's channel and go there themselves. To have them moved, give the bot Move Members and Connect.";
    case "faceitKey":
      return "FACEIT refuses the API key, so that no match can begin. The operator of GuildHub must set a valid `FACEIT_API_KEY`.";
    case "faceitDown":
      return "FACEIT does not answer. Matches begin as soon as it does.";
  }
}

function matchTroubleText(kind: Exclude<TroubleKind, Parameters<typeof subjectOf>[0]>): string {
  switch (kind) {
    case "full":
      return "There is no room for this match's voice channels: the server has as many channels as Discord allows. Delete some; the match gets its channels within a minute.";
    case "refused":
      return "Discord does not let the bot make this match's voice channels. Give it Manage Channels and Manage Roles, in the category too; the match gets its channels within ten minutes.";
    case "access":
      return "Discord does not let the bot see this match's voice channels, or say who may enter them. Give it View Channels, Manage Channels and Manage Roles, in the category too; it tries again within ten minutes.";
    case "undeletable":
      return "Discord does not let the bot delete this match's voice channels. Give it Manage Channels in them, or delete them.";
  }
}

function matchLine(state: RoomState): string {
  const { match, matchId } = state;
  const competition = escapeMarkdown(match?.competition ?? "") || "Match";
  const url = match?.url ?? "";
  const where = url !== "" && url.length <= URL_MAX ? `<${url}>` : `\`${matchId}\``;
  return `**${competition}**: ${teamOf(state, "faction1")} against ${teamOf(state, "faction2")}, ${where}`;
}

function teamOf({ match }: RoomState, faction: Faction): string {
  const name = escapeMarkdown(match?.rosters?.[faction].name ?? "");
  return name === "" ? `Side ${FACTIONS.indexOf(faction) + 1}` : `**${name}**`;
}

function unlinkedOf({ match, links }: RoomState, faction: Faction): readonly string[] {
  const players = match?.rosters?.[faction].players ?? [];
  return players.flatMap(({ playerId, nickname }) =>
    links[playerId] === undefined ? [nickname || playerId] : [],
  );
}

/** As many names as fit into {@link NAMES_MAX}, and how many more there are. */
function listed(names: readonly string[]): string {
  const shown: string[] = [];
  let length = 0;
  for (const name of names) {
    length += name.length + 2;
    if (length > NAMES_MAX) break;
    shown.push(name);
  }
  const left = names.length - shown.length;
  return left === 0 ? shown.join(", ") : [...shown, `and ${left} more`].join(", ");
}

/** A log line about a request that FACEIT or Discord did not fulfil. */
export type FailureLine = {
  readonly event: "match.faceit_failed" | "match.discord_failed";
  readonly facts: Readonly<Record<string, unknown>>;
};

/** The log line for a failed action; null if there is nothing to log, as for an expected rate limit. */
export function failureLineOf(action: Action, outcome: Outcome): FailureLine | null {
  if (!("result" in outcome) || outcome.result.ok) return null;
  const { error } = outcome.result;
  if (error.kind === "rate_limited") return null;
  if (outcome.kind === "read") return { event: "match.faceit_failed", facts: { kind: error.kind } };
  const code = "code" in error ? { code: error.code } : {};
  return { event: "match.discord_failed", facts: { what: action.kind, kind: error.kind, ...code } };
}
