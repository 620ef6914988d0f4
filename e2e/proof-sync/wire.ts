import { z } from "zod";
import { loadWithClients } from "./clients.ts";

/** A schema of `@slopus/happy-wire`, which the clients share. */
type Schema = { readonly parse: (value: unknown) => unknown };

type HappyWire = {
  readonly MessageContentSchema: Schema;
  readonly CoreUpdateContainerSchema: Schema;
  readonly SessionMessageSchema: Schema;
};

/** A decrypted message. `data` of an agent depends on the client. */
const MessageContent = z.discriminatedUnion("role", [
  z.object({ role: z.literal("user"), content: z.object({ text: z.string() }) }),
  z.object({
    role: z.literal("agent"),
    content: z.looseObject({ type: z.string(), data: z.unknown() }),
  }),
  z.object({ role: z.literal("session"), content: z.object({ ev: z.looseObject({}) }) }),
]);
export type MessageContent = z.infer<typeof MessageContent>;

/** A message as the server stores it. */
const StoredMessage = z.object({
  seq: z.number(),
  localId: z.string().nullish(),
  content: z.object({ c: z.string() }),
});
export type StoredMessage = z.infer<typeof StoredMessage>;

const Versioned = z.object({ value: z.string().nullable(), version: z.number() }).nullish();

/** What the server tells in an `update`. `id` and `sid` are the same session. */
const Body = z.discriminatedUnion("t", [
  z.object({ t: z.literal("new-session"), id: z.string(), sid: z.string() }),
  z.object({
    t: z.literal("update-session"),
    sid: z.string(),
    metadata: Versioned,
    agentState: Versioned,
  }),
  z.object({ t: z.literal("delete-session"), sid: z.string() }),
  z.object({ t: z.literal("new-message"), sid: z.string(), message: StoredMessage }),
  z.object({ t: z.literal("new-machine"), machineId: z.string() }),
  z.object({
    t: z.literal("update-machine"),
    machineId: z.string(),
    metadata: Versioned,
    daemonState: Versioned,
  }),
]);

const Update = z.object({
  id: z.string(),
  seq: z.number().int().positive(),
  createdAt: z.number().int().positive(),
  body: Body,
});
export type Update = z.infer<typeof Update>;

/** Those that `happy-wire` knows. The app has the schemas of the others. */
const SHARED = new Set(["new-message", "update-session", "update-machine"]);

function happyWire(): HappyWire {
  return loadWithClients("@slopus/happy-wire") as HappyWire;
}

/** Reads a decrypted message as the clients do. @throws when it is none */
export function readMessage(value: unknown): MessageContent {
  happyWire().MessageContentSchema.parse(value);
  return MessageContent.parse(value);
}

/** Reads a stored message as the clients do. @throws when it is none */
export function readStoredMessage(value: unknown): StoredMessage {
  happyWire().SessionMessageSchema.parse(value);
  return StoredMessage.parse(value);
}

/** Reads an `update` as the clients do. @throws when it is none */
export function readUpdate(value: unknown): Update {
  const update = Update.parse(value);
  if (SHARED.has(update.body.t)) happyWire().CoreUpdateContainerSchema.parse(value);
  return update;
}

/** What of a message a person reads: the text of a user or of an agent; null for anything else. */
export function textOf(message: MessageContent): string | null {
  if (message.role === "user") return message.content.text;
  if (message.role === "session") {
    const { t, text } = message.content.ev;
    return t === "text" && typeof text === "string" ? text : null;
  }
  const said = z.object({ message: z.object({ content: z.array(z.unknown()) }) });
  const { data, success } = said.safeParse(message.content.data);
  if (!success) return null;
  const Text = z.object({ type: z.literal("text"), text: z.string() });
  const texts = data.message.content.map((block) => Text.safeParse(block).data?.text);
  return texts.find((text) => text !== undefined) ?? null;
}
