import {
  type APIAuditLogChange,
  type APIOverwrite,
  AuditLogEvent,
  ChannelType,
  OverwriteType,
  PermissionFlagsBits,
} from "discord-api-types/v10";
import { err, ok } from "../../../src/platform/result.ts";
import {
  CATEGORY_CHANNELS_MAX,
  type ChannelRecord,
  GUILD_CHANNELS_MAX,
  type GuildChannelType,
} from "../model.ts";
import { channelObject, directChannelObject } from "../objects.ts";
import type { World } from "../world.ts";
import { checkOverwrites, findChannel, findGuild } from "./access.ts";
import { FAILURES } from "./failure.ts";
import { type Form, present } from "./form.ts";
import type { Outcome, RestCall } from "./request.ts";

const CHANNEL_TYPES: readonly GuildChannelType[] = [
  ChannelType.GuildText,
  ChannelType.GuildVoice,
  ChannelType.GuildCategory,
];

/** The highest bitrate of a guild without boosts, bits per second. */
const BITRATE_MAX = 96_000;
const OVERWRITE_ID = /^(?!0\d{0,63}$)[\w-]{1,64}$/;

type Changes = Partial<Omit<ChannelRecord, "id" | "guildId" | "type">>;

/** `GET /guilds/:guildId/channels`: the channels that the bot sees. */
export function listChannels({ world, guildId }: RestCall): Outcome {
  const guild = findGuild(world, guildId);
  if (!guild.ok) return guild;
  const channels = world.channelsOf(guildId).filter((channel) => world.isVisible(channel));
  return ok(channels.map(channelObject));
}

/** `POST /guilds/:guildId/channels` */
export function createChannel({ world, guildId, form, reason }: RestCall): Outcome {
  const guild = findGuild(world, guildId, PermissionFlagsBits.ManageChannels);
  if (!guild.ok) return guild;
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

/** `GET /channels/:channelId`: a guild's channel or a direct channel. */
export function getChannel({ world, channelId }: RestCall): Outcome {
  const direct = world.archive.directChannel(channelId);
  if (direct !== undefined) return ok(directChannelObject(direct, world.user(direct.recipientId)));
  const found = findChannel(world, channelId);
  return found.ok ? ok(channelObject(found.value.channel)) : found;
}

/** `PATCH /channels/:channelId` */
export function updateChannel({ world, channelId, form, reason }: RestCall): Outcome {
  const found = findChannel(world, channelId, PermissionFlagsBits.ManageChannels);
  if (!found.ok) return found;
  const { guild, channel } = found.value;
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

/** `DELETE /channels/:channelId`: answers with the deleted channel. */
export function deleteChannel({ world, channelId, reason }: RestCall): Outcome {
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
export function putOverwrite(call: RestCall): Outcome {
  const { world, channelId, overwriteId, form, reason } = call;
  const found = findChannel(world, channelId, PermissionFlagsBits.ManageRoles);
  if (!found.ok) return found;
  const { guild, channel } = found.value;
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
export function deleteOverwrite({ world, channelId, overwriteId, reason }: RestCall): Outcome {
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

/** The type of a new channel; absent: text. */
function readChannelType(form: Form): GuildChannelType {
  return form.choice("type", CHANNEL_TYPES) ?? ChannelType.GuildText;
}

/** The fields of a channel. A channel without an id is new and needs a name. */
function readChannel(
  form: Form,
  channel: Pick<ChannelRecord, "guildId" | "type"> & { readonly id?: string },
  world: World,
): Changes {
  const { id, type } = channel;
  const name = form.text("name", { min: 1, max: 100, required: id === undefined });
  const voice = type === ChannelType.GuildVoice;
  return present({
    name: name === undefined || voice ? name : textName(name, type),
    position: form.integer("position", { min: 0, max: 2_147_483_647 }),
    parentId: type === ChannelType.GuildCategory ? undefined : readParent(form, channel, world),
    overwrites: form.list("permission_overwrites", (item) =>
      readOverwrite(item, readOverwriteId(item)),
    ),
    topic: form.text("topic", { max: 1_024 }),
    nsfw: form.flag("nsfw"),
    rateLimitPerUser: form.integer("rate_limit_per_user", { min: 0, max: 21_600 }),
    bitrate: voice ? form.integer("bitrate", { min: 8_000, max: BITRATE_MAX }) : undefined,
    userLimit: voice ? form.integer("user_limit", { min: 0, max: 99 }) : undefined,
    rtcRegion: voice ? form.text("rtc_region", { max: 100 }) : undefined,
  });
}

/** One overwrite. Absent bits are 0. */
function readOverwrite(form: Form, id: string): APIOverwrite {
  const type = form.choice("type", [OverwriteType.Role, OverwriteType.Member]);
  return {
    id,
    type: type ?? OverwriteType.Role,
    allow: form.permissions("allow") ?? "0",
    deny: form.permissions("deny") ?? "0",
  };
}

function readOverwriteId(form: Form): string {
  const id = form.raw("id");
  if (typeof id === "string" && OVERWRITE_ID.test(id)) return id;
  form.refuse("id", "BASE_TYPE_REQUIRED", "This field is required");
  return "";
}

function readParent(
  form: Form,
  { id, guildId }: { readonly id?: string; readonly guildId: string },
  world: World,
): string | null | undefined {
  if (form.has("parent_id") && form.raw("parent_id") === null) return null;
  const parentId = form.snowflake("parent_id");
  if (parentId === undefined) return undefined;
  const parent = world.channels.get(parentId);
  if (parent === undefined || parent.guildId !== guildId) {
    return form.refuse("parent_id", "CHANNEL_PARENT_INVALID", "Category does not exist");
  }
  if (parent.type !== ChannelType.GuildCategory) {
    return form.refuse("parent_id", "CHANNEL_PARENT_INVALID_TYPE", "Not a category");
  }
  const inside = world
    .channelsOf(guildId)
    .filter((channel) => channel.parentId === parentId && channel.id !== id);
  if (inside.length >= CATEGORY_CHANNELS_MAX) {
    const message = `Maximum number of channels in category reached (${CATEGORY_CHANNELS_MAX})`;
    return form.refuse("parent_id", "CHANNEL_PARENT_MAX_CHANNELS", message);
  }
  return parentId;
}

/** Names of text channels have no capitals and no spaces. Categories and voice channels keep them. */
function textName(name: string, type: GuildChannelType): string {
  return type === ChannelType.GuildText ? name.toLowerCase().replaceAll(/\s+/g, "-") : name;
}
