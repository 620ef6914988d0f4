import { Locale } from "discord-api-types/v10";
import { err, ok } from "../../../src/platform/result.ts";
import type { LocalApplication } from "../application.ts";
import type { UserRecord } from "../model.ts";
import { directChannelObject, userObject } from "../objects.ts";
import { SERVER_OWNER } from "../seed.ts";
import type { World } from "../world.ts";
import { FAILURES } from "./failure.ts";
import type { Outcome, RestCall } from "./request.ts";

const SELF = "@me";

/**
 * `GET /users/:userId`. A caller gets some more members about itself.
 * @param bearer the user of the OAuth2 token, who may read only itself; null: the caller is the bot
 */
export function getUser({ world, userId }: RestCall, bearer: string | null): Outcome {
  if (userId === SELF) return ok(ownUserObject(world.user(bearer ?? world.botId)));
  if (bearer !== null) return err(FAILURES.unauthorized);
  const user = world.users.get(userId);
  return user === undefined ? err(FAILURES.unknownUser) : ok(userObject(user));
}

/** A user's token has no scope `email`, so users get no email. */
function ownUserObject(user: UserRecord): Record<string, unknown> {
  const own = { ...userObject(user), mfa_enabled: false, locale: Locale.EnglishUS };
  return user.bot ? { ...own, verified: true, email: null } : own;
}

/** `GET /applications/@me`: the bot's application as in the developer portal. */
export function applicationObject(
  world: World,
  application: LocalApplication,
  redirectUris: readonly string[],
  interactionsUrl: string | null,
): Record<string, unknown> {
  const bot = world.bot();
  return {
    id: application.id,
    name: bot.globalName ?? bot.username,
    icon: null,
    description: "",
    type: null,
    flags: 0,
    flags_new: "0",
    bot: userObject(bot),
    summary: "",
    is_monetized: false,
    rpc_origins: [],
    bot_public: false,
    bot_require_code_grant: false,
    verify_key: application.publicKeyHex,
    redirect_uris: redirectUris,
    interactions_endpoint_url: interactionsUrl,
    role_connections_verification_url: null,
    owner: userObject(world.user(SERVER_OWNER.id)),
    approximate_guild_count: [...world.guilds.values()].filter((it) => world.isIn(it)).length,
    approximate_user_install_count: 0,
    approximate_user_authorization_count: 0,
    explicit_content_filter: 0,
    team: null,
  };
}

/** `POST /users/@me/channels`: the channel between the bot and one user. */
export function openDirectChannel({ world, userId, form }: RestCall): Outcome {
  if (userId !== SELF) return err(FAILURES.notFound);
  const recipientId = form.text("recipient_id", { min: 1, max: 64, required: true });
  const invalid = form.failure();
  if (invalid !== null) return err(invalid);
  const recipient = world.users.get(recipientId ?? "");
  if (recipient === undefined) return err(FAILURES.unknownUser);
  if (recipient.bot) return err(FAILURES.cannotMessageUser);
  return ok(directChannelObject(world.archive.directChannelWith(recipient.id), recipient));
}
