import { decodeTime } from "ulid";
import type { Client, HubTurn } from "../../../hub/extension.ts";
import {
  SYNC_ALIVE_EVERY_MS,
  SYNC_INACTIVE_AFTER_MS,
  SYNC_UNHEARD_MS,
} from "../../../protocol/limits.ts";
import { GRANTS, scopeOf } from "../scope.ts";
import { findMachine, oldestMachineBeat, quietMachines, setMachineActive } from "./machines.ts";
import {
  endSession,
  oldestSessionBeat,
  openSession,
  quietSessions,
  touchSession,
} from "./sessions.ts";
import { machineUpdates, sessionUpdates } from "./updates.ts";

/** Task that ends what was not heard of for too long. */
export const QUIET_TASK = "quiet";

/** Task that looks for machines whose clients have sent nothing since they connected. */
export const UNHEARD_TASK = "unheard";

/** Shortest time between two of its looks, milliseconds: a connection is a moment younger than its id. */
const UNHEARD_AGAIN_MS = 1_000;

/** A beat of a session (sync.md §6.9). */
export type SessionBeat = {
  readonly sid: string;
  /** When it was, milliseconds. */
  readonly time: number;
  readonly thinking: boolean;
  readonly mode: string | null;
};

/** The last beat that was told, by the session's or machine's key. */
type Told = { readonly at: number; readonly state: string };

/**
 * Beats of sessions and machines, over all connections of the account. What changes something is told at once, and
 * everything else at most every 30 seconds, which is also how often a row is written (sync.md §0a). After a wake the
 * next beat is told.
 */
class Beats {
  readonly #told = new Map<string, Told>();

  /** Whether to tell a beat. @param state what may have changed */
  isNews(key: string, state: string, now: number): boolean {
    const last = this.#told.get(key);
    if (last?.state === state && now - last.at < SYNC_ALIVE_EVERY_MS) return false;
    this.#told.set(key, { at: now, state });
    return true;
  }

  /** The next beat is told: somebody has connected, or it has ended. */
  forget(key: string): void {
    this.#told.delete(key);
  }
}

const beatsIn = (): Beats => new Beats();
const sessionKey = (id: string): string => `session:${id}`;
const machineKey = (id: string): string => `machine:${id}`;

/** A session is alive. Beats of the future count as now, and those that are too old do not count. */
export function sessionBeat(hub: HubTurn, { sid, time, thinking, mode }: SessionBeat): void {
  const now = hub.now();
  const row = openSession(hub.sql, sid);
  if (row === null || now < row.quietUntil) return;
  const activeAt = heardAt(row, time, now);
  if (activeAt === null) return;
  const state = JSON.stringify([row.active, thinking, mode]);
  if (!hub.kept(beatsIn).isNews(sessionKey(sid), state, now)) return;
  if (row.active === 0 || activeAt - row.activeAt >= SYNC_ALIVE_EVERY_MS) {
    touchSession(hub, sid, activeAt);
  }
  sessionUpdates.activity(hub, sid, { active: true, activeAt, thinking });
  watch(hub, activeAt);
}

/** A machine is alive. */
export function machineBeat(hub: HubTurn, id: string, time: number): void {
  const now = hub.now();
  const machine = findMachine(hub, id);
  const activeAt = machine === null ? null : heardAt(machine, time, now);
  if (machine === null || activeAt === null) return;
  if (!hub.kept(beatsIn).isNews(machineKey(id), String(machine.active), now)) return;
  if (!machine.active || activeAt - machine.activeAt >= SYNC_ALIVE_EVERY_MS) {
    setMachineActive(hub, id, true, activeAt);
  }
  machineUpdates.activity(hub, id, { active: true, activeAt });
  watch(hub, activeAt);
}

/**
 * When something is heard of by a beat, milliseconds. A clock that is slow takes nothing back, and does not write more
 * often: the times of its beats are compared with each other.
 * @returns null: the beat is too old
 */
function heardAt(before: { readonly activeAt: number }, time: number, now: number): number | null {
  const at = Math.min(Math.floor(time), now);
  return at <= now - SYNC_INACTIVE_AFTER_MS ? null : Math.max(at, before.activeAt);
}

