import { type APIOverwrite, ChannelType, OverwriteType } from "discord-api-types/v10";
import { CATEGORY_CHANNELS_MAX, type ChannelRecord, type GuildChannelType } from "../model.ts";
import { parsePermissions } from "../permissions.ts";
import type { World } from "../world.ts";
import type { Form } from "./form.ts";

const CHANNEL_TYPES: readonly GuildChannelType[] = [
  ChannelType.GuildText,
  ChannelType.GuildVoice,
  ChannelType.GuildCategory,
];

/** The highest bitrate of a guild that nobody boosted, bits per second. */
const BITRATE_MAX = 96_000;
const OVERWRITE_ID = /^(?!0\d{0,63}$)[\w-]{1,64}$/;

type Changes = Partial<Omit<ChannelRecord, "id" | "guildId" | "type">>;

/** The type of a channel that is to be made; text when none is named. */
export function readChannelType(form: Form): GuildChannelType {
  return form.choice("type", CHANNEL_TYPES) ?? ChannelType.GuildText;
}

/** The fields of a channel; one without an id is to be made, and needs a name. */
export function readChannel(
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

/** One overwrite; the bits may be absent, and are then none. */
export function readOverwrite(form: Form, id: string): APIOverwrite {
  const type = form.choice("type", [OverwriteType.Role, OverwriteType.Member]);
  return {
    id,
    type: type ?? OverwriteType.Role,
    allow: readPermissions(form, "allow"),
    deny: readPermissions(form, "deny"),
  };
}

function readOverwriteId(form: Form): string {
  const id = form.raw("id");
  if (typeof id === "string" && OVERWRITE_ID.test(id)) return id;
  form.refuse("id", "BASE_TYPE_REQUIRED", "This field is required");
  return "";
}

function readPermissions(form: Form, name: string): string {
  const raw = form.raw(name) ?? "0";
  const permissions = parsePermissions(raw);
  if (permissions !== null) return permissions.toString();
  form.refuse(name, "NUMBER_TYPE_COERCE", `Value ${JSON.stringify(raw)} is not int.`);
  return "0";
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

/** Text channels have no capitals and no spaces; categories and voice channels keep them. */
function textName(name: string, type: GuildChannelType): string {
  return type === ChannelType.GuildText ? name.toLowerCase().replaceAll(/\s+/g, "-") : name;
}

function present(fields: { [K in keyof Changes]: Changes[K] | undefined }): Changes {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
