import type { z } from "zod";
import type { Client, HubTurn, ClientMessage, Reply } from "../../../hub/extension.ts";
import { NATIVE_PING_EVENT } from "../dialects/native.ts";
import { CLIENT_EVENTS, type ClientEventName } from "../events/from-client.ts";
import type { NativeEventName, ServerEventName } from "../events/from-server.ts";
import { getAccessKey } from "./access-keys.ts";
import {
  readArtifact,
  removeArtifact,
  requestArtifact,
  updateArtifact,
} from "./artifact-events.ts";
import { machineBeat, sessionBeat, sessionEnded, watch } from "./alive.ts";
import { changeDaemonState, changeMachineMetadata } from "./machines.ts";
import { addMessages } from "./messages.ts";
import { call, register, unregister } from "./remote-calls.ts";
import { changeAgentState, changeMetadata } from "./sessions.ts";
import { keepUsageLimits, reportUsage } from "./usage.ts";
import type { Changed } from "./versioned.ts";

/** Takes an event of a client (sync.md §6.9). One that nobody knows, or that is malformed, does nothing. */
export function takeEvent(hub: HubTurn, client: Client, message: ClientMessage): Reply | null {
  const { name, data } = message;
  return EVENTS.get(name)?.(hub, client, message, data) ?? null;
}

type Take = (hub: HubTurn, client: Client, message: ClientMessage, data: unknown) => Reply | null;

/** An event without an answer. */
const heard =
  <Data extends z.ZodType>(
    schema: Data,
    take: (hub: HubTurn, data: z.output<Data>, client: Client) => void,
  ): Take =>
  (hub, client, _, data) => {
    const read = schema.safeParse(data);
    if (read.success) take(hub, read.data, client);
    return null;
  };

/** A change of something with a version. @param member the name of its value in the answer */
const changed =
  <Data extends z.ZodType>(
    member: string,
    schema: Data,
    change: (hub: HubTurn, data: z.output<Data>) => Changed,
  ): Take =>
  (hub, _, __, data) => {
    const read = schema.safeParse(data);
    if (!read.success) return { data: { result: "error", message: "Invalid parameters" } };
    const came = change(hub, read.data);
    if (came.result === "error") return { data: came };
    const { result, version, value } = came;
    return { data: { result, version, [member]: value } };
  };

const BY_NAME: Readonly<Record<ClientEventName | typeof NATIVE_PING_EVENT, Take>> = {
  ping: () => ({ data: {} }),
  [NATIVE_PING_EVENT]: (hub, { connectionId }) => {
    hub.sockets.send({ connection: connectionId }, "pong" satisfies NativeEventName, {
      timestamp: hub.now(),
    });
    return { data: {} };
  },
  message: heard(CLIENT_EVENTS.message.data, (hub, { sid, ...message }, { connectionId }) => {
    addMessages(hub, sid, [message], connectionId);
  }),
  "update-metadata": changed(
    "metadata",
    CLIENT_EVENTS["update-metadata"].data,
    (hub, { sid, metadata, expectedVersion }) =>
      changeMetadata(hub, sid, { value: metadata, expected: expectedVersion }),
  ),
  "update-state": changed(
    "agentState",
    CLIENT_EVENTS["update-state"].data,
    (hub, { sid, agentState, expectedVersion }) =>
      changeAgentState(hub, sid, { value: agentState, expected: expectedVersion }),
  ),
  "session-alive": heard(
    CLIENT_EVENTS["session-alive"].data,
    (hub, { sid, time, thinking, mode }) =>
      sessionBeat(hub, { sid, time, thinking: thinking === true, mode: mode ?? null }),
  ),
  "session-end": (hub, _, __, data) => {
    const read = CLIENT_EVENTS["session-end"].data.safeParse(data);
    if (!read.success) return { data: { success: false, error: "Invalid parameters" } };
    const activeAt = sessionEnded(hub, read.data.sid, read.data.time);
    return activeAt === null
      ? { data: { success: false, error: "Session not found" } }
      : { data: { success: true, activeAt } };
  },
  "machine-alive": heard(CLIENT_EVENTS["machine-alive"].data, (hub, { machineId, time }) =>
    machineBeat(hub, machineId, time),
  ),
  "machine-update-metadata": changed(
    "metadata",
    CLIENT_EVENTS["machine-update-metadata"].data,
    (hub, { machineId, metadata, expectedVersion }) =>
      changeMachineMetadata(hub, machineId, { value: metadata, expected: expectedVersion }),
  ),
  "machine-update-state": changed(
    "daemonState",
    CLIENT_EVENTS["machine-update-state"].data,
    (hub, { machineId, daemonState, expectedVersion }) => {
      const change = { value: daemonState, expected: expectedVersion };
      const came = changeDaemonState(hub, machineId, change);
      watch(hub);
      return came;
    },
  ),
  "artifact-read": (hub, _, __, data) => readArtifact(hub, data),
  "artifact-update": (hub, _, __, data) => updateArtifact(hub, data),
  "artifact-create": requestArtifact,
  "artifact-delete": (hub, _, __, data) => removeArtifact(hub, data),
  "access-key-get": (hub, _, __, data) => ({ data: getAccessKey(hub, data) }),
  "usage-report": (hub, _, __, data) => ({ data: reportUsage(hub, data) }),
  "update-usage-limits": (hub, _, __, data) => ({ data: keepUsageLimits(hub, data) }),
  "rpc-register": (hub, client, _, data) => {
    register(hub, client, data);
    return null;
  },
  "rpc-unregister": (hub, client, _, data) => {
    unregister(hub, client, data);
    return null;
  },
  "rpc-call": call,
  // What the callee is sent is called the same (sync.md §6.9).
  "rpc-request": call,
  broadcast: (hub, { connectionId }, _, data) => {
    hub.sockets.deliver(
      { all: true, except: connectionId },
      "broadcast" satisfies ServerEventName,
      data,
    );
    return null;
  },
};

/** A map: an object would also have members of its prototype. */
const EVENTS: ReadonlyMap<string, Take> = new Map(Object.entries(BY_NAME));
