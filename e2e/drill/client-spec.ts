/** The identity and behaviour of a client. */
export type ClientSpec = {
  readonly name: string;
  readonly guild: string;
  /** It may see everything, so what it sees is the journal. */
  readonly observer: boolean;
  readonly identity: Identity;
  readonly batch: boolean;
  readonly signals: boolean;
  /** How it authenticates on a WebSocket (rooms.md §2), or which form of `GET /events` it uses. */
  readonly entry: "ticket" | "header" | "auth" | "stream" | "poll";
  /** How it shows that it reads; a silent client never does. */
  readonly life: "acks" | "pings" | "silent";
  /** Whether it subscribes to some channels, which change now and then. */
  readonly narrows: boolean;
  /** Its token outlives the drill, is renewed when asked, or expires. */
  readonly token: "lasts" | "renewed" | "expires";
};

/** The claims of the client's tokens. */
export type Identity = {
  readonly sub: string;
  readonly scope?: string;
  readonly discord_id?: string;
  readonly guilds?: readonly string[];
};

/** A user's grants, as audiences list them (rooms.md §3). */
export function grantsOf({ sub, scope, discord_id: discordId }: Identity): string[] {
  return [
    `sub:${sub}`,
    ...(discordId === undefined ? [] : [`discord:${discordId}`]),
    ...(scope === undefined ? [] : [`scope:${scope}`]),
  ];
}

/** A token and its expiry, seconds. */
export type Token = { readonly text: string; readonly exp: number };

/** What a client needs before its stream: the Worker's URL and a source of tokens. */
export type Surroundings = {
  /** Origin of the Worker through the client's own link. */
  readonly origin: string;
  readonly token: (identity: Identity, lifeSeconds: number) => Promise<Token>;
  /** Lifetime of tokens that expire during the drill, seconds. */
  readonly shortTokenSeconds: number;
  /** Channels to which a client may subscribe. */
  readonly channels: () => readonly string[];
  /** An epoch of another guild, if known: no position in it can be resumed. */
  readonly foreignEpoch: (guild: string) => string;
};

/** The kinds of wrong positions that a returning client may claim. */
export type Misplaced = "forgotten" | "older" | "nonsense";
