import { type APIOverwrite, OverwriteType, PermissionFlagsBits } from "discord-api-types/v10";
import { type ChannelRecord, type GuildRecord, isVoice } from "./model.ts";

/** Every permission that exists. */
export const ALL_PERMISSIONS = Object.values(PermissionFlagsBits).reduce(
  (all, bit) => all | bit,
  0n,
);

/** Permissions of the default role in a new guild. */
export const EVERYONE_PERMISSIONS =
  PermissionFlagsBits.ViewChannel |
  PermissionFlagsBits.CreateInstantInvite |
  PermissionFlagsBits.Connect |
  PermissionFlagsBits.Speak |
  PermissionFlagsBits.Stream |
  PermissionFlagsBits.UseVAD |
  PermissionFlagsBits.SendMessages |
  PermissionFlagsBits.ReadMessageHistory;

/** Permissions of the bot's own role when the bot is invited as in the deployment guide. */
export const BOT_PERMISSIONS =
  EVERYONE_PERMISSIONS |
  PermissionFlagsBits.ManageChannels |
  PermissionFlagsBits.ManageRoles |
  PermissionFlagsBits.MoveMembers |
  PermissionFlagsBits.ViewAuditLog;

/** A bit set from its decimal string; null: not a bit set. */
export function parsePermissions(text: unknown): bigint | null {
  if (typeof text !== "string" && typeof text !== "number") return null;
  return /^\d{1,20}$/.test(String(text)) ? BigInt(text) : null;
}

/** The bot's own roles and the default role. */
function rolesOf(guild: GuildRecord, botId: string): GuildRecord["roles"] {
  return guild.roles.filter((role) => role.id === guild.id || role.botId === botId);
}

/** The bot's permissions in the guild. */
export function guildPermissions(guild: GuildRecord, botId: string): bigint {
  const held = rolesOf(guild, botId).reduce((all, role) => all | BigInt(role.permissions), 0n);
  return (held & PermissionFlagsBits.Administrator) === 0n ? held : ALL_PERMISSIONS;
}

function apply(permissions: bigint, overwrites: readonly APIOverwrite[]): bigint {
  const deny = overwrites.reduce((all, { deny: bits }) => all | BigInt(bits), 0n);
  const allow = overwrites.reduce((all, { allow: bits }) => all | BigInt(bits), 0n);
  return (permissions & ~deny) | allow;
}

/**
 * The bot's permissions in one channel, from overwrites for the default role, then its own roles, then itself. A
 * missing VIEW_CHANNEL removes all permissions, a missing CONNECT in a voice channel all except VIEW_CHANNEL.
 */
export function channelPermissions(
  guild: GuildRecord,
  channel: ChannelRecord,
  botId: string,
): bigint {
  const base = guildPermissions(guild, botId);
  if ((base & PermissionFlagsBits.Administrator) !== 0n) return ALL_PERMISSIONS;
  const roleIds = new Set(rolesOf(guild, botId).map((role) => role.id));
  const ofRoles = channel.overwrites.filter(({ type }) => type === OverwriteType.Role);
  const everyone = ofRoles.filter(({ id }) => id === guild.id);
  const roles = ofRoles.filter(({ id }) => id !== guild.id && roleIds.has(id));
  const member = channel.overwrites.filter(
    ({ id, type }) => type === OverwriteType.Member && id === botId,
  );
  const held = apply(apply(apply(base, everyone), roles), member);
  if ((held & PermissionFlagsBits.ViewChannel) === 0n) return 0n;
  if (isVoice(channel) && (held & PermissionFlagsBits.Connect) === 0n) {
    return PermissionFlagsBits.ViewChannel;
  }
  return held;
}
