import type {
  DiscordUser,
  FaceitPlayer,
  IdentityFailure,
  LinkAttempt,
  LinkAttempts,
  LinkPorts,
  PlayerLink,
  PlayerLinks,
} from "../features/matches/ports.ts";
import type { NewMessage } from "../platform/discord/operations.ts";
import { err, ok, type Result } from "../platform/result.ts";

/** {@link LinkAttempts} in memory, for tests. */
class MemoryLinkAttempts implements LinkAttempts {
  readonly rows = new Map<string, LinkAttempt>();

  add(attempt: LinkAttempt, now: number): Promise<void> {
    for (const [hash, { expiresAt }] of this.rows) if (expiresAt <= now) this.rows.delete(hash);
    this.rows.set(attempt.stateHash, attempt);
    return Promise.resolve();
  }

  find(stateHash: string, step: LinkAttempt["step"], now: number): Promise<LinkAttempt | null> {
    const row = this.rows.get(stateHash);
    return Promise.resolve(row?.step === step && row.expiresAt > now ? row : null);
  }

  async take(
    stateHash: string,
    step: LinkAttempt["step"],
    now: number,
  ): Promise<LinkAttempt | null> {
    const found = this.find(stateHash, step, now);
    if (this.rows.get(stateHash)?.step === step) this.rows.delete(stateHash);
    return found;
  }

  forget(discordId: string): Promise<void> {
    for (const [hash, row] of this.rows) if (row.discordId === discordId) this.rows.delete(hash);
    return Promise.resolve();
  }
}

/** {@link PlayerLinks} in memory, for tests. They behave like the table, as far as its own tests show. */
class MemoryPlayerLinks implements PlayerLinks {
  rows: PlayerLink[] = [];

  ofDiscord(discordId: string): Promise<PlayerLink | null> {
    return Promise.resolve(this.rows.find((row) => row.discordId === discordId) ?? null);
  }

  ofPlayers(faceitIds: readonly string[]): Promise<readonly PlayerLink[]> {
    return Promise.resolve(this.rows.filter(({ faceitId }) => faceitIds.includes(faceitId)));
  }

  put(link: PlayerLink): ReturnType<PlayerLinks["put"]> {
    const own = this.rows.find(({ discordId }) => discordId === link.discordId);
    const owner = this.rows.find(({ faceitId }) => faceitId === link.faceitId);
    const others = [own, owner].filter(
      (row) => row?.discordId !== link.discordId || row.faceitId !== link.faceitId,
    );
    const isProven = others.some((row) => row?.verifiedMethod === "oauth");
    if (link.verifiedMethod === "manual" && isProven) {
      return Promise.resolve({ kind: "proven_by_other" });
    }
    this.rows = [...this.rows.filter((row) => row !== own && row !== owner), link];
    return Promise.resolve({
      kind: "linked",
      replaced: own === undefined || own.faceitId === link.faceitId ? null : own.faceitId,
      takenFrom: owner === undefined || owner.discordId === link.discordId ? null : owner.discordId,
    });
  }

  remove(discordId: string): Promise<PlayerLink | null> {
    const row = this.rows.find((one) => one.discordId === discordId) ?? null;
    this.rows = this.rows.filter((one) => one !== row);
    return Promise.resolve(row);
  }
}

/** {@link LinkPorts} for tests. Both providers accept the codes in `users` and `players`. */
export class MemoryLinkPorts implements LinkPorts {
  readonly attempts = new MemoryLinkAttempts();
  readonly links = new MemoryPlayerLinks();
  now = 1_795_226_000_000;
  /** Users and players by code. Any other code is bad. */
  readonly users = new Map<string, Result<DiscordUser, IdentityFailure>>();
  readonly players = new Map<
    string,
    Result<FaceitPlayer, IdentityFailure | { readonly kind: "no_account_id" }>
  >();
  /** Live matches by player. */
  readonly live = new Map<string, string>();
  readonly looked: string[] = [];
  readonly told: { readonly discordId: string; readonly message: NewMessage }[] = [];
  /** Verifiers that FACEIT received. */
  readonly verifiers: string[] = [];
  readonly pending: Promise<unknown>[] = [];
  #secrets = 0;

  readonly discord = {
    authorizeUrl: (state: string) => `https://discord.test/authorize?state=${state}`,
    whoIs: (code: string) =>
      Promise.resolve(this.users.get(code) ?? err({ kind: "bad_code" } as const)),
  };
  readonly faceit = {
    authorizeUrl: (state: string, challenge: string) =>
      `https://faceit.test/authorize?state=${state}&code_challenge=${challenge}`,
    whoIs: (code: string, verifier: string) => {
      this.verifiers.push(verifier);
      return Promise.resolve(this.players.get(code) ?? err({ kind: "bad_code" } as const));
    },
  };
  readonly tellMatches = (ids: readonly string[]): Promise<void> => {
    this.looked.push(...ids.flatMap((id) => this.live.get(id) ?? []));
    return Promise.resolve();
  };
  readonly tell = (discordId: string, message: NewMessage): Promise<void> => {
    this.told.push({ discordId, message });
    return Promise.resolve();
  };
  readonly clock = (): number => this.now;
  readonly newSecret = (): string => {
    this.#secrets += 1;
    return `secret-${this.#secrets}-`.padEnd(43, "x");
  };
  readonly verifierOf = (state: string): Promise<string> => Promise.resolve(`verifier of ${state}`);
  readonly later = (work: Promise<unknown>): void => void this.pending.push(work);

  /** Makes Discord accept this code. */
  knowUser(code: string, id: string): void {
    this.users.set(code, ok({ id, name: `name of ${id}` }));
  }

  knowPlayer(code: string, playerId: string, nickname = `nickname of ${playerId}`): void {
    this.players.set(code, ok({ playerId, nickname }));
  }
}
