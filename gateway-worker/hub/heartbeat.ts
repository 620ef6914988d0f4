import type { GatewayState } from "../../src/protocol/events/rooms.ts";
import { GATEWAY_HEARTBEAT_INTERVAL_MS } from "../../src/protocol/limits.ts";
import type { GatewayHeartbeat } from "../../src/protocol/signed-events.ts";
import { fullJitter, type Backoff } from "../../src/protocol/backoff.ts";
import type { Metrics } from "../metrics.ts";
import type { HubClient } from "./hub-client.ts";

/** Number of guilds that one heartbeat may name. */
const GUILDS_MAX = 1000;

/** While the hub is unreachable, it is called sooner than at the next regular heartbeat. */
const RETRY_BACKOFF: Backoff = { firstMs: 1_000, mostMs: 10_000 };

/** Two missing heartbeats. The hub waits a little longer, from the arrival of the last one. */
const SILENCE_MS = 2 * GATEWAY_HEARTBEAT_INTERVAL_MS;

/** Dependencies of a {@link Heartbeat}. */
export type HeartbeatParts = {
  readonly hub: HubClient;
  readonly metrics: Metrics;
  readonly primaryGuildId: string;
  readonly gateway: () => { readonly state: GatewayState; readonly since: number };
  readonly guildIds: () => readonly string[];
  /** A heartbeat arrived after a silence that was long enough for the hubs to consider the gateway down. */
  readonly onSilenceOver: () => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
};

/**
 * Tells the hub that this process is alive (rooms.md §4): every 30 s, and at once when there is news.
 * Heartbeats bypass the outbox, because an old one is worthless.
 */
export class Heartbeat {
  readonly #parts: HeartbeatParts;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  /** The pause that the hub requested in its answer to the last heartbeat, milliseconds. */
  #requestedPauseMs = 0;
  #acceptedAt: number | null = null;
  #stopped = false;
  #sending: Promise<void> | null = null;
  #again = false;

  constructor(parts: HeartbeatParts) {
    this.#parts = parts;
  }

  /** Sends a heartbeat now; if one is under way, another follows it. */
  beat(): void {
    if (this.#stopped) return;
    if (this.#sending !== null) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#sending = this.#send().finally(() => {
      this.#sending = null;
      if (this.#stopped) return;
      if (this.#again) {
        this.#again = false;
        this.beat();
        return;
      }
      const waitMs =
        this.#failures === 0
          ? GATEWAY_HEARTBEAT_INTERVAL_MS
          : Math.max(
              this.#requestedPauseMs,
              fullJitter(RETRY_BACKOFF, this.#failures - 1, this.#parts.random()),
            );
      this.#timer = setTimeout(() => this.beat(), waitMs);
    });
  }

  /** The hub accepts requests again: sends a heartbeat, unless one waits for its answer. */
  hubIsBack(): void {
    if (this.#sending === null) this.beat();
  }

  /** Stops heartbeats. Settles when the last one is answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#sending;
  }

  /**
   * The guilds that Discord serves. If the primary one is among them it comes first, because the Worker looks for
   * it.
   */
  #guildIds(primaryGuildId: string): string[] {
    const all = this.#parts.guildIds();
    const primary = all.filter((guildId) => guildId === primaryGuildId);
    const others = all.filter((guildId) => guildId !== primaryGuildId);
    return [...primary, ...others].slice(0, GUILDS_MAX);
  }

  async #send(): Promise<void> {
    const { hub, metrics, now, primaryGuildId } = this.#parts;
    const payload: GatewayHeartbeat = {
      guildId: primaryGuildId,
      ...this.#parts.gateway(),
      guildIds: this.#guildIds(primaryGuildId),
    };
    const text = JSON.stringify({ event: "gateway.heartbeat", payload, ts: now() });
    const answer = await hub.post(new TextEncoder().encode(text), null);
    metrics.heartbeats.inc({ outcome: answer.kind });
    this.#requestedPauseMs = answer.kind === "later" ? (answer.afterMs ?? 0) : 0;
    this.#failures = answer.kind === "accepted" ? 0 : this.#failures + 1;
    if (answer.kind !== "accepted") return;
    const before = this.#acceptedAt ?? now();
    this.#acceptedAt = now();
    if (this.#acceptedAt - before >= SILENCE_MS) this.#parts.onSilenceOver();
  }
}
