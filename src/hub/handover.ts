import { z } from "zod";
import { err, ok, type Result } from "../platform/result.ts";
import { SESSION_GRANTS_MAX_BYTES } from "../protocol/limits.ts";
import { grantsOf, type Principal } from "../platform/auth/principal.ts";
import type { SessionIdentity } from "./core/session.ts";

/**
 * Header in which the Worker tells a hub for whom it hands a socket over. Only the Worker can reach a
 * hub, and it builds that request itself, so a client cannot set it.
 */
export const HANDOVER_HEADER = "X-GuildHub-Handover";

const Handover = z.object({
  v: z.literal(1),
  guildId: z.string(),
  batch: z.boolean(),
  /** Absent from a Worker that knows of none. */
  signals: z.boolean().optional(),
  /** Absent: a WebSocket. */
  transport: z.enum(["sse", "poll"]).optional(),
  /** Index of the relay that is to serve it; absent: the hub itself. */
  relay: z.number().int().min(0).optional(),
  epoch: z.string().optional(),
  /** null: a Worker of an older version was sent something that is no number. */
  seq: z.number().nullable().optional(),
  identity: z
    .object({
      sub: z.string(),
      grants: z.array(z.string()).readonly(),
      exp: z.number(),
      iat: z.number().optional(),
    })
    .optional(),
  /** Who comes when there is no identity yet, as limits by address count (`client-network.ts`). */
  address: z.string().optional(),
  /** Id of the ticket, to be used once, and when it would have expired, milliseconds. */
  ticket: z.object({ id: z.string(), expiresAt: z.number() }).optional(),
});

/** What the Worker knows about a socket that it hands over. Versioned: both sides deploy apart. */
export type Handover = z.infer<typeof Handover>;

/** Writes the header: ASCII only, whatever the subject's name is. */
export function writeHandover(handover: Handover): string {
  return encodeURIComponent(JSON.stringify(handover));
}

/** Reads the header; null: the Worker speaks a version that this hub does not know. */
export function readHandover(header: string | null): Handover | null {
  if (header === null) return null;
  try {
    const parsed = Handover.safeParse(JSON.parse(decodeURIComponent(header)));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** Why somebody with a good token gets no session. */
export type NoIdentity = "expired" | "grants_too_large";

/**
 * What a session keeps of a principal. Refused when its grants do not fit what a socket carries through
 * hibernation, and when the token has ended: it is good for a request for a little longer (clock skew), but a
 * session would end at once.
 * @param now milliseconds since 1970
 */
export function identityOf(principal: Principal, now: number): Result<SessionIdentity, NoIdentity> {
  const { sub, exp, iat } = principal;
  if (exp * 1000 <= now) return err("expired");
  const grants = grantsOf(principal);
  if (bytesOf(JSON.stringify(grants)) > SESSION_GRANTS_MAX_BYTES) return err("grants_too_large");
  return ok({ sub, grants, exp, ...(iat === undefined ? {} : { iat }) });
}

const encoder = new TextEncoder();

function bytesOf(text: string): number {
  return encoder.encode(text).length;
}
