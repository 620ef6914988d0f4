import type { EdgeSocket } from "../hub/edge/edge-socket.ts";
import { CREDIT_WINDOW_BYTES, CREDIT_WINDOW_EVENTS } from "../protocol/limits.ts";

type Heard = { readonly data: unknown; readonly code: number; readonly reason: string };

/** The hub's end of a feed, without a network. The feed is built on it, as on a socket. */
export class HubEnd implements EdgeSocket {
  readyState: number = WebSocket.OPEN;
  binaryType: WebSocket["binaryType"] = "blob";
  /** The seqs that were acknowledged. */
  readonly acks: number[] = [];
  /** The code that the feed closed it with; null: it did not. */
  closedWith: number | null = null;
  readonly #listeners = new Map<string, (event: Heard) => void>();
  /** Texts from before it was accepted; null: it was. */
  #early: string[] | null = [];

  addEventListener(type: string, listen: (event: Heard) => void): void {
    this.#listeners.set(type, listen);
  }

  accept(): void {
    const texts = this.#early ?? [];
    this.#early = null;
    for (const data of texts) this.#tell("message", { data });
  }

  send(text: string | ArrayBuffer | ArrayBufferView): void {
    if (this.readyState !== WebSocket.OPEN) throw new TypeError("the socket is closed");
    if (typeof text !== "string") throw new TypeError("frames are text");
    const { type, seq } = JSON.parse(text) as { type: string; seq: number };
    if (type !== "ack") throw new Error(`the Worker sent ${text}`);
    this.acks.push(seq);
  }

  close(code = 1000): void {
    this.readyState = WebSocket.CLOSED;
    this.closedWith ??= code;
  }

  /** The hub sends frames. */
  frames(...frames: readonly object[]): this {
    for (const frame of frames) {
      const data = JSON.stringify({ v: 1, ...frame });
      if (this.#early === null) this.#tell("message", { data });
      else this.#early.push(data);
    }
    return this;
  }

  /** The hub closes. */
  end(code: number, reason = "because"): this {
    this.readyState = WebSocket.CLOSED;
    this.#tell("close", { code, reason });
    return this;
  }

  /** The hub is killed. */
  breakOff(): this {
    this.#tell("error", {});
    return this.end(1006, "");
  }

  #tell(type: string, event: Partial<Heard>): void {
    this.#listeners.get(type)?.({ data: null, code: 0, reason: "", ...event });
  }
}

/** The frame that begins a session at `seq`, with the window that hubs have. */
export function acceptedAt(seq: number, window: Partial<Window> = {}): object {
  const { windowBytes = CREDIT_WINDOW_BYTES, windowEvents = CREDIT_WINDOW_EVENTS } = window;
  const limits = { windowBytes, windowEvents };
  return { type: "ack", event: "auth.ok", epoch: "E", seq, limits, retryWindowMs: 700 };
}

type Window = { readonly windowBytes: number; readonly windowEvents: number };
