import { openWire, type Wire } from "../wire/wire.ts";
import { Sequence } from "./sequence.ts";

const SEQ_KEY = '"seq":';

/** A client of `GET /events` that reads a stream of which it may see every event. */
export class StreamReader {
  readonly sequence = new Sequence();
  readonly #port: number;
  readonly #token: string;
  #wire: Wire | null = null;
  #hasLeft = false;
  /** Times that it was given the whole state. */
  snapshots = 0;

  constructor(port: number, token: string) {
    this.#port = port;
    this.#token = token;
  }

  /** seq of the newest event that it has, or of its state. */
  get seq(): number {
    return this.sequence.seq ?? 0;
  }

  /** Connects and waits for its state. */
  async connect(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#wire = openWire(
      {
        kind: "stream",
        url: new URL(`http://127.0.0.1:${this.#port}/events`),
        headers: { authorization: `Bearer ${this.#token}`, accept: "text/event-stream" },
      },
      {
        onText: (text) => {
          this.#take(text);
          if (this.snapshots > 0) resolve();
        },
        onClose: () => {
          if (!this.#hasLeft) this.sequence.faults.push("the stream ended");
          reject(new Error("the stream ended"));
        },
        onRefused: (status) => reject(new Error(`GET /events: ${status}`)),
      },
    );
    await promise;
  }

  leave(): void {
    this.#hasLeft = true;
    this.#wire?.terminate();
  }

  #take(data: string): void {
    if (data.startsWith('{"v":1,"type":"event"')) {
      this.sequence.take(
        Number.parseInt(data.slice(data.lastIndexOf(SEQ_KEY) + SEQ_KEY.length), 10),
      );
      return;
    }
    const frame = JSON.parse(data) as { type: string; seq: number };
    if (frame.type !== "snapshot") return;
    this.snapshots += 1;
    this.sequence.start(frame.seq);
  }
}
