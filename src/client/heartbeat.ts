import type { PING_FRAME } from "../protocol/frames.ts";
import { Timer } from "./timer.ts";

/** A ping goes out this often, milliseconds; the runtime answers it without waking the hub. */
export const PING_INTERVAL_MS = 25_000;
/** A peer that stays silent this long after a ping is gone, milliseconds. */
export const PONG_TIMEOUT_MS = 10_000;
/** The same after {@link Heartbeat.probe}, when there is reason to doubt, milliseconds. */
export const PROBE_TIMEOUT_MS = 4_000;

const PING: typeof PING_FRAME = '{"type":"ping"}';

/** Notices that the other end is gone when no close frame says so (a cable pulled, a laptop asleep). */
export class Heartbeat {
  readonly #send: (text: string) => void;
  readonly #onDead: () => void;
  readonly #interval: ReturnType<typeof setInterval>;
  readonly #deadline = new Timer();

  /**
   * @param send sends on the open socket
   * @param onDead called once at most, when an answer did not come in time
   */
  constructor(send: (text: string) => void, onDead: () => void) {
    this.#send = send;
    this.#onDead = onDead;
    this.#interval = setInterval(() => {
      this.#ping(PONG_TIMEOUT_MS);
    }, PING_INTERVAL_MS);
  }

  /** Something was received: the peer lives. */
  alive(): void {
    this.#deadline.clear();
  }

  /** Asks now, with a short deadline: the network changed or the page came back to the front. */
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
