import { Sequence } from "../bench/stalled/sequence.ts";
import { readEventStream, type ByteStream } from "../src/client/event-stream.ts";

const SEQ_KEY = '"seq":';

/** A client of `GET /events` that reads a stream of which it may see every event. */
export class StreamReader {
  readonly sequence = new Sequence();
  readonly #port: number;
  readonly #token: string;
  readonly #stop = new AbortController();
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
    const response = await fetch(`http://127.0.0.1:${this.#port}/events`, {
      headers: { Authorization: `Bearer ${this.#token}`, Accept: "text/event-stream" },
      signal: this.#stop.signal,
    });
    if (response.status !== 200) throw new Error(`GET /events: ${response.status}`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    readEventStream(
      response.body as ByteStream,
      (_, data) => {
        this.#take(data);
        if (this.snapshots > 0) resolve();
      },
      () => {},
    ).then(
      () => this.sequence.faults.push("the stream ended"),
      (error: unknown) => reject(error),
    );
    await promise;
  }

  leave(): void {
    this.#stop.abort();
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
