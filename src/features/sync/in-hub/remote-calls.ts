import type { CallFailure } from "../../../hub/core/calls.ts";
import type { Client, HubTurn, ClientMessage, Reply } from "../../../hub/extension.ts";
import { isLongerThan } from "../../../protocol/bytes.ts";
import {
  SYNC_CALL_GRACE_MS,
  SYNC_CALL_MAX_BYTES,
  SYNC_CALL_TIMEOUT_MS,
  SYNC_CALLS_WAITING_LENGTH_MAX,
  SYNC_CALLS_WAITING_MAX,
  SYNC_METHODS_PER_CONNECTION,
} from "../../../protocol/limits.ts";
import { CLIENT_EVENTS } from "../events/from-client.ts";
import type { ServerEventName } from "../events/from-server.ts";
import { scopeOf } from "../scope.ts";
import { firstOf } from "./tables.ts";

/** Task that fails the calls whose target has not come back. */
export const WAITING_TASK = "waiting-calls";

/** A target that was lost for so long is forgotten, milliseconds: nobody waits for it any more. */
const FORGOTTEN_AFTER_MS = 60_000;

type Registration = { readonly connection: string; readonly lostAt: number | null };
type WaitingCall = {
  readonly id: number;
  readonly caller: string;
  readonly ack: string;
  readonly method: string;
  readonly params: string;
  readonly deadline: number;
};

const failed = (error: string) => ({ ok: false, error }) as const;
const NOT_AVAILABLE = failed("RPC method not available");
const SAME_SOCKET = failed("Cannot call RPC on the same socket");
const TOO_LARGE = failed("Payload too large");
const TOO_MANY = failed("Too many RPC calls are waiting");

/** Of a text its own bytes count, of anything else those of its JSON. */
function isTooLong(value: unknown): boolean {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return isLongerThan(text, SYNC_CALL_MAX_BYTES);
}

/** `rpc-register`: the client answers calls of a method of its own session or machine from now on. */
export function register(hub: HubTurn, client: Client, data: unknown): void {
  const { connectionId } = client;
  const named = CLIENT_EVENTS["rpc-register"].data.safeParse(data);
  const refusal = named.success ? refusalOf(hub, client, named.data.method) : "Method is required";
  if (!named.success || refusal !== null) {
    say(hub, client, "rpc-error", { type: "register", error: refusal });
    return;
  }
  const { method } = named.data;
  // Its machine is back: nobody waits for the connection that was lost.
  hub.sql.exec("DELETE FROM sync_registrations WHERE method = ? AND lostAt IS NOT NULL", method);
  // The newest registration is called, also if this connection had an older one.
  hub.sql.exec(
    "INSERT OR REPLACE INTO sync_registrations (method, connection, lostAt) VALUES (?, ?, NULL)",
    method,
    connectionId,
  );
  say(hub, client, "rpc-registered", { method });
  const waiting = takeWaiting(hub, "method = ?", method);
  for (const one of waiting) pass(hub, one, connectionId);
}

/** `rpc-unregister`: it does not any more. */
export function unregister(hub: HubTurn, client: Client, data: unknown): void {
  const named = CLIENT_EVENTS["rpc-unregister"].data.safeParse(data);
  if (!named.success) {
    say(hub, client, "rpc-error", { type: "unregister", error: "Method is required" });
    return;
  }
  const { method } = named.data;
  hub.sql.exec(
    "DELETE FROM sync_registrations WHERE method = ? AND connection = ?",
    method,
    client.connectionId,
  );
  say(hub, client, "rpc-unregistered", { method });
}

/** `rpc-call`: passes a call on to the one client that registered its method (sync.md §0b.4). */
export function call(hub: HubTurn, client: Client, { data, ack }: ClientMessage): Reply | null {
  const called = CLIENT_EVENTS["rpc-call"].data.safeParse(data);
  if (!called.success) return { data: failed("Invalid parameters: method is required") };
  const { method, params = null } = called.data;
  if (isTooLong(params)) return { data: TOO_LARGE };
  const [newest, ...older] = registrationsOf(hub, method);
  if (newest === undefined) return { data: NOT_AVAILABLE };
  if (isHere(hub, newest)) return passedOn(newest.connection, client.connectionId, method, params);
  // After a crash nobody has said yet that the newest one was lost.
  const { lostAt } = newest;
  const mayComeBack = lostAt === null || hub.now() < lostAt + SYNC_CALL_GRACE_MS;
  const next = mayComeBack ? undefined : older.find((one) => isHere(hub, one));
  if (next !== undefined) return passedOn(next.connection, client.connectionId, method, params);
  return ack === null ? null : wait(hub, client, { ack, method, params });
}

/** A client has left. @param isClean whether it said so, and will not come back */
export function left(hub: HubTurn, { connectionId }: Client, isClean: boolean): void {
  hub.sql.exec("DELETE FROM sync_waiting_calls WHERE caller = ?", connectionId);
  if (isClean) {
    hub.sql.exec("DELETE FROM sync_registrations WHERE connection = ?", connectionId);
    return;
  }
  const now = hub.now();
  hub.sql.exec("DELETE FROM sync_registrations WHERE lostAt < ?", now - FORGOTTEN_AFTER_MS);
  // Nobody waits for one that a newer one has replaced.
  hub.sql.exec(
    `DELETE FROM sync_registrations WHERE connection = ?1 AND EXISTS (
       SELECT 1 FROM sync_registrations AS newer
       WHERE newer.method = sync_registrations.method AND newer.id > sync_registrations.id)`,
    connectionId,
  );
  hub.sql.exec("UPDATE sync_registrations SET lostAt = ? WHERE connection = ?", now, connectionId);
}

