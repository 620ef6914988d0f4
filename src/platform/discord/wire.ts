import type {
  RESTPostAPIChannelMessageJSONBody,
  RESTPostAPIGuildChannelJSONBody,
} from "discord-api-types/v10";
import { z } from "zod";
import { DiscordId } from "../../protocol/discord-id.ts";
import { log } from "../log.ts";
import { ACTION_ROW, BUTTON, GUILD_VOICE, LINK_STYLE, OVERWRITE } from "./constants.ts";
import type {
  GuildChannel,
  NewMessage,
  NewVoiceChannel,
  PermissionOverwrite,
} from "./operations.ts";

/** A text that nothing depends on. Another type becomes null, so that the rest of the answer can be read. */
const Incidental = z.string().nullish().catch(null);

/** A list whose unreadable entries are skipped and logged. */
function readableOf<Entry extends z.ZodType>(entry: Entry, what: string) {
  return z.array(z.unknown()).transform((list): z.output<Entry>[] => {
    const read = list.flatMap((one) => {
      const result = entry.safeParse(one);
      return result.success ? [result.data] : [];
    });
    const skipped = list.length - read.length;
    if (skipped > 0) log("warn", "discord.entries_not_as_documented", { what, skipped });
    return read;
  });
}

/** A channel, as far as rooms need it. */
export const Channel = z.object({ id: DiscordId, name: Incidental });
/** An invite. */
export const Invite = z.object({
  code: z.string().min(1),
  expires_at: z.iso.datetime({ offset: true }).nullish().catch(null),
});
/** An object of which only the id is read: the bot itself, a direct message channel. */
export const Identified = z.object({ id: DiscordId });

const ROLE: number = OVERWRITE.role;
const BitSet = z.string().regex(/^\d{1,30}$/);
/** Type of a channel whose type cannot be read. The channel exists, and we did not create it. */
const UNKNOWN_TYPE = -1;
const Overwrite = z.object({ id: DiscordId, type: z.number().int(), allow: BitSet, deny: BitSet });
const ListedChannel = z.object({
  id: DiscordId,
  name: Incidental,
  type: z.number().int().catch(UNKNOWN_TYPE),
  parent_id: DiscordId.nullish().catch(null),
  permission_overwrites: readableOf(Overwrite, "overwrites").nullish().catch(null),
});
/** `GET /guilds/:guildId/channels`. */
export const ChannelList = readableOf(ListedChannel, "channels");

/** `GET /guilds/:guildId/audit-logs`: the created channels and the reasons. */
export const AuditLog = z.object({
  audit_log_entries: readableOf(
    z.object({ target_id: Incidental, reason: Incidental }),
    "audit log",
  ),
});

/** An overwrite in Discord's form (discord.md §2 REST: bits as strings). */
export function toWire({ id, kind, allow, deny }: PermissionOverwrite) {
  return { id, type: OVERWRITE[kind], allow: allow.toString(), deny: deny.toString() };
}

/** A channel in the form that features read. */
export function toChannel(channel: z.output<typeof ListedChannel>): GuildChannel {
  return {
    id: channel.id,
    name: channel.name ?? "",
    type: channel.type,
    parentId: channel.parent_id ?? null,
    overwrites: (channel.permission_overwrites ?? []).map(({ id, type, allow, deny }) => ({
      id,
      kind: type === ROLE ? "role" : "member",
      allow: BigInt(allow),
      deny: BigInt(deny),
    })),
  };
}

/** Body that creates a voice channel. */
export function toNewChannel(channel: NewVoiceChannel): string {
  const body: RESTPostAPIGuildChannelJSONBody = {
    name: channel.name,
    type: GUILD_VOICE,
    user_limit: channel.userLimit,
    ...(channel.parentId === null ? {} : { parent_id: channel.parentId }),
    ...(channel.overwrites === null
      ? {}
      : { permission_overwrites: channel.overwrites.map(toWire) }),
  };
  return JSON.stringify(body);
}

/** The body of a message whose mentions notify nobody. */
export function messageBody({ content, button }: NewMessage) {
  if (button === undefined) return { content, allowed_mentions: { parse: [] } };
  const { label, url } = button;
  const link = { type: BUTTON, style: LINK_STYLE, label, url } as const;
  return {
    content,
    allowed_mentions: { parse: [] },
    components: [{ type: ACTION_ROW, components: [link] }],
  };
}

/** {@link messageBody} as JSON text. */
export function toMessage(message: NewMessage): string {
  const body: RESTPostAPIChannelMessageJSONBody = messageBody(message);
  return JSON.stringify(body);
}
