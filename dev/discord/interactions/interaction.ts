import { randomBytes } from "node:crypto";
import {
  ApplicationCommandOptionType,
  ApplicationCommandType,
  ApplicationIntegrationType,
  ChannelType,
  InteractionContextType,
  InteractionType,
  Locale,
} from "discord-api-types/v10";
import { err, ok, type Result } from "../../../src/platform/result.ts";
import type { CommandRecord, GuildRecord, UserRecord } from "../model.ts";
import { channelObject, memberObject, userObject } from "../objects.ts";
import { ALL_PERMISSIONS, channelPermissions } from "../permissions.ts";
import type { World } from "../world.ts";

/** Maximum size of an attachment, bytes. Discord sends it in every interaction; no answer here has attachments. */
const ATTACHMENT_SIZE_LIMIT = 10_485_760;

/** A use of a slash command in a guild. */
export interface CommandUse {
  readonly guild: GuildRecord;
  readonly user: UserRecord;
  readonly command: string;
  readonly options: Readonly<Record<string, string>>;
  /** The member's permissions, a bit set as a decimal string; null: those from the guild's roles. */
  readonly permissions: string | null;
}

const USER: number = ApplicationCommandOptionType.User;
const TEXT: number = ApplicationCommandOptionType.String;

interface OptionValue {
  readonly name: string;
  readonly type: number;
  readonly value: string;
}

/**
 * The interaction that Discord sends for a use of a command. An unregistered command is sent as well, with guessed
 * option types, so that a handler can be tested before it is registered. Fails with a problem that Discord's
 * client would have prevented.
 */
export function commandInteraction(
  world: World,
  use: CommandUse,
  newId: () => string,
): Result<Record<string, unknown>, string> {
  const { guild, user } = use;
  const command = findCommand(world, use);
  const options = readOptions(world, use, command);
  if (!options.ok) return options;
  const channels = world.channelsOf(guild.id);
  const channel = channels.find(({ type }) => type === ChannelType.GuildText) ?? channels[0];
  const mentioned = options.value
    .filter(({ type }) => type === USER)
    .map(({ value }) => world.user(value));
  return ok({
    ...envelope(world, newId, InteractionType.ApplicationCommand),
    guild_id: guild.id,
    guild: { id: guild.id, locale: Locale.EnglishUS, features: [] },
    guild_locale: Locale.EnglishUS,
    ...(channel === undefined ? {} : { channel_id: channel.id, channel: channelObject(channel) }),
    member: { ...memberObject(guild, user), permissions: permissionsOf(use) },
    locale: Locale.EnglishUS,
    app_permissions: String(
      channel === undefined ? 0n : channelPermissions(guild, channel, world.botId),
    ),
    authorizing_integration_owners: { [ApplicationIntegrationType.GuildInstall]: guild.id },
    context: InteractionContextType.Guild,
    data: {
      id: command?.id ?? newId(),
      name: use.command,
      type: ApplicationCommandType.ChatInput,
      ...(command !== null && command.guildId !== null ? { guild_id: command.guildId } : {}),
      ...(options.value.length === 0 ? {} : { options: options.value }),
      ...(mentioned.length === 0 ? {} : { resolved: resolved(guild, mentioned) }),
    },
  });
}

/** The PING that Discord sends to check an endpoint. */
export function pingInteraction(world: World, newId: () => string): Record<string, unknown> {
  return { ...envelope(world, newId, InteractionType.Ping), user: userObject(world.bot()) };
}

function envelope(
  world: World,
  newId: () => string,
  type: InteractionType,
): Record<string, unknown> {
  return {
    id: newId(),
    // An application's id equals its bot's id.
    application_id: world.botId,
    type,
    token: randomBytes(48).toString("base64url"),
    version: 1,
    entitlements: [],
    attachment_size_limit: ATTACHMENT_SIZE_LIMIT,
  };
}

/** A guild's own command takes precedence over a global one. */
function findCommand(world: World, { guild, command }: CommandUse): CommandRecord | null {
  const registered = [...world.archive.commandsOf(guild.id), ...world.archive.commandsOf(null)];
  return registered.find(({ name }) => name === command) ?? null;
}

function readOptions(
  world: World,
  use: CommandUse,
  command: CommandRecord | null,
): Result<readonly OptionValue[], string> {
  const given: OptionValue[] = [];
  for (const [name, value] of Object.entries(use.options)) {
    const known = command?.options.find((option) => option.name === name);
    if (command !== null && known === undefined) {
      return err(`options.${name}: /${command.name} has no such option`);
    }
    const isUser = world.users.has(value);
    const type = known?.type ?? (isUser ? USER : TEXT);
    if (type === USER && !isUser) {
      return err(`options.${name}: there is no user ${value}`);
    }
    const { length } = Array.from(value);
    if (length < (known?.min_length ?? 0) || length > (known?.max_length ?? Infinity)) {
      return err(`options.${name}: too short or too long for /${use.command}`);
    }
    given.push({ name, type, value });
  }
  const missing = command?.options.find(
    ({ name, required }) => required === true && !Object.hasOwn(use.options, name),
  );
  return missing === undefined ? ok(given) : err(`options.${missing.name}: is required`);
}

function permissionsOf({ guild, user, permissions }: CommandUse): string {
  if (permissions !== null) return permissions;
  if (user.id === guild.ownerId) return ALL_PERMISSIONS.toString();
  return guild.roles.find(({ id }) => id === guild.id)?.permissions ?? "0";
}

/** The `resolved` data of users in options. Members have no `user`, because `users` has it. */
function resolved(guild: GuildRecord, users: readonly UserRecord[]): Record<string, unknown> {
  const members = users.filter(({ id }) => Object.hasOwn(guild.members, id));
  const partial = (user: UserRecord): Record<string, unknown> => {
    const { user: _, deaf: __, mute: ___, ...member } = memberObject(guild, user);
    return { ...member, permissions: "0" };
  };
  return {
    users: Object.fromEntries(users.map((user) => [user.id, userObject(user)])),
    members: Object.fromEntries(members.map((user) => [user.id, partial(user)])),
  };
}
