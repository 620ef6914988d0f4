import { appendFileSync, readFileSync } from "node:fs";
import type { SyncLine } from "./sync/history.ts";

/** One event of the stream in a history, alone or in a batch. */
export type SeenEvent = {
  readonly event: string;
  readonly payload: { readonly channelId?: string; readonly userId?: string };
  readonly ts: number;
  readonly seq: number;
  readonly id: string;
  readonly prev?: number;
};

/** A room in a snapshot, reduced to what the checker uses. */
export type SeenRoom = {
  readonly channelId: string;
  readonly members: readonly { readonly userId: string }[];
};

/** A frame of the server as received. The file also has the members that the checker ignores. */
export type SeenFrame =
  | {
      readonly type: "ack";
      readonly epoch: string;
      readonly seq: number;
      /** The client's window, and the time over which clients reconnect. A long poll has neither. */
      readonly limits?: { readonly windowBytes?: number; readonly windowEvents?: number };
      readonly retryWindowMs?: number;
    }
  | ({ readonly type: "event" } & SeenEvent)
  | { readonly type: "batch"; readonly events: readonly SeenEvent[] }
  | { readonly type: "resumed"; readonly epoch: string; readonly from: number; readonly to: number }
  | {
      readonly type: "snapshot";
      readonly epoch: string;
      readonly seq: number;
      readonly reason: string;
      readonly rooms: readonly SeenRoom[];
    }
  | { readonly type: "auth.expiring" | "reauth.ok"; readonly exp: number }
  | { readonly type: "signal" }
  /** Not a frame: the long poll answered that nothing else is due up to here. */
  | { readonly type: "position"; readonly seq: number }
  | { readonly type: "error"; readonly code: string }
  /** Not JSON, or of an unknown type. */
  | { readonly type: "unreadable" };

/** Parses a text from the server; null: a pong. */
export function readFrame(text: string): SeenFrame | null {
  if (text === '{"type":"pong"}') return null;
  try {
    const frame: unknown = JSON.parse(text);
    if (typeof frame === "object" && frame !== null && "type" in frame) return frame as SeenFrame;
  } catch {
    // Handled below.
  }
  return { type: "unreadable" };
}

/** Whether a message that moves the client's position names the same position as its frame. */
export function isWhereItSays(text: string, id: string | undefined): boolean {
  const frame = JSON.parse(text) as {
    readonly type: string;
    readonly seq?: number;
    readonly to?: number;
    readonly events?: readonly { readonly seq: number }[];
  };
  const moves = ["event", "batch", "snapshot", "resumed"].includes(frame.type);
  if (!moves) return id === undefined;
  const seq = frame.events?.at(-1)?.seq ?? frame.to ?? frame.seq;
  return id?.endsWith(`:${seq}`) === true;
}

/** The position that a client claims. */
export type Claim = { readonly epoch: string; readonly seq: number };

/** Something that happened to a client, or that it did. */
export type ClientFact =
  | {
      readonly k: "client";
      readonly name: string;
      readonly guild: string;
      /** It may see everything: what all such clients got, together, is the journal. */
      readonly observer: boolean;
    }
  /** It authenticates with a token that has these grants and expires at `exp` (seconds). */
  | {
      readonly k: "connect";
      readonly grants: readonly string[];
      readonly exp: number;
      readonly claim: Claim | null;
    }
  | { readonly k: "in"; readonly f: SeenFrame }
  | { readonly k: "ack"; readonly seq: number }
  | { readonly k: "subscribe"; readonly channelIds: readonly string[] }
  | { readonly k: "reauth"; readonly grants: readonly string[]; readonly exp: number }
  | { readonly k: "close"; readonly code: number }
  /** It was refused: the HTTP status, 0 without an answer. */
  | { readonly k: "refused"; readonly status: number }
  /** It stopped reading, continued reading, or broke its connection on purpose. */
  | { readonly k: "note"; readonly what: string }
  /** It left permanently; no later event is due to it. */
  | { readonly k: "left" };

/** One line of a client's history; `t` is the time, milliseconds since 1970. */
export type ClientLine = { readonly t: number } & ClientFact;

/** The facts that the publishers record. */
export type TruthLine =
  /** A room with a unique name was requested; `audience` null: everybody in the guild sees it. */
  | { readonly k: "room"; readonly name: string; readonly audience: readonly string[] | null }
  /** The hub accepted these events (HTTP 200). */
  | {
      readonly k: "accepted";
      readonly guild: string;
      /** Events that always change something: each must be in the journal once. */
      readonly must: readonly string[];
      /** In the journal they are in the order of this stream. */
      readonly stream?: string;
    }
  /** Refused with 409: no client may ever see them. */
  | { readonly k: "stale"; readonly guild: string; readonly ids: readonly string[] }
  /** The last event of a guild: every client must have got everything up to it. */
  | { readonly k: "marker"; readonly guild: string; readonly id: string }
  /** A part of the journal that was read over HTTP after the faults. */
  | {
      readonly k: "journal";
      readonly guild: string;
      readonly epoch: string;
      readonly events: readonly SeenEvent[];
    };

/** What happened to a call between two clients of a hub of an account; `call` is a name of its own. */
export type CallFact =
  | { readonly k: "called"; readonly call: string }
  /** A client was asked to answer it. */
  | { readonly k: "asked"; readonly call: string; readonly by: string }
  /** The caller got an answer, which says to which call and by whom. */
  | { readonly k: "answered"; readonly call: string; readonly to: string; readonly by: string }
  | { readonly k: "failed"; readonly call: string; readonly why: string }
  /** The caller lost its connection, and the call with it. */
  | { readonly k: "left"; readonly call: string }
  /** A client got this many answers for which nothing waited. */
  | { readonly k: "strays"; readonly by: string; readonly count: number };

/** One line of the calls' history; `t` is the time, milliseconds since 1970. */
export type CallLine = { readonly t: number } & CallFact;

/** An injected fault. */
export type FaultLine = { readonly t: number; readonly k: string; readonly what: string };

/** What the program that wrote the files reports about the run. */
export type DrillFacts = {
  readonly seed: number;
  readonly seconds: number;
  /** Relays that held sockets of the primary guild at the end. */
  readonly relays: number;
  /** The waits that timed out. */
  readonly problems: readonly string[];
};

const WRITE_CHARACTERS = 16 * 1024;

/** Appends lines to a file, in blocks of some kilobytes. */
export class LineWriter {
  readonly #path: string;
  #pending = "";

  constructor(path: string) {
    this.#path = path;
  }

  write(line: ClientLine | TruthLine | CallLine | SyncLine | FaultLine): void {
    this.writeText(JSON.stringify(line));
  }

  /** @param text one line of JSON, without the newline */
  writeText(text: string): void {
    this.#pending += `${text}\n`;
    if (this.#pending.length >= WRITE_CHARACTERS) this.flush();
  }

  /** Writes what is pending. */
  flush(): void {
    appendFileSync(this.#path, this.#pending, { mode: 0o600 });
    this.#pending = "";
  }
}

/** Reads a file of JSON lines. @throws when a line is not JSON */
export function* readLines<T>(path: string): Generator<T> {
  for (const line of readFileSync(path, "utf8").split("\n")) {
    // The last line is empty.
    if (line !== "") yield JSON.parse(line) as T;
  }
}
