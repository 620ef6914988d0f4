import type { Clock } from "../../src/platform/clock.ts";
import { Grants, type OAuthRules } from "../doubles/oauth2.ts";
import type { LocalApplication } from "./application.ts";
import type { World } from "./world.ts";

/** Lifetime of an access token, seconds: 7 days. */
const TOKEN_SECONDS = 604_800;

/**
 * Discord's OAuth2. The only modelled scope is `identify`, which gives the user's identity.
 * @param redirectUris the addresses that a browser may be sent back to
 */
export function discordOAuth(
  world: World,
  { id, clientSecret }: LocalApplication,
  redirectUris: readonly string[],
  clock: Clock,
): OAuthRules {
  const people = () => [...world.users.values()].filter(({ bot }) => !bot);
  return {
    service: "Discord",
    grants: new Grants(clock, TOKEN_SECONDS),
    clientId: id,
    clientSecret,
    secretInForm: true,
    redirectUris,
    redirectVariable: "OAUTH_REDIRECT_URIS",
    redirectStatus: 302,
    pkce: false,
    onlyScope: "identify",
    page: {
      title: "Authorize",
      heading: () => `${world.bot().globalName ?? world.bot().username} asks who you are`,
      field: "user_id",
      people: () =>
        people().map(({ id: userId, username, globalName }) => ({
          id: userId,
          name: globalName ?? username,
        })),
      find: (chosen) => people().find((user) => user.id === chosen)?.id,
    },
    more: ({ scope }) => ({ scope }),
  };
}
