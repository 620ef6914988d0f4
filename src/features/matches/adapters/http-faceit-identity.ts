import { z } from "zod";
import type { Fetch } from "../../../platform/outbound.ts";
import { err, ok } from "../../../platform/result.ts";
import type { FaceitConfig } from "../config.ts";
import type { FaceitIdentity } from "../ports.ts";
import { askWithToken, exchangeCode, shownName } from "./ask-provider.ts";

/** With fewer, userinfo answers `insufficient_scope` (§A1). */
const SCOPES = "openid profile";

/** `guid` is the player's id in the Data API; `sub` stands in for it in some answers (§A1). */
const Userinfo = z.object({
  guid: z.string().nullish().catch(null),
  sub: z.string().nullish().catch(null),
  nickname: z.string().nullish().catch(null),
  name: z.string().nullish().catch(null),
  preferred_username: z.string().nullish().catch(null),
});

const AccountId = z.string().regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i);

/** {@link FaceitIdentity} over HTTP. */
export function httpFaceitIdentity(
  oauth: NonNullable<FaceitConfig["oauth"]>,
  fetch: Fetch,
): FaceitIdentity {
  return {
    authorizeUrl(state, challenge) {
      const url = new URL(oauth.authorizeUrl);
      url.searchParams.set("response_type", "code");
      url.searchParams.set("client_id", oauth.clientId);
      url.searchParams.set("redirect_uri", oauth.redirectUri);
      url.searchParams.set("scope", SCOPES);
      url.searchParams.set("state", state);
      url.searchParams.set("code_challenge", challenge);
      url.searchParams.set("code_challenge_method", "S256");
      // Else FACEIT's page takes itself for a popup, and never comes back (§A1).
      url.searchParams.set("redirect_popup", "true");
      return url.href;
    },

    async whoIs(code, verifier) {
      const client = { id: oauth.clientId, secret: oauth.clientSecret };
      const token = await exchangeCode(fetch, "faceit token", oauth.tokenUrl, client, {
        code,
        redirect_uri: oauth.redirectUri,
        code_verifier: verifier,
      });
      if (!token.ok) return token;
      const answered = await askWithToken(fetch, "faceit userinfo", oauth.userinfoUrl, token.value);
      if (!answered.ok) return answered;
      const info = Userinfo.safeParse(answered.value);
      const id = AccountId.safeParse(info.data?.guid ?? info.data?.sub);
      if (!info.success || !id.success) return err({ kind: "no_account_id" });
      const { nickname, name, preferred_username: username } = info.data;
      // The Data API writes ids in lower case.
      const playerId = id.data.toLowerCase();
      return ok({ playerId, nickname: shownName([nickname, name, username], playerId) });
    },
  };
}
