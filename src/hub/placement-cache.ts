import { systemClock } from "../platform/clock.ts";
import { fnv1a } from "../protocol/bytes.ts";
import { log } from "../platform/log.ts";
import { PLACEMENT_TTL_MS } from "../protocol/limits.ts";
import type { HubEnv } from "./env.ts";

/** Guilds that one isolate remembers the placement of. */
const GUILDS_KEPT = 10_000;
/** Between two questions for a placement that is known are at least so many milliseconds. */
const ASK_AGAIN_MS = 1_000;

type Known = {
  readonly relays: readonly number[];
  /** When the hub was asked, or somebody set out to, milliseconds. */
  readonly askedAt: number;
  readonly until: number;
};

/**
 * Of this isolate, and finished answers only: a client that hangs up takes its own call to the hub along
 * (hub.md, cancellation), so nobody else may wait for it. A stale one is harmless: an object that is full
 * or gone says so.
 */
const known = new Map<string, Known>();

/**
 * Where a new client of a guild goes (hub.md, scale-out): nothing for the hub itself, or one of its
 * relays. The same user goes to the same place while the places stay the same, so that all of one
 * user's sockets are counted together.
 */
export async function placeOf(
  env: Pick<HubEnv, "HUB">,
  guildId: string,
  sub: string,
): Promise<{ readonly relay?: number }> {
  const { relays } = await placementOf(env, guildId);
  const relay = highestScore(relays, sub);
  return relay === undefined ? {} : { relay };
}

/**
 * An object had no room: a client that comes soon asks again where to go, and the others go where they went
 * until it knows. However many are refused, that is one question in a second.
 */
export function askPlacementAgain(guildId: string): void {
  const remembered = known.get(guildId);
  if (remembered === undefined) return;
  const until = Math.min(remembered.until, remembered.askedAt + ASK_AGAIN_MS);
  known.set(guildId, { ...remembered, until });
}

/** Forgets what this isolate knows of a guild: what a restart does. For tests. */
export function forgetPlacement(guildId: string): void {
  known.delete(guildId);
}

async function placementOf(env: Pick<HubEnv, "HUB">, guildId: string): Promise<Known> {
  const remembered = known.get(guildId);
  const now = systemClock();
  if (remembered !== undefined && remembered.until > now) return remembered;
  // Claimed before the call: those who come meanwhile go where clients went before.
  if (remembered !== undefined) {
    known.set(guildId, { ...remembered, askedAt: now, until: now + ASK_AGAIN_MS });
  }
  try {
    const { relays } = await env.HUB.get(env.HUB.idFromName(guildId)).place();
    const askedAt = systemClock();
    const fresh = { relays, askedAt, until: askedAt + PLACEMENT_TTL_MS };
    known.delete(guildId);
    known.set(guildId, fresh);
    const [oldest] = known.keys();
    if (known.size > GUILDS_KEPT && oldest !== undefined) known.delete(oldest);
    return fresh;
  } catch (error) {
    // The hub restarts. Where clients were sent before is still right, or says so itself.
    log("warn", "hub.not_placed", { guildId, error });
    return known.get(guildId) ?? { relays: [], askedAt: now, until: 0 };
  }
}

/** Rendezvous hashing: a relay more or less moves only the users whose place it is. */
function highestScore(relays: readonly number[], sub: string): number | undefined {
  let best: number | undefined;
  let bestScore = -1;
  for (const relay of relays) {
    const score = mixed(fnv1a(`${relay}:${sub}`));
    if (score > bestScore) [best, bestScore] = [relay, score];
  }
  return best;
}

/** The last characters of a key change only the low bits of its hash: they are spread once more. */
function mixed(hash: number): number {
  const value = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (value ^ (value >>> 12)) >>> 0;
}
