import { base64url } from "jose";
import type { Context } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { LINK_TTL_MS } from "../../../protocol/limits.ts";
import type { DiscordUser } from "../ports.ts";

/** The cookie of a browser in which somebody is linking. */
export type LinkCookie = {
  /** A random secret that proves that this browser began the linking. */
  readonly browser: string;
  /** The user who signed in at Discord last: only a name for the last page, never trusted. */
  readonly discord: DiscordUser | null;
};

/**
 * Over https the prefix keeps other hosts and pages without TLS from setting this cookie (RFC 6265bis
 * §4.1.3). Browsers do not accept the prefix over http, which only the local stack uses.
 */
function nameOn(isHttps: boolean): string {
  return isHttps ? "__Host-guildhub-link" : "guildhub-link";
}

/** @param isHttps whether browsers reach this server over https */
export function readLinkCookie(c: Context, isHttps: boolean): LinkCookie | null {
  const value = getCookie(c, nameOn(isHttps));
  const [, browser, id, encoded] =
    /^([\w-]{43})(?:\.(\d{1,20})\.([\w-]{0,2000}))?$/.exec(value ?? "") ?? [];
  if (browser === undefined) return null;
  const name = encoded === undefined ? null : decodeName(encoded);
  return { browser, discord: id === undefined || name === null ? null : { id, name } };
}

/**
 * Sets the cookie for as long as a linking may take. Scripts cannot read it, and from other sites browsers send
 * it with navigation only.
 */
export function setLinkCookie(
  c: Context,
  isHttps: boolean,
  { browser, discord }: LinkCookie,
): void {
  const who = discord === null ? "" : `.${discord.id}.${base64url.encode(discord.name)}`;
  setCookie(c, nameOn(isHttps), `${browser}${who}`, {
    path: "/",
    httpOnly: true,
    secure: isHttps,
    sameSite: "Lax",
    maxAge: LINK_TTL_MS / 1000,
  });
}

function decodeName(encoded: string): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(
      base64url.decode(encoded),
    );
  } catch {
    return null;
  }
}
