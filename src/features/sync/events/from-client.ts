import { z } from "zod";
import { SYNC_ID_MAX_LENGTH, SYNC_USAGE_COUNTERS_MAX } from "../../../protocol/limits.ts";
import {
  AccessKey,
  Artifact,
  ArtifactPart,
  ClientId,
  Content,
  fitting,
  NewArtifact,
  OpaqueText,
  textUpTo,
  Version,
} from "../records.ts";

/** Characters of a method's name: an id, a colon and a name. */
const METHOD_MAX_LENGTH = 256;
/** Characters of the mode of an agent. */
const MODE_MAX_LENGTH = 64;

const Time = z.number().meta({ description: "Milliseconds" });
const OfSession = z.object({ sid: ClientId });
const OfMachine = z.object({ machineId: ClientId });

const NewMessage = OfSession.extend({
  // Base64, as clients send it. Another text is kept as it is: a socket has no way to say that it is refused (§6.9).
  message: z.string().meta({ description: "Encrypted, in base64" }),
  // An empty one is none: a second message with it would be lost.
  localId: textUpTo(SYNC_ID_MAX_LENGTH)
    .nullish()
    .transform((localId) => localId || null),
})
  .transform(({ message, ...rest }) => ({ ...rest, content: { t: "encrypted", c: message } }))
  .refine(({ content }) => Content.safeParse(content).success);

/** Numbers by name, with a sum. */
const Counters = z
  .record(ClientId, z.number())
  .refine((counters) => Object.keys(counters).length <= SYNC_USAGE_COUNTERS_MAX)
  .refine(({ total }) => total !== undefined)
  .meta({ description: "Numbers by name; `total` is one of them" });

const Method = z.object({
  method: z
    .string()
    .min(1)
    .max(METHOD_MAX_LENGTH)
    .meta({ description: "`<session or machine id>:<name>`" }),
});

/** Why nothing came of an event. */
const Refused = () => z.object({ success: z.literal(false), error: z.string() });

/** What came of a change of something with a version. @param member the name of its value */
const Changed = <Value extends z.ZodType>(member: string, value: Value) =>
  z.union([
    z.object({
      result: z.enum(["success", "version-mismatch"]),
      version: Version.meta({ description: "The one that is stored now" }),
      [member]: value.meta({ description: "What is stored now" }),
    }),
    z.object({ result: z.literal("error"), message: z.string() }),
  ]);

const OfArtifact = z.object({ artifactId: ClientId });
/** A new header or body of an artifact, for the version that the client knows. */
const Part = z
  .object({ data: ArtifactPart, expectedVersion: Version })
  .transform(({ data, expectedVersion }) => ({ value: data, expected: expectedVersion }));

const Failed = () => z.object({ result: z.literal("error"), message: z.string() });
const OneArtifact = () =>
  z.union([z.object({ result: z.literal("success"), artifact: Artifact }), Failed()]);

/** What came of a change of an artifact: one part with another version than expected blocks both. */
const ChangedArtifact = () => {
  const written = z.object({ version: Version, data: z.string() }).optional();
  const stored = z.object({ currentVersion: Version, currentData: z.string() }).optional();
  return z.union([
    z.object({ result: z.literal("success"), header: written, body: written }),
    z.object({ result: z.literal("version-mismatch"), header: stored, body: stored }),
    Failed(),
  ]);
};

/** How a call ended. */
const Called = () =>
  z.union([
    z.object({
      ok: z.literal(true),
      result: z.unknown().meta({ description: "What the target answered" }),
    }),
    z.object({ ok: z.literal(false), error: z.string() }),
  ]);

const CALL = {
  data: Method.extend({ params: z.unknown().optional() }),
  answer: Called,
} as const;

/**
 * The events that a client may send, in both dialects (sync.md §6.9). `data` checks what comes with one, `answer` is
 * what comes back if the client asks for an answer; only AsyncAPI needs it, so it is not made at the Worker's start. The
 * hub has a handler for each.
 */
