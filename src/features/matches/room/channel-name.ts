import { fnv1a } from "../../../platform/fnv1a.ts";
import type { Faction } from "../../../protocol/match.ts";

/** What a match's channels are called; the sweep looks at no other ones. */
export const MATCH_CHANNEL_NAME = /^match-([0-9a-f]{8}|[0-9a-f]{12})-(faction[12])$/;

/** Hexadecimal digits of a name, and of the longer one when that is taken (§A4 Names). */
const SHORT = 8;
const LONG = 12;

/**
 * The name of a side's channel: `match-<8 hexadecimal digits>-<faction>`. FACEIT's ids begin with `1-`,
 * which says nothing and is left out.
 * @param taken names before this one that belonged to other matches
 */
export function channelName(matchId: string, faction: Faction, taken: number): string {
  const digits = digitsOf(taken < 2 ? matchId : `${matchId} ${taken}`);
  return `match-${digits.slice(0, taken === 0 ? SHORT : LONG)}-${faction}`;
}

/** At least 12 hexadecimal digits. An id that is no UUID gets digits of its own. */
function digitsOf(id: string): string {
  const own = id.toLowerCase().replace(/^\d+-/, "").replaceAll("-", "");
  if (/^[0-9a-f]{32}$/.test(own)) return own;
  return [id, `${id}/`].map((text) => fnv1a(text).toString(16).padStart(8, "0")).join("");
}
