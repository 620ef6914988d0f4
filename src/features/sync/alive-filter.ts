import type { Absorber } from "../../hub/kind.ts";
import type { Clock } from "../../platform/clock.ts";
import {
  SYNC_ALIVE_EVERY_MS,
  SYNC_ALIVE_FILTER_MAX,
  SYNC_ID_MAX_LENGTH,
} from "../../protocol/limits.ts";

/** The events that say that a session or machine is alive, and the member that names it. */
const BEATS: ReadonlyMap<string, string> = new Map([
  ["session-alive", "sid"],
  ["machine-alive", "machineId"],
]);

/**
 * Keeps the beats of one connection from the hub that say nothing new: a client sends one every 2 s for each session,
 * and each would wake it. The first one, a change, and one in 30 s go through (sync.md §0a). What no beat looks like
 * goes through as well: the hub judges it.
 */
export function aliveFilter(clock: Clock): Absorber {
  const passed = new Map<string, { readonly at: number; readonly state: string }>();
  return (name, data) => {
    const member = BEATS.get(name);
    if (member === undefined || typeof data !== "object" || data === null) return false;
    const { [member]: id, time, thinking, mode } = data as Readonly<Record<string, unknown>>;
    if (!isShort(id) || typeof time !== "number" || typeof (thinking ?? false) !== "boolean") {
      return false;
    }
    // Longer values are no beat's, and would be kept here.
    if (!isShort(mode ?? "")) return false;
    const key = `${name}:${id}`;
    const state = JSON.stringify([thinking, mode]);
    const now = clock();
    const last = passed.get(key);
    if (last?.state === state && now - last.at < SYNC_ALIVE_EVERY_MS) return true;
    // Without this a client that makes up ids could fill the Worker.
    if (last === undefined && passed.size >= SYNC_ALIVE_FILTER_MAX) passed.clear();
    passed.set(key, { at: now, state });
    return false;
  };
}

function isShort(value: unknown): value is string {
  return typeof value === "string" && value.length <= SYNC_ID_MAX_LENGTH;
}
