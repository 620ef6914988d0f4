import { z } from "@hono/zod-openapi";
import { isLongerThan } from "../../protocol/bytes.ts";
import {
  SYNC_BODY_MAX_BYTES,
  SYNC_CONTENT_MAX_BYTES,
  SYNC_CONTENT_MAX_LENGTH,
  SYNC_DATA_KEY_MAX_LENGTH,
  SYNC_ID_MAX_LENGTH,
  SYNC_KV_KEY_MAX_LENGTH,
  SYNC_KV_VALUE_MAX_LENGTH,
  SYNC_NAME_MAX_LENGTH,
  SYNC_STATE_MAX_BYTES,
  SYNC_STATE_MAX_LENGTH,
  SYNC_USERNAME_MAX_LENGTH,
  SYNC_USERNAME_MIN_LENGTH,
} from "../../protocol/limits.ts";
import { isBase64 } from "./base64.ts";
import { FriendPost, RelationshipStatus } from "./friends.ts";

/**
 * A text of at most so many UTF-16 units, as sync.md §0b.15 counts them: zod's own `max` counts code points. SQLite
 * stores UTF-8, which has no half of a surrogate pair, so such a text would not come back as it was sent.
 */
export const textUpTo = (max: number) =>
  z
    .string()
    // Nothing else looks at one that is too long.
    .refine(({ length }) => length <= max, {
      message: `may have at most ${max} characters`,
      abort: true,
    })
    .refine((text) => text.isWellFormed(), "must be well-formed Unicode")
    .openapi({ maxLength: max })
    .meta({ maxLength: max });

const TOO_MANY_BYTES = "has too many bytes as JSON";

/** An id that a client chooses. */
export const ClientId = textUpTo(SYNC_ID_MAX_LENGTH).min(1);

/** A text that only clients can read. It is stored as it came. */
export const OpaqueText = textUpTo(SYNC_STATE_MAX_LENGTH).refine(
  (text) => !isLongerThan(JSON.stringify(text), SYNC_STATE_MAX_BYTES),
  TOO_MANY_BYTES,
);

/** Bytes in base64 with padding (RFC 4648 §4), so many characters at most. */
const base64UpTo = (max: number) => textUpTo(max).refine(isBase64, "must be base64 with padding");

/** The key of a session or machine, encrypted for its account (sync.md §2.5). */
export const DataKey = base64UpTo(SYNC_DATA_KEY_MAX_LENGTH);

/** What of any JSON fits into a row and into a frame. How deep it is was counted on the text of its body or frame. */
export const fitting = <Schema extends z.ZodType>(schema: Schema) =>
  schema.superRefine((value, context) => {
    const text = JSON.stringify(value) ?? "";
    if (text.length > SYNC_CONTENT_MAX_LENGTH) {
      const message = `may have at most ${SYNC_CONTENT_MAX_LENGTH} characters as JSON`;
      context.addIssue({ code: "custom", message });
    } else if (isLongerThan(text, SYNC_CONTENT_MAX_BYTES)) {
      context.addIssue({ code: "custom", message: TOO_MANY_BYTES });
    }
  });

/** The content of a message: any JSON. */
export const Content = fitting(z.unknown().refine((value) => value !== undefined, "is missing"));

/** The content of a message that is one encrypted text, in base64 (sync.md §4). */
export const EncryptedText = base64UpTo(SYNC_CONTENT_MAX_LENGTH);

/** A version that a writer expects. */
export const Version = z.number().int().min(0);
const Milliseconds = z.number().int();

/** A session of an agent, as clients see it (sync.md §3). */
export const Session = z
  .object({
    id: z.string(),
    seq: Version.openapi({ description: "Number of its last message" }),
    createdAt: Milliseconds,
    updatedAt: Milliseconds,
    active: z.boolean(),
    activeAt: Milliseconds,
    metadata: z.string(),
    metadataVersion: Version,
    agentState: z.string().nullable(),
    agentStateVersion: Version,
    dataEncryptionKey: z.string().nullable(),
    lastMessage: z.null(),
  })
  .openapi("SyncSession");
export type Session = z.infer<typeof Session>;

