import type { CallFailure } from "../../../hub/core/calls.ts";
import type {
  Client,
  ForwardedCall,
  HubTurn,
  ClientMessage,
  Reply,
} from "../../../hub/extension.ts";
import { isLongerThan } from "../../../protocol/bytes.ts";
import {
  SYNC_CALL_GRACE_MS,
  SYNC_CALL_MAX_BYTES,
  SYNC_CALL_TIMEOUT_MS,
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

type Method = { readonly connection: string; readonly lostAt: number | null };
type WaitingCall = {
  readonly id: number;
  readonly caller: string;
  readonly ack: string;
  readonly params: string;
  readonly deadline: number;
};

const failed = (error: string) => ({ ok: false, error }) as const;
const NOT_AVAILABLE = failed("RPC method not available");
const SAME_SOCKET = failed("Cannot call RPC on the same socket");
const TOO_LARGE = failed("Payload too large");
const BUSY = failed("RPC target is busy");

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
  hub.sql.exec(
    "INSERT OR REPLACE INTO sync_methods (method, connection, lostAt) VALUES (?, ?, NULL)",
    method,
    connectionId,
  );
  say(hub, client, "rpc-registered", { method });
  const waiting = hub.sql
    .exec<WaitingCall>(
      "DELETE FROM sync_waiting_calls WHERE method = ? RETURNING id, caller, ack, params, deadline",
      method,
    )
    .toArray();
  for (const { caller, ack, params, deadline } of waiting.toSorted((a, b) => a.id - b.id)) {
    // The time that it has waited is a part of the time that it may take.
    const leftMs = deadline - SYNC_CALL_GRACE_MS + SYNC_CALL_TIMEOUT_MS - hub.now();
    const forwarded = callOf(connectionId, method, JSON.parse(params) as unknown, leftMs);
    const reply = caller === connectionId ? { data: SAME_SOCKET } : { call: forwarded };
    hub.sockets.reply({ connectionId: caller, ack }, reply);
  }
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
    "DELETE FROM sync_methods WHERE method = ? AND connection = ?",
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
  const known = firstOf<Method>(
    hub.sql,
    "SELECT connection, lostAt FROM sync_methods WHERE method = ?",
    method,
  );
  const now = hub.now();
  if (known === null || (known.lostAt ?? now) < now - FORGOTTEN_AFTER_MS) {
    return { data: NOT_AVAILABLE };
  }
  const { connection, lostAt } = known;
  if (connection === client.connectionId) return { data: SAME_SOCKET };
  // After a crash nobody has said yet that the target was lost.
  const isHere = lostAt === null && hub.sockets.of({ connection }).length > 0;
  if (isHere) return { call: callOf(connection, method, params) };
  return ack === null ? null : wait(hub, client, { ack, method, params });
}

/** A client has left. @param isClean whether it said so, and will not come back */
export function left(hub: HubTurn, { connectionId }: Client, isClean: boolean): void {
  hub.sql.exec("DELETE FROM sync_waiting_calls WHERE caller = ?", connectionId);
  if (isClean) {
    hub.sql.exec("DELETE FROM sync_methods WHERE connection = ?", connectionId);
    return;
  }
  const now = hub.now();
  hub.sql.exec("DELETE FROM sync_methods WHERE lostAt < ?", now - FORGOTTEN_AFTER_MS);
  hub.sql.exec("UPDATE sync_methods SET lostAt = ? WHERE connection = ?", now, connectionId);
}

/** The task is due: fails the calls whose target has not come back. */
export function failWaiting(hub: HubTurn): void {
  const now = hub.now();
  const late = hub.sql
    .exec<WaitingCall>(
      "DELETE FROM sync_waiting_calls WHERE deadline <= ? RETURNING id, caller, ack, params, deadline",
      now,
    )
    .toArray();
  for (const { caller, ack } of late.toSorted((a, b) => a.id - b.id)) {
    hub.sockets.reply({ connectionId: caller, ack }, { data: NOT_AVAILABLE });
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
      return BUSY;
    case "target_gone":
      return failed("RPC target disconnected");
    case "timed_out":
      return failed("RPC timed out");
  }
}

/** @param timeoutMs how long the target may take */
function callOf(
  to: string,
  method: string,
  params: unknown,
  timeoutMs = SYNC_CALL_TIMEOUT_MS,
): ForwardedCall {
  return { to, name: "rpc-request" satisfies ServerEventName, data: { method, params }, timeoutMs };
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
  const known = firstOf<{ count: number }>(
    hub.sql,
    "SELECT COUNT(*) AS count FROM sync_waiting_calls",
  );
  if ((known?.count ?? 0) >= SYNC_CALLS_WAITING_MAX) return { data: BUSY };
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
    "SELECT COUNT(*) AS count FROM sync_methods WHERE connection = ? AND method <> ?",
    client.connectionId,
    method,
  );
  return (others?.count ?? 0) < SYNC_METHODS_PER_CONNECTION ? null : "Too many methods";
}

function say(hub: HubTurn, { connectionId }: Client, name: ServerEventName, data: unknown): void {
  hub.sockets.send({ connection: connectionId }, name, data);
}
