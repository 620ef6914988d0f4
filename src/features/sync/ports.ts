import type { Result } from "../../platform/result.ts";
import type { HubKind } from "../../hub/kind.ts";
import type { AccountHubs, Caller } from "./hub-commands.ts";

/** Accounts and their keys: in D1 (sync.md §0a). */
export type Accounts = {
  /**
   * The account of a public key, created if there is none.
   * @param publicKey lower-case hex
   */
  readonly ofKey: (publicKey: string, now: number) => Promise<Caller>;
  /** With the epoch of today. null: there is no such account. */
  readonly byId: (account: string) => Promise<Caller | null>;
  /**
   * Revokes all tokens of an account, and ends the pairings that it has approved.
   * @returns its new epoch; null: the caller's own token was revoked before, so nothing changed
   */
  readonly raiseEpoch: (caller: Caller, now: number) => Promise<number | null>;
};

/** Which of the two pairings: a terminal with a phone, or a phone with a phone. */
export type PairingKind = "terminal" | "account";

/** A device that asks to be let into an account, under the key that it has just made. */
export type Pairing = {
  readonly id: string;
  /** False for a pairing of kind `account`. */
  readonly supportsV2: boolean;
  /** null: nobody has approved it. */
  readonly approval: {
    /** What the approving device sends, for the asking device alone to read. */
    readonly response: string;
    /** The account that approved it. */
    readonly by: Caller;
  } | null;
};

/** What came of an approval. `unknown`: nobody asked for it. `revoked`: the token of who approves was. */
type ApprovalOutcome = "approved" | "unknown" | "revoked";

/** The pairings that are under way: in D1. Keys are lower-case hex. One that is over is as one that never was. */
export type Pairings = {
  /**
   * How far a pairing is, for the device that asks. It keeps a pairing that waits for its approval; the first answer
   * to an approved one starts {@link SYNC_PAIRING_PICK_UP_MS}.
   * @returns null: there is none
   */
  readonly poll: (kind: PairingKind, publicKey: string, now: number) => Promise<Pairing | null>;
  /** Begins a pairing, unless there is one. */
  readonly begin: (
    kind: PairingKind,
    publicKey: string,
    supportsV2: boolean,
    now: number,
  ) => Promise<void>;
  /** Reads without changing anything. */
  readonly find: (kind: PairingKind, publicKey: string, now: number) => Promise<Pairing | null>;
  /** Approves a pairing, unless somebody has done so before. */
  readonly approve: (
    kind: PairingKind,
    publicKey: string,
    response: string,
    by: Caller,
    now: number,
  ) => Promise<ApprovalOutcome>;
  /** Deletes what is over. */
  readonly sweep: (now: number) => Promise<void>;
};

/** The person or device that a token was made for. */
type TokenOwner = Caller & {
  /** The pairing that it came from; absent: the account's own key. */
  readonly session?: string;
};

/** The owner of a token that was verified, and when it expires, seconds since 1970. */
export type VerifiedOwner = TokenOwner & { readonly exp: number };

/**
 * Makes and checks the tokens of accounts (sync.md §2.2). They check everything but whether the epoch was revoked,
 * which only D1 and the account's hub know. Times are milliseconds.
 */
export type Tokens = {
  readonly create: (owner: TokenOwner, now: number) => Promise<string>;
  readonly verify: (token: string, now: number) => Promise<Result<VerifiedOwner, "invalid">>;
  /** The same, but a token counts for {@link SYNC_TOKEN_REFRESH_MS} after it has expired. */
  readonly verifyForRefresh: (
    token: string,
    now: number,
  ) => Promise<Result<VerifiedOwner, "invalid" | "expired">>;
  /** Forgets that a token was verified: it is verified anew when it is next seen. */
  readonly invalidate: (token: string) => Promise<void>;
  /** The same for all tokens of an account. */
  readonly invalidateAccount: (account: string) => void;
  /** How many verified tokens are remembered, and since when the oldest is; null: there is none. */
  readonly stats: () => { readonly size: number; readonly oldestEntry: number | null };
};

/** What signing in, pairing and signing out need. */
export type AuthPorts = {
  readonly accounts: Accounts;
  readonly pairings: Pairings;
  readonly tokens: Tokens;
  readonly hubs: AccountHubs;
  /** How long new tokens are valid, seconds; null: for ever. */
  readonly tokenTtlSeconds: number | null;
};

/** Everything that the routes of sync need from outside. */
export type SyncPorts = AuthPorts & {
  /** The kind of the accounts' hubs, for upgrades. */
  readonly kind: HubKind;
  readonly masterSecret: string;
};
