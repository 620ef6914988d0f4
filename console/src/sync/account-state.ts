import { isRecord, isText } from "../../../src/client/json-shape.ts";
import type { Sealed } from "./sealed-metadata.ts";

/** What machines and sessions have in common. */
type Item = Sealed & {
  readonly id: string;
  readonly metadataVersion: number;
  /** Whether it is heard of: a machine is online, a session runs. */
  readonly active: boolean;
  /** When it was heard of last, milliseconds since 1970. */
  readonly activeAt: number;
  /** When it was registered, milliseconds since 1970. */
  readonly createdAt: number;
};

/** A machine on which sessions run. */
export type MachineView = Item;

/** A session of a coding agent. */
export type SessionView = Item & {
  /** Number of its messages. */
  readonly seq: number;
  /** Whether its agent works on an answer. The server does not keep this: false until it is told. */
  readonly thinking: boolean;
};

/** What the page knows of an account. */
export type AccountState = {
  /** Whether the lists were read. */
  readonly known: boolean;
  readonly machines: ReadonlyMap<string, MachineView>;
  readonly sessions: ReadonlyMap<string, SessionView>;
};

/** Before anything is known. */
export const NOTHING: AccountState = { known: false, machines: new Map(), sessions: new Map() };

/** Reads a machine of a list or of an update; null: it has another shape. */
export function readMachine(row: unknown): MachineView | null {
  if (!isRecord(row)) return null;
  return itemIn(row, row["id"] ?? row["machineId"]);
}

/** Reads a session of a list or of an update; null: it has another shape. */
export function readSession(row: unknown): SessionView | null {
  if (!isRecord(row)) return null;
  const item = itemIn(row, row["id"] ?? row["sid"]);
  if (item === null) return null;
  return { ...item, seq: numberIn(row, "seq") ?? 0, thinking: false };
}

function itemIn(row: Record<string, unknown>, id: unknown): Item | null {
  const { metadata, dataEncryptionKey, active } = row;
  const activeAt = numberIn(row, "activeAt");
  const metadataVersion = numberIn(row, "metadataVersion");
  if (!isText(id) || !isText(metadata) || activeAt === null || metadataVersion === null) {
    return null;
  }
  return {
    id,
    metadata,
    metadataVersion,
    dataEncryptionKey: isText(dataEncryptionKey) ? dataEncryptionKey : null,
    active: active === true,
    activeAt,
    createdAt: numberIn(row, "createdAt") ?? activeAt,
  };
}

function numberIn(row: Record<string, unknown>, name: string): number | null {
  const value = row[name];
  return typeof value === "number" ? value : null;
}

/** The state by lists that were just read. Only events tell whether an agent works, so that stays. */
export function applyLists(
  before: AccountState,
  machines: readonly MachineView[],
  sessions: readonly SessionView[],
): AccountState {
  return {
    known: true,
    machines: new Map(machines.map((one) => [one.id, one])),
    sessions: new Map(
      sessions.map((one) => {
        const thinking = one.active && before.sessions.get(one.id)?.thinking === true;
        return [one.id, { ...one, thinking }];
      }),
    ),
  };
}

/**
 * The state after an update (sync.md §6.8). One that the lists already contain changes nothing: versions and numbers
 * only grow.
 * @param body of the update; of unknown kinds nothing is applied
 */
export function applyUpdate(state: AccountState, body: unknown): AccountState {
  if (!isRecord(body)) return state;
  switch (body["t"]) {
    case "new-machine":
      return withMachine(state, newerOf(state.machines, readMachine(body)));
    case "update-machine":
      return withMachine(state, changedMachine(known(state.machines, body["machineId"]), body));
    case "delete-machine":
      return { ...state, machines: without(state.machines, body["machineId"]) };
    case "new-session":
      return withSession(state, createdSession(state, readSession(body)));
    case "update-session":
      return withSession(state, withMetadata(sessionOf(state, body), body["metadata"]));
    case "delete-session":
      return { ...state, sessions: without(state.sessions, body["id"] ?? body["sid"]) };
    case "new-message":
      return withSession(state, counted(sessionOf(state, body), body["message"]));
    default:
      return state;
  }
}

