import { decodeTime } from "ulid";
import type { z } from "zod";
import type { HubCommand } from "../../../hub/command.ts";
import type { TurnedAway } from "../../../hub/core/dialect.ts";
import type { Client, CommandHandler, HubContext, HubTurn } from "../../../hub/extension.ts";
import { SYNC_ARTIFACT_RELEASE_RETRY_MS, SYNC_UNHEARD_MS } from "../../../protocol/limits.ts";
import { OfToken, SYNC_COMMANDS } from "../hub-commands.ts";
import type { Filter } from "../records.ts";
import { type ClientType, GRANTS, scopeOf } from "../scope.ts";
import { PLAIN_BROADCAST, SYNC_CLOSE_CODES } from "../dialects/native.ts";
import { claimsOf } from "../wire.ts";
import { changeAccessKey, createAccessKey, findAccessKey } from "./access-keys.ts";
import { sessionEnded, watch } from "./alive.ts";
import { releaseClaim } from "./artifact-claims.ts";
import {
  changeArtifact,
  createArtifact,
  deleteArtifact,
  findArtifact,
  listArtifacts,
} from "./artifacts.ts";
import { changeKeys, findKey, findKeys, listKeys } from "./kv.ts";
import {
  createMachine,
  deleteMachine,
  findMachine,
  listMachines,
  overwriteMachine,
} from "./machines.ts";
import { addMessage, addMessages, listMessages } from "./messages.ts";
import {
  activeSessions,
  createSession,
  deleteSession,
  findSession,
  openSession,
  pageOfSessions,
  recentSessions,
} from "./sessions.ts";
import { adoptEpoch } from "./epoch.ts";
import { feedSeqOf, listFeed } from "./feed.ts";
import { hearOfOthers } from "./hear-of-others.ts";
import { changeSettings, settingsIn } from "./settings.ts";
import {
  addPushToken,
  findVendorToken,
  keepVendorToken,
  listPushTokens,
  listVendors,
} from "./tokens.ts";
import { sessionUpdates } from "./updates.ts";
import { queryUsage, readUsageLimits } from "./usage.ts";

/** How connections of a machine are closed that is deleted (sync.md §0b.10). */
const MACHINE_DELETED: TurnedAway = {
  code: SYNC_CLOSE_CODES.machineMissing,
  reason: "The machine was deleted",
};

/** Binds a command to a function of one turn, which runs only for tokens that were not revoked. */
const inTurn = <Input extends z.ZodObject, Output extends z.ZodType>(
  command: HubCommand<Input, Output>,
  run: (turn: HubTurn, input: z.output<Input>) => z.input<Output>,
): CommandHandler => ({
  name: command.name,
  run(hub, sent) {
    const { epoch } = OfToken.parse(sent);
    const input = command.input.parse(sent);
    return hub.turn((turn) =>
      adoptEpoch(turn, epoch) ? { value: run(turn, input) } : { revoked: true },
    );
  },
});

/** The same for a function that waits for something between its turns. Its token is checked when it begins. */
const inTurns = <Input extends z.ZodObject, Output extends z.ZodType>(
  command: HubCommand<Input, Output>,
  run: (hub: HubContext, input: z.output<Input>) => Promise<z.input<Output>>,
): CommandHandler => ({
  name: command.name,
  async run(hub, sent) {
    const { epoch } = OfToken.parse(sent);
    const input = command.input.parse(sent);
    if (!hub.turn((turn) => adoptEpoch(turn, epoch))) return { revoked: true };
    return { value: await run(hub, input) };
  },
});

