import { z } from "zod";
import { RelationshipStatus } from "../friends.ts";
import { AccountNames, Artifact, FeedPost, Machine, Message, Session } from "../records.ts";
import { CLIENT_TYPES } from "../scope.ts";

// What the server says, as schemas. Their types are what the hub may send, and AsyncAPI shows them. Most are made when
// somebody wants to see them: nothing is checked by them, and the Worker's start would take longer.

const Milliseconds = z.number().int().meta({ description: "Milliseconds" });
const Version = z.number().int().min(0);
const Text = z.object({ value: z.string(), version: Version });
const TextOrNone = z.object({ value: z.string().nullable(), version: Version });

/** Sessions are named twice: clients of different origin read one of both. */
const OfSession = z.object({ id: z.string(), sid: z.string() });
const OfMachine = z.object({ machineId: z.string() });
const OfArtifact = z.object({ artifactId: z.string() });
const Counters = z.record(z.string(), z.number());

/** What an update tells, by its `t` (sync.md §6.8). An update is kept and counted, and clients get it in order. */
export const updateSchemas = () =>
  ({
    "new-session": {
      summary: "A session was created",
      body: Session.omit({ lastMessage: true })
        .extend({
          ...OfSession.shape,
          t: z.literal("new-session"),
        })
        .meta({ id: "SyncNewSessionUpdate" }),
    },
    "update-session": {
      summary: "A session has other metadata, or its agent another state",
      body: OfSession.extend({
        t: z.literal("update-session"),
        metadata: Text.optional(),
        agentState: TextOrNone.optional(),
      }).meta({ id: "SyncUpdateSessionUpdate" }),
    },
    "delete-session": {
      summary: "A session was deleted",
      body: OfSession.extend({ t: z.literal("delete-session") }).meta({
        id: "SyncDeleteSessionUpdate",
      }),
    },
    "new-message": {
      summary: "A session has a new message. The client that sent it over this socket is left out",
      body: z
        .object({
          t: z.literal("new-message"),
          sid: z.string(),
          message: Message.omit({ sessionId: true }),
        })
        .meta({ id: "SyncNewMessageUpdate" }),
    },
    "new-machine": {
      summary: "A machine was registered",
      body: Machine.omit({ id: true, accountId: true, lastActiveAt: true })
        .extend({
          ...OfMachine.shape,
          t: z.literal("new-machine"),
        })
        .meta({ id: "SyncNewMachineUpdate" }),
    },
    "update-machine": {
      summary:
        "A machine has other metadata, its daemon another state, or it was set online or offline",
      body: OfMachine.extend({
        t: z.literal("update-machine"),
        metadata: Text.optional(),
        daemonState: TextOrNone.optional(),
        active: z.boolean().optional(),
        activeAt: Milliseconds.optional(),
      }).meta({ id: "SyncUpdateMachineUpdate" }),
    },
    "delete-machine": {
      summary: "A machine was deleted",
      body: OfMachine.extend({ t: z.literal("delete-machine") }).meta({
        id: "SyncDeleteMachineUpdate",
      }),
    },
    "new-artifact": {
      summary: "An artifact was created",
      body: Artifact.omit({ id: true })
        .extend({ ...OfArtifact.shape, t: z.literal("new-artifact") })
        .meta({ id: "SyncNewArtifactUpdate" }),
    },
    "update-artifact": {
      summary: "An artifact has another header, another body, or both",
      body: OfArtifact.extend({
        t: z.literal("update-artifact"),
        header: Text.optional(),
        body: Text.optional(),
      }).meta({ id: "SyncUpdateArtifactUpdate" }),
    },
    "delete-artifact": {
      summary: "An artifact was deleted",
      body: OfArtifact.extend({ t: z.literal("delete-artifact") }).meta({
        id: "SyncDeleteArtifactUpdate",
      }),
    },
    "kv-batch-update": {
      summary: "Keys of the account's store have other values: those of one batch, or a part of it",
      body: z
        .object({
          t: z.literal("kv-batch-update"),
          changes: z.array(TextOrNone.extend({ key: z.string() })),
        })
        .meta({ id: "SyncKvBatchUpdate" }),
    },
    "relationship-updated": {
      summary: "The account stands in another way to another account. Both are told",
      body: z
        .object({
          t: z.literal("relationship-updated"),
          uid: z.string().meta({ description: "The other account, as `toUserId`" }),
          fromUserId: z.string(),
          toUserId: z.string(),
          status: RelationshipStatus,
          action: z.enum(["created", "updated", "deleted"]),
          timestamp: Milliseconds,
        })
        .meta({ id: "SyncRelationshipUpdate" }),
    },
    "new-feed-post": {
      summary: "The feed has a new post, in place of the one with the same `repeatKey`",
      body: FeedPost.extend({
        t: z.literal("new-feed-post"),
        cursor: z.string().meta({ description: "`0-` and the counter" }),
      }).meta({ id: "SyncFeedPostUpdate" }),
    },
    "update-account": {
      summary: "The account has other settings or names. Members that are absent stay as they are",
      body: AccountNames.extend({
        t: z.literal("update-account"),
        id: z.string(),
        settings: TextOrNone.optional(),
      }).meta({ id: "SyncUpdateAccountUpdate" }),
    },
  }) as const;