export const CLIENT_EVENTS = {
  ping: { summary: "Is somebody there?", data: null, answer: () => z.object({}) },
  message: {
    summary: "Adds a message to a session, once by its localId. The others get `new-message`",
    data: NewMessage,
    answer: null,
  },
  "update-metadata": {
    summary: "Replaces a session's metadata, if the version is the expected one",
    data: OfSession.extend({ metadata: OpaqueText, expectedVersion: Version }),
    answer: () => Changed("metadata", z.string()),
  },
  "update-state": {
    summary: "Replaces the state of a session's agent, if the version is the expected one",
    data: OfSession.extend({ agentState: OpaqueText.nullable(), expectedVersion: Version }),
    answer: () => Changed("agentState", z.string().nullable()),
  },
  "session-alive": {
    summary: "An agent lives. Send it every 2 s: after 10 min without it the session is inactive",
    data: OfSession.extend({
      time: Time,
      thinking: z.boolean().nullish(),
      mode: z.string().max(MODE_MAX_LENGTH).nullish(),
    }),
    answer: null,
  },
  "session-end": {
    summary: "An agent has ended",
    data: OfSession.extend({ time: Time }),
    answer: () => z.union([z.object({ success: z.literal(true), activeAt: Time }), Refused()]),
  },
  "machine-alive": {
    summary: "A machine lives. Send it every 20 s: after 10 min without it the machine is inactive",
    data: OfMachine.extend({ time: Time }),
    answer: null,
  },
  "machine-update-metadata": {
    summary: "Replaces a machine's metadata, if the version is the expected one",
    data: OfMachine.extend({ metadata: OpaqueText, expectedVersion: Version }),
    answer: () => Changed("metadata", z.string()),
  },
  "machine-update-state": {
    summary: "Replaces the state of a machine's daemon, if the version is the expected one",
    data: OfMachine.extend({ daemonState: OpaqueText, expectedVersion: Version }),
    answer: () => Changed("daemonState", z.string().nullable()),
  },
  "artifact-create": {
    summary: "Creates an artifact, or finds the one with this id",
    data: NewArtifact,
    answer: OneArtifact,
  },
  "artifact-read": {
    summary: "Reads an artifact with its body",
    data: OfArtifact,
    answer: OneArtifact,
  },
  "artifact-update": {
    summary:
      "Replaces an artifact's header, its body or both, if the versions are the expected ones",
    data: OfArtifact.extend({ header: Part.nullish(), body: Part.nullish() }),
    answer: ChangedArtifact,
  },
  "artifact-delete": {
    summary: "Deletes an artifact",
    data: OfArtifact,
    answer: () => z.union([z.object({ result: z.literal("success") }), Failed()]),
  },
  "access-key-get": {
    summary: "Reads the access key of a session on a machine",
    data: z.object({ sessionId: ClientId, machineId: ClientId }),
    answer: () =>
      z.union([
        z.object({ ok: z.literal(true), accessKey: AccessKey.nullable() }),
        z.object({ ok: z.literal(false), error: z.string() }),
      ]),
  },
  "usage-report": {
    summary: "What was used, which replaces the last report of this session and key",
    data: z.object({
      key: ClientId,
      sessionId: ClientId.nullish(),
      tokens: Counters,
      cost: Counters,
    }),
    answer: () =>
      z.union([
        z.object({
          success: z.literal(true),
          reportId: z.string(),
          createdAt: Time,
          updatedAt: Time,
        }),
        Refused(),
      ]),
  },
  "update-usage-limits": {
    summary: "Keeps what a client knows of its limits, for `GET /v1/usage/limits`",
    data: fitting(z.record(z.string(), z.unknown())),
    answer: () => z.union([z.object({ success: z.literal(true) }), Refused()]),
  },
  "rpc-register": {
    summary:
      "The client answers calls of this method from now on. It must be of its own session or machine",
    data: Method,
    answer: null,
  },
  "rpc-unregister": { summary: "It does not any more", data: Method, answer: null },
  "rpc-call": { summary: "Calls a method that another client has registered", ...CALL },
  // What the callee is sent is called the same (sync.md §6.9).
  "rpc-request": { summary: "The same as `rpc-call`", ...CALL },
  broadcast: {
    summary: "Sends anything to the account's other connections",
    data: z.unknown(),
    answer: null,
  },
} as const satisfies Readonly<
  Record<
    string,
    {
      readonly summary: string;
      readonly data: z.ZodType | null;
      readonly answer: (() => z.ZodType) | null;
    }
  >
>;

/** The name of an event of clients: a key of {@link CLIENT_EVENTS}. */
export type ClientEventName = keyof typeof CLIENT_EVENTS;
