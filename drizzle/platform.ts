import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** The last good copy of an identity provider's public keys (`provider-keys.ts`). */
export const providerKeys = sqliteTable("provider_keys", {
  url: text("url").primaryKey(),
  jwks: text("jwks").notNull(),
  /** When somebody set out to ask for them: the claim of the next minute, milliseconds. */
  askedAt: integer("asked_at").notNull(),
  /** When that came to an end; before `askedAt`: it has not, or a version without this wrote it. */
  answeredAt: integer("answered_at").notNull().default(0),
});

/** Requests that were made with an idempotency key, and what they were answered (rooms.md §1). */
export const idempotencyKeys = sqliteTable(
  "idempotency_keys",
  {
    sub: text("sub").notNull(),
    key: text("key").notNull(),
    /** SHA-256 of method, path and body. */
    fingerprint: text("fingerprint").notNull(),
    claimedAt: integer("claimed_at").notNull(),
    expiresAt: integer("expires_at").notNull(),
    /** null while it is in flight. */
    status: integer("status"),
    body: text("body"),
  },
  (table) => [
    primaryKey({ columns: [table.sub, table.key] }),
    index("idempotency_keys_by_expiry").on(table.expiresAt),
  ],
);
