import { computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { SocketLike } from "../../../src/client/network.ts";
import { failed, type Outcome } from "../../../src/client/outcome.ts";
import { type AccountKeys, canMakeKeys, keysOf } from "./account-keys.ts";
import {
  type AccountState,
  applyEphemeral,
  applyLists,
  applyUpdate,
  NOTHING,
} from "./account-state.ts";
import type { Bytes } from "./base64.ts";
import { AccountKeeper, type KeptAccount } from "./kept-account.ts";
import { type LiveState, LiveUpdates } from "./live-updates.ts";
import { OpenedMetadata } from "./opened-metadata.ts";
import { answerFor, type Found, findTerminal, type WaitingTerminal } from "./pairing.ts";
import { SyncApi } from "./sync-api.ts";

/** Whether an account is signed in on this page. */
export type Phase =
  /** It is being looked for. */
  | "starting"
  /** This browser cannot make the keys that an account needs. */
  | "unsupported"
  /** This browser keeps the key of an account, but signing in failed: {@link SyncAccount.why} says why. */
  | "stuck"
  | "signed-out"
  | "signed-in";

/** The key of the account on this page: not there, in memory until the page is left, or kept in this browser. */
export type KeyPlace = "nowhere" | "page" | "browser";

const NOT_SIGNED_IN = failed({ kind: "signed-out", message: "Sign in first." });

/** An account of sync on the page: who is signed in, the keys, what is known of it, and its connection. */
export class SyncAccount {
  readonly phase = signal<Phase>("starting");
  /** Why nobody is signed in, in words; empty: it was the person's own wish, or nobody was before. */
  readonly why = signal("");
  /** Names the account: its public key. Null: none. */
  readonly publicKey = signal<string | null>(null);
  readonly keyPlace = signal<KeyPlace>("nowhere");
  readonly state = signal<AccountState>(NOTHING);
  readonly live = signal<LiveState>({ kind: "connecting" });
  /** Since when nothing arrives, milliseconds since 1970; null: something does, or never did. */
  readonly lostAt = signal<number | null>(null);
  /** Whether this page has just made the account, so that nothing can be in it. */
  readonly isNew = signal(false);
  /** Whether this page has let a terminal in. The server does not say whether there are any. */
  readonly hasPaired = signal(false);
  /** Decrypted metadata; see {@link OpenedMetadata}. */
  readonly opened: OpenedMetadata = new OpenedMetadata();
  /** Whether the account's key is on this page. */
  readonly hasKey: ReadonlySignal<boolean> = computed(() => this.#keys.value !== null);

  readonly #keys: Signal<AccountKeys | null> = signal(null);
  readonly #api: SyncApi;
  readonly #keeper: AccountKeeper;
  readonly #updates: LiveUpdates;
  #token = "";

  constructor(
    api = new SyncApi(),
    keeper = new AccountKeeper(),
    open: (ticket: string) => SocketLike = openSocket,
  ) {
    this.#api = api;
    this.#keeper = keeper;
    this.#updates = new LiveUpdates(
      {
        ticket: () => this.#api.ticket(this.#token),
        lists: () => this.#api.lists(this.#token),
        open,
        random: Math.random,
      },
      {
        onState: (state) => this.#onState(state),
        onLists: ({ machines, sessions }) => {
          this.state.value = applyLists(this.state.value, machines, sessions);
        },
        onEvent: ({ kind, data }) => {
          const before = this.state.value;
          this.state.value =
            kind === "update"
              ? applyUpdate(before, data)
              : applyEphemeral(before, data, Date.now());
        },
      },
    );
    effect(() => this.opened.follow(this.#keys.value, this.state.value));
  }

  /** Finds the account that this browser keeps. */
  async begin(): Promise<void> {
    this.phase.value = "starting";
    if (!(await canMakeKeys())) {
      this.phase.value = "unsupported";
      return;
    }
    const secret = this.#keeper.secret();
    const kept = this.#keeper.account();
    if (secret === null) {
      if (kept === null) this.phase.value = "signed-out";
      else this.#enter(kept, null, "nowhere");
      return;
    }
    const keys = await keysOf(secret);
    if (kept?.publicKey === keys.publicKey) {
      this.#enter(kept, keys, "browser");
      return;
    }
    const entered = await this.#signIn(keys, () => "browser");
    if (entered.ok) return;
    this.why.value = entered.failure.message;
    this.phase.value = "stuck";
  }

  /** Creates the account of a fresh secret, and signs in. @param keep as in {@link signIn} */
  async create(secret: Bytes, keep: boolean): Promise<Outcome<true>> {
    const created = await this.signIn(secret, keep);
    this.isNew.value = created.ok;
    return created;
  }

  /**
   * Signs in with a secret; the first time this creates its account.
   * @param keep whether this browser keeps the secret
   */
  async signIn(secret: Bytes, keep: boolean): Promise<Outcome<true>> {
    return this.#signIn(await keysOf(secret), () => this.#place(secret, keep));
  }

  /**
   * Puts the key of the account that is signed in on the page, so that names appear.
   * @returns whether it is this account's
   */
  async unlock(secret: Bytes, keep: boolean): Promise<boolean> {
    const keys = await keysOf(secret);
    if (keys.publicKey !== this.publicKey.value) return false;
    this.keyPlace.value = this.#place(secret, keep);
    this.#keys.value = keys;
    return true;
  }

  /** Takes the key from the page and from this browser. The account stays signed in. */
  lock(): void {
    this.#keeper.forgetSecret();
    this.#keys.value = null;
    this.keyPlace.value = "nowhere";
  }

  /** Signs out on this page, and forgets the key. */
  signOut(why = ""): void {
    this.unwatch();
    this.#keeper.forget();
    this.#token = "";
    this.#keys.value = null;
    this.keyPlace.value = "nowhere";
    this.publicKey.value = null;
    this.state.value = NOTHING;
    this.why.value = why;
    this.phase.value = "signed-out";
  }

  /** Signs every device of the account out. */
  async signOutEverywhere(): Promise<Outcome<true>> {
    const revoked = await this.#api.revokeAll(this.#token);
    if (revoked.ok || revoked.failure.kind === "signed-out") this.signOut();
    return revoked;
  }

  /** Connects, while the account is shown. */
  watch(): void {
    if (this.phase.value === "signed-in") this.#updates.start();
  }

  /** Disconnects. What is known stays, and being away on purpose counts as no loss. */
  unwatch(): void {
    this.#updates.stop();
    this.live.value = { kind: "connecting" };
    this.lostAt.value = null;
  }

  /** Looks for the terminal of a link. */
  findTerminal(text: string): Promise<Outcome<Found>> {
    return findTerminal(this.#api, text);
  }

  /** Lets a terminal into the account. @returns what it was: false, if nobody can have its key */
  async letIn(terminal: WaitingTerminal): Promise<Outcome<boolean>> {
    const keys = this.#keys.value;
    if (keys === null) return NOT_SIGNED_IN;
    const answer = await answerFor(terminal, keys);
    if (answer === null) return { ok: true, value: false };
    const approved = await this.#api.approve(this.#token, terminal.key, answer);
    if (approved.ok) this.hasPaired.value = true;
    return approved;
  }

  /** Removes a machine from the account, also one that is gone already. It is not signed out. */
  async removeMachine(id: string): Promise<Outcome<true>> {
    const removed = await this.#api.removeMachine(this.#token, id);
    if (!removed.ok && removed.failure.status !== 404) return removed;
    // Without a connection no update says so.
    this.state.value = applyUpdate(this.state.value, { t: "delete-machine", machineId: id });
    return { ok: true, value: true };
  }

  async #signIn(keys: AccountKeys, place: () => KeyPlace): Promise<Outcome<true>> {
    const token = await this.#api.signIn(keys);
    if (!token.ok) return token;
    const account = { token: token.value, publicKey: keys.publicKey };
    this.#keeper.keepAccount(account);
    this.#enter(account, keys, place());
    return { ok: true, value: true };
  }

  #enter({ token, publicKey }: KeptAccount, keys: AccountKeys | null, place: KeyPlace): void {
    this.#token = token;
    this.#keys.value = keys;
    this.keyPlace.value = place;
    this.publicKey.value = publicKey;
    this.isNew.value = false;
    this.hasPaired.value = false;
    this.why.value = "";
    this.phase.value = "signed-in";
  }

  #place(secret: Bytes, keep: boolean): KeyPlace {
    return keep && this.#keeper.keepSecret(secret) ? "browser" : "page";
  }

  #onState(state: LiveState): void {
    if (state.kind === "signed-out") {
      this.signOut(REVOKED);
      return;
    }
    const wasLive = this.live.value.kind === "live";
    this.live.value = state;
    if (state.kind === "live") this.lostAt.value = null;
    else if (wasLive) this.lostAt.value = Date.now();
  }
}

const REVOKED =
  "This account was signed out everywhere. Its backup code signs you in again. Terminals need: npx happy auth login --force";

/** The page's own server, by WebSocket. */
function openSocket(ticket: string): SocketLike {
  const url = new URL("/v1/updates", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.searchParams.set("ticket", ticket);
  return new WebSocket(url);
}
