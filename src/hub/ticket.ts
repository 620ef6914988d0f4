import { EncryptJWT, jwtDecrypt } from "jose";
import { z } from "zod";
import { derivedKey } from "../platform/derived-key.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { TICKET_TTL_MS } from "../protocol/limits.ts";
import type { HubConfig } from "./config.ts";
import type { SessionIdentity } from "./core/session.ts";

/** `typ` of a ticket, so that no other token of ours is accepted as a ticket (RFC 8725 §3.11). */
const TICKET_TYPE = "guildhub-ticket+jwt";
const KEY_PURPOSE = "guildhub websocket ticket v1";

const TicketClaims = z.object({
  jti: z.string(),
  exp: z.number(),
  sub: z.string(),
  hub: z.string(),
  origin: z.string().nullable(),
  grants: z.array(z.string()),
  tokenExp: z.number(),
  expiresAt: z.number(),
  tokenIat: z.number().optional(),
  relay: z.number().int().min(0).optional(),
  scope: z.unknown().optional(),
});

/** The content of a ticket (rooms.md §2). */
export type Ticket = {
  readonly id: string;
  /** Milliseconds. */
  readonly expiresAt: number;
  /** Name of the hub. */
  readonly hub: string;
  /** The `Origin` of the request for it; null: not from a browser. */
  readonly origin: string | null;
  /** From the token that it was created with. */
  readonly identity: SessionIdentity;
  /** Index of the relay that serves the client; absent: the hub itself. */
  readonly relay?: number | undefined;
};

/** Creates the opaque text of a ticket. It is encrypted, because it becomes part of a URL. */
export async function sealTicket(
  config: Pick<HubConfig, "hubSecrets">,
  ticket: Omit<Ticket, "expiresAt">,
  now: number,
): Promise<{ readonly text: string; readonly expiresAt: number }> {
  const expiresAt = now + TICKET_TTL_MS;
  const text = await new EncryptJWT({
    hub: ticket.hub,
    // A Worker of the version before reads the name as this.
    guildId: ticket.hub,
    origin: ticket.origin,
    grants: ticket.identity.grants,
    tokenExp: ticket.identity.exp,
    tokenIat: ticket.identity.iat,
    scope: ticket.identity.scope,
    relay: ticket.relay,
    // In milliseconds: `exp` has whole seconds.
    expiresAt,
  })
    .setProtectedHeader({ alg: "dir", enc: "A256GCM", typ: TICKET_TYPE })
    .setJti(ticket.id)
    .setSubject(ticket.identity.sub)
    .setExpirationTime(Math.ceil(expiresAt / 1000))
    .encrypt(await derivedKey(config.hubSecrets[0], KEY_PURPOSE, "encrypt"));
  return { text, expiresAt };
}

/** Reads a ticket. Only its hub knows whether it was used before. */
export async function openTicket(
  config: Pick<HubConfig, "hubSecrets">,
  text: string,
  now: number,
): Promise<Result<Ticket, "invalid_ticket">> {
  for (const secret of config.hubSecrets) {
    try {
      const { payload } = await jwtDecrypt(text, await derivedKey(secret, KEY_PURPOSE, "encrypt"), {
        typ: TICKET_TYPE,
        keyManagementAlgorithms: ["dir"],
        contentEncryptionAlgorithms: ["A256GCM"],
        currentDate: new Date(now),
      });
      const claims = TicketClaims.safeParse({
        ...payload,
        hub: payload["hub"] ?? payload["guildId"],
      });
      if (!claims.success || claims.data.expiresAt <= now) return err("invalid_ticket");
      const { jti, sub, hub, origin, grants, tokenExp, tokenIat, expiresAt, relay, scope } =
        claims.data;
      const identity = {
        sub,
        grants,
        exp: tokenExp,
        iat: tokenIat,
        ...(scope === undefined ? {} : { scope }),
      };
      return ok({ id: jti, expiresAt, hub, origin, identity, relay });
    } catch {
      // The ticket may be sealed with the other secret. Clients must not learn the reason of a refusal.
    }
  }
  return err("invalid_ticket");
}