/** The task is due: calls whose target has not come back go to the next newest one, or fail. */
export function failWaiting(hub: HubTurn): void {
  for (const one of takeWaiting(hub, "deadline <= ?", hub.now())) {
    const next = registrationsOf(hub, one.method).find((other) => isHere(hub, other));
    if (next !== undefined) pass(hub, one, next.connection);
    else hub.sockets.reply({ connectionId: one.caller, ack: one.ack }, { data: NOT_AVAILABLE });
  }
  scheduleWaiting(hub);
}

/** What a caller gets of its target's answer. */
export function answered(result: unknown): unknown {
  return isTooLong(result) ? TOO_LARGE : { ok: true, result };
}

/** What a caller gets when there is no answer. */
export function unanswered(why: CallFailure): unknown {
  switch (why) {
    case "no_target":
      return NOT_AVAILABLE;
    case "too_many":
      return TOO_MANY;
    case "answer_too_large":
      return TOO_LARGE;
    case "target_gone":
      return failed("RPC target disconnected");
    case "timed_out":
      return failed("RPC timed out");
  }
}

/** The connections that answer calls of a method, the newest registration first. Lost ones are remembered a while. */
function registrationsOf(hub: HubTurn, method: string): Registration[] {
  return hub.sql
    .exec<Registration>(
      `SELECT connection, lostAt FROM sync_registrations
       WHERE method = ? AND (lostAt IS NULL OR lostAt >= ?) ORDER BY id DESC`,
      method,
      hub.now() - FORGOTTEN_AFTER_MS,
    )
    .toArray();
}

function isHere({ sockets }: HubTurn, { connection, lostAt }: Registration): boolean {
  return lostAt === null && sockets.of({ connection }).length > 0;
}

/** @param timeoutMs how long the target may take */
function passedOn(
  to: string,
  caller: string,
  method: string,
  params: unknown,
  timeoutMs = SYNC_CALL_TIMEOUT_MS,
): Reply {
  if (to === caller) return { data: SAME_SOCKET };
  return {
    call: {
      to,
      name: "rpc-request" satisfies ServerEventName,
      data: { method, params },
      timeoutMs,
    },
  };
}

/** Removes calls that wait for a target, in the order in which they came. @param where an SQL condition */
function takeWaiting(hub: HubTurn, where: string, value: string | number): WaitingCall[] {
  return hub.sql
    .exec<WaitingCall>(
      `DELETE FROM sync_waiting_calls WHERE ${where}
       RETURNING id, caller, ack, method, params, deadline`,
      value,
    )
    .toArray()
    .toSorted((a, b) => a.id - b.id);
}

/** Passes on a call that has waited. */
function pass(hub: HubTurn, waited: WaitingCall, to: string): void {
  const { caller, ack, method, params, deadline } = waited;
  // The time that it has waited is a part of the time that it may take.
  const leftMs = deadline - SYNC_CALL_GRACE_MS + SYNC_CALL_TIMEOUT_MS - hub.now();
  const reply = passedOn(to, caller, method, JSON.parse(params) as unknown, leftMs);
  hub.sockets.reply({ connectionId: caller, ack }, reply);
}

/** Keeps a call until its target comes back. @returns why it does not wait; null: it does */
function wait(
  hub: HubTurn,
  { connectionId }: Client,
  {
    ack,
    method,
    params,
  }: { readonly ack: string; readonly method: string; readonly params: unknown },
): Reply | null {
  const known = firstOf<{ count: number; length: number }>(
    hub.sql,
    "SELECT COUNT(*) AS count, TOTAL(LENGTH(params)) AS length FROM sync_waiting_calls",
  );
  const { count, length } = known ?? { count: 0, length: 0 };
  // They are all in memory when the target comes back.
  const isFull = count >= SYNC_CALLS_WAITING_MAX || length >= SYNC_CALLS_WAITING_LENGTH_MAX;
  if (isFull) return { data: TOO_MANY };
  hub.sql.exec(
    "INSERT INTO sync_waiting_calls (caller, ack, method, params, deadline) VALUES (?, ?, ?, ?, ?)",
    connectionId,
    ack,
    method,
    JSON.stringify(params),
    hub.now() + SYNC_CALL_GRACE_MS,
  );
  scheduleWaiting(hub);
  return null;
}

function scheduleWaiting(hub: HubTurn): void {
  const next = firstOf<{ at: number | null }>(
    hub.sql,
    "SELECT MIN(deadline) AS at FROM sync_waiting_calls",
  );
  const at = next?.at ?? null;
  if (at === null) hub.cancel(WAITING_TASK);
  else hub.schedule(WAITING_TASK, at);
}

/** Why a client may not answer for a method: it does only for its own session or machine (sync.md §0b.9). */
function refusalOf({ sql }: HubTurn, client: Client, method: string): string | null {
  const { type, id } = scopeOf(client);
  if (type === "user-scoped") return "Only sessions and machines answer calls";
  if (id === undefined || !method.startsWith(`${id}:`)) {
    return "The method belongs to another session or machine";
  }
  const others = firstOf<{ count: number }>(
    sql,
    "SELECT COUNT(*) AS count FROM sync_registrations WHERE connection = ? AND method <> ?",
    client.connectionId,
    method,
  );
  return (others?.count ?? 0) < SYNC_METHODS_PER_CONNECTION ? null : "Too many methods";
}

function say(hub: HubTurn, { connectionId }: Client, name: ServerEventName, data: unknown): void {
  hub.sockets.send({ connection: connectionId }, name, data);
}