/** What the hub of an account does for the routes of sync. `SYNC_COMMANDS` documents each. */
export const SYNC_HANDLERS: readonly CommandHandler[] = [
  inTurn(SYNC_COMMANDS.recentSessions, recentSessions),
  inTurn(SYNC_COMMANDS.pageOfSessions, pageOfSessions),
  inTurn(SYNC_COMMANDS.activeSessions, activeSessions),
  inTurn(SYNC_COMMANDS.createSession, (turn, wanted) => {
    const session = createSession(turn, wanted);
    watch(turn);
    return session;
  }),
  inTurn(SYNC_COMMANDS.session, (turn, { id }) => findSession(turn, id)),
  inTurn(SYNC_COMMANDS.deleteSession, (turn, { id }) => deleteSession(turn, id)),
  inTurn(
    SYNC_COMMANDS.archiveSession,
    (turn, { id }) => sessionEnded(turn, id, turn.now()) !== null,
  ),
  inTurn(SYNC_COMMANDS.messages, (turn, { sessionId, range, limit }) =>
    listMessages(turn, sessionId, range, limit),
  ),
  inTurn(SYNC_COMMANDS.addMessage, (turn, { sessionId, message }) =>
    addMessage(turn, sessionId, message),
  ),
  inTurn(SYNC_COMMANDS.addMessages, (turn, { sessionId, messages }) =>
    addMessages(turn, sessionId, messages),
  ),
  inTurn(SYNC_COMMANDS.createMachine, createMachine),
  inTurn(SYNC_COMMANDS.machines, listMachines),
  inTurn(SYNC_COMMANDS.machine, (turn, { id }) => findMachine(turn, id)),
  inTurn(SYNC_COMMANDS.changeMachine, (turn, { id, ...wanted }) => {
    const machine = overwriteMachine(turn, id, wanted);
    watch(turn);
    return machine;
  }),
  inTurn(SYNC_COMMANDS.deleteMachine, (turn, { id }) => {
    const had = deleteMachine(turn, id);
    if (had) turn.sockets.close({ grant: GRANTS.machine(id) }, MACHINE_DELETED);
    return had;
  }),
  inTurn(SYNC_COMMANDS.artifacts, listArtifacts),
  inTurn(SYNC_COMMANDS.artifact, (turn, { id }) => findArtifact(turn, id)),
  inTurns(SYNC_COMMANDS.createArtifact, (hub, wanted) =>
    createArtifact(hub, claimsOf(hub.env), wanted),
  ),
  inTurn(SYNC_COMMANDS.changeArtifact, changeArtifact),
  inTurns(SYNC_COMMANDS.deleteArtifact, async (hub, { id }) => {
    const laterAt = hub.now() + SYNC_ARTIFACT_RELEASE_RETRY_MS;
    const claim = hub.turn((turn) => deleteArtifact(turn, id, laterAt));
    if (claim === null) return false;
    // Before the answer, so that another account may have the id at once.
    await releaseClaim(hub, claimsOf(hub.env), claim);
    return true;
  }),
  inTurn(SYNC_COMMANDS.accessKey, findAccessKey),
  inTurn(SYNC_COMMANDS.createAccessKey, createAccessKey),
  inTurn(SYNC_COMMANDS.changeAccessKey, changeAccessKey),
  inTurn(SYNC_COMMANDS.queryUsage, queryUsage),
  inTurn(SYNC_COMMANDS.usageLimits, readUsageLimits),
  inTurn(SYNC_COMMANDS.verify, () => true),
  inTurn(SYNC_COMMANDS.socketStats, ({ sockets }) => {
    const unheard = new Set(
      sockets.unheard(SYNC_UNHEARD_MS).map(({ connectionId }) => connectionId),
    );
    const heard = sockets
      .of({ all: true })
      .filter(({ connectionId }) => !unheard.has(connectionId));
    return statsOf(heard);
  }),
  inTurn(SYNC_COMMANDS.broadcast, ({ sockets }, { message, filter }) => {
    const to = sockets.of({ all: true }).filter((client) => isMeant(filter, client));
    sockets.deliver(
      { connections: to.map(({ connectionId }) => connectionId) },
      PLAIN_BROADCAST,
      message,
    );
    return to.length;
  }),
  inTurn(SYNC_COMMANDS.settings, settingsIn),
  inTurn(SYNC_COMMANDS.changeSettings, changeSettings),
  inTurn(SYNC_COMMANDS.vendors, listVendors),
  inTurn(SYNC_COMMANDS.kvEntry, (turn, { key }) => findKey(turn, key)),
  inTurn(SYNC_COMMANDS.kvEntries, (turn, { keys }) => findKeys(turn, keys)),
  inTurn(SYNC_COMMANDS.kvList, listKeys),
  inTurn(SYNC_COMMANDS.kvChange, (turn, { mutations }) => changeKeys(turn, mutations)),
  inTurn(SYNC_COMMANDS.addPushToken, (turn, { token }) => {
    addPushToken(turn, token);
    return true;
  }),
  inTurn(SYNC_COMMANDS.pushTokens, listPushTokens),
  inTurn(SYNC_COMMANDS.keepVendorToken, (turn, { vendor, token }) => {
    keepVendorToken(turn, vendor, token);
    return true;
  }),
  inTurn(SYNC_COMMANDS.vendorToken, (turn, { vendor }) => findVendorToken(turn, vendor)),
  inTurn(SYNC_COMMANDS.pushEvent, (turn, { sessionId, ...event }) => {
    if (openSession(turn.sql, sessionId) === null) return null;
    sessionUpdates.event(turn, sessionId, event);
    return "no_tokens" as const;
  }),
  inTurn(SYNC_COMMANDS.hearOfOthers, (turn, { messages }) => {
    hearOfOthers(turn, messages);
    return { feedSeq: feedSeqOf(turn.sql) };
  }),
  inTurn(SYNC_COMMANDS.feed, listFeed),
];

function statsOf(clients: readonly Client[]) {
  const scopes = clients.map(scopeOf);
  const ofType = (type: ClientType) => scopes.filter((scope) => scope.type === type);
  const things = (type: ClientType) => new Set(ofType(type).map(({ id }) => id)).size;
  const since = clients.map(({ connectionId }) => decodeTime(connectionId));
  return {
    totalConnections: clients.length,
    byType: {
      "user-scoped": ofType("user-scoped").length,
      "session-scoped": ofType("session-scoped").length,
      "machine-scoped": ofType("machine-scoped").length,
    },
    activeSessions: things("session-scoped"),
    activeMachines: things("machine-scoped"),
    oldestConnection: since.length === 0 ? null : Math.min(...since),
  };
}

function isMeant(filter: Filter, client: Client): boolean {
  const { type, id } = scopeOf(client);
  const isOf = (wanted: ClientType, what: string): boolean => type === wanted && id === what;
  switch (filter.type) {
    case "all":
      return true;
    case "user-scoped-only":
      return type === "user-scoped";
    case "session":
      return isOf("session-scoped", filter.sessionId);
    case "machine":
      return isOf("machine-scoped", filter.machineId);
    case "exclude":
      return client.connectionId !== filter.connectionId;
    case "all-interested-in-session":
      return type === "user-scoped" || isOf("session-scoped", filter.sessionId);
    case "machine-scoped-only":
      return type === "user-scoped" || isOf("machine-scoped", filter.machineId);
  }
}
