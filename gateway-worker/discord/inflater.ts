import { constants, createInflate, type Inflate } from "node:zlib";

/** Largest payload after inflation, bytes. Discord sends none that is larger. */
export const INFLATED_MAX_BYTES = 64 * 1024 * 1024;

/** The end of every payload of a zlib stream (Z_SYNC_FLUSH). */
const SUFFIX = Buffer.from([0x00, 0x00, 0xff, 0xff]);

/**
 * The `zlib-stream` of one connection: one context for its whole life. A payload is complete when a message
 * ends with 00 00 ff ff (discord.md §2).
 */
export class Inflater {
  readonly #inflate: Inflate;
  readonly #onPayload: (text: string) => void;
  readonly #onBroken: (reason: string) => void;
  #waiting: Buffer[] = [];
  #output: Buffer[] = [];
  #outputBytes = 0;
  /** Settles when everything that was pushed is inflated. */
  #done: Promise<void> = Promise.resolve();
  #broken = false;

  constructor(onPayload: (text: string) => void, onBroken: (reason: string) => void) {
    this.#onPayload = onPayload;
    this.#onBroken = onBroken;
    this.#inflate = createInflate({ flush: constants.Z_SYNC_FLUSH, chunkSize: 64 * 1024 });
    this.#inflate.on("data", (chunk: Buffer) => {
      this.#output.push(chunk);
      this.#outputBytes += chunk.length;
      if (this.#outputBytes > INFLATED_MAX_BYTES) this.#break("a payload is too large");
    });
    this.#inflate.on("error", () => this.#break("the compressed stream is broken"));
  }

  /** Handles one message of the connection. */
  push(message: Buffer): void {
    this.#waiting.push(message);
    if (this.#broken || !message.subarray(-SUFFIX.length).equals(SUFFIX)) return;
    const compressed = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#done = this.#done.then(() => this.#inflateOne(compressed));
  }

  /** Settles when the payloads of all messages so far were passed on. */
  async drained(): Promise<void> {
    await this.#done;
  }

  /** Frees the context. */
  close(): void {
    this.#broken = true;
    this.#inflate.destroy();
  }

  async #inflateOne(compressed: Buffer): Promise<void> {
    if (this.#broken) return;
    await new Promise<void>((resolve) => {
      // A destroyed stream calls no other callback.
      this.#inflate.once("close", resolve);
      this.#inflate.write(compressed, () => {
        this.#inflate.off("close", resolve);
        resolve();
      });
    });
    if (this.#broken) return;
    const text = Buffer.concat(this.#output).toString("utf8");
    this.#output = [];
    this.#outputBytes = 0;
    this.#onPayload(text);
  }

  #break(reason: string): void {
    if (this.#broken) return;
    this.close();
    this.#onBroken(reason);
  }
}
