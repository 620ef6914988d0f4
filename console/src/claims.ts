import { isRecord, isText } from "../../src/client/json-shape.ts";

/** The claims of the access token that decide what the page offers. The Worker decides what is allowed. */
export type Claims = {
  readonly sub: string;
  /** Without the claim: undefined, which means the primary guild. */
  readonly guilds?: readonly string[];
  readonly scopes: readonly string[];
  readonly discordId?: string;
};

/**
 * Reads the claims of a JWT without verifying it. It came directly from the provider, and the server trusts
 * nothing in it unchecked.
 * @returns undefined if it is not a JWT: the provider is not set up to issue one
 */
export function claimsOf(accessToken: string): Claims | undefined {
  const payload = payloadOf(accessToken);
  if (!isRecord(payload) || !isText(payload["sub"])) return undefined;
  const { guilds, scope, scp, discord_id: discordId } = payload;
  return {
    sub: payload["sub"],
    scopes: [...new Set([scopesIn(scope), scopesIn(scp)].flat())],
    ...(Array.isArray(guilds) ? { guilds: guilds.filter(isText) } : {}),
    ...(isText(discordId) ? { discordId } : {}),
  };
}

/**
 * Scopes as providers write them and as the Worker reads them: names separated by spaces, or a list of
 * names.
 */
function scopesIn(claim: unknown): string[] {
  return [claim]
    .flat()
    .filter(isText)
    .flatMap((names) => names.split(" "))
    .filter((name) => name !== "");
}

function payloadOf(jwt: string): unknown {
  const part = jwt.split(".")[1];
  if (part === undefined) return undefined;
  try {
    const binary = atob(part.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (char) => char.codePointAt(0) ?? 0);
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
