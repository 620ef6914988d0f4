import { type APIOverwrite, OverwriteType, PermissionFlagsBits } from "discord-api-types/v10";
import { err, ok, type Result } from "../../../src/platform/result.ts";
import type { ChannelRecord, GuildRecord } from "../model.ts";
import { channelPermissions, guildPermissions } from "../permissions.ts";
import { isSnowflake } from "../snowflake.ts";
import type { World } from "../world.ts";
import { type Failure, FAILURES, invalidForm } from "./failure.ts";

function notSnowflake(field: string, value: string): Failure {
  const message = `Value "${value}" is not snowflake.`;
  return invalidForm({ [field]: { _errors: [{ code: "NUMBER_TYPE_COERCE", message }] } });
}

/** The guild of the path. Fails unless the bot is in it and has the permissions `needed`. */
export function findGuild(world: World, id: string, needed = 0n): Result<GuildRecord, Failure> {
  if (!isSnowflake(id)) return err(notSnowflake("guild_id", id));
  const guild = world.guilds.get(id);
  if (guild === undefined) return err(FAILURES.unknownGuild);
  if (!world.isIn(guild)) return err(FAILURES.missingAccess);
  return holds(guildPermissions(guild, world.botId), needed)
    ? ok(guild)
    : err(FAILURES.missingPermissions);
}

/**
 * The channel of the path and its guild. Fails unless the bot sees the channel and has the permissions `needed`.
 */
export function findChannel(
  world: World,
  id: string,
  needed = 0n,
): Result<{ readonly guild: GuildRecord; readonly channel: ChannelRecord }, Failure> {
  if (!isSnowflake(id)) return err(notSnowflake("channel_id", id));
  const channel = world.channels.get(id);
  if (channel === undefined) return err(FAILURES.unknownChannel);
  const guild = world.guilds.get(channel.guildId);
  if (guild === undefined) return err(FAILURES.unknownChannel);
  if (!world.isIn(guild)) return err(FAILURES.missingAccess);
  const held = channelPermissions(guild, channel, world.botId);
  if (!holds(held, PermissionFlagsBits.ViewChannel)) return err(FAILURES.missingAccess);
  return holds(held, needed) ? ok({ guild, channel }) : err(FAILURES.missingPermissions);
}

/**
 * Checks whether the bot may set these overwrites. Roles must exist, the bits must be among the bot's permissions
 * in the guild, and MANAGE_ROLES is only for administrators. @returns null when it may
 */
export function checkOverwrites(
  world: World,
  guild: GuildRecord,
  overwrites: readonly APIOverwrite[],
): Failure | null {
  const held = guildPermissions(guild, world.botId);
  const settable = holds(held, PermissionFlagsBits.Administrator)
    ? held
    : held & ~PermissionFlagsBits.ManageRoles;
  for (const overwrite of overwrites) {
    const roleExists = guild.roles.some(({ id }) => id === overwrite.id);
    if (overwrite.type === OverwriteType.Role && !roleExists) return FAILURES.invalidRole;
    if (!holds(settable, BigInt(overwrite.allow) | BigInt(overwrite.deny))) {
      return FAILURES.missingPermissions;
    }
  }
  return null;
}

function holds(permissions: bigint, needed: bigint): boolean {
  return (permissions & needed) === needed;
}
