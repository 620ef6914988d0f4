import { z } from "zod";
import { USER_AGENT } from "../../../platform/discord/send.ts";
import type { Fetch } from "../../../platform/outbound.ts";
import { err, ok } from "../../../platform/result.ts";
import { DiscordId } from "../../../protocol/discord-id.ts";
import type { DiscordIdentity } from "../ports.ts";
import { askWithToken, exchangeCode, shownName } from "./ask-provider.ts";

/** Where Discord is, and who we are there. */
export type DiscordIdentityConfig = {
  /** Without a slash at the end. */
  readonly apiUrl: string;
  readonly authorizeUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** One of the redirects of the application. */
  readonly redirectUri: string;
};

const Me = z.object({
  id: DiscordId,
  username: z.string().nullish().catch(null),
  global_name: z.string().nullish().catch(null),
});

/** {@link DiscordIdentity} over HTTP. */
export function httpDiscordIdentity(config: DiscordIdentityConfig, fetch: Fetch): DiscordIdentity {
  const { apiUrl, authorizeUrl, clientId, clientSecret, redirectUri } = config;
  // Discord refuses who does not say what calls (discord.md §2 REST).
  const named: Fetch = (url, { headers, ...init }) => {
    const all = new Headers(headers);
    all.set("User-Agent", USER_AGENT);
    return fetch(url, { ...init, headers: all });
  };
  return {
    authorizeUrl(state) {
      const url = new URL(authorizeUrl);
      url.searchParams.set("response_type", "code");
      url.searchParams.set("client_id", clientId);
      url.searchParams.set("redirect_uri", redirectUri);
      url.searchParams.set("scope", "identify");
      url.searchParams.set("state", state);
      return url.href;
    },

    async whoIs(code) {
      const client = { id: clientId, secret: clientSecret };
      const token = await exchangeCode(named, "discord token", `${apiUrl}/oauth2/token`, client, {
        code,
        redirect_uri: redirectUri,
      });
      if (!token.ok) return token;
      const answered = await askWithToken(
        named,
        "discord user",
        `${apiUrl}/users/@me`,
        token.value,
      );
      if (!answered.ok) return answered;
      const me = Me.safeParse(answered.value);
      if (!me.success) return err({ kind: "failed" });
      const { id, username, global_name: globalName } = me.data;
      return ok({ id, name: shownName([globalName, username], id) });
    },
  };
}
