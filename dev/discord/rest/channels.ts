import {
  type APIAuditLogChange,
  AuditLogEvent,
  ChannelType,
  PermissionFlagsBits,
} from "discord-api-types/v10";
import { err, ok, type Result } from "../../../src/platform/result.ts";
import { GUILD_CHANNELS_MAX } from "../model.ts";
import { channelObject, directChannelObject } from "../objects.ts";
import type { World } from "../world.ts";
import { checkOverwrites, findChannel, findGuild } from "./access.ts";
import { readChannel, readChannelType, readOverwrite } from "./channel-form.ts";
import { type Failure, FAILURES } from "./failure.ts";
import { type Fields, Form } from "./form.ts";

type Outcome = Result<unknown, Failure>;

/** `GET /guilds/:guildId/channels`: the channels that the bot sees. */
export function listChannels(world: World, guildId: string): Outcome {
  const guild = findGuild(world, guildId);
  if (!guild.ok) return guild;
  const channels = world.channelsOf(guildId).filter((channel) => world.isVisible(channel));
  return ok(channels.map(channelObject));
}

/** `POST /guilds/:guildId/channels` */
export function createChannel(
  world: World,
  guildId: string,
  fields: Fields,
  reason: string | null,
): Outcome {
  const guild = findGuild(world, guildId, PermissionFlagsBits.ManageChannels);
  if (!guild.ok) return guild;
  const form = new Form(fields);
  const type = readChannelType(form);
  const channel = readChannel(form, { guildId, type }, world);
  const failure = form.failure() ?? checkOverwrites(world, guild.value, channel.overwrites ?? []);
  if (failure !== null) return err(failure);
  if (world.channelsOf(guildId).length >= GUILD_CHANNELS_MAX) return err(FAILURES.tooManyChannels);
  const created = world.createChannel({ name: "", ...channel, guildId, type });
  const changes: APIAuditLogChange[] = [
    { key: "name", new_value: created.name },
    { key: "type", new_value: created.type },
  ];
  const action = AuditLogEvent.ChannelCreate;
  world.archive.audit({ guildId, action, targetId: created.id, reason, changes });
  return ok(channelObject(created));
}

/** `GET /channels/:channelId`: of a guild, or a direct one. */
export function getChannel(world: World, channelId: string): Outcome {
  const direct = world.archive.directChannel(channelId);
  if (direct !== undefined) return ok(directChannelObject(direct, world.user(direct.recipientId)));
  const found = findChannel(world, channelId);
  return found.ok ? ok(channelObject(found.value.channel)) : found;
}

/** `PATCH /channels/:channelId` */
export function updateChannel(
  world: World,
  channelId: string,
  fields: Fields,
  reason: string | null,
): Outcome {
  const found = findChannel(world, channelId, PermissionFlagsBits.ManageChannels);
  if (!found.ok) return found;
  const { guild, channel } = found.value;
  const form = new Form(fields);
  const changes = readChannel(form, channel, world);
  const invalid = form.failure();
  if (invalid !== null) return err(invalid);
  if (changes.overwrites !== undefined) {
    const mayManage = findChannel(world, channelId, PermissionFlagsBits.ManageRoles);
    if (!mayManage.ok) return mayManage;
    const refused = checkOverwrites(world, guild, changes.overwrites);
    if (refused !== null) return err(refused);
  }
  const updated = world.updateChannel(channel, changes);
  world.archive.audit({
    guildId: guild.id,
    action: AuditLogEvent.ChannelUpdate,
    targetId: channelId,
    reason,
    changes:
      channel.name === updated.name
        ? []
        : [{ key: "name", old_value: channel.name, new_value: updated.name }],
  });
  return ok(channelObject(updated));
}

/** `DELETE /channels/:channelId`: answers with the channel as it was. */
export function deleteChannel(world: World, channelId: string, reason: string | null): Outcome {
  const found = findChannel(world, channelId, PermissionFlagsBits.ManageChannels);
  if (!found.ok) return found;
  const { guild, channel } = found.value;
  world.deleteChannel(channel);
  world.archive.audit({
    guildId: guild.id,
    action: AuditLogEvent.ChannelDelete,
    targetId: channelId,
    reason,
    changes: [{ key: "name", old_value: channel.name }],
  });
  return ok(channelObject(channel));
}

/** `PUT /channels/:channelId/permissions/:overwriteId` */
export function putOverwrite(
  world: World,
  { channelId, overwriteId }: { channelId: string; overwriteId: string },
  fields: Fields,
  reason: string | null,
): Outcome {
  const found = findChannel(world, channelId, PermissionFlagsBits.ManageRoles);
  if (!found.ok) return found;
  const { guild, channel } = found.value;
  const form = new Form(fields);
  if (!form.has("type")) form.refuse("type", "BASE_TYPE_REQUIRED", "This field is required");
  const overwrite = readOverwrite(form, overwriteId);
  const failure = form.failure() ?? checkOverwrites(world, guild, [overwrite]);
  if (failure !== null) return err(failure);
  const exists = channel.overwrites.some(({ id }) => id === overwriteId);
  world.setOverwrite(channel, overwriteId, overwrite);
  world.archive.audit({
    guildId: guild.id,
    action: exists ? AuditLogEvent.ChannelOverwriteUpdate : AuditLogEvent.ChannelOverwriteCreate,
    targetId: channelId,
    reason,
    options: { id: overwriteId, type: String(overwrite.type) },
  });
  return ok(undefined);
}

/** `DELETE /channels/:channelId/permissions/:overwriteId` */
export function deleteOverwrite(
  world: World,
  { channelId, overwriteId }: { channelId: string; overwriteId: string },
  reason: string | null,
): Outcome {
  const found = findChannel(world, channelId, PermissionFlagsBits.ManageRoles);
  if (!found.ok) return found;
  const { guild, channel } = found.value;
  const overwrite = channel.overwrites.find(({ id }) => id === overwriteId);
  if (overwrite === undefined) return err(FAILURES.unknownOverwrite);
  world.setOverwrite(channel, overwriteId, null);
  world.archive.audit({
    guildId: guild.id,
    action: AuditLogEvent.ChannelOverwriteDelete,
    targetId: channelId,
    reason,
    options: { id: overwriteId, type: String(overwrite.type) },
  });
  return ok(undefined);
}

/** Whether people can write in a channel of this type: all but categories. */
export function takesMessages(type: ChannelType): boolean {
  return type !== ChannelType.GuildCategory;
}
