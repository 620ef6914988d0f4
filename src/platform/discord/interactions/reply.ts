import type {
  APIInteractionResponseChannelMessageWithSource,
  InteractionResponseType,
  MessageFlags,
} from "discord-api-types/v10";
import { ACTION_ROW, BUTTON, LINK_STYLE } from "../constants.ts";
import type { SlashCommandReply } from "./slash-command.ts";

const MESSAGE: InteractionResponseType.ChannelMessageWithSource = 4;

/** Seen by who used the command only. */
const EPHEMERAL: MessageFlags.Ephemeral = 64;

/** Characters of a message (Discord). */
const CONTENT_MAX = 2_000;

/** A reply as Discord takes it: seen by one person, and nothing in it notifies anybody. */
export function toInteractionAnswer({
  content,
  button,
}: SlashCommandReply): APIInteractionResponseChannelMessageWithSource {
  return {
    type: MESSAGE,
    data: {
      content: content.slice(0, CONTENT_MAX),
      flags: EPHEMERAL,
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
    },
  };
}
