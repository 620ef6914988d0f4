import { z } from "zod";
import { hubCommand, type HubCommand } from "../../hub/command.ts";
import type { HubPublisher } from "../../hub/publisher.ts";
import { err, ok, type Result } from "../../platform/result.ts";
import { RelationshipNews } from "./friends.ts";
import {
  AccessKey,
  AccountNews,
  Artifact,
  ArtifactChange,
  ArtifactHeader,
  FeedPost,
  Filter,
  KvConflict,
  KvEntry,
  KvMutation,
  KvVersion,
  Machine,
  Message,
  NewArtifact,
  Session,
  SocketStats,
  UsageGroup,
  UsagePeriod,
} from "./records.ts";

/** An account, as its token names it. */
export type Caller = {
  /** Also the name of its hub. */
  readonly account: string;
  /** Tokens of an earlier epoch were revoked. */
  readonly epoch: number;
};

/** What every command is sent beside its input: the hub runs none for a token that was revoked. */
export const OfToken = z.object({ epoch: z.number() });

/** What every command answers. */
const Answer = z.union([z.object({ revoked: z.literal(true) }), z.object({ value: z.unknown() })]);

const Id = z.object({ id: z.string() });
const Limit = z.object({ limit: z.number().int() });
const Nothing = z.object({});
/** null: the account has no such thing. */
const Found = <T extends z.ZodType>(what: T) => what.nullable();
const Did = z.boolean();
/** A list in parts: at most `limit` rows, and fewer if they are large. */
const Part = <Row extends z.ZodType>(row: Row) =>
  z.object({ rows: z.array(row), hasMore: z.boolean() });
/** Sessions with lower ids than `before`, newest first. */
const SessionPage = {
  before: z.string().nullable(),
  /** Only those changed after this time, milliseconds. */
  changedAfter: z.number().nullable(),
};
const ShowsDeleted = { showsDeleted: z.boolean() };
/** Rows of one list of messages: `after` ascending, everything else descending. */
const MessageRange = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("newest") }),
  /** null: from the highest one. */
  z.object({ kind: z.literal("beforeId"), id: z.string().nullable() }),
  z.object({ kind: z.literal("afterSeq"), seq: z.number() }),
  z.object({ kind: z.literal("beforeSeq"), seq: z.number() }),
]);
export type MessageRange = z.infer<typeof MessageRange>;
const NewMessage = z.object({ localId: z.string().nullable(), content: z.unknown() });
const KeyPlace = z.object({ sessionId: z.string(), machineId: z.string() });
const StoredPart = z.object({ value: z.string(), version: z.number() }).optional();
const VersionedText = z.object({ value: z.string().nullable(), version: z.number() });
const PushToken = z.object({
  id: z.string(),
  token: z.string(),
  createdAt: z.number(),
  updatedAt: z.number(),
});
export type PushToken = z.infer<typeof PushToken>;

/** What the hub of an account is told of changes in D1. It takes each id once. */
export const OutboxMessage = z.object({
  id: z.string(),
  news: z.discriminatedUnion("kind", [RelationshipNews, AccountNews]),
});
export type OutboxMessage = z.infer<typeof OutboxMessage>;
/** Posts with numbers between these; null: no bound. */
const FeedRange = { before: z.number().nullable(), after: z.number().nullable() };