/** A session has ended, as its client says. @returns as {@link endSession} */
export function sessionEnded(hub: HubTurn, id: string, time: number): number | null {
  hub.kept(beatsIn).forget(sessionKey(id));
  return endSession(hub, id, time);
}

/** Somebody has connected for a session: its next beat is told. */
export function sessionConnected(hub: HubTurn, id: string): void {
  hub.kept(beatsIn).forget(sessionKey(id));
}

/** A machine has connected, or its last connection is gone. */
export function machineOnline(hub: HubTurn, id: string, online: boolean): void {
  hub.kept(beatsIn).forget(machineKey(id));
  if (!setMachineActive(hub, id, online)) return;
  machineUpdates.activity(hub, id, { active: online, activeAt: hub.now() });
  machineUpdates.status(hub, id, online);
  if (online) watch(hub);
}

/** A machine's client has connected. If it sends nothing, {@link endUnheard} looks at it once. */
export function machineConnected(hub: HubTurn, id: string, connectionId: string): void {
  machineOnline(hub, id, true);
  const mayBeGone = hub.sockets.unheard(0).some((client) => client.connectionId === connectionId);
  if (mayBeGone && hub.scheduledAt(UNHEARD_TASK) === null) {
    hub.schedule(UNHEARD_TASK, hub.now() + SYNC_UNHEARD_MS);
  }
}

/**
 * The task is due: machines are inactive if nothing was heard of them for {@link SYNC_UNHEARD_MS}, and none of their
 * clients has ever sent anything. Such clients may be gone without the runtime telling it (HUB-30). The next beat makes
 * a machine active again.
 */
export function endUnheard(hub: HubTurn): void {
  const ofMachines = (ms: number): Client[] =>
    hub.sockets.unheard(ms).filter((client) => scopeOf(client).type === "machine-scoped");
  const silent = ofMachines(SYNC_UNHEARD_MS);
  const silentIds = new Set(silent.map(({ connectionId }) => connectionId));
  for (const id of new Set(silent.map((client) => scopeOf(client).id ?? ""))) {
    const clients = hub.sockets.of({ grant: GRANTS.machine(id) });
    const isSilent = clients.every(({ connectionId }) => silentIds.has(connectionId));
    const machine = findMachine(hub, id);
    // Others may have beaten for it meanwhile.
    const isQuiet = machine !== null && machine.activeAt <= hub.now() - SYNC_UNHEARD_MS;
    if (isSilent && isQuiet && machine.active) machineOnline(hub, id, false);
  }
  const younger = ofMachines(0).filter(({ connectionId }) => !silentIds.has(connectionId));
  if (younger.length === 0) return;
  // When the youngest is due, so that many that connect together are one wake.
  const youngest = Math.max(...younger.map(({ connectionId }) => decodeTime(connectionId)));
  hub.schedule(UNHEARD_TASK, Math.max(youngest + SYNC_UNHEARD_MS, hub.now() + UNHEARD_AGAIN_MS));
}

/**
 * Makes {@link endQuiet} run in time. Call it when something is heard of. A beat does not move the time: that would be
 * a row for each.
 * @param activeAt when it was heard of, milliseconds
 */
export function watch(hub: HubTurn, activeAt = hub.now()): void {
  const quietAt = hub.scheduledAt(QUIET_TASK);
  const isInTime = quietAt !== null && quietAt <= activeAt + SYNC_INACTIVE_AFTER_MS;
  if (isInTime && quietAt > hub.now()) return;
  const known = [oldestSessionBeat(hub.sql), oldestMachineBeat(hub.sql)].filter(
    (at) => at !== null,
  );
  if (known.length === 0) return;
  hub.schedule(QUIET_TASK, Math.min(...known) + SYNC_INACTIVE_AFTER_MS);
}

/** The task is due: ends what was not heard of for too long. */
export function endQuiet(hub: HubTurn): void {
  quietSessions(hub);
  quietMachines(hub);
  watch(hub);
}
