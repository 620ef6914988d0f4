import type { Signal } from "../publisher.ts";
import type { Entry, Revocation } from "./journal.ts";

/**
 * What a hub and its relays say to each other. Both sides may run one version apart for some minutes
 * (ARCHITECTURE.md §5), so members are only ever added.
 */

/**
 * A call that has no answer after this time, milliseconds, counts as lost: what waits for it goes on without,
 * or tries again.
 */
export const RELAY_CALL_DEADLINE_MS = 10_000;

/** What a hub calls a relay with: what is new since the relay's last acknowledgement. */
export type RelayCall = {
  readonly v: 1;
  readonly guildId: string;
  readonly epoch: string;
  /** The hub's newest seq. */
  readonly head: number;
  /** The entries follow this seq. */
  readonly after: number;
  readonly entries: readonly Entry[];
  readonly signals: readonly Signal[];
  /** The hub's newest revocation. */
  readonly revision: number;
  /** It is to send its clients away. */
  readonly draining: boolean;
};

/** A relay's acknowledgement: what it has for good. */
export type RelayAck = {
  readonly v: 1;
  readonly have: number;
  readonly revision: number;
  readonly sockets: number;
  readonly users: number;
  /** How many it closed for revocations in this call. */
  readonly closed: number;
};

/** The whole state for one reader; `state` is JSON text. A hub of an older version names no epoch. */
export type RelaySnapshot = {
  readonly epoch?: string;
  readonly seq: number;
  readonly state: string;
};

/** A relay's answer to a call that is not for it. */
export type RelayRefusal = { readonly v: 1; readonly refused: "other_guild" };

/** What a relay pulls from the hub's journal. */
export type JournalPull = {
  readonly v: 1;
  readonly epoch: string;
  readonly head: number;
  readonly oldest: number;
  readonly entries: readonly Entry[];
};

/** What a hub answers a relay that is new or was let go. */
export type RelayAttachment =
  | { readonly v: 1; readonly accepted: true; readonly revocations: readonly Revocation[] }
  | { readonly v: 1; readonly accepted: false };
