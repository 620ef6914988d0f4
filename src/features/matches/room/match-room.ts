import { DurableObject } from "cloudflare:workers";
import { systemClock } from "../../../platform/clock.ts";
import { log } from "../../../platform/log.ts";
import { asRequest, type RequestIds } from "../../../platform/request-ids.ts";
import { type Backoff, doublingPause } from "../../../protocol/backoff.ts";
import { MATCH_TOMBSTONE_MS } from "../../../protocol/limits.ts";
import { matchesConfigOf } from "../config.ts";
import type { DeliveredHint, MatchesEnv, MatchRoomRpc } from "../env.ts";
import type { MatchRecord } from "../ports.ts";
import { roomPortsOf } from "../wire.ts";
import { takeHint } from "./hint.ts";
import { failureLineOf } from "./notice.ts";
import { perform } from "./perform.ts";
import { reconcile } from "./reconcile.ts";
import { revived } from "./revive.ts";
import {
  newRoom,
  restored,
  normalized,
  withCheck,
  type RoomState,
  type StoredRoom,
} from "./room-state.ts";

const STATE_KEY = "state";
/** Counts alarms in a row whose work threw. */
const FAILURES_KEY = "failures";
/** The first and the longest pause after work that threw, milliseconds; it doubles each time. */
const BROKEN_BACKOFF: Backoff = { firstMs: 5_000, mostMs: 10 * 60_000 };

/**
 * One FACEIT match: brings Discord to the state that the match needs, and retries until it is there.
 * Webhooks are stored and answered at once; the alarm does all the work, since it fires again after a crash.
 */
export class MatchRoom extends DurableObject<MatchesEnv> implements MatchRoomRpc {
  #isWorking = false;
  /** Something changed that the work in progress may not have seen. */
  #isAwaited = false;

  constructor(ctx: DurableObjectState, env: MatchesEnv) {
    super(ctx, env);
    this.#createTables();
  }

  async hint(delivered: DeliveredHint, ids?: RequestIds): Promise<"taken" | "duplicate"> {
    return asRequest(ids, () => this.#take(delivered));
  }

  async #take({ eventId, guildId, hint }: DeliveredHint): Promise<"taken" | "duplicate"> {
    const now = systemClock();
    const { matchId, version } = hint.match;
    // FACEIT does not document whether a repeated delivery keeps its id (§A3).
    const keys = [`id/${eventId}`, `version/${hint.event}/${version}`];
    const { faceit } = matchesConfigOf(this.env);
    // One transaction: a hint that is marked as seen must also be in the state.
    const isNew = this.ctx.storage.transactionSync(() => {
      if (!this.#isNew(keys, now)) return false;
      const before = this.#read() ?? newRoom(matchId, guildId, now);
      this.#write(normalized(takeHint(before, hint, now, faceit.apiKey !== undefined)));
      return true;
    });
    if (!isNew) return "duplicate";
    await this.#goOn(now);
    return "taken";
  }

  async look(channels: boolean): Promise<"looks" | "unknown"> {
    const state = this.#read();
    if (state === undefined) return "unknown";
    if (channels && state.phase === "live") this.#write(withCheck(state));
    await this.#goOn(systemClock());
    return "looks";
  }

  async revive(record: MatchRecord): Promise<void> {
    if (this.#read() !== undefined) return;
    const now = systemClock();
    log("warn", "match.revived", { matchId: record.matchId, guildId: record.guildId });
    this.#write(normalized(revived(record, now)));
    await this.#goOn(now);
  }

  async #goOn(now: number): Promise<void> {
    this.#isAwaited = true;
    await this.ctx.storage.setAlarm(now);
  }

  /** Runs one at a time: two runs would decide on the same actions and do them twice. */
  override async alarm(): Promise<void> {
    if (this.#isWorking) {
      this.#isAwaited = true;
      return;
    }
    this.#isWorking = true;
    try {
      await this.#work();
    } finally {
      this.#isWorking = false;
    }
  }

  async #work(): Promise<void> {
    this.#isAwaited = false;
    const state = this.#read();
    if (state === undefined) return;
    if (state.phase === "closed" && systemClock() >= tombstoneEnd(state)) {
      await this.ctx.storage.deleteAlarm();
      await this.ctx.storage.deleteAll();
      // The object may stay in memory and get another webhook of this match.
      this.#createTables();
      return;
    }
    const { kv } = this.ctx.storage;
    let next: number | null;
    try {
      next = await this.#reconcile(state.matchId);
      kv.delete(FAILURES_KEY);
    } catch (error) {
      const count = (kv.get<number>(FAILURES_KEY) ?? 0) + 1;
      kv.put(FAILURES_KEY, count);
      log("error", "match.work_failed", { matchId: state.matchId, count, error });
      next = systemClock() + doublingPause(BROKEN_BACKOFF, count - 1);
    }
    const after = this.#read() ?? state;
    const forget = after.phase === "closed" ? tombstoneEnd(after) : null;
    // `setAlarm` below would postpone an alarm that was set while this ran.
    const again = this.#isAwaited ? systemClock() : null;
    const at = [next, forget, again].filter((time) => time !== null);
    if (at.length > 0) await this.ctx.storage.setAlarm(Math.min(...at));
  }

  #reconcile(matchId: string): Promise<number | null> {
    const ports = roomPortsOf(this.env, matchId);
    return reconcile(
      {
        read: () => this.#known(matchId),
        update: (change) => {
          const before = this.#known(matchId);
          const after = change(before);
          if (after !== before) this.#write(after);
        },
      },
      {
        ...ports,
        settingsOf: (guildId) => ({ ...ports.settingsOf(guildId), hasApi: ports.hasApi }),
        perform: async (action, state) => {
          if (action.kind === "complain") {
            const { guildId } = state;
            log("warn", "match.trouble", { matchId, guildId, kind: action.trouble });
          }
          const outcome = await perform(ports, action, state);
          const line = failureLineOf(action, outcome);
          if (line !== null) log("warn", line.event, { matchId, ...line.facts });
          if (outcome.kind === "read" && outcome.result.ok && outcome.guildId === null) {
            log("info", "match.not_ours", { matchId });
          }
          return outcome;
        },
        broke: (what, id, error) => log("warn", "match.broke", { what, matchId: id, error }),
      },
    );
  }

  #createTables(): void {
    this.ctx.storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS seen (key TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    );
  }

  /** Marks the keys as seen. @returns whether none of them had been seen before */
  #isNew(keys: readonly string[], now: number): boolean {
    const { sql } = this.ctx.storage;
    const known = keys.filter(
      (key) => sql.exec("SELECT 1 FROM seen WHERE key = ?", key).toArray().length > 0,
    );
    for (const key of keys) sql.exec("INSERT OR IGNORE INTO seen VALUES (?, ?)", key, now);
    return known.length === 0;
  }

  #known(matchId: string): RoomState {
    const state = this.#read();
    if (state === undefined) throw new Error(`the state of match ${matchId} vanished`);
    return state;
  }

  #read(): RoomState | undefined {
    const stored = this.ctx.storage.kv.get<StoredRoom>(STATE_KEY);
    return stored === undefined ? undefined : restored(stored);
  }

  #write(state: RoomState): void {
    this.ctx.storage.kv.put(STATE_KEY, state);
  }
}

/** When an ended match is deleted: late webhooks of it are not expected after that. */
function tombstoneEnd({ end, heardAt }: RoomState): number {
  return Math.max(end?.at ?? 0, heardAt) + MATCH_TOMBSTONE_MS;
}
