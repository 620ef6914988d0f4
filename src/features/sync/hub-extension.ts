import type { TurnedAway } from "../../hub/core/dialect.ts";
import type { HubExtension, HubTurn } from "../../hub/extension.ts";
import { CLOSE_CODES } from "../../protocol/close-codes.ts";
import { SYNC_SOCKETS_PER_ACCOUNT } from "../../protocol/limits.ts";
import { SYNC_CLOSE_CODES } from "./dialects/native.ts";
import { adoptEpoch } from "./in-hub/epoch.ts";
import {
  endQuiet,
  endUnheard,
  machineConnected,
  machineOnline,
  QUIET_TASK,
  sessionConnected,
  UNHEARD_TASK,
} from "./in-hub/alive.ts";
import { CLAIMS_TASK, releaseDueClaims } from "./in-hub/artifact-claims.ts";
import { CREATE_TASK, createRequested } from "./in-hub/artifact-events.ts";
import { takeEvent } from "./in-hub/client-events.ts";
import { SYNC_HANDLERS } from "./in-hub/commands.ts";
import { copyToD1 } from "./in-hub/copies.ts";
import { findMachine } from "./in-hub/machines.ts";
import { answered, failWaiting, left, unanswered, WAITING_TASK } from "./in-hub/remote-calls.ts";
import { openSession } from "./in-hub/sessions.ts";
import { createTables } from "./in-hub/tables.ts";
import { COPY_TASK } from "./in-hub/updates.ts";
import { GRANTS, type Scope, scopeOf } from "./scope.ts";
import { claimsOf, copiesOf } from "./wire.ts";

/** The code of a close frame without a code (RFC 6455 §7.4.1). */
const NO_STATUS = 1005;

/**
 * Closes after which a client does not come back with what it had: it said goodbye, with or without a code, or it may
 * not. After any other one it was lost (sync.md §0b.4).
 */
const FOR_GOOD: ReadonlySet<number> = new Set([
  CLOSE_CODES.normal.code,
  NO_STATUS,
  SYNC_CLOSE_CODES.authFailed,
  SYNC_CLOSE_CODES.sessionMissing,
  SYNC_CLOSE_CODES.machineMissing,
]);

/** Sync inside the hub of an account: its sessions, machines and messages, and what its clients say (sync.md §0a). */
export const syncHubExtension: HubExtension = {
  name: "sync",
  migrate(sql) {
    createTables(sql);
    return false;
  },
  commands: SYNC_HANDLERS,
  // Clients read lists by REST, and get no whole state.
  snapshot: () => ({}),
  sockets: {
    takes: () => true,
    grantsOf(hub, client) {
      const scope = scopeOf(client);
      return reasonToTurnAway(hub, scope) ?? grantsOf(scope);
    },
    onOpen(hub, client) {
      const { type, id = "" } = scopeOf(client);
      if (type === "machine-scoped") machineConnected(hub, id, client.connectionId);
      if (type === "session-scoped") sessionConnected(hub, id);
    },
    onMessage: takeEvent,
    onClose(hub, client, code) {
      left(hub, client, FOR_GOOD.has(code));
      const { type, id = "" } = scopeOf(client);
      if (type !== "machine-scoped") return;
      // The one that has closed is none of them any more.
      const others = hub.sockets.of({ grant: GRANTS.machine(id) });
      if (others.length === 0) machineOnline(hub, id, false);
    },
    callAnswered: answered,
    callFailed: unanswered,
  },
  async task(hub, key) {
    if (key === CREATE_TASK) return createRequested(hub, claimsOf(hub.env));
    if (key === CLAIMS_TASK) return releaseDueClaims(hub, claimsOf(hub.env));
    if (key === COPY_TASK) return copyToD1(hub, copiesOf(hub.env));
    hub.turn((turn) => {
      if (key === QUIET_TASK) endQuiet(turn);
      else if (key === UNHEARD_TASK) endUnheard(turn);
      else if (key === WAITING_TASK) failWaiting(turn);
    });
  },
};

/** Why a client may not connect, in the order of the contract; null: it may (sync.md §0b.10, §0b.20). */
function reasonToTurnAway(hub: HubTurn, { epoch, type, id }: Scope): TurnedAway | null {
  if (!adoptEpoch(hub, epoch)) {
    return { code: SYNC_CLOSE_CODES.authFailed, reason: "Invalid authentication token" };
  }
  if (type === "session-scoped" && (id === undefined || openSession(hub.sql, id) === null)) {
    return { code: SYNC_CLOSE_CODES.sessionMissing, reason: "Session ID required" };
  }
  if (type === "machine-scoped" && (id === undefined || findMachine(hub, id) === null)) {
    return { code: SYNC_CLOSE_CODES.machineMissing, reason: "Machine ID required" };
  }
  if (hub.sockets.of({ all: true }).length >= SYNC_SOCKETS_PER_ACCOUNT) {
    return { code: SYNC_CLOSE_CODES.connectionLimit, reason: "Connection limit exceeded" };
  }
  return null;
}

function grantsOf({ type, id = "" }: Scope): readonly string[] {
  switch (type) {
    case "user-scoped":
      return [GRANTS.user];
    case "session-scoped":
      return [GRANTS.session(id)];
    case "machine-scoped":
      return [GRANTS.machine(id)];
  }
}
