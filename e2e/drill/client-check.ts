import { JOURNAL_MAX_EVENTS } from "../../src/protocol/limits.ts";
import type { Claim, ClientLine, SeenEvent, SeenFrame, SeenRoom } from "./history.ts";
import type { Journal, JournalEntry } from "./journal.ts";
import type { Problems } from "./problems.ts";
import { Views } from "./views.ts";

/** Counts over the histories of all clients. */
export type Tally = {
  deliveries: number;
  resumes: number;
  /** Snapshots by reason. */
  readonly snapshots: Map<string, number>;
  /** Closes by code. */
  readonly closes: Map<number, number>;
};

/** A snapshot that a client got, to be compared with the journal. */
export type SeenSnapshot = {
  readonly client: string;
  readonly seq: number;
  readonly rooms: readonly SeenRoom[];
  readonly views: Views;
};

/** Close codes that a client never gets if it follows the protocol. */
const CODES_OF_FAULT: ReadonlySet<number> = new Set([1009, 4403, 4429, 4499]);
const UNAUTHORIZED = 4401;
/** Allowed when a slow link delivers the `auth` frame too late, and never afterwards. */
const AUTHENTICATION_TIMEOUT = 4408;
/** The client's and the hub's clock may differ by this much, milliseconds. */
const CLOCK_TOLERANCE_MS = 1_500;

/** The state of a connection in its history. */
type Connection = {
  readonly claim: Claim | null;
  /** `auth.ok`; absent before it. */
  ack?: { readonly epoch: string; readonly seq: number };
  /** Whether a resume or a snapshot has set the position from which events count. */
  started: boolean;
  views: Views;
  /** Expiry in seconds: of the token that is certainly in force, and of those sent for renewal. */
  exp: number;
  readonly renewals: number[];
};

/**
 * Follows the history of one client. It must get every event that it may see once, in the order of the journal,
 * unless a necessary snapshot covered it, and no other event.
 */
export class ClientCheck {
  readonly snapshots: SeenSnapshot[] = [];
  readonly journal: Journal;
  readonly #name: string;
  readonly #problems: Problems;
  readonly #tally: Tally;
  readonly #received: Uint8Array;
  #connection: Connection | null = null;
  /**
   * Every event up to here arrived, is not visible to the client, or is covered by a snapshot; null: not started.
   */
  #position: number | null = null;
  #hasLeft = false;

  constructor(name: string, journal: Journal, problems: Problems, tally: Tally) {
    this.#name = name;
    this.journal = journal;
    this.#problems = problems;
    this.#tally = tally;
    this.#received = new Uint8Array(journal.head + 1);
  }

