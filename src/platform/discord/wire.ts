import type {
  RESTPostAPIChannelMessageJSONBody,
  RESTPostAPIGuildChannelJSONBody,
} from "discord-api-types/v10";
import { z } from "zod";
import { DiscordId } from "../../protocol/discord-id.ts";
import { ACTION_ROW, BUTTON, GUILD_VOICE, LINK_STYLE, OVERWRITE } from "./constants.ts";
import type {
  GuildChannel,
  NewMessage,
  NewVoiceChannel,
  PermissionOverwrite,
} from "./discord-client.ts";

/** A channel, as far as rooms need it. */
export const Channel = z.object({ id: DiscordId, name: z.string().nullish() });
/** An invite. */
export const Invite = z.object({
  code: z.string().min(1),
  expires_at: z.iso.datetime({ offset: true }).nullish(),
});
/** Anything of which only the id matters: the bot itself, a direct channel. */
export const Identified = z.object({ id: DiscordId });

const ROLE: number = OVERWRITE.role;
const BitSet = z.string().regex(/^\d{1,30}$/);
/** One of `GET /guilds/:guildId/channels`. */
export const ListedChannel = z.object({
  id: DiscordId,
  name: z.string().nullish(),
  type: z.number().int(),
  parent_id: DiscordId.nullish(),
  permission_overwrites: z
    .array(z.object({ id: DiscordId, type: z.number().int(), allow: BitSet, deny: BitSet }))
    .nullish(),
});

/** `GET /guilds/:guildId/audit-logs`, as far as it says who was made and why. */
export const AuditLog = z.object({
  audit_log_entries: z.array(
    z.object({ target_id: z.string().nullish(), reason: z.string().nullish() }),
  ),
});

/** As Discord writes it (discord.md §2 REST: bits as strings). */
export function toWire({ id, kind, allow, deny }: PermissionOverwrite) {
  return { id, type: OVERWRITE[kind], allow: allow.toString(), deny: deny.toString() };
}

/** As features read it. */
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

/** A message in which nothing notifies anybody. */
export function toMessage({ content, button }: NewMessage): string {
  const body: RESTPostAPIChannelMessageJSONBody = {
    content,
    allowed_mentions: { parse: [] },
    ...(button === undefined
      ? {}
      : {
          components: [
            {
              type: ACTION_ROW,
              components: [
                { type: BUTTON, style: LINK_STYLE, label: button.label, url: button.url },
              ],
            },
          ],
        }),
  };
  return JSON.stringify(body);
}