/** A machine on which sessions run (sync.md §3). `activeAt` is what newer clients read. */
export const Machine = z
  .object({
    id: z.string(),
    accountId: z.string(),
    metadata: z.string(),
    metadataVersion: Version,
    daemonState: z.string().nullable(),
    daemonStateVersion: Version,
    dataEncryptionKey: z.string().nullable(),
    seq: Version,
    active: z.boolean(),
    lastActiveAt: Milliseconds,
    activeAt: Milliseconds,
    createdAt: Milliseconds,
    updatedAt: Milliseconds,
  })
  .openapi("SyncMachine");
export type Machine = z.infer<typeof Machine>;

/** A message of a session. */
export const Message = z
  .object({
    id: z.string(),
    sessionId: z.string(),
    localId: z.string().nullable(),
    seq: Version,
    content: z.unknown(),
    createdAt: Milliseconds,
    updatedAt: Milliseconds,
  })
  .openapi("SyncMessage");
export type Message = z.infer<typeof Message>;

/** An account as others see it (sync.md §3). The current app takes no null for the names that are always texts. */
export const UserProfile = z
  .object({
    id: z.string(),
    firstName: z.string(),
    lastName: z.string().nullable(),
    username: z.string(),
    avatar: z.null(),
    bio: z.null(),
    status: RelationshipStatus.openapi({ description: "How the caller stands to this account" }),
  })
  .openapi("SyncUserProfile");
export type UserProfile = z.infer<typeof UserProfile>;

/** A post in an account's feed. Clients of different origin read `type` or `kind`. */
export const FeedPost = z.object({
  id: z.string(),
  body: z.object({ type: FriendPost, kind: FriendPost, uid: z.string() }),
  /** A post takes the place of the one with the same key; null: of none. */
  repeatKey: z.string().nullable(),
  /** Its number. A post that takes the place of another one gets a new number. */
  counter: z.number().int(),
  createdAt: Milliseconds,
});
export type FeedPost = z.infer<typeof FeedPost>;
/** The header or body of an artifact. Both together have a limit of their own, so each has only that of its request. */
export const ArtifactPart = base64UpTo(SYNC_BODY_MAX_BYTES).min(1);

/** What a client says of a new artifact (sync.md §3.5). */
export const NewArtifact = z.object({
  id: ClientId,
  header: ArtifactPart,
  body: ArtifactPart,
  dataEncryptionKey: DataKey.min(1),
});
export type NewArtifact = z.infer<typeof NewArtifact>;

/** An artifact in a list. */
export const ArtifactHeader = z
  .object({
    id: z.string(),
    header: z.string(),
    headerVersion: Version,
    dataEncryptionKey: z.string(),
    seq: Version.openapi({ description: "How often it was changed" }),
    createdAt: Milliseconds,
    updatedAt: Milliseconds,
  })
  .openapi("SyncArtifactHeader");
export type ArtifactHeader = z.infer<typeof ArtifactHeader>;

/** An artifact: something that sessions and people of an account write together (sync.md §3). */
export const Artifact = ArtifactHeader.extend({ body: z.string(), bodyVersion: Version }).openapi(
  "SyncArtifact",
);
export type Artifact = z.infer<typeof Artifact>;

const PartChange = z.object({ value: z.string(), expected: z.number() });
/** New parts of an artifact, for the versions that the client knows. */
export const ArtifactChange = z.object({
  id: z.string(),
  header: PartChange.optional(),
  body: PartChange.optional(),
});
export type ArtifactChange = z.infer<typeof ArtifactChange>;

/** The access key of a session on a machine (sync.md §3.6). Only clients can read its data. */
export const AccessKey = z
  .object({
    data: z.string(),
    dataVersion: Version,
    createdAt: Milliseconds,
    updatedAt: Milliseconds,
  })
  .openapi("SyncAccessKey");
export type AccessKey = z.infer<typeof AccessKey>;

/** What a client is told whose access key cannot be had, by REST and on a socket. */
export const ACCESS_KEY_REFUSALS = {
  /** The account has not both, the session and the machine. */
  nowhere: "Session or machine not found",
  missing: "Access key not found",
  exists: "Access key already exists",
} as const;

/** What reports of usage are summed up by. */
export const UsagePeriod = z.enum(["hour", "day"]);

const Sums = z.record(z.string(), z.number());
/** What was used in one period (sync.md §4). */
export const UsageGroup = z
  .object({
    timestamp: z.number().int().openapi({ description: "Its begin, seconds since 1970" }),
    tokens: Sums,
    cost: Sums,
    reportCount: z.number().int(),
  })
  .openapi("SyncUsageGroup");
