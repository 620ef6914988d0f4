import { sql } from "drizzle-orm";
import {
  check,
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  uniqueIndex,
} from "drizzle-orm/sqlite-core";

/**
 * What stands between the accounts of sync (sync.md §0a, §5). Names of tables and columns are those of Happy's own
 * schema. What one account owns is in its hub. Times are milliseconds since 1970.
 */
const times = {
  createdAt: integer("createdAt").notNull(),
  updatedAt: integer("updatedAt").notNull(),
};

/** GitHub accounts that people have connected. */
export const githubUsers = sqliteTable("GithubUser", {
  /** GitHub's number of the user, as text. */
  id: text("id").primaryKey(),
  /** What GitHub says of the user, JSON. */
  profile: text("profile").notNull(),
  /** The access token, sealed for its account (sync.md §2.6). */
  token: text("token"),
  ...times,
});

/** Organizations at GitHub. No endpoint of the seed writes it. */
export const githubOrganizations = sqliteTable("GithubOrganization", {
  id: text("id").primaryKey(),
  /** JSON. */
  profile: text("profile").notNull(),
  ...times,
});

/** Accounts: an Ed25519 key each. `seq`, `feedSeq` and the settings are copies, the hub has the true ones. */
export const accounts = sqliteTable(
  "Account",
  {
    /** ULID; also the name of the account's hub. */
    id: text("id").primaryKey(),
    /** Lower-case hex. */
    publicKey: text("publicKey").notNull().unique(),
    /** Tokens of an earlier epoch were revoked. */
    tokenEpoch: integer("tokenEpoch").notNull().default(0),
    seq: integer("seq").notNull().default(0),
    feedSeq: integer("feedSeq").notNull().default(0),
    settings: text("settings"),
    settingsVersion: integer("settingsVersion").notNull().default(0),
    /** Of {@link githubUsers}. No constraint: SQLite would have to build the table anew. */
    githubUserId: text("githubUserId").unique(),
    firstName: text("firstName"),
    lastName: text("lastName"),
    username: text("username").unique(),
    ...times,
  },
  // Names are found and compared without case.
  (table) => [uniqueIndex("Account_username_lower").on(sql`lower(${table.username})`)],
);

/** The columns of a pairing. A function, because each table needs columns of its own. */
const pairing = () => ({
  /** ULID. */
  id: text("id").primaryKey(),
  /** X25519, lower-case hex. */
  publicKey: text("publicKey").notNull().unique(),
  /** What the approving device sends; null: nobody has approved it. */
  response: text("response"),
  /** Deleting an account ends the pairings that it has approved. */
  responseAccountId: text("responseAccountId").references(() => accounts.id, {
    onDelete: "cascade",
  }),
  /** When the answer was had first. */
  pickedUpAt: integer("pickedUpAt"),
  /** From then on the row counts as deleted. It moves with polls, the approval and the first pick-up. */
  expiresAt: integer("expiresAt").notNull(),
  ...times,
});

/** Terminals that ask a phone to be let into its account (sync.md §2.3). */
export const terminalAuthRequests = sqliteTable(
  "TerminalAuthRequest",
  { ...pairing(), supportsV2: integer("supportsV2", { mode: "boolean" }).notNull().default(false) },
  (table) => [
    index("TerminalAuthRequest_expiresAt").on(table.expiresAt),
    index("TerminalAuthRequest_responseAccountId").on(table.responseAccountId),
  ],
);

/** Phones that ask another phone to be let into its account (sync.md §2.4). */
export const accountAuthRequests = sqliteTable("AccountAuthRequest", pairing(), (table) => [
  index("AccountAuthRequest_expiresAt").on(table.expiresAt),
  index("AccountAuthRequest_responseAccountId").on(table.responseAccountId),
]);

/** How one account stands to another. Two rows belong together, one for each direction (sync.md §3.9). */
export const userRelationships = sqliteTable(
  "UserRelationship",
  {
    fromUserId: text("fromUserId")
      .notNull()
      .references(() => accounts.id, { onDelete: "cascade" }),
    toUserId: text("toUserId")
      .notNull()
      .references(() => accounts.id, { onDelete: "cascade" }),
    status: text("status", { enum: ["none", "requested", "pending", "friend", "rejected"] })
      .notNull()
      .default("pending"),
    acceptedAt: integer("acceptedAt"),
    lastNotifiedAt: integer("lastNotifiedAt"),
    ...times,
  },
  (table) => [
    primaryKey({ columns: [table.fromUserId, table.toUserId] }),
    index("UserRelationship_toUserId_status").on(table.toUserId, table.status),
    index("UserRelationship_fromUserId_status").on(table.fromUserId, table.status),
    check(
      "UserRelationship_status",
      sql`${table.status} IN ('none', 'requested', 'pending', 'friend', 'rejected')`,
    ),
  ],
);

/** What may happen once in a time, such as the use of a state of OAuth. */
export const repeatKeys = sqliteTable(
  "RepeatKey",
  {
    key: text("key").primaryKey(),
    value: text("value").notNull(),
    createdAt: integer("createdAt").notNull(),
    expiresAt: integer("expiresAt").notNull(),
  },
  (table) => [index("RepeatKey_expiresAt").on(table.expiresAt)],
);

/** Small facts that hold for all accounts, such as whose an artifact's id is. */
export const simpleCache = sqliteTable("SimpleCache", {
  key: text("key").primaryKey(),
  value: text("value").notNull(),
  ...times,
});

/** Locks over all accounts. Nothing needs one: hubs and conditional statements order what is written. */
export const globalLocks = sqliteTable("GlobalLock", {
  key: text("key").primaryKey(),
  value: text("value").notNull(),
  expiresAt: integer("expiresAt").notNull(),
  ...times,
});

/** What the hubs of accounts have to be told of changes between accounts, until they have it (sync.md §0b.3). */
export const outbox = sqliteTable(
  "SyncOutbox",
  {
    /** ULID; the hub takes each once. */
    id: text("id").primaryKey(),
    /** Whose hub is told. */
    accountId: text("accountId")
      .notNull()
      .references(() => accounts.id, { onDelete: "cascade" }),
    /** JSON. */
    message: text("message").notNull(),
    createdAt: integer("createdAt").notNull(),
  },
  (table) => [index("SyncOutbox_accountId").on(table.accountId, table.id)],
);
