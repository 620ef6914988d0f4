import { z } from "zod";
import { DiscordId } from "../../src/protocol/discord-id.ts";

/** Discord's type of a voice channel. Stages are none: our rooms are never stages. */
const VOICE_CHANNEL = 2;

/** A voice channel as the hub needs it. */
export type VoiceChannel = {
  readonly channelId: string;
  readonly name: string;
  readonly userLimit: number;
};

/** A dispatch that can change what we know of a guild, reduced to what we use. */
export type GuildDispatch =
  | {
      readonly type: "guild";
      readonly guildId: string;
      readonly channels: readonly VoiceChannel[];
      readonly voiceStates: readonly { readonly userId: string; readonly channelId: string }[];
    }
  | { readonly type: "guild-unavailable"; readonly guildId: string }
  | { readonly type: "guild-gone"; readonly guildId: string }
  | { readonly type: "channel"; readonly guildId: string; readonly channel: VoiceChannel }
  | { readonly type: "channel-gone"; readonly guildId: string; readonly channelId: string }
  | {
      readonly type: "voice";
      readonly guildId: string;
      readonly userId: string;
      /** null: in no channel. */
      readonly channelId: string | null;
    };

/** What was made of a dispatch. `ignored`: nothing for us; `malformed`: not as documented. */
export type ParsedDispatch =
  | { readonly kind: "guild"; readonly dispatch: GuildDispatch }
  | { readonly kind: "ready"; readonly guildIds: readonly string[] }
  | { readonly kind: "resumed" }
  | { readonly kind: "ignored" }
  | { readonly kind: "malformed"; readonly detail: string };

const Channel = z.object({
  id: DiscordId,
  type: z.number(),
  name: z.string().nullish(),
  user_limit: z.number().int().min(0).nullish(),
});
const GuildChannel = Channel.extend({ guild_id: DiscordId });
const VoiceState = z.object({ user_id: DiscordId, channel_id: DiscordId.nullish() });
const GuildVoiceState = VoiceState.extend({ guild_id: DiscordId.nullish() });
const Ready = z.object({ guilds: z.array(z.object({ id: DiscordId })) });
const Guild = z.object({
  id: DiscordId,
  unavailable: z.boolean().nullish(),
  channels: z.array(Channel).default([]),
  voice_states: z.array(VoiceState).default([]),
});
const GuildReference = z.object({ id: DiscordId, unavailable: z.boolean().nullish() });
const Member = z.object({ guild_id: DiscordId, user: z.object({ id: DiscordId }) });

const IGNORED: ParsedDispatch = { kind: "ignored" };

function guild(dispatch: GuildDispatch): ParsedDispatch {
  return { kind: "guild", dispatch };
}

function voiceChannel(channel: z.infer<typeof Channel>): VoiceChannel {
  return {
    channelId: channel.id,
    name: channel.name ?? "",
    userLimit: channel.user_limit ?? 0,
  };
}

function parsed<S extends z.ZodType>(
  schema: S,
  data: unknown,
  make: (value: z.infer<S>) => ParsedDispatch,
): ParsedDispatch {
  const result = schema.safeParse(data);
  if (result.success) return make(result.data);
  const issue = result.error.issues[0];
  return { kind: "malformed", detail: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}` };
}

/**
 * Reads one dispatch (discord.md §2, Events). Events that we do not use, and channels that are not
 * voice channels, are ignored.
 * @param name Discord's `t`
 * @param data Discord's `d`
 */
export function parseDispatch(name: string, data: unknown): ParsedDispatch {
  switch (name) {
    case "READY":
      return parsed(Ready, data, (ready) => ({
        kind: "ready",
        guildIds: ready.guilds.map(({ id }) => id),
      }));
    case "RESUMED":
      return { kind: "resumed" };
    case "GUILD_CREATE":
      return parsed(Guild, data, (d) => {
        if (d.unavailable === true) return guild({ type: "guild-unavailable", guildId: d.id });
        return guild({
          type: "guild",
          guildId: d.id,
          channels: d.channels
            .filter((channel) => channel.type === VOICE_CHANNEL)
            .map(voiceChannel),
          voiceStates: d.voice_states.flatMap((state) =>
            typeof state.channel_id === "string"
              ? [{ userId: state.user_id, channelId: state.channel_id }]
              : [],
          ),
        });
      });
    case "GUILD_DELETE":
      return parsed(GuildReference, data, (d) =>
        guild({
          type: d.unavailable === true ? "guild-unavailable" : "guild-gone",
          guildId: d.id,
        }),
      );
    case "CHANNEL_CREATE":
    case "CHANNEL_UPDATE":
      return parsed(GuildChannel, data, (d) =>
        d.type === VOICE_CHANNEL
          ? guild({ type: "channel", guildId: d.guild_id, channel: voiceChannel(d) })
          : IGNORED,
      );
    case "CHANNEL_DELETE":
      return parsed(GuildChannel, data, (d) =>
        d.type === VOICE_CHANNEL
          ? guild({ type: "channel-gone", guildId: d.guild_id, channelId: d.id })
          : IGNORED,
      );
    case "VOICE_STATE_UPDATE":
      return parsed(GuildVoiceState, data, (d) =>
        typeof d.guild_id === "string"
          ? guild({
              type: "voice",
              guildId: d.guild_id,
              userId: d.user_id,
              channelId: d.channel_id ?? null,
            })
          : IGNORED,
      );
    case "GUILD_MEMBER_REMOVE":
      return parsed(Member, data, (d) =>
        guild({ type: "voice", guildId: d.guild_id, userId: d.user.id, channelId: null }),
      );
    default:
      return IGNORED;
  }
}
