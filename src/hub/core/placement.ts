import { RELAYS_PER_HUB, RELAY_KEEP_MS } from "../../protocol/limits.ts";
import type { RelayRow } from "./journal.ts";

/** From this share on an object counts as full, because clients are placed some seconds before they connect. */
const FULL_AT = 0.8;
/** A relay is released when all sockets would fill at most this share of the other relays. */
const SHRINK_AT = 0.4;

/** Sockets that the hub, and each relay, should hold. */
export type PlacementLimits = { readonly hub: number; readonly relay: number };

/** Where new clients of a hub go, and which relay is drained. */
export type Placement = {
  /** Indices of the relays that take new clients; empty: the hub does. */
  readonly relays: readonly number[];
  /** Index of the relay that should send its clients away now. */
  readonly drain: number | null;
  /** Since when one relay less is enough, milliseconds; null: all are needed. */
  readonly lowSince: number | null;
};

/** What a placement is planned from. */
export type PlacementState = {
  /** Sockets that the hub holds itself. */
  readonly ownSockets: number;
  readonly relays: readonly RelayRow[];
  readonly limits: PlacementLimits;
  /** From the last plan. */
  readonly lowSince: number | null;
  /** Milliseconds. */
  readonly now: number;
};

/**
 * Decides where new clients go (hub.md, scale-out). The thresholds for growing and shrinking are far apart, so
 * that clients are not moved to and fro. A relay is released only after it was not needed for a while: after a
 * crash all relays are empty until their clients have reconnected.
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
  // Half as many again at once: a hub that grows fast would wait for each of them.
  const next = unusedIndices(relays, Math.max(1, Math.ceil(kept.length / 2)));
  // With all relays in use, new clients go to any of them, and a full one refuses.
  return { relays: next.length === 0 ? kept.map(({ index }) => index) : next, drain, lowSince };
}

function relayTooMany(
  ownSockets: number,
  relays: readonly RelayRow[],
  limits: PlacementLimits,
): number | null {
  // One at a time: the clients of a draining relay have to fit into the others first.
  if (relays.some((relay) => relay.state === "draining")) return null;
  const last = relays.toSorted((a, b) => b.index - a.index)[0];
  if (last === undefined) return null;
  const there = relays.reduce((sum, relay) => sum + relay.sockets, 0);
  const rest = relays.length - 1;
  // The clients move to the other relays, and to the hub only from the last relay.
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
