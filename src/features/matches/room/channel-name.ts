import { fnv1a } from "../../../protocol/bytes.ts";
import type { Faction } from "../../../protocol/match.ts";

/** The names of match channels. The sweep ignores every other channel. */
export const MATCH_CHANNEL_NAME = /^match-([0-9a-f]{8}|[0-9a-f]{12})-(faction[12])$/;

/** Hexadecimal digits of a name, and of the longer name when the short one is taken (§A4 Names). */
const SHORT = 8;
const LONG = 12;

/**
 * The name of a side's channel: `match-<8 hexadecimal digits>-<faction>`. The `1-` at the start of FACEIT's
 * ids is left out: it is the same in all of them.
 * @param taken how many earlier candidates belonged to other matches
 */
export function channelName(matchId: string, faction: Faction, taken: number): string {
  const digits = digitsOf(taken < 2 ? matchId : `${matchId} ${taken}`);
  return `match-${digits.slice(0, taken === 0 ? SHORT : LONG)}-${faction}`;
}

/** At least 12 hexadecimal digits: those of the UUID, or a hash of an id that is not a UUID. */
function digitsOf(id: string): string {
  const own = id.toLowerCase().replace(/^\d+-/, "").replaceAll("-", "");
  if (/^[0-9a-f]{32}$/.test(own)) return own;
  return [id, `${id}/`].map((text) => fnv1a(text).toString(16).padStart(8, "0")).join("");
}
