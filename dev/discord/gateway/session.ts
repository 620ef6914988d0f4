import { randomUUID } from "node:crypto";
import { type APIGatewaySessionStartLimit, GatewayIntentBits } from "discord-api-types/v10";
import type { Clock } from "../../../src/platform/clock.ts";
import type { DispatchData } from "../model.ts";
import { shardOf } from "../snowflake.ts";

/** Dispatches of a session that can be replayed. Older ones are dropped. */
export const REPLAY_EVENTS_MAX = 1_000;

/** A session without a connection can be resumed for this long, milliseconds. */
export const SESSION_LIFETIME_MS = 120_000;

const ALL_INTENTS = Object.values(GatewayIntentBits)
  .filter((value) => typeof value === "number")
  .reduce((all, bit) => all | bit, 0);

/** Intents that must be enabled for a bot in Discord's portal. Here none is enabled. */
const PRIVILEGED_INTENTS =
  GatewayIntentBits.GuildMembers |
  GatewayIntentBits.GuildPresences |
  GatewayIntentBits.MessageContent;

/** A dispatch as it is sent. */
interface SentDispatch {
  readonly op: 0;
  readonly t: string;
  readonly s: number;
  readonly d: DispatchData;
}

/** A session in the state file. */
export interface SessionState {
  readonly id: string;
  readonly intents: number;
  readonly shard: readonly [number, number];
  readonly seq: number;
  readonly replay: readonly SentDispatch[];
  readonly disconnectedAt: number | null;
}

/** A session, opened by an IDENTIFY. It numbers its dispatches and keeps the last ones for a RESUME. */
export class Session {
  readonly id: string;
  readonly intents: number;
  readonly shard: readonly [number, number];
  seq: number;
  /** When its connection was lost, milliseconds; null: it is connected. */
  disconnectedAt: number | null;
  #replay: SentDispatch[];

  constructor(state: Pick<SessionState, "intents" | "shard"> & Partial<SessionState>) {
    this.id = state.id ?? randomUUID().replaceAll("-", "");
    this.intents = state.intents;
    this.shard = state.shard;
    this.seq = state.seq ?? 0;
    this.disconnectedAt = state.disconnectedAt ?? null;
    this.#replay = [...(state.replay ?? [])];
  }

  /** Whether the session has one of these intents. */
  wants(intents: number): boolean {
    return (this.intents & intents) !== 0;
  }

  /** Whether the guild belongs to the session's shard. */
  serves(guildId: string): boolean {
    const [shard, count] = this.shard;
    return shardOf(guildId, count) === shard;
  }

  /** Numbers a dispatch and keeps it. */
  record(event: string, data: DispatchData): SentDispatch {
    this.seq += 1;
    const sent: SentDispatch = { op: 0, t: event, s: this.seq, d: data };
    this.#replay.push(sent);
    if (this.#replay.length > REPLAY_EVENTS_MAX) this.#replay.shift();
    return sent;
  }

  /** The dispatches after `seq`. `ahead`: that number was never sent. `gone`: it is too old for a replay. */
  missedAfter(seq: number): readonly SentDispatch[] | "ahead" | "gone" {
    if (seq > this.seq) return "ahead";
    const oldest = this.#replay[0]?.s ?? this.seq + 1;
    return seq < oldest - 1 ? "gone" : this.#replay.filter(({ s }) => s > seq);
  }

  /** Whether its client was away longer than this, milliseconds. */
  isExpired(clock: Clock, lifetimeMs: number): boolean {
    return this.disconnectedAt !== null && clock() - this.disconnectedAt > lifetimeMs;
  }

  state(): SessionState {
    return {
      id: this.id,
      intents: this.intents,
      shard: this.shard,
      seq: this.seq,
      replay: this.#replay,
      disconnectedAt: this.disconnectedAt,
    };
  }
}

/** Checks intents. Unknown bits are invalid, privileged ones are disallowed. */
export function checkIntents(intents: unknown): "ok" | "invalid" | "disallowed" {
  if (typeof intents !== "number" || !Number.isInteger(intents) || intents < 0) return "invalid";
  if ((intents & ~ALL_INTENTS) !== 0 || intents > ALL_INTENTS) return "invalid";
  return (intents & PRIVILEGED_INTENTS) === 0 ? "ok" : "disallowed";
}

/** Allowed IDENTIFYs in {@link DAY_MS}. After one more Discord resets the token. */
const IDENTIFIES_PER_DAY = 1_000;
const DAY_MS = 24 * 60 * 60 * 1_000;
const MAX_CONCURRENCY = 1;

/** Each shard may send one IDENTIFY in this time, milliseconds. */
export const IDENTIFY_INTERVAL_MS = 5_000;

/** The budget in the state file. */
export interface IdentifyBudgetState {
  readonly used: number;
  readonly resetsAt: number;
}

/** Counts IDENTIFYs for `session_start_limit`. RESUME is not counted. */
export class IdentifyBudget {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #lastByKey = new Map<number, number>();
  #used: number;
  #resetsAt: number;

  constructor(clock: Clock, intervalMs: number, state: IdentifyBudgetState | undefined) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#used = state?.used ?? 0;
    this.#resetsAt = state?.resetsAt ?? 0;
  }

  /** Counts one IDENTIFY. `too_soon`: answer op 9. `exhausted`: close with 4004, the token is no longer valid. */
  take(shardId: number): "ok" | "too_soon" | "exhausted" {
    const now = this.#clock();
    const key = shardId % MAX_CONCURRENCY;
    const last = this.#lastByKey.get(key);
    if (last !== undefined && now - last < this.#intervalMs) return "too_soon";
    if (this.limit().remaining === 0) return "exhausted";
    if (now >= this.#resetsAt) {
      this.#used = 0;
      this.#resetsAt = now + DAY_MS;
    }
    this.#used += 1;
    this.#lastByKey.set(key, now);
    return "ok";
  }

  /** The `session_start_limit` of `GET /gateway/bot`. */
  limit(): APIGatewaySessionStartLimit {
    const now = this.#clock();
    const fresh = now >= this.#resetsAt;
    return {
      total: IDENTIFIES_PER_DAY,
      remaining: fresh ? IDENTIFIES_PER_DAY : Math.max(0, IDENTIFIES_PER_DAY - this.#used),
      reset_after: fresh ? 0 : this.#resetsAt - now,
      max_concurrency: MAX_CONCURRENCY,
    };
  }

  state(): IdentifyBudgetState {
    return { used: this.#used, resetsAt: this.#resetsAt };
  }
}