  take(line: ClientLine): void {
    switch (line.k) {
      case "connect":
        this.#connection = {
          claim: line.claim,
          started: false,
          views: new Views(line.grants),
          exp: line.exp,
          renewals: [],
        };
        break;
      case "in":
        this.#frame(line.f);
        break;
      case "subscribe":
        this.#connection?.views.narrow(line.channelIds);
        break;
      case "reauth":
        this.#connection?.views.renew(line.grants);
        this.#connection?.renewals.push(line.exp);
        break;
      case "close":
        this.#closed(line.code, line.t);
        break;
      case "left":
        this.#hasLeft = true;
        break;
      case "client":
      case "ack":
      case "refused":
      case "note":
        break;
    }
  }

  /**
   * Ends the history.
   * @param until the seq that every client must have reached unless it left
   */
  end(until: number): void {
    if (this.#hasLeft) return;
    if (this.#position === null) {
      this.#say("lost", "was never served");
      return;
    }
    // A client that has reached the end may be on its way to a new connection.
    if (this.#position >= until) return;
    if (this.#connection?.started === true) {
      this.#skip(this.#position, until + 1, this.#connection.views);
    } else this.#say("lost", `was not connected at the end, at ${this.#position} of ${until}`);
  }

  #frame(frame: SeenFrame): void {
    const connection = this.#connection;
    if (connection === null) {
      this.#say("wrong", `was sent a frame of type ${frame.type} without a connection`);
      return;
    }
    if (frame.type === "ack") {
      if (!this.journal.epochs.has(frame.epoch)) this.#say("wrong", `epoch ${frame.epoch}?`);
      connection.ack = frame;
      return;
    }
    if (connection.ack === undefined) {
      this.#say("wrong", `was sent a frame of type ${frame.type} before auth.ok`);
      return;
    }
    switch (frame.type) {
      case "event":
        this.#event(connection, frame);
        break;
      case "batch":
        for (const event of frame.events) this.#event(connection, event);
        break;
      case "resumed":
        this.#resumed(connection, frame);
        break;
      case "snapshot":
        this.#snapshot(connection, frame);
        break;
      case "position":
        this.#moved(connection, frame.seq);
        break;
      case "reauth.ok":
        connection.views.renewed();
        connection.exp = connection.renewals.shift() ?? connection.exp;
        break;
      case "error":
        this.#say("wrong", `was answered with the error ${frame.code}`);
        break;
      case "unreadable":
        this.#say("wrong", "was sent what no client can read");
        break;
      case "auth.expiring":
      case "signal":
        break;
    }
  }

  #event(connection: Connection, event: SeenEvent): void {
    if (!connection.started) this.#resume(connection);
    const { seq } = event;
    const entry = this.journal.at(seq);
    this.#tally.deliveries += 1;
    if (entry === undefined || !this.journal.has(event)) {
      this.#say("wrong", `was sent ${seq} (${event.id}), which the journal does not have so`);
      return;
    }
    if (!connection.views.mayRead(entry)) {
      this.#say("leaked", `was sent ${seq} (${event.event} of ${entry.channelId})`);
    } else if (!connection.views.mayWant(entry)) {
      this.#say("wrong", `was sent ${seq}, which it had narrowed away`);
    }
    const before = this.#position ?? 0;
    if (seq <= before) {
      const kind = this.#received[seq] === 1 ? "duplicated" : "reordered";
      this.#say(kind, `was sent ${seq} after ${before}`);
      this.#received[seq] = 1;
      return;
    }
    if (seq === before + 1 ? event.prev !== undefined : event.prev !== before) {
      this.#say("wrong", `was sent ${seq} after ${before} with prev ${event.prev}`);
    }
    this.#skip(before, seq, connection.views);
    connection.views.settle();
    this.#received[seq] = 1;
    this.#position = seq;
  }

  /** The server reports that there is nothing more up to here. */
  #moved(connection: Connection, seq: number): void {
    if (!connection.started) this.#resume(connection);
    const before = this.#position ?? 0;
    if (seq < before) this.#say("reordered", `was taken back from ${before} to ${seq}`);
    this.#skip(before, seq + 1, connection.views);
    connection.views.settle();
    this.#position = seq;
  }

  /** No event between these two arrived, so none there may have been due. */
  #skip(after: number, before: number, views: Views): void {
    for (let seq = after + 1; seq < before; seq += 1) {
      const entry: JournalEntry | undefined = this.journal.at(seq);
      if (entry !== undefined && views.mustGet(entry)) {
        this.#say("lost", `was never sent ${seq} (${entry.event} of ${entry.channelId})`);
      }
    }
  }

  /** The connection continues from the position that it claimed. */
  #resume(connection: Connection): void {
    connection.started = true;
    const { claim } = connection;
    if (claim === null || this.#whyNot(connection, claim) !== null) {
      this.#say("wrong", `was resumed from ${JSON.stringify(claim)}`);
      return;
    }
    if (this.#position !== null && claim.seq > this.#position) {
      this.#say("wrong", `claimed ${claim.seq} and had ${this.#position}: the drill is at fault`);
    }
    this.#position = claim.seq;
  }

  #resumed(
    connection: Connection,
    frame: { readonly from: number; readonly to: number; readonly epoch: string },
  ): void {
    if (!connection.started) this.#resume(connection);
    this.#tally.resumes += 1;
    if (frame.from !== connection.claim?.seq || frame.to !== this.#position) {
      const { from, to } = frame;
      this.#say("wrong", `was resumed from ${from} to ${to}, and is at ${this.#position}`);
    }
  }

  #snapshot(connection: Connection, frame: SeenFrame & { readonly type: "snapshot" }): void {
    const { reason, seq, rooms } = frame;
    addOne(this.#tally.snapshots, reason);
    const { claim } = connection;
    const due = claim === null ? "first_connection" : this.#whyNot(connection, claim);
    if (due === null) {
      this.#say("reset", `had to start over (${reason}), although ${claim?.seq} was resumable`);
    } else if (due !== reason) {
      this.#say("wrong", `was told ${reason} where ${due} is the reason`);
    }
    if (connection.started) this.#say("wrong", `was sent a snapshot at ${seq} in the middle`);
    if (this.#position !== null && seq < this.#position) {
      this.#say("reordered", `was sent the snapshot of ${seq} after ${this.#position}`);
    }
    connection.started = true;
    this.#position = seq;
    this.snapshots.push({ client: this.#name, seq, rooms, views: connection.views.copy() });
  }

  /** Why a position cannot be resumed; null: it can. */
  #whyNot({ ack }: Connection, claim: Claim): string | null {
    if (!Number.isSafeInteger(claim.seq) || claim.seq < 0) return "invalid_position";
    if (claim.epoch !== ack?.epoch) return "unknown_epoch";
    if (claim.seq > ack.seq) return "ahead_of_hub";
    return claim.seq < ack.seq - JOURNAL_MAX_EVENTS ? "too_old" : null;
  }

  #closed(code: number, t: number): void {
    addOne(this.#tally.closes, code);
    const isLate = code === AUTHENTICATION_TIMEOUT && this.#connection?.ack !== undefined;
    if (CODES_OF_FAULT.has(code) || isLate) this.#say("wrong", `was closed with ${code}`);
    const exp = this.#connection?.exp ?? 0;
    if (code === UNAUTHORIZED && t < exp * 1000 - CLOCK_TOLERANCE_MS) {
      this.#say("wrong", `was closed with 4401 ${exp * 1000 - t} ms before its token ends`);
    }
    this.#connection = null;
  }

  #say(kind: Parameters<Problems["add"]>[0], what: string): void {
    this.#problems.add(kind, `${this.#name} ${what}`);
  }
}

export function addOne<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
