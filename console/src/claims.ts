import { isRecord, isText } from "../../src/client/json-shape.ts";

/** What the access token says about its owner, for what the page offers. The Worker decides. */
export type Claims = {
  readonly sub: string;
  /** Absent claim: undefined, which means the primary guild. */
  readonly guilds?: readonly string[];
  readonly scopes: readonly string[];
  readonly discordId?: string;
};

/**
 * Reads the claims of a JWT without verifying it: it was just received from the provider, and
 * nothing that it says is trusted by the server unchecked.
 * @returns undefined when it is not a JWT: the provider is not set up to give one
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

/** As providers write them, and as the Worker reads them: names separated by spaces, or a list of names. */
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
