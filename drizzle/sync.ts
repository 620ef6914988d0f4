import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/**
 * What stands between the accounts of sync (sync.md §0a, §5). Names of tables and columns are those of Happy's own
 * schema. What one account owns is in its hub. Times are milliseconds since 1970.
 */
const times = {
  createdAt: integer("createdAt").notNull(),
  updatedAt: integer("updatedAt").notNull(),
};

/** Accounts: an Ed25519 key each. `seq`, `feedSeq` and the settings are copies, the hub has the true ones. */
export const accounts = sqliteTable("Account", {
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
  githubUserId: text("githubUserId").unique(),
  firstName: text("firstName"),
  lastName: text("lastName"),
  username: text("username").unique(),
  ...times,
});

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