/**
 * The state after something that is told but not kept (sync.md §6.8).
 * @param now milliseconds since 1970. A beat counts as heard now: the clock that it names may be slower than this one
 */
export function applyEphemeral(state: AccountState, data: unknown, now: number): AccountState {
  if (!isRecord(data)) return state;
  switch (data["type"]) {
    case "machine-activity": {
      const machine = known(state.machines, data["id"] ?? data["machineId"]);
      return withMachine(state, machine === null ? null : { ...machine, ...heardIn(data, now) });
    }
    case "activity": {
      const session = sessionOf(state, data);
      if (session === null) return state;
      const activity = heardIn(data, now);
      const thinking = activity.active === true && data["thinking"] === true;
      return withSession(state, { ...session, ...activity, thinking });
    }
    default:
      return state;
  }
}

function activityIn(data: Record<string, unknown>): Partial<Pick<Item, "active" | "activeAt">> {
  const { active } = data;
  const activeAt = numberIn(data, "activeAt");
  return {
    ...(typeof active === "boolean" ? { active } : {}),
    ...(activeAt === null ? {} : { activeAt }),
  };
}

function heardIn(data: Record<string, unknown>, now: number): ReturnType<typeof activityIn> {
  const activity = activityIn(data);
  if (activity.active !== true) return activity;
  return { ...activity, activeAt: Math.max(activity.activeAt ?? 0, now) };
}

function changedMachine(
  machine: MachineView | null,
  body: Record<string, unknown>,
): MachineView | null {
  const changed = withMetadata(machine, body["metadata"]);
  return changed === null ? null : { ...changed, ...activityIn(body) };
}

/** A session that is announced: a deleted one may come back with what it had. */
function createdSession(state: AccountState, created: SessionView | null): SessionView | null {
  const newer = newerOf(state.sessions, created);
  if (newer === null || created === null) return null;
  const before = state.sessions.get(newer.id);
  return {
    ...newer,
    seq: Math.max(created.seq, before?.seq ?? 0),
    thinking: before?.thinking === true,
  };
}

function newerOf<T extends Item>(items: ReadonlyMap<string, T>, item: T | null): T | null {
  if (item === null) return null;
  const before = items.get(item.id);
  return before !== undefined && before.metadataVersion > item.metadataVersion ? before : item;
}

function withMetadata<T extends Item>(item: T | null, change: unknown): T | null {
  if (item === null || !isRecord(change)) return item;
  const { value: metadata, version: metadataVersion } = change;
  return isText(metadata) &&
    typeof metadataVersion === "number" &&
    metadataVersion > item.metadataVersion
    ? { ...item, metadata, metadataVersion }
    : item;
}

function counted(session: SessionView | null, message: unknown): SessionView | null {
  const seq = isRecord(message) ? numberIn(message, "seq") : null;
  return session === null || seq === null
    ? session
    : { ...session, seq: Math.max(session.seq, seq) };
}

function sessionOf(state: AccountState, data: Record<string, unknown>): SessionView | null {
  return known(state.sessions, data["id"] ?? data["sid"]);
}

function known<T>(items: ReadonlyMap<string, T>, id: unknown): T | null {
  return (isText(id) ? items.get(id) : undefined) ?? null;
}

function withMachine(state: AccountState, machine: MachineView | null): AccountState {
  if (machine === null) return state;
  return { ...state, machines: new Map(state.machines).set(machine.id, machine) };
}

function withSession(state: AccountState, session: SessionView | null): AccountState {
  if (session === null) return state;
  return { ...state, sessions: new Map(state.sessions).set(session.id, session) };
}

function without<T>(items: ReadonlyMap<string, T>, id: unknown): ReadonlyMap<string, T> {
  const left = new Map(items);
  if (isText(id)) left.delete(id);
  return left;
}
