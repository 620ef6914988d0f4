import type { CallStore, PendingCall } from "./core/calls.ts";

const CALL = "id, caller, ack, target, extension, deadline";

/**
 * The pending calls of a hub: in memory, and in SQLite so that they survive a sleep. After a rollback another one is
 * made (`extension.ts`, `Kept`).
 */
export class SqliteCalls implements CallStore {
  readonly #sql: SqlStorage;
  readonly #calls = new Map<string, PendingCall>();
  readonly #byTarget = new Map<string, Set<PendingCall>>();
  readonly #byCaller = new Map<string, Set<PendingCall>>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    // No further index: each would cost a row for each call, and memory has them.
    sql.exec(`
      CREATE TABLE IF NOT EXISTS calls (
        id TEXT PRIMARY KEY, caller TEXT NOT NULL, ack TEXT NOT NULL, target TEXT NOT NULL,
        extension TEXT NOT NULL, deadline INTEGER NOT NULL
      ) WITHOUT ROWID;
    `);
    for (const call of sql.exec<PendingCall>(`SELECT ${CALL} FROM calls ORDER BY id`)) {
      this.#remember(call);
    }
  }

  addCall(call: PendingCall): void {
    const { id, caller, ack, target, extension, deadline } = call;
    this.#sql.exec(
      `INSERT INTO calls (${CALL}) VALUES (?, ?, ?, ?, ?, ?)`,
      id,
      caller,
      ack,
      target,
      extension,
      deadline,
    );
    this.#remember(call);
  }

  takeCall(id: string, target: string): PendingCall | null {
    const call = this.#calls.get(id);
    if (call?.target !== target) return null;
    this.#drop(call);
    return call;
  }

  takeCallsTo(target: string): PendingCall[] {
    return this.#take(this.#byTarget.get(target) ?? []);
  }

  takeCallsOf(caller: string): PendingCall[] {
    return this.#take(this.#byCaller.get(caller) ?? []);
  }

  takeDueCalls(now: number): PendingCall[] {
    return this.#take([...this.#calls.values()].filter(({ deadline }) => deadline <= now));
  }

  nextCallDeadline(): number | null {
    let next = Number.POSITIVE_INFINITY;
    for (const { deadline } of this.#calls.values()) next = Math.min(next, deadline);
    return Number.isFinite(next) ? next : null;
  }

  countCalls(
    target: string,
    caller: string,
  ): { readonly all: number; readonly toTarget: number; readonly ofCaller: number } {
    return {
      all: this.#calls.size,
      toTarget: this.#byTarget.get(target)?.size ?? 0,
      ofCaller: this.#byCaller.get(caller)?.size ?? 0,
    };
  }

  #remember(call: PendingCall): void {
    this.#calls.set(call.id, call);
    put(this.#byTarget, call.target, call);
    put(this.#byCaller, call.caller, call);
  }

  /** @returns them in the order in which they were placed */
  #take(calls: Iterable<PendingCall>): PendingCall[] {
    const taken = [...calls];
    for (const call of taken) this.#drop(call);
    return taken.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  #drop(call: PendingCall): void {
    this.#sql.exec("DELETE FROM calls WHERE id = ?", call.id);
    this.#calls.delete(call.id);
    take(this.#byTarget, call.target, call);
    take(this.#byCaller, call.caller, call);
  }
}

function put(index: Map<string, Set<PendingCall>>, key: string, call: PendingCall): void {
  const calls = index.get(key);
  if (calls === undefined) index.set(key, new Set([call]));
  else calls.add(call);
}

function take(index: Map<string, Set<PendingCall>>, key: string, call: PendingCall): void {
  const calls = index.get(key);
  calls?.delete(call);
  if (calls?.size === 0) index.delete(key);
}
