import type { MatchSettings } from "../features/matches/config.ts";
import { rosters } from "./faceit-matches.ts";
import { LOBBY } from "./virtual-discord.ts";
import { VirtualMatch } from "./virtual-match.ts";

/** A match whose four players are linked and members of the guild. `a1` waits in the lobby. */
export function linkedMatch(config: Partial<MatchSettings> = {}): VirtualMatch {
  const match = new VirtualMatch(config);
  for (const player of ["a1", "a2", "b1", "b2", "c1"]) match.members.add(`d-${player}`);
  for (const player of ["a1", "a2", "b1", "b2"]) match.links.set(player, `d-${player}`);
  match.voice.set("d-a1", LOBBY);
  return match;
}

/** FACEIT sends the rosters and reports that the match may begin. */
export function begin(match: VirtualMatch): VirtualMatch {
  match.advance("READY", rosters());
  match.hint("match_status_ready");
  return match;
}

/** A linked match with both channels. */
export async function readyMatch(config: Partial<MatchSettings> = {}): Promise<VirtualMatch> {
  const match = begin(linkedMatch(config));
  await match.pass(0);
  return match;
}

/** All users leave voice, and FACEIT reports the end of the match. */
export function finish(match: VirtualMatch): void {
  match.voice.clear();
  match.advance("FINISHED");
  match.hint("match_status_finished");
}

/** How often Discord was called by this name. */
export function calls(match: VirtualMatch, name: string): number {
  return match.calls.filter((call) => call === name).length;
}