export type UsageGroup = z.infer<typeof UsageGroup>;
/** What a person is called. The name by which others find an account is compared without case (sync.md §3.8). */
export const AccountNames = z.object({
  firstName: textUpTo(SYNC_NAME_MAX_LENGTH).min(1).optional(),
  lastName: textUpTo(SYNC_NAME_MAX_LENGTH).nullable().optional(),
  username: z
    .string()
    .min(SYNC_USERNAME_MIN_LENGTH)
    .max(SYNC_USERNAME_MAX_LENGTH)
    .regex(/^[\w-]+$/, "may have letters of English, digits, - and _")
    .optional(),
});
export type AccountNames = z.infer<typeof AccountNames>;

/** What the hub of an account is told of it that was changed in D1. It is in the outbox as JSON. */
export const AccountNews = z.object({ kind: z.literal("account"), changed: AccountNames });
export type AccountNews = z.infer<typeof AccountNews>;

/** An account, as its own clients see it (sync.md §3). */
export const Profile = z
  .object({
    id: z.string(),
    timestamp: Milliseconds.openapi({ description: "Time of this answer" }),
    firstName: z.string().nullable(),
    lastName: z.string().nullable(),
    username: z.string().nullable(),
    avatar: z.null().openapi({ description: "Newer clients require it" }),
    github: z
      .record(z.string(), z.unknown())
      .nullable()
      .openapi({ description: "What GitHub says of the connected account" }),
    connectedServices: z.array(z.string()).openapi({ description: "Vendors with a token" }),
  })
  .openapi("SyncProfile");
export type Profile = z.infer<typeof Profile>;

/** A key of an account's own store (sync.md §3.11). */
export const KvKey = textUpTo(SYNC_KV_KEY_MAX_LENGTH).min(1);

/** A key with its value, which is base64. */
export const KvEntry = z
  .object({ key: z.string(), value: z.string(), version: Version })
  .openapi("SyncKvEntry");
export type KvEntry = z.infer<typeof KvEntry>;

/** A new value for a key, for the version that the client knows. */
export const KvMutation = z
  .object({
    key: KvKey,
    value: base64UpTo(SYNC_KV_VALUE_MAX_LENGTH)
      .nullable()
      .openapi({ description: "null deletes the key" }),
    version: z.number().int().min(-1).openapi({ description: "-1 creates the key" }),
  })
  .openapi("SyncKvMutation");
export type KvMutation = z.infer<typeof KvMutation>;

/** The version that a mutation has made. */
export const KvVersion = KvEntry.omit({ value: true }).openapi("SyncKvVersion");
export type KvVersion = z.infer<typeof KvVersion>;

/** What a key has that a mutation expected to have another version. -1: it never was there. */
export const KvConflict = z
  .object({
    key: z.string(),
    error: z.literal("version-mismatch"),
    version: z.number().int().min(-1),
    value: z.string().nullable(),
  })
  .openapi("SyncKvConflict");
export type KvConflict = z.infer<typeof KvConflict>;

/** How many clients are connected (sync.md §6.7). */
export const SocketStats = z
  .object({
    totalConnections: z.number().int(),
    byType: z.object({
      "user-scoped": z.number().int(),
      "session-scoped": z.number().int(),
      "machine-scoped": z.number().int(),
    }),
    activeSessions: z.number().int(),
    activeMachines: z.number().int(),
    oldestConnection: Milliseconds.nullable(),
  })
  .openapi("SyncSocketStats");

/** What may be broadcast by REST. Native clients get it as it is (sync.md §0b.17). */
export const BroadcastMessage = z.looseObject({
  type: z.string().min(1),
  payload: z.unknown().optional(),
  timestamp: z.number(),
});

/** Which connections of an account get a broadcast (sync.md §6.7). */
export const Filter = z
  .discriminatedUnion("type", [
    z.object({ type: z.literal("all") }),
    z.object({ type: z.literal("user-scoped-only") }),
    z.object({ type: z.literal("session"), sessionId: ClientId }),
    z.object({ type: z.literal("machine"), machineId: ClientId }),
    z.object({ type: z.literal("exclude"), connectionId: ClientId }),
    z.object({ type: z.literal("all-interested-in-session"), sessionId: ClientId }),
    z.object({ type: z.literal("machine-scoped-only"), machineId: ClientId }),
  ])
  .openapi("SyncFilter");
export type Filter = z.infer<typeof Filter>;
