import { base64url } from "jose";
import type { Context } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { LINK_TTL_MS } from "../../../protocol/limits.ts";
import type { DiscordUser } from "../ports.ts";

/** What the browser of somebody who is linking keeps. */
export type LinkCookie = {
  /** A random secret: who brings it is the browser that began. */
  readonly browser: string;
  /** Who signed in at Discord last, for the page at the end: only a name to show. */
  readonly discord: DiscordUser | null;
};

/**
 * Over https no other host and no page without TLS can set this cookie (RFC 6265bis §4.1.3). On http,
 * which only this machine's own stack uses, browsers do not take such a cookie.
 */
function nameOn(isHttps: boolean): string {
  return isHttps ? "__Host-guildhub-link" : "guildhub-link";
}

/** @param isHttps whether the browser's address of this server is */
export function readLinkCookie(c: Context, isHttps: boolean): LinkCookie | null {
  const value = getCookie(c, nameOn(isHttps));
  const [, browser, id, encoded] =
    /^([\w-]{43})(?:\.(\d{1,20})\.([\w-]{0,2000}))?$/.exec(value ?? "") ?? [];
  if (browser === undefined) return null;
  const name = encoded === undefined ? null : decodeName(encoded);
  return { browser, discord: id === undefined || name === null ? null : { id, name } };
}

/** Lives as long as a linking does; no script sees it, and only navigation brings it from other sites. */
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
