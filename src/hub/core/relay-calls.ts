import type { Signal } from "../publisher.ts";
import type { Entry, Revocation } from "./journal.ts";

/**
 * Messages between a hub and its relays. The two may differ by one version for some minutes (ARCHITECTURE.md §5),
 * so members are only added.
 */

/** A call without an answer counts as lost after this time, milliseconds. */
export const RELAY_CALL_DEADLINE_MS = 10_000;

/** A call of a hub to a relay: everything new since the relay's last acknowledgement. */
export type RelayCall = {
  readonly v: 1;
  /** Name of the hub. */
  readonly hub?: string;
  /** The same, from and for objects of the version before. */
  readonly guildId: string;
  readonly epoch: string;
  /** The hub's newest seq. */
  readonly head: number;
  /** The entries follow this seq. */
  readonly after: number;
  /** Id of the event at `after`; absent: the hub has it no more, or is of the version before. */
  readonly afterId?: string;
  readonly entries: readonly Entry[];
  readonly signals: readonly Signal[];
  /** The hub's newest revocation. */
  readonly revision: number;
  /** The relay is to send its clients away. */
  readonly draining: boolean;
};

/** A relay's acknowledgement: what it has stored. */
export type RelayAck = {
  readonly v: 1;
  readonly have: number;
  readonly revision: number;
  readonly sockets: number;
  readonly users: number;
  /** How many sockets this call closed for revocations. */
  readonly closed: number;
};

/** The whole state for one reader; `state` is JSON text. A hub of an older version names no epoch. */
export type RelaySnapshot = {
  readonly epoch?: string;
  readonly seq: number;
  readonly state: string;
};

/**
 * A relay's answer to a call that is not for it. `other_journal`: under the same epoch it has another event at
 * `after`, so the hub's storage was restored to an older point.
 */
export type RelayRefusal = { readonly v: 1; readonly refused: "other_hub" | "other_journal" };

/** A part of the hub's journal, pulled by a relay. */
export type JournalPull = {
  readonly v: 1;
  readonly epoch: string;
  readonly head: number;
  readonly oldest: number;
  readonly entries: readonly Entry[];
};

/** A hub asks a relay who of its users are connected, to count each user once (`user-union.ts`). */
export type UsersQuestion = {
  readonly v: 1;
  /** `at` of the answer that the hub has; null: none. */
  readonly since: string | null;
  /** Only users whose mark is divisible by this; a power of two. */
  readonly oneIn: number;
};

/** Its answer. */
export type UsersAnswer = {
  readonly v: 1;
  /** Names this answer. */
  readonly at: string;
  /** `joined` has every user; otherwise it has those since the answer that the hub named. */
  readonly isWhole: boolean;
  /** How many users are connected there. */
  readonly users: number;
  /** Marks of users. */
  readonly joined: Float64Array;
  readonly left: Float64Array;
};

/** Answer of a hub to a relay that is new or was released. */
export type RelayAttachment =
  | { readonly v: 1; readonly accepted: true; readonly revocations: readonly Revocation[] }
  | { readonly v: 1; readonly accepted: false };
