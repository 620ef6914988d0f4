import type { GatewayState } from "../../src/protocol/events/rooms.ts";
import { GATEWAY_HEARTBEAT_INTERVAL_MS } from "../../src/protocol/limits.ts";
import type { GatewayHeartbeat } from "../../src/protocol/signed-events.ts";
import { fullJitter, type Backoff } from "../../src/protocol/backoff.ts";
import type { Metrics } from "../metrics.ts";
import type { HubClient } from "./hub-client.ts";

/** Guilds that one heartbeat may name. */
const GUILDS_MAX = 1000;

/** A hub that is not there is asked again sooner than at the next regular beat. */
const RETRY_BACKOFF: Backoff = { firstMs: 1_000, mostMs: 10_000 };

/** Two beats are missing: the hub counts a little longer, from the arrival of the last one. */
const SILENCE_MS = 2 * GATEWAY_HEARTBEAT_INTERVAL_MS;

/** What a {@link Heartbeat} works with. */
export type HeartbeatParts = {
  readonly hub: HubClient;
  readonly metrics: Metrics;
  readonly primaryGuildId: string;
  readonly gateway: () => { readonly state: GatewayState; readonly since: number };
  readonly guildIds: () => readonly string[];
  /** A beat arrived after so long a silence that the hubs may have been told that the gateway is down. */
  readonly onSilenceOver: () => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
};

/**
 * Tells the hub that this process lives (rooms.md §4): every 30 s, and at once when there is news.
 * Directly, not through the outbox: an old sign of life is worth nothing.
 */
export class Heartbeat {
  readonly #parts: HeartbeatParts;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  /** What the hub named after the last one, milliseconds. */
  #askedMs = 0;
  #acceptedAt: number | null = null;
  #stopped = false;
  #sending: Promise<void> | null = null;
  #again = false;

  constructor(parts: HeartbeatParts) {
    this.#parts = parts;
  }

  /** Beats now; a beat that is on its way is followed by another. */
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
              this.#askedMs,
              fullJitter(RETRY_BACKOFF, this.#failures, this.#parts.random()),
            );
      this.#timer = setTimeout(() => this.beat(), waitMs);
    });
  }

  /** The hub takes requests again: it is told that we live, unless that is how we know. */
  hubIsBack(): void {
    if (this.#sending === null) this.beat();
  }

  /** No more beats. Settles when the last one has its answer. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#sending;
  }

  /** Those that are served, the primary one first if it is among them: the Worker asks about that. */
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
    this.#askedMs = answer.kind === "later" ? (answer.afterMs ?? 0) : 0;
    this.#failures = answer.kind === "accepted" ? 0 : this.#failures + 1;
    if (answer.kind !== "accepted") return;
    const before = this.#acceptedAt ?? now();
    this.#acceptedAt = now();
    if (this.#acceptedAt - before >= SILENCE_MS) this.#parts.onSilenceOver();
  }
}
