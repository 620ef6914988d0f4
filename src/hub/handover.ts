import { z } from "zod";
import { err, ok, type Result } from "../platform/result.ts";
import { grantsOf, type Principal } from "../platform/auth/principal.ts";
import { areGrantsTooLarge, type SessionIdentity } from "./core/session.ts";
import { TRANSPORTS } from "./core/transport.ts";

/**
 * Header in which the Worker tells a hub whose socket it hands over. Only the Worker can reach a hub, and it
 * builds that request itself, so a client cannot set the header.
 */
export const HANDOVER_HEADER = "X-GuildHub-Handover";

const Handover = z.object({
  v: z.literal(1),
  /** Name of the hub. */
  hub: z.string(),
  /** What the client speaks; absent: the first dialect of the hub's kind. */
  dialect: z.string().optional(),
  batch: z.boolean(),
  /** Absent: the Worker is of a version without signals. */
  signals: z.boolean().optional(),
  /**
   * What the Worker makes of the socket (`src/hub/edge`); absent: it is the client's own. A hub of the version
   * before does not know all of them, and refuses those with 503.
   */
  edge: z.enum(TRANSPORTS).optional(),
  /** Index of the relay that is to serve it; absent: the hub itself. */
  relay: z.number().int().min(0).optional(),
  epoch: z.string().optional(),
  /** null: the client sent something that is not a number (only Workers of older versions pass it on). */
  seq: z.number().nullable().optional(),
  /** By how much the client's own numbers differ from `seq`; absent: not at all. */
  base: z.number().optional(),
  /** A Worker of the version before leaves it out when the client has not authenticated. That is no handover here. */
  identity: z.object({
    sub: z.string(),
    grants: z.array(z.string()).readonly(),
    exp: z.number(),
    iat: z.number().optional(),
    scope: z.unknown().optional(),
  }),
  /** The ticket, which works once. `expiresAt` in milliseconds. */
  ticket: z.object({ id: z.string(), expiresAt: z.number() }).optional(),
});

/** What the Worker knows about a socket that it hands over. Versioned, because Worker and hub may differ. */
export type Handover = z.infer<typeof Handover>;

/** Characters that a header cannot carry, and the percent sign, which a hub of the version before would decode. */
const NOT_IN_HEADER = /[^\x20-\x24\x26-\x7e]/g;

/** Writes the header. It is ASCII only, also if the subject's name is not. */
export function writeHandover(handover: Handover): string {
  // A hub of the version before reads the name as `guildId`.
  return JSON.stringify({ ...handover, guildId: handover.hub }).replace(
    NOT_IN_HEADER,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Reads the header; null: it is missing, of a version that this hub does not know, or names no user. */
export function readHandover(header: string | null): Handover | null {
  if (header === null) return null;
  try {
    // A Worker of the version before encodes it as a part of a URL.
    const json = header.startsWith("%") ? decodeURIComponent(header) : header;
    const sent = JSON.parse(json) as { hub?: unknown; guildId?: unknown };
    // A Worker of the version before sends the name as `guildId`.
    const parsed = Handover.safeParse({ ...sent, hub: sent.hub ?? sent.guildId });
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** Why a user with a valid token gets no session. */
export type NoIdentity = "expired" | "grants_too_large";

/**
 * The part of a principal that a session keeps. It is refused when the grants are too large for what a socket
 * carries through hibernation, and when the token has expired: a request may still use it for a moment (clock
 * skew), but a session would end at once.
 * @param now milliseconds since 1970
 */
export function identityOf(principal: Principal, now: number): Result<SessionIdentity, NoIdentity> {
  const { sub, exp, iat } = principal;
  if (exp * 1000 <= now) return err("expired");
  const grants = grantsOf(principal);
  if (areGrantsTooLarge(grants)) return err("grants_too_large");
  return ok({ sub, grants, exp, ...(iat === undefined ? {} : { iat }) });
}
