import { systemClock } from "../platform/clock.ts";
import { fnv1a } from "../protocol/bytes.ts";
import { log } from "../platform/log.ts";
import { PLACEMENT_TTL_MS } from "../protocol/limits.ts";
import { type HubEnv, isHubName } from "./env.ts";
import type { HubKind } from "./kind.ts";

/** The placements of how many hubs one isolate keeps. */
const HUBS_KEPT = 10_000;
/** Shortest time between two requests for a placement that is known, milliseconds. */
const ASK_AGAIN_MS = 1_000;

type Known = {
  readonly relays: readonly number[];
  /** When the hub answered, or the last call to it began, milliseconds. */
  readonly askedAt: number;
  readonly until: number;
};

/**
 * The placements that this isolate knows. It holds answers, never pending calls: a client that hangs up cancels
 * its call to the hub (hub.md, cancellation), so no other client may wait for that call. A stale placement is
 * harmless: an object that is full or gone refuses the client.
 */
const known = new Map<string, Known>();

/**
 * Where a new client of a hub goes (hub.md, scale-out): to one of the relays, or without `relay` to the hub
 * itself. While the placement is the same, a user always goes to the same object, so that all sockets of the user
 * are counted together.
 */
export async function placeOf(
  kind: PlacedKind,
  env: HubEnv,
  hub: string,
  sub: string,
): Promise<{ readonly relay?: number }> {
  // No hub has such a name, so there is none to ask. The handover says so.
  if (kind.relays === undefined || !isHubName(hub)) return {};
  const { relays } = await placementOf(kind, env, hub);
  const relay = highestScore(relays, sub);
  return relay === undefined ? {} : { relay };
}

/**
 * Call it when an object had no place. One of the next clients then asks the hub for the placement, and the others
 * use the known one until it has the answer. The hub is asked at most once a second, however many are refused.
 */
export function askPlacementAgain(kind: PlacedKind, hub: string): void {
  const key = keyOf(kind, hub);
  const remembered = known.get(key);
  if (remembered === undefined) return;
  const until = Math.min(remembered.until, remembered.askedAt + ASK_AGAIN_MS);
  known.set(key, { ...remembered, until });
}

/** Forgets the placement of a hub, like a restart. For tests. */
export function forgetPlacement(kind: PlacedKind, hub: string): void {
  known.delete(keyOf(kind, hub));
}

type PlacedKind = Pick<HubKind, "name" | "hubs" | "relays">;

function keyOf({ name }: PlacedKind, hub: string): string {
  return `${name}:${hub}`;
}

async function placementOf(kind: PlacedKind, env: HubEnv, hub: string): Promise<Known> {
  const key = keyOf(kind, hub);
  const remembered = known.get(key);
  const now = systemClock();
  if (remembered !== undefined && remembered.until > now) return remembered;
  // Extended before the call: clients that connect meanwhile use the known placement.
  if (remembered !== undefined) {
    known.set(key, { ...remembered, askedAt: now, until: now + ASK_AGAIN_MS });
  }
  try {
    const { relays } = await kind.hubs(env).getByName(hub).place();
    const askedAt = systemClock();
    const fresh = { relays, askedAt, until: askedAt + PLACEMENT_TTL_MS };
    known.delete(key);
    known.set(key, fresh);
    const [oldest] = known.keys();
    if (known.size > HUBS_KEPT && oldest !== undefined) known.delete(oldest);
    return fresh;
  } catch (error) {
    // The hub restarts. The known placement is still right, or the object refuses the client.
    log("warn", "hub.not_placed", { kind: kind.name, hub, error });
    return known.get(key) ?? { relays: [], askedAt: now, until: 0 };
  }
}

/** Rendezvous hashing: one relay more or less moves only the users of that relay. */
function highestScore(relays: readonly number[], sub: string): number | undefined {
  let best: number | undefined;
  let bestScore = -1;
  for (const relay of relays) {
    const score = mixed(fnv1a(`${relay}:${sub}`));
    if (score > bestScore) [best, bestScore] = [relay, score];
  }
  return best;
}

/** Spreads a hash further: the last characters of a key change only its low bits. */
function mixed(hash: number): number {
  const value = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (value ^ (value >>> 12)) >>> 0;
}
