import { RELAYS_PER_HUB } from "../../protocol/limits.ts";
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
};

/**
 * Decides where new clients go (hub.md, scale-out). Growing and shrinking are far apart, so that a
 * guild at an edge does not move its clients to and fro. Pure.
 * @param ownSockets sockets that the hub holds itself
 */
export function planPlacement(
  ownSockets: number,
  relays: readonly RelayRow[],
  limits: PlacementLimits,
): Placement {
  const open = relays.filter((relay) => relay.state === "open");
  const drain = relayTooMany(ownSockets, relays, limits);
  const kept = open.filter((relay) => relay.index !== drain);
  const free = kept.filter((relay) => relay.sockets < FULL_AT * limits.relay);
  if (free.length > 0) return { relays: free.map((relay) => relay.index), drain };
  if (kept.length === 0 && ownSockets < FULL_AT * limits.hub) return { relays: [], drain };
  const next = unusedIndex(relays);
  // With every relay there may be in use, the emptiest of them say for themselves when they are full.
  return { relays: next === null ? kept.map((relay) => relay.index) : [next], drain };
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

function unusedIndex(relays: readonly RelayRow[]): number | null {
  const used = new Set(relays.map((relay) => relay.index));
  for (let index = 0; index < RELAYS_PER_HUB; index += 1) if (!used.has(index)) return index;
  return null;
}