/** What an update tells. */
export type UpdateBody = z.input<
  ReturnType<typeof updateSchemas>[keyof ReturnType<typeof updateSchemas>]["body"]
>;

/** An update, around what it tells. */
export const updateSchema = () =>
  z.object({
    id: z.string(),
    seq: z.number().int().min(1).meta({ description: "Number of the update in its account" }),
    createdAt: Milliseconds,
  });

/** What is told once and not kept, by its `type` (sync.md §6.8). */
export const ephemeralSchemas = () =>
  ({
    activity: {
      summary: "A session is heard of, or has ended",
      data: OfSession.extend({
        type: z.literal("activity"),
        active: z.boolean(),
        activeAt: Milliseconds,
        thinking: z.boolean(),
      }).meta({ id: "SyncActivityEphemeral" }),
    },
    "machine-activity": {
      summary: "A machine is heard of, or is gone",
      data: z
        .object({
          type: z.literal("machine-activity"),
          id: z.string(),
          machineId: z.string(),
          active: z.boolean(),
          activeAt: Milliseconds,
        })
        .meta({ id: "SyncMachineActivityEphemeral" }),
    },
    "machine-status": {
      summary: "A machine has connected, or has closed its last connection",
      data: OfMachine.extend({
        type: z.literal("machine-status"),
        online: z.boolean(),
        timestamp: Milliseconds,
      }).meta({ id: "SyncMachineStatusEphemeral" }),
    },
    usage: {
      summary: "A session has reported what it used",
      data: OfSession.extend({
        type: z.literal("usage"),
        key: z.string(),
        tokens: Counters,
        cost: Counters,
        timestamp: Milliseconds,
      }).meta({ id: "SyncUsageEphemeral" }),
    },
    "session-event": {
      summary: "Something that a person should see now, from `POST /v1/sessions/{id}/push-event`",
      data: z
        .object({
          type: z.literal("session-event"),
          sessionId: z.string(),
          kind: z.string(),
          title: z.string(),
          body: z.string(),
          timestamp: Milliseconds,
        })
        .meta({ id: "SyncSessionEventEphemeral" }),
    },
  }) as const;

/** Something that is told once and not kept. */
export type Ephemeral = z.input<
  ReturnType<typeof ephemeralSchemas>[keyof ReturnType<typeof ephemeralSchemas>]["data"]
>;

/** Further events that a client of either dialect may get. */
export const eventSchemas = () =>
  ({
    "rpc-registered": {
      summary: "The client answers calls of this method",
      data: z.object({ method: z.string() }),
    },
    "rpc-unregistered": {
      summary: "It does not any more",
      data: z.object({ method: z.string() }),
    },
    "rpc-error": {
      summary: "A registration was refused",
      data: z.object({ type: z.enum(["register", "unregister"]), error: z.string() }),
    },
    "rpc-request": {
      summary: "Another client calls a method that this one has registered. It answers",
      data: z.object({ method: z.string(), params: z.unknown() }),
    },
    broadcast: {
      summary: "What another connection of the account has broadcast",
      data: z.unknown(),
    },
  }) as const;

/** The name of an event of {@link eventSchemas}. */
export type ServerEventName = keyof ReturnType<typeof eventSchemas>;

const Failure = z.object({ code: z.number().int(), message: z.string() });

/** Events that only native clients get (sync.md §6). */
export const nativeEventSchemas = () =>
  ({
    connected: {
      summary: "The client is connected. Always the first frame of the account's hub",
      data: z.object({
        connectionId: z.string(),
        userId: z.string().meta({ description: "The account" }),
        clientType: z.enum(CLIENT_TYPES),
        sessionId: z.string().optional(),
        machineId: z.string().optional(),
        timestamp: Milliseconds,
      }),
    },
    "auth-error": {
      summary: "The client has no valid token, or has not sent one yet",
      data: Failure.extend({ timestamp: Milliseconds }),
    },
    error: {
      summary: "A frame cannot be read (code 1002), or the code of the close that follows",
      data: Failure,
    },
    pong: {
      summary: 'The answer to `ping`. To exactly `{"event":"ping"}` it has no data',
      data: z.object({ timestamp: Milliseconds }).optional(),
    },
  }) as const;

/** The name of an event of {@link nativeEventSchemas}. */
export type NativeEventName = keyof ReturnType<typeof nativeEventSchemas>;
