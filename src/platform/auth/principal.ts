/** Scope that lets a person see and end every room (rooms.md §1). */
export const MANAGE_ROOMS_SCOPE = "rooms:manage";

/** Scope of operators: lets a person look into hubs and close connections (hub.md, inspection). */
export const HUB_ADMIN_SCOPE = "hub:admin";

/** The person that a verified token was issued for. */
export type Principal = {
  readonly sub: string;
  /** Seconds since 1970, like the claim. */
  readonly exp: number;
  /** When the token was issued, seconds since 1970; absent: the token has no such claim. */
  readonly iat?: number;
  /** Absent claim: undefined, which means the primary guild only (rooms.md §1). */
  readonly guilds?: readonly string[];
  readonly scopes: readonly string[];
  readonly discordId?: string;
  /** Tokens of an earlier epoch of their account were revoked; absent: these tokens have none. */
  readonly epoch?: number;
};

/**
 * The grants of a principal, as the strings that an audience lists. An event or room is visible to every
 * principal with at least one grant of its audience.
 */
export function grantsOf(principal: Pick<Principal, "sub" | "scopes" | "discordId">): string[] {
  return [
    grant.user(principal.sub),
    ...(principal.discordId === undefined ? [] : [grant.discordUser(principal.discordId)]),
    ...principal.scopes.map(grant.scope),
  ];
}

/** The three kinds of grants. */
export const grant = {
  user: (sub: string) => `sub:${sub}`,
  discordUser: (id: string) => `discord:${id}`,
  scope: (scope: string) => `scope:${scope}`,
} as const;

/**
 * The guild that a request is for (rooms.md §1). Without a `guilds` claim it is always the primary guild. With
 * the claim, the requested guild must be in it; a request that names none gets the primary guild if that is in it.
 * @returns the guild id, or undefined when the token does not allow it
 */
export function guildFor(
  principal: Pick<Principal, "guilds">,
  asked: string | undefined,
  primaryGuildId: string,
): string | undefined {
  if (principal.guilds === undefined) return primaryGuildId;
  const wanted = asked ?? primaryGuildId;
  return principal.guilds.includes(wanted) ? wanted : undefined;
}
