import { z } from "zod";
import { callCommand, hubCommand, type HubCommand } from "../../hub/command.ts";
import type { HubPublisher } from "../../hub/publisher.ts";
import { err, ok, type Result } from "../../platform/result.ts";
import { Filter, Machine, Message, Session, SocketStats } from "./records.ts";

/** An account, as its token names it. */
export type Caller = {
  /** Also the name of its hub. */
  readonly account: string;
  /** Tokens of an earlier epoch were revoked. */
  readonly epoch: number;
};

/** The answer of the hub: the token was revoked, or the result. */
type Answer<Output extends z.ZodType> = z.ZodUnion<
  readonly [z.ZodObject<{ revoked: z.ZodLiteral<true> }>, z.ZodObject<{ value: Output }>]
>;

/** A command that its hub runs only for tokens that were not revoked. */
export type AccountCommand<Shape extends z.ZodRawShape, Output extends z.ZodType> = HubCommand<
  z.ZodObject<Shape & { epoch: z.ZodNumber }>,
  Answer<Output>
>;

function accountCommand<Shape extends z.ZodRawShape, Output extends z.ZodType>(
  name: string,
  input: Shape,
  output: Output,
): AccountCommand<Shape, Output> {
  return hubCommand(
    `sync.${name}`,
    z.object({ ...input, epoch: z.number() }) as z.ZodObject<Shape & { epoch: z.ZodNumber }>,
    z.union([z.object({ revoked: z.literal(true) }), z.object({ value: output })]),
  );
}

const Id = { id: z.string() };
const Limit = { limit: z.number().int() };
/** null: the account has no such thing. */
const Found = <T extends z.ZodType>(what: T) => what.nullable();
const Did = z.boolean();
/** A list in parts: at most `limit` rows, and fewer if they are large. */
const Part = <Row extends z.ZodType>(row: Row) =>
  z.object({ rows: z.array(row), hasMore: z.boolean() });
/** Sessions with lower ids than `before`, newest first. */
const SessionPage = {
  ...Limit,
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
const PushToken = z.object({
  id: z.string(),
  token: z.string(),
  createdAt: z.number(),
  updatedAt: z.number(),
});

/** What the hub of an account does for the REST routes of sync. */
export const SYNC_COMMANDS = {
  /** Sessions by their last change, newest first. */
  recentSessions: accountCommand("recentSessions", { ...Limit, ...ShowsDeleted }, z.array(Session)),
  pageOfSessions: accountCommand(
    "pageOfSessions",
    { ...SessionPage, ...ShowsDeleted },
    Part(Session),
  ),
  /** Those heard of in the last 15 minutes. */
  activeSessions: accountCommand("activeSessions", Limit, z.array(Session)),
  /** Creates a session, or finds the one with this tag. */
  createSession: accountCommand(
    "createSession",
    {
      tag: z.string(),
      metadata: z.string(),
      agentState: z.string().nullable(),
      dataEncryptionKey: z.string().nullable(),
    },
    Session,
  ),
  session: accountCommand("session", Id, Found(Session)),
  /** Hides a session. The second time nothing changes. */
  deleteSession: accountCommand("deleteSession", Id, Did),
  archiveSession: accountCommand("archiveSession", Id, Did),
  messages: accountCommand(
    "messages",
    { sessionId: z.string(), range: MessageRange, ...Limit },
    Found(Part(Message)),
  ),
  /** Adds a message, or finds the one with this local id. */
  addMessage: accountCommand(
    "addMessage",
    { sessionId: z.string(), message: NewMessage },
    Found(Message),
  ),
  /** The same with several, in the order asked. Their contents are not repeated. */
  addMessages: accountCommand(
    "addMessages",
    { sessionId: z.string(), messages: z.array(NewMessage) },
    Found(z.array(Message.omit({ content: true }))),
  ),
  createMachine: accountCommand(
    "createMachine",
    {
      ...Id,
      metadata: z.string(),
      daemonState: z.string().nullable(),
      dataEncryptionKey: z.string().nullable(),
    },
    Machine,
  ),
  machines: accountCommand("machines", { ...Limit, activeOnly: z.boolean() }, z.array(Machine)),
  machine: accountCommand("machine", Id, Found(Machine)),
  changeMachine: accountCommand(
    "changeMachine",
    {
      ...Id,
      active: z.boolean().optional(),
      metadata: z.string().optional(),
      daemonState: z.string().optional(),
    },
    Found(Machine),
  ),
  deleteMachine: accountCommand("deleteMachine", Id, Did),
  /** Does nothing but to refuse a token that was revoked. */
  verify: accountCommand("verify", {}, Did),
  socketStats: accountCommand("socketStats", {}, SocketStats),
  /** Sends a message to connections as it is. @returns how many */
  broadcast: accountCommand(
    "broadcast",
    { message: z.record(z.string(), z.unknown()), filter: Filter },
    z.number(),
  ),
  addPushToken: accountCommand("addPushToken", { token: z.string() }, Did),
  pushTokens: accountCommand("pushTokens", {}, z.array(PushToken)),
  /** The token of a vendor, encrypted by the Worker. */
  keepVendorToken: accountCommand(
    "keepVendorToken",
    { vendor: z.string(), token: z.string() },
    Did,
  ),
  vendorToken: accountCommand("vendorToken", { vendor: z.string() }, Found(z.string())),
  /** Whether a session may have its push sent, and is told of it. @returns null: there is no such session */
  pushEvent: accountCommand(
    "pushEvent",
    { sessionId: z.string(), kind: z.string(), title: z.string(), body: z.string() },
    Found(z.enum(["no_tokens"])),
  ),
  /** Revokes the tokens of earlier epochs, and closes their connections. */
  raiseEpoch: accountCommand("raiseEpoch", { to: z.number() }, Did),
} as const;

/** The hubs of accounts, as routes use them. */
export type AccountHubs = {
  /** Runs a command in the caller's hub. */
  readonly call: <Shape extends z.ZodRawShape, Output extends z.ZodType>(
    caller: Caller,
    command: AccountCommand<Shape, Output>,
    input: z.input<z.ZodObject<Shape>>,
  ) => Promise<Result<z.output<Output>, "revoked">>;
};

/** {@link AccountHubs} over the hubs of a kind. */
export function accountHubs(hubs: Pick<HubPublisher, "command">): AccountHubs {
  return {
    call: async ({ account, epoch }, command, input) => {
      const answer = (await callCommand(
        hubs,
        account,
        command as HubCommand<z.ZodType, z.ZodType>,
        {
          ...input,
          epoch,
        },
      )) as { readonly revoked: true } | { readonly value: never };
      return "revoked" in answer ? err("revoked") : ok(answer.value);
    },
  };
}
