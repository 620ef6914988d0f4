import { PRIMARY_GUILD } from "../../dev/discord/seed.ts";
import { OTHER_GUILD } from "./drill.ts";
import type { DrillPlan } from "./plan.ts";
import type { Random } from "./random.ts";

/** The scope that sees and ends every room. */
export const MANAGER_SCOPE = "rooms:manage";

/** The identity and behaviour of a client. */
export type ClientSpec = {
  readonly name: string;
  readonly guild: string;
  /** It may see everything, so what it sees is the journal. */
  readonly observer: boolean;
  readonly identity: Identity;
  readonly batch: boolean;
  readonly signals: boolean;
  /** How it authenticates on a WebSocket (rooms.md §2), which form of `GET /events` it uses, or Socket.IO. */
  readonly entry: "ticket" | "header" | "auth" | "stream" | "poll" | "socket-io";
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

const OBSERVERS = 4;
const OTHER_OBSERVERS = 2;
/** Most sockets of one user: fewer than the hub allows, even while it has not noticed the end of old ones. */
const SOCKETS_OF_ONE = 3;

const SOCKET_ENTRIES = ["ticket", "ticket", "ticket", "ticket", "header", "auth"] as const;
const ENTRIES = [
  ...SOCKET_ENTRIES,
  ...SOCKET_ENTRIES,
  "stream",
  "stream",
  "poll",
  "socket-io",
  "socket-io",
] as const;

/** Users who open rooms; private rooms need a Discord account. */
export const OWNERS: readonly Identity[] = ["anna", "berta", "clara"].map((sub, at) => ({
  sub,
  discord_id: `20000000000000020${at}`,
}));
/** Discord ids of users, some of whom are admitted to private rooms. */
export const GUESTS: readonly string[] = [1, 2, 3, 4].map((one) => `20000000000000010${one}`);

/** All clients: some of every kind, in a mix that the seed decides. */
export function specsOf(plan: DrillPlan, random: Random): ClientSpec[] {
  const observers = Array.from({ length: OBSERVERS }, (_, at) =>
    observer(`observer-${at}`, PRIMARY_GUILD, at % 2 === 0),
  );
  const others = Array.from({ length: OTHER_OBSERVERS }, (_, at) =>
    observer(`observer-other-${at}`, OTHER_GUILD, at % 2 === 0),
  );
  const known: Identity[] = [
    ...OWNERS,
    ...GUESTS.map((id) => ({ sub: `guest-${id}`, discord_id: id })),
  ];
  const ordinary = (name: string, at: number, of: string): ClientSpec => {
    const sub = `${of === PRIMARY_GUILD ? "user" : "other"}-${Math.floor(at / SOCKETS_OF_ONE)}`;
    const identity =
      of === OTHER_GUILD
        ? { sub, guilds: [PRIMARY_GUILD, OTHER_GUILD] }
        : (known[Math.floor(at / 2)] ?? { sub });
    const entry = of === OTHER_GUILD ? "ticket" : random.pick(ENTRIES);
    const spec: ClientSpec = {
      name,
      guild: of,
      observer: false,
      identity,
      batch: random.chance(0.5),
      signals: random.chance(0.2),
      entry,
      life: random.pick(["acks", "acks", "acks", "pings", "silent"]),
      narrows: random.chance(0.15),
      token: random.pick(["lasts", "lasts", "lasts", "lasts", "renewed", "expires"]),
    };
    // Over HTTP a client can send neither acknowledgements nor a newer token. One of Socket.IO acknowledges by its
    // pongs, and could send the others.
    if (entry !== "stream" && entry !== "poll" && entry !== "socket-io") return spec;
    return { ...spec, life: "silent", narrows: false, token: random.pick(["lasts", "expires"]) };
  };
  return [
    ...observers,
    ...others,
    ...Array.from({ length: plan.clients }, (_, at) => ordinary(`client-${at}`, at, PRIMARY_GUILD)),
    ...Array.from({ length: plan.otherClients }, (_, at) =>
      ordinary(`client-other-${at}`, at, OTHER_GUILD),
    ),
  ];
}

/** A client that may see everything. */
export function observer(name: string, guild: string, batch: boolean): ClientSpec {
  return {
    name,
    guild,
    observer: true,
    identity: {
      sub: name,
      scope: MANAGER_SCOPE,
      ...(guild === OTHER_GUILD ? { guilds: [guild] } : {}),
    },
    batch,
    signals: false,
    entry: "ticket",
    life: "acks",
    narrows: false,
    token: "lasts",
  };
}
