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

/** The part that every interaction has. Other members are not checked, because Discord adds new ones over time. */
export const AnyInteraction = z.object({ type: z.number().int() });

/** The use of a slash command. */
export const CommandInteraction = z.object({
  type: z.literal(INTERACTION_TYPE.command),
  /** Absent in a direct message. */
  guild_id: DiscordId.optional(),
  member: z
    .object({
      user: z.object({ id: DiscordId }),
      /** Bit set of the member's permissions in this channel. */
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

/** Only the user of the command sees the message. */
const EPHEMERAL: MessageFlags.Ephemeral = 64;

/** Characters of a message (Discord). */
const CONTENT_MAX = 2_000;

/** A reply in Discord's form. Only the user of the command sees it, and its mentions notify nobody. */
export function toInteractionAnswer(
  reply: SlashCommandReply,
): APIInteractionResponseChannelMessageWithSource {
  const message = messageBody({ ...reply, content: reply.content.slice(0, CONTENT_MAX) });
  return { type: MESSAGE, data: { ...message, flags: EPHEMERAL } };
}
