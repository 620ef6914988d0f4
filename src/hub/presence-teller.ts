import type { Presence } from "../protocol/frames.ts";
import { isLongerThan } from "../protocol/bytes.ts";
import { PRESENCE_DEBOUNCE_MS, PRESENCE_USERS_MAX, SIGNAL_MAX_BYTES } from "../protocol/limits.ts";
import type { StreamHost } from "./host.ts";
import type { HubRelays } from "./hub-relays.ts";
import { presenceSignal } from "./core/signals.ts";

/** Task that sends the presence. */
export const PRESENCE_TASK = "hub/presence";

/** What a list of users may have, so that the whole payload fits a signal. */
const USERS_MAX_BYTES = SIGNAL_MAX_BYTES - 256;

/** Sends the users who are connected, some time after one has connected or left (HUB-15). */
export class PresenceTeller {
  readonly #host: StreamHost;
  readonly #relays: HubRelays;
  readonly #payload: (presence: Presence) => string;
  /** The payload that was sent last. After the reload of a page it is the same, and is not sent again. */
  #told: string | null = null;
  /** Whether anything has changed since the users were last counted. */
  #isOutdated = false;

  /** @param payload encodes a presence for the kind of the hub */
  constructor(host: StreamHost, relays: HubRelays, payload: (presence: Presence) => string) {
    this.#host = host;
    this.#relays = relays;
    this.#payload = payload;
  }

  /**
   * The users now, each once. With relays they are too many to list. Long names are not listed if they do not fit
   * a signal.
   */
  now(): Presence {
    const { sessions } = this.#host.server;
    const { rows } = this.#relays;
    const count = this.#relays.usersCount();
    if (rows.length > 0 || count > PRESENCE_USERS_MAX) return { count, users: null };
    const users = [...sessions.users()].toSorted((a, b) => a.since - b.since);
    return { count, users: isLongerThan(JSON.stringify(users), USERS_MAX_BYTES) ? null : users };
  }

  /**
   * A user has connected or left. Without a reader of signals no task is scheduled. The alarm is set at the end of
   * the event: this may be in the middle of a delivery.
   */
  changed(): void {
    const { server, store } = this.#host;
    if (!server.hasSignalReaders && this.#relays.rows.length === 0) return;
    this.#isOutdated = true;
    if (store.readTask(PRESENCE_TASK) === null) this.#schedule();
  }

  /** Runs when the task is due. */
  async tell(): Promise<void> {
    this.#isOutdated = false;
    const isCounted = await this.#relays.countUsers();
    const signal = presenceSignal(this.#payload(this.now()), this.#host.clock());
    if (signal.payload !== this.#told) {
      this.#told = signal.payload;
      this.#host.server.signal(signal);
      await this.#relays.flush({ signal });
    }
    // While it waited for the relays, the task was still there, so a change could not schedule it.
    if (this.#isOutdated || !isCounted) this.#schedule();
  }

  #schedule(): void {
    this.#host.store.writeTask(PRESENCE_TASK, this.#host.clock() + PRESENCE_DEBOUNCE_MS);
  }
}
