import { z } from "zod";
import { askForTicket, openWire, type Wire } from "../dev/testing/wire/wire.ts";
import {
  AuthOkFrame,
  ErrorFrame,
  EventFrame,
  ResumedFrame,
  SnapshotFrame,
} from "../src/protocol/frames.ts";
import type { Room } from "../src/protocol/room.ts";

/** One item of a recorder's history, in order. */
export type Seen =
  | { readonly kind: "connected"; readonly epoch: string; readonly seq: number }
  | {
      readonly kind: "snapshot";
      readonly epoch: string;
      readonly seq: number;
      readonly reason: string;
      readonly rooms: readonly Room[];
    }
  | { readonly kind: "event"; readonly epoch: string; readonly frame: EventFrame }
  | { readonly kind: "resumed"; readonly from: number; readonly to: number }
  | { readonly kind: "closed"; readonly code: number }
  /** A frame that no client should ever get. */
  | { readonly kind: "wrong"; readonly what: string };

/** The frames that a recorder may get. */
const Frame = z.discriminatedUnion("type", [
  AuthOkFrame,
  SnapshotFrame,
  EventFrame,
  ResumedFrame,
  ErrorFrame,
]);

const RETRY_MS = 100;

/** A client that always reconnects, resumes from its position, and records everything. */
export class Recorder {
  readonly history: Seen[] = [];
  readonly #worker: string;
  readonly #token: () => Promise<string>;
  readonly #guildId: string | undefined;
  #wire: Wire | undefined;
  #position: { epoch: string; seq: number } | undefined;
  #isStopped = false;

  /**
   * @param worker origin of the Worker
   * @param token returns an access token for each connection
   */
  constructor(worker: string, token: () => Promise<string>, guildId?: string) {
    this.#worker = worker;
    this.#token = token;
    this.#guildId = guildId;
    void this.#connect();
  }

  /** The events, in the order of arrival. */
  get events(): readonly EventFrame[] {
    return this.history.flatMap((seen) => (seen.kind === "event" ? [seen.frame] : []));
  }

  /** Names and payloads of the events after a mark from {@link mark}. */
  since(mark: number): { event: string; payload: unknown }[] {
    return this.history
      .slice(mark)
      .flatMap((seen) =>
        seen.kind === "event" ? [{ event: seen.frame.event, payload: seen.frame.payload }] : [],
      );
  }

  /** The current end of the history. */
  mark(): number {
    return this.history.length;
  }

  /** Whether the connection is open: the newest of its openings and losses is an opening. */
  get isConnected(): boolean {
    const last = this.history.findLast(({ kind }) => kind === "closed" || kind === "connected");
    return last?.kind === "connected";
  }

  /** The position at the hub that this client has reached. */
  get seq(): number {
    return this.#position?.seq ?? -1;
  }

  /** Loses the connection without a close, as a phone in a tunnel does; it reconnects by itself. */
  drop(): void {
    this.#wire?.terminate();
  }

  stop(): void {
    this.#isStopped = true;
    this.#wire?.terminate();
  }

  async #connect(): Promise<void> {
    if (this.#isStopped) return;
    try {
      const url = await askForTicket(this.#worker, await this.#token(), this.#guildId);
      if (!(url instanceof URL)) throw new Error(`ticket: ${url.status}`);
      if (this.#position !== undefined) {
        url.searchParams.set("epoch", this.#position.epoch);
        url.searchParams.set("seq", String(this.#position.seq));
      }
      this.#listen(url);
    } catch {
      this.#later();
    }
  }

  #later(): void {
    if (!this.#isStopped) setTimeout(() => void this.#connect(), RETRY_MS).unref();
  }

  #listen(url: URL): void {
    let isOpen = false;
    this.#wire = openWire(
      { kind: "socket", url, headers: {} },
      {
        onText: (text) => {
          isOpen = true;
          const frame = Frame.safeParse(text === "" ? undefined : JSON.parse(text));
          if (frame.success) this.#record(frame.data);
          else this.history.push({ kind: "wrong", what: frame.error.message });
        },
        onClose: (code) => {
          if (isOpen) this.history.push({ kind: "closed", code });
          this.#later();
        },
        onRefused: () => this.#later(),
      },
    );
  }

  #record(frame: z.infer<typeof Frame>): void {
    switch (frame.type) {
      case "ack":
        this.history.push({ kind: "connected", epoch: frame.epoch, seq: frame.seq });
        break;
      case "snapshot":
        this.#position = { epoch: frame.epoch, seq: frame.seq };
        this.history.push({ kind: "snapshot", ...frame });
        break;
      case "event": {
        const epoch = this.#position?.epoch ?? "none";
        this.#position = { epoch, seq: frame.seq };
        this.history.push({ kind: "event", epoch, frame });
        break;
      }
      case "resumed":
        this.history.push({ kind: "resumed", from: frame.from, to: frame.to });
        break;
      case "error":
        this.history.push({ kind: "wrong", what: `${frame.code}: ${frame.message}` });
        break;
    }
  }
}
