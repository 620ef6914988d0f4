import { localApplication } from "../discord/application.ts";
import type { Variables } from "./variables.ts";

/** Secrets that the Worker shares with the local FACEIT. */
export const FACEIT_SECRETS = [
  "FACEIT_WEBHOOK_SECRET",
  "FACEIT_API_KEY",
  "FACEIT_CLIENT_SECRET",
] as const;

/** What somebody has set by a file or the environment. */
type Given = (name: string) => string | undefined;

/** What the Worker is told of the local Discord: its application, and where players are sent. */
export function discordVariables(botToken: string, toml: Variables, given: Given): Variables {
  const { id, publicKeyHex, clientSecret } = localApplication(botToken);
  return {
    ...chosen(["VC_CATEGORY_ID", "LOBBY_VC_ID"], toml, given),
    DISCORD_APPLICATION_ID: id,
    DISCORD_PUBLIC_KEY: publicKeyHex,
    DISCORD_CLIENT_SECRET: clientSecret,
  };
}

/** What the Worker is told of the local FACEIT. */
export function faceitVariables(url: string, toml: Variables, given: Given): Variables {
  return {
    ...chosen(["FACEIT_CLIENT_ID"], toml, given),
    FACEIT_AUTH_URL: given("FACEIT_AUTH_URL") ?? `${url}/oauth/authorize`,
    FACEIT_TOKEN_URL: given("FACEIT_TOKEN_URL") ?? `${url}/oauth/token`,
    FACEIT_USERINFO_URL: given("FACEIT_USERINFO_URL") ?? `${url}/oauth/userinfo`,
  };
}

function chosen(names: readonly string[], toml: Variables, given: Given): Variables {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = given(name) ?? toml[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
