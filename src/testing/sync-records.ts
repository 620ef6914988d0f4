import { expect } from "vitest";
import { z } from "zod";
import { Machine, Message, Session } from "../features/sync/records.ts";
import { SyncAccount, type SyncIoClient, type SyncNativeClient } from "./sync-worker.ts";

export const OneSession = z.strictObject({ session: z.strictObject(Session.shape) });
/** Lists without pages, and parts of lists by number. */
const HasMore = { hasMore: z.boolean() };
export const Sessions = z.strictObject({
  sessions: z.array(z.strictObject(Session.shape)),
  ...HasMore,
});
export const Page = Sessions.omit({ hasMore: true }).extend({
  nextCursor: z.string().nullable(),
  hasNext: z.boolean(),
});
const OneMessage = z.strictObject({ message: z.strictObject(Message.shape) });
const Listed = z.strictObject(Message.omit({ sessionId: true }).shape);
const Head = Listed.omit({ content: true });
export const Messages = z.strictObject({ messages: z.array(Listed), ...HasMore });
export const MessagePage = Messages.omit({ hasMore: true }).extend({
  nextCursor: z.string().nullable(),
});
export const Heads = z.strictObject({ messages: z.array(Head) });
export const OneMachine = z.strictObject({ machine: z.strictObject(Machine.shape) });
export const Machines = z.strictObject({
  machines: z.array(z.strictObject(Machine.shape)),
  ...HasMore,
});

export const success = [200, { success: true }];
export const noSession = [404, { error: "Session not found" }];
export const noMachine = [404, { error: "Machine not found" }];
/** A refusal, which has a sentence and nothing else. */
export const refused = (status: number, text = "") => [
  status,
  { error: expect.stringContaining(text) as string },
];
/** What current clients say of themselves. */
export const HAPPY = { "X-Happy-Client": "happy-cli/1.2.5" };

let tags = 0;

/** Creates a session with this body, and a tag of its own unless the body has one. */
export async function newSession(account: SyncAccount, body: object = {}): Promise<Session> {
  tags += 1;
  const wanted = { tag: `tag-${tags}`, metadata: "m", ...body };
  return (await account.get(OneSession, "POST", "/v1/sessions", wanted)).session;
}

export async function newMachine(account: SyncAccount, body: object = {}): Promise<Machine> {
  const wanted = { id: "laptop", metadata: "m", ...body };
  return (await account.get(OneMachine, "POST", "/v1/machines", wanted)).machine;
}

export async function newMessage(
  account: SyncAccount,
  sessionId: string,
  content: unknown,
  more: object = {},
): Promise<Message> {
  const path = `/v1/sessions/${sessionId}/messages`;
  return (await account.get(OneMessage, "POST", path, { content, ...more })).message;
}

/** Ids of what a list has. */
export const idsOf = (rows: readonly { readonly id: string }[]): string[] =>
  rows.map(({ id }) => id);

/** What updates are about. */
export const kindsOf = ({ updates }: SyncNativeClient | SyncIoClient): string[] =>
  updates.map(({ body }) => body.t);

/** The id of an account, as its clients learn it. */
export async function idOf(account: SyncAccount): Promise<string> {
  const client = await account.connect();
  const { userId } = z.looseObject({ userId: z.string() }).parse(client.of("connected")[0]);
  client.close();
  return userId;
}

/** Something that an account has, for the parameters of paths. */
export type Owned = {
  readonly session: Session;
  readonly machine: Machine;
  readonly artifact: { readonly id: string };
};

/**
 * The path of an operation for what an account owns.
 * @throws for a parameter that the tests do not know: say here what it names
 */
export function pathFor(path: string, { session, machine, artifact }: Owned): string {
  const parts = path.split("/");
  const named = parts.map((part, at) => {
    const before = parts[at - 1] ?? "";
    if (!part.startsWith("{")) return part;
    if (part === "{vendor}") return "openai";
    if (part === "{key}") return `kv:${session.id}`;
    if (part === "{id}" && before === "sessions") return session.id;
    if (part === "{id}" && before === "machines") return machine.id;
    if (part === "{id}" && before.startsWith("user")) return machine.accountId;
    if (part === "{id}" && before === "artifacts") return artifact.id;
    if (part === "{sessionId}") return session.id;
    if (part === "{machineId}") return machine.id;
    throw new Error(`${path} has a parameter ${part} after /${before}/ that no account owns here`);
  });
  return named.join("/");
}

/** An account with one of everything. */
export async function furnished(): Promise<SyncAccount & Owned> {
  const account = await SyncAccount.create();
  const session = await newSession(account, { tag: "terminal-1", agentState: "a" });
  const machine = await newMachine(account, { id: `laptop-${session.id}`, daemonState: "d" });
  await newMessage(account, session.id, { t: "encrypted", c: "aGk=" }, { localId: "1" });
  await account.call("POST", "/v1/push-tokens", { token: "ExponentPushToken[a]" });
  await account.call("POST", "/v1/connect/openai/register", { token: "secret" });
  const artifact = { id: `notes-${session.id}` };
  const parts = { header: "aGVhZA==", body: "Ym9keQ==", dataEncryptionKey: "a2V5" };
  await account.call("POST", "/v1/artifacts", { ...artifact, ...parts });
  await account.call("POST", "/v1/kv", {
    mutations: [{ key: `kv:${session.id}`, value: "YQ==", version: -1 }],
  });
  return Object.assign(account, { session, machine, artifact });
}