/** What the hub of an account does for the REST routes of sync. */
export const SYNC_COMMANDS = {
  /** Sessions by their last change, newest first. */
  recentSessions: hubCommand("sync.recentSessions", Limit.extend(ShowsDeleted), Part(Session)),
  pageOfSessions: hubCommand(
    "sync.pageOfSessions",
    Limit.extend({ ...SessionPage, ...ShowsDeleted }),
    Part(Session),
  ),
  /** Those heard of in the last 15 minutes. */
  activeSessions: hubCommand("sync.activeSessions", Limit, Part(Session)),
  /** Creates a session, or finds the one with this tag. */
  createSession: hubCommand(
    "sync.createSession",
    z.object({
      tag: z.string(),
      metadata: z.string(),
      agentState: z.string().nullable(),
      dataEncryptionKey: z.string().nullable(),
    }),
    Session,
  ),
  session: hubCommand("sync.session", Id, Found(Session)),
  /** Hides a session. The second time nothing changes. */
  deleteSession: hubCommand("sync.deleteSession", Id, Did),
  archiveSession: hubCommand("sync.archiveSession", Id, Did),
  messages: hubCommand(
    "sync.messages",
    Limit.extend({ sessionId: z.string(), range: MessageRange }),
    Found(Part(Message)),
  ),
  /** Adds a message, or finds the one with this local id. */
  addMessage: hubCommand(
    "sync.addMessage",
    z.object({ sessionId: z.string(), message: NewMessage }),
    Found(Message),
  ),
  /** The same with several, in the order asked. Their contents are not repeated. */
  addMessages: hubCommand(
    "sync.addMessages",
    z.object({ sessionId: z.string(), messages: z.array(NewMessage) }),
    Found(z.array(Message.omit({ content: true }))),
  ),
  createMachine: hubCommand(
    "sync.createMachine",
    Id.extend({
      metadata: z.string(),
      daemonState: z.string().nullable(),
      dataEncryptionKey: z.string().nullable(),
    }),
    Machine,
  ),
  machines: hubCommand("sync.machines", Limit.extend({ activeOnly: z.boolean() }), Part(Machine)),
  machine: hubCommand("sync.machine", Id, Found(Machine)),
  changeMachine: hubCommand(
    "sync.changeMachine",
    Id.extend({
      active: z.boolean().optional(),
      metadata: z.string().optional(),
      daemonState: z.string().optional(),
    }),
    Found(Machine),
  ),
  deleteMachine: hubCommand("sync.deleteMachine", Id, Did),
  artifacts: hubCommand("sync.artifacts", Nothing, Part(ArtifactHeader)),
  artifact: hubCommand("sync.artifact", Id, Found(Artifact)),
  /** Creates an artifact, or finds the one with this id. */
  createArtifact: hubCommand(
    "sync.createArtifact",
    NewArtifact,
    z.union([
      z.object({ artifact: Artifact }),
      z.object({ refused: z.enum(["taken", "unavailable"]) }),
    ]),
  ),
  changeArtifact: hubCommand(
    "sync.changeArtifact",
    ArtifactChange,
    z.discriminatedUnion("result", [
      z.object({ result: z.literal("success"), header: StoredPart, body: StoredPart }),
      z.object({ result: z.literal("version-mismatch"), header: StoredPart, body: StoredPart }),
      z.object({ result: z.enum(["missing", "too-large"]) }),
    ]),
  ),
  /** Deletes an artifact, and releases its id. */
  deleteArtifact: hubCommand("sync.deleteArtifact", Id, Did),
  /** null: the session has none on this machine. */
  accessKey: hubCommand(
    "sync.accessKey",
    KeyPlace,
    z.union([
      z.object({ accessKey: AccessKey.nullable() }),
      z.object({ refused: z.literal("nowhere") }),
    ]),
  ),
  createAccessKey: hubCommand(
    "sync.createAccessKey",
    KeyPlace.extend({ data: z.string() }),
    z.union([
      z.object({ accessKey: AccessKey }),
      z.object({ refused: z.enum(["nowhere", "exists"]) }),
    ]),
  ),
  changeAccessKey: hubCommand(
    "sync.changeAccessKey",
    KeyPlace.extend({ value: z.string(), expected: z.number() }),
    z.discriminatedUnion("result", [
      z.object({
        result: z.enum(["success", "version-mismatch"]),
        version: z.number(),
        value: z.string(),
      }),
      z.object({ result: z.literal("error"), message: z.string() }),
    ]),
  ),
  /** Sums of the reports in a time, which is in milliseconds. @returns null: there is no such session */
  queryUsage: hubCommand(
    "sync.queryUsage",
    z.object({
      sessionId: z.string().nullable(),
      from: z.number(),
      /** null: until now. */
      to: z.number().nullable(),
      period: UsagePeriod,
    }),
    Found(z.object({ usage: z.array(UsageGroup), totalReports: z.number() })),
  ),
  usageLimits: hubCommand("sync.usageLimits", Nothing, Found(z.record(z.string(), z.unknown()))),
  /** Does nothing but what every command does: a later epoch revokes the tokens of earlier ones, and closes them. */
  verify: hubCommand("sync.verify", Nothing, Did),
  socketStats: hubCommand("sync.socketStats", Nothing, SocketStats),
  /** Sends a message to connections as it is. @returns how many */
  broadcast: hubCommand(
    "sync.broadcast",
    z.object({ message: z.record(z.string(), z.unknown()), filter: Filter }),
    z.number(),
  ),
  settings: hubCommand("sync.settings", Nothing, VersionedText),
  /** Replaces the settings if `expected` is their version. @returns what is there now */
  changeSettings: hubCommand(
    "sync.changeSettings",
    z.object({ value: z.string().nullable(), expected: z.number() }),
    VersionedText.extend({ result: z.enum(["success", "version-mismatch"]) }),
  ),
  /** Vendors whose tokens the account keeps. */
  vendors: hubCommand("sync.vendors", Nothing, z.array(z.string())),
  kvEntry: hubCommand("sync.kvEntry", z.object({ key: z.string() }), Found(KvEntry)),
  kvEntries: hubCommand(
    "sync.kvEntries",
    z.object({ keys: z.array(z.string()) }),
    z.array(KvEntry),
  ),
  /** Keys with a prefix, from the one after `after` on. */
  kvList: hubCommand(
    "sync.kvList",
    Limit.extend({ prefix: z.string(), after: z.string().nullable() }),
    Part(KvEntry),
  ),
  /** Applies all mutations, whose keys differ, or none of them. */
  kvChange: hubCommand(
    "sync.kvChange",
    z.object({ mutations: z.array(KvMutation) }),
    z.discriminatedUnion("result", [
      z.object({ result: z.literal("success"), results: z.array(KvVersion) }),
      z.object({ result: z.literal("version-mismatch"), errors: z.array(KvConflict) }),
    ]),
  ),
  addPushToken: hubCommand("sync.addPushToken", z.object({ token: z.string() }), Did),
  pushTokens: hubCommand("sync.pushTokens", Nothing, z.array(PushToken)),
  /** The token of a vendor, encrypted by the Worker. */
  keepVendorToken: hubCommand(
    "sync.keepVendorToken",
    z.object({ vendor: z.string(), token: z.string() }),
    Did,
  ),
  vendorToken: hubCommand("sync.vendorToken", z.object({ vendor: z.string() }), Found(z.string())),
  /** Whether a session may have its push sent, and is told of it. @returns null: there is no such session */
  pushEvent: hubCommand(
    "sync.pushEvent",
    z.object({ sessionId: z.string(), kind: z.string(), title: z.string(), body: z.string() }),
    Found(z.enum(["no_tokens"])),
  ),
  /** Takes messages of the outbox, in their order. */
  hearOfOthers: hubCommand(
    "sync.hearOfOthers",
    z.object({ messages: z.array(OutboxMessage) }),
    z.object({ feedSeq: z.number() }),
  ),
  /** Posts of the feed, newest first: those nearest to `after`, otherwise the newest ones. */
  feed: hubCommand("sync.feed", Limit.extend(FeedRange), Part(FeedPost)),
} as const;

/** The hubs of accounts, as routes use them. */
export type AccountHubs = {
  /** Runs a command in the caller's hub. */
  readonly call: <Input extends z.ZodObject, Output extends z.ZodType>(
    caller: Caller,
    command: HubCommand<Input, Output>,
    input: z.input<Input>,
  ) => Promise<Result<z.output<Output>, "revoked">>;
};

/** {@link AccountHubs} over the hubs of a kind. */
export function accountHubs(hubs: Pick<HubPublisher, "command">): AccountHubs {
  return {
    call: async ({ account, epoch }, command, input) => {
      const answer = Answer.parse(await hubs.command(account, command.name, { ...input, epoch }));
      return "revoked" in answer ? err("revoked") : ok(command.output.parse(answer.value));
    },
  };
}
