import type { PING_FRAME } from "../protocol/frames.ts";
import { Timer } from "./timer.ts";

/** Interval of pings, milliseconds. The runtime answers them without waking the hub. */
export const PING_INTERVAL_MS = 25_000;
/** A peer that stays silent this long after a ping counts as gone, milliseconds. */
export const PONG_TIMEOUT_MS = 10_000;
/** The same after {@link Heartbeat.probe}, milliseconds. */
export const PROBE_TIMEOUT_MS = 4_000;

const PING: typeof PING_FRAME = '{"type":"ping"}';

/** Notices that the peer is gone without a close frame (an unplugged cable, a sleeping laptop). */
export class Heartbeat {
  readonly #send: (text: string) => void;
  readonly #onDead: () => void;
  readonly #interval: ReturnType<typeof setInterval>;
  readonly #deadline = new Timer();

  /**
   * @param send sends on the open socket
   * @param onDead called at most once, when an answer did not come in time
   */
  constructor(send: (text: string) => void, onDead: () => void) {
    this.#send = send;
    this.#onDead = onDead;
    this.#interval = setInterval(() => {
      this.#ping(PONG_TIMEOUT_MS);
    }, PING_INTERVAL_MS);
    // After anything that its client has sent, workerd ends the connection as soon as the hub closes it. Otherwise
    // it waits until the hub sleeps, and Node reports no close until then (docs/protocol.md).
    this.#ping(PONG_TIMEOUT_MS);
  }

  /** Call it when anything was received. */
  alive(): void {
    this.#deadline.clear();
  }

  /** Pings now, with a short deadline, after the network changed or the page came to the front. */
  probe(): void {
    this.alive();
    this.#ping(PROBE_TIMEOUT_MS);
  }

  /** Ends all timers. */
  stop(): void {
    clearInterval(this.#interval);
    this.#deadline.clear();
  }

  #ping(timeoutMs: number): void {
    if (!this.#deadline.pending) {
      this.#deadline.set(timeoutMs, () => {
        this.stop();
        this.#onDead();
      });
    }
    this.#send(PING);
  }
}
