import type { Claim } from "./history.ts";

/** Who a client is and how it behaves. */
export type ClientSpec = {
  readonly name: string;
  readonly guild: string;
  /** It may see everything, and what it sees is the journal. */
  readonly observer: boolean;
  readonly identity: Identity;
  readonly batch: boolean;
  readonly signals: boolean;
  /** How it is let in (rooms.md §2), or that it has no WebSocket: `GET /events` in its two forms. */
  readonly entry: "ticket" | "header" | "auth" | "stream" | "poll";
  /** How it shows that it reads; one that is silent never does. */
  readonly life: "acks" | "pings" | "silent";
  /** Whether it narrows its stream to some channels, now and then to others. */
  readonly narrows: boolean;
  /** What becomes of its token: it lives longer than the drill, is renewed when asked, or expires. */
  readonly token: "lasts" | "renewed" | "expires";
};

/** What the client's tokens say. */
export type Identity = {
  readonly sub: string;
  readonly scope?: string;
  readonly discord_id?: string;
  readonly guilds?: readonly string[];
};

/** What somebody holds, as audiences list it (rooms.md §3). */
export function grantsOf({ sub, scope, discord_id: discordId }: Identity): string[] {
  return [
    `sub:${sub}`,
    ...(discordId === undefined ? [] : [`discord:${discordId}`]),
    ...(scope === undefined ? [] : [`scope:${scope}`]),
  ];
}

/** A token and when it ends, seconds. */
export type Token = { readonly text: string; readonly exp: number };

/** A client before its stream: where the Worker is for it, and where its tokens come from. */
export type Surroundings = {
  /** Origin of the Worker on the client's own link. */
  readonly origin: string;
  readonly token: (identity: Identity, lifeSeconds: number) => Promise<Token>;
  /** Life of the tokens of clients that let them expire, seconds. */
  readonly shortTokenSeconds: number;
  /** Channels that a client may narrow to. */
  readonly channels: () => readonly string[];
  /** An epoch of another guild, where one is known: no position of it can be resumed. */
  readonly foreignEpoch: (guild: string) => string;
};

/** How a client says where it stands when it comes back, but for the truth. */
export type Misplaced = "forgotten" | "older" | "nonsense";

/** Somebody who follows a guild, whatever it is that carries the events. */
export type Participant = {
  readonly spec: ClientSpec;
  /** Where it stands; null: it was never served. */
  readonly position: Claim | null;
  /** Whether it has been let in, and reads. */
  readonly isServed: boolean;
  readonly deliveries: number;
  readonly start: () => void;
  /** Does what a clock starts. Called some times a second. */
  readonly tick: (now: number) => void;
  /** Breaks its connection without a word. */
  readonly drop: (misplaced?: Misplaced | null) => void;
  /** Stops reading for a time. */
  readonly stall: (ms: number) => void;
  readonly readOn: () => void;
  /** Ends; what was written is in the file. */
  readonly stop: () => void;
};
