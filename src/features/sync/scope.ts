import { z } from "zod";
import type { Client } from "../../hub/extension.ts";
import { SYNC_ID_MAX_LENGTH } from "../../protocol/limits.ts";

/** What a connection is for (sync.md §6.1). */
export const CLIENT_TYPES = ["user-scoped", "session-scoped", "machine-scoped"] as const;
export type ClientType = (typeof CLIENT_TYPES)[number];

/** Printable ASCII: the scope of a connection has to fit into what a socket keeps through hibernation. */
const ScopeId = z
  .string()
  .min(1)
  .max(SYNC_ID_MAX_LENGTH)
  .regex(/^[\x21-\x7e]+$/)
  .optional()
  .catch(undefined);

/** What a client says of itself, in a query, in headers or in its first frame. An unknown type is user-scoped. */
export const AboutClient = z.object({
  clientType: z.enum(CLIENT_TYPES).catch("user-scoped"),
  sessionId: ScopeId,
  machineId: ScopeId,
});
const About = AboutClient.catch({ clientType: "user-scoped" });

/** What the hub keeps of a connection of sync. */
const Scope = z.object({
  /** Of the token that it connected with. */
  epoch: z.number(),
  type: z.enum(CLIENT_TYPES),
  /** The session or machine; absent: the client is for the whole account, or has not named one. */
  id: z.string().optional(),
});
export type Scope = z.infer<typeof Scope>;

/** Reads what a client says of itself. */
export function scopeFrom(about: unknown, epoch: number): Scope {
  const { clientType: type, sessionId, machineId } = About.parse(about ?? {});
  const id = type === "session-scoped" ? sessionId : type === "machine-scoped" ? machineId : null;
  return { epoch, type, ...(id === null || id === undefined ? {} : { id }) };
}

/** The scope of a connected client. */
export function scopeOf({ scope }: Pick<Client, "scope">): Scope {
  return Scope.parse(scope);
}

/** Grants of connections: what an event is for (sync.md §0a). */
export const GRANTS = {
  user: "user",
  session: (id: string) => `session:${id}`,
  machine: (id: string) => `machine:${id}`,
} as const;
