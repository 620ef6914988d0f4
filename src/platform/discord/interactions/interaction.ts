import type {
  APIInteractionResponseChannelMessageWithSource,
  InteractionResponseType,
  MessageFlags,
} from "discord-api-types/v10";
import { z } from "zod";
import { DiscordId } from "../../../protocol/discord-id.ts";
import { messageBody } from "../wire.ts";
import type { SlashCommandReply } from "./slash-command.ts";

/** Kinds of interactions (Discord: interaction type). */
export const INTERACTION_TYPE = { ping: 1, command: 2, component: 3, modal: 5 } as const;

/** What every interaction has. Discord adds members over time: what is not read may be anything. */
export const AnyInteraction = z.object({ type: z.number().int() });

/** A slash command that somebody used. */
export const CommandInteraction = z.object({
  type: z.literal(INTERACTION_TYPE.command),
  /** Absent in a direct message. */
  guild_id: DiscordId.optional(),
  member: z
    .object({
      user: z.object({ id: DiscordId }),
      /** Bit set of what the member may do in this channel. */
      permissions: z.string().regex(/^\d{1,30}$/),
    })
    .optional(),
  data: z.object({
    name: z.string().max(32),
    options: z
      .array(
        z.object({
          name: z.string().max(32),
          value: z.union([z.string(), z.number(), z.boolean()]).optional(),
        }),
      )
      .optional(),
  }),
});
export type CommandInteraction = z.infer<typeof CommandInteraction>;

const MESSAGE: InteractionResponseType.ChannelMessageWithSource = 4;

/** Seen by who used the command only. */
const EPHEMERAL: MessageFlags.Ephemeral = 64;

/** Characters of a message (Discord). */
const CONTENT_MAX = 2_000;

/** A reply as Discord takes it: seen by one person, and nothing in it notifies anybody. */
export function toInteractionAnswer(
  reply: SlashCommandReply,
): APIInteractionResponseChannelMessageWithSource {
  const message = messageBody({ ...reply, content: reply.content.slice(0, CONTENT_MAX) });
  return { type: MESSAGE, data: { ...message, flags: EPHEMERAL } };
}
