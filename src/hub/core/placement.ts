import { RELAYS_PER_HUB, RELAY_KEEP_MS } from "../../protocol/limits.ts";
import type { RelayRow } from "./journal.ts";

/** From this share of its sockets on, nobody new is sent to an object: places are given some seconds ahead. */
const FULL_AT = 0.8;
/** A relay goes when the sockets of all of them fit into the rest and fill at most this share of it. */
const SHRINK_AT = 0.4;

/** How many sockets the objects of a guild should hold. */
export type PlacementLimits = { readonly hub: number; readonly relay: number };

/** Where new clients of a guild go, and whether a relay is let go. */
export type Placement = {
  /** Indices of relays that take new clients; empty: the hub itself does. */
  readonly relays: readonly number[];
  /** Index of the relay that should send its clients away now. */
  readonly drain: number | null;
  /** Since when one relay less would do, milliseconds; null: it would not. */
  readonly lowSince: number | null;
};

/** What a placement is planned from. */
export type PlacementState = {
  /** Sockets that the hub holds itself. */
  readonly ownSockets: number;
  readonly relays: readonly RelayRow[];
  readonly limits: PlacementLimits;
  /** What the last plan said. */
  readonly lowSince: number | null;
  /** Milliseconds. */
  readonly now: number;
};

/**
 * Decides where new clients go (hub.md, scale-out). Growing and shrinking are far apart, so that a
 * guild at an edge does not move its clients to and fro; and a relay goes only when it was not needed for
 * a while, since after a crash all are empty for as long as it takes their clients to come back. Pure.
 */
export function planPlacement(state: PlacementState): Placement {
  const { ownSockets, relays, limits, now } = state;
  const open = relays.filter((relay) => relay.state === "open");
  const tooMany = relayTooMany(ownSockets, relays, limits);
  const lowSince = tooMany === null ? null : (state.lowSince ?? now);
  const drain = lowSince !== null && now - lowSince >= RELAY_KEEP_MS ? tooMany : null;
  const kept = open.filter((relay) => relay.index !== drain);
  const free = kept.filter((relay) => relay.sockets < FULL_AT * limits.relay);
  if (free.length > 0) return { relays: free.map((relay) => relay.index), drain, lowSince };
  if (kept.length === 0 && ownSockets < FULL_AT * limits.hub) {
    return { relays: [], drain, lowSince };
  }
  // A guild that grows fast gets half as many again: one by one it would wait for each.
  const next = unusedIndices(relays, Math.max(1, Math.ceil(kept.length / 2)));
  // With every relay there may be in use, the emptiest of them say for themselves when they are full.
  return { relays: next.length === 0 ? kept.map(({ index }) => index) : next, drain, lowSince };
}

function relayTooMany(
  ownSockets: number,
  relays: readonly RelayRow[],
  limits: PlacementLimits,
): number | null {
  // One at a time: what a draining relay still holds comes back to the others first.
  if (relays.some((relay) => relay.state === "draining")) return null;
  const last = relays.toSorted((a, b) => b.index - a.index)[0];
  if (last === undefined) return null;
  const there = relays.reduce((sum, relay) => sum + relay.sockets, 0);
  const rest = relays.length - 1;
  // Who has to leave goes to the other relays, and to the hub only when there are none.
  const fits =
    rest === 0
      ? ownSockets + there <= SHRINK_AT * limits.hub
      : there <= SHRINK_AT * rest * limits.relay;
  return fits ? last.index : null;
}

function unusedIndices(relays: readonly RelayRow[], count: number): number[] {
  const used = new Set(relays.map((relay) => relay.index));
  const unused: number[] = [];
  for (let index = 0; index < RELAYS_PER_HUB && unused.length < count; index += 1) {
    if (!used.has(index)) unused.push(index);
  }
  return unused;
}
