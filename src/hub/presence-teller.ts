import type { Presence } from "../protocol/frames.ts";
import { PRESENCE_DEBOUNCE_MS, PRESENCE_USERS_MAX } from "../protocol/limits.ts";
import type { StreamHost } from "./host.ts";
import type { HubRelays } from "./hub-relays.ts";
import { presenceSignal } from "./core/signals.ts";

/** Task that tells who is here. */
export const PRESENCE_TASK = "hub/presence";

/** Who is here, by user: told together, some time after somebody came or went (HUB-15). */
export class PresenceTeller {
  readonly #host: StreamHost;
  readonly #relays: HubRelays;
  readonly #guildId: string;
  /** What was told last; a reload of a page changes nothing. */
  #told: string | null = null;

  constructor(host: StreamHost, relays: HubRelays, guildId: string) {
    this.#host = host;
    this.#relays = relays;
    this.#guildId = guildId;
  }

  /** Who is here now. With relays there are too many to list; a user is then counted once at each. */
  now(): Presence {
    const { sessions } = this.#host.server;
    const { rows } = this.#relays;
    const count = rows.reduce((sum, relay) => sum + relay.users, sessions.usersCount);
    const users =
      rows.length > 0 || count > PRESENCE_USERS_MAX
        ? null
        : [...sessions.users()].toSorted((a, b) => a.since - b.since);
    return { count, users };
  }

  /** Somebody came or went. Nobody is woken for it when nobody asked to know. */
  changed(): void {
    const { server, store } = this.#host;
    if (!server.hasSignalReaders && this.#relays.rows.length === 0) return;
    if (store.readTask(PRESENCE_TASK) !== null) return;
    store.writeTask(PRESENCE_TASK, this.#host.clock() + PRESENCE_DEBOUNCE_MS);
    this.#host.arm();
  }

  /** The task is due. */
  async tell(): Promise<void> {
    const signal = presenceSignal(this.#guildId, this.now(), this.#host.clock());
    if (signal.payload === this.#told) return;
    this.#told = signal.payload;
    this.#host.server.signal(signal);
    await this.#relays.flush({ signal });
  }
}
