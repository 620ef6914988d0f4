import { err, ok, type Result } from "../../../platform/result.ts";
import type { DiscordIdentityConfig } from "../adapters/http-discord-identity.ts";
import type { FaceitConfig, MatchesConfig } from "../config.ts";

/** Path of the page that a person opens, and to which Discord sends them back. */
export const LINK_PATH = "/faceit/link";

/** A deployment where accounts can be linked. */
export type LinkSetup = {
  readonly discord: DiscordIdentityConfig;
  readonly faceit: NonNullable<FaceitConfig["oauth"]>;
  /** Address of {@link LINK_PATH}. */
  readonly pageUrl: string;
};

/**
 * What linking needs of the variables.
 * @returns the names of those that are missing, if there are
 */
export function linkSetup(
  config: Pick<MatchesConfig, "faceit" | "discordApp" | "discordApiUrl">,
): Result<LinkSetup, readonly string[]> {
  const { faceit, discordApp, discordApiUrl } = config;
  const { oauth } = faceit;
  const { id: clientId, clientSecret, authorizeUrl } = discordApp;
  if (oauth === undefined || clientId === undefined || clientSecret === undefined) {
    return err([
      ...(oauth === undefined ? ["FACEIT_CLIENT_ID", "FACEIT_REDIRECT_URI"] : []),
      ...(clientId === undefined ? ["DISCORD_APPLICATION_ID"] : []),
      ...(clientSecret === undefined ? ["DISCORD_CLIENT_SECRET"] : []),
    ]);
  }
  // The browser's address of this server, which a proxy may hide from us.
  const pageUrl = new URL(LINK_PATH, oauth.redirectUri).href;
  const redirectUri = pageUrl;
  return ok({
    discord: { apiUrl: discordApiUrl, authorizeUrl, clientId, clientSecret, redirectUri },
    faceit: oauth,
    pageUrl,
  });
}
