import { PermissionFlagsBits } from "discord-api-types/v10";
import type { Clock } from "../../../src/platform/clock.ts";
import type { Result } from "../../../src/platform/result.ts";
import { err, ok } from "../../../src/platform/result.ts";
import { userObject } from "../objects.ts";
import type { World } from "../world.ts";
import { findChannel } from "./access.ts";
import { takesMessages } from "./channels.ts";
import type { Failure } from "./failure.ts";
import { FAILURES } from "./failure.ts";
import type { Fields } from "./form.ts";
import { Form } from "./form.ts";

const CONTENT_MAX_LENGTH = 2_000;

/** `POST /channels/:channelId/messages`: answers like Discord; the message is kept nowhere. */
export function createMessage(
  world: World,
  channelId: string,
  fields: Fields,
  { clock, newId }: { clock: Clock; newId: () => string },
): Result<unknown, Failure> {
  if (world.archive.directChannel(channelId) === undefined) {
    const found = findChannel(world, channelId, PermissionFlagsBits.SendMessages);
    if (!found.ok) return found;
    if (!takesMessages(found.value.channel.type)) return err(FAILURES.wrongChannelType);
  }
  const form = new Form(fields);
  const content = form.text("content", { max: CONTENT_MAX_LENGTH }) ?? "";
  const invalid = form.failure();
  if (invalid !== null) return err(invalid);
  if (content === "") return err(FAILURES.emptyMessage);
  return ok({
    id: newId(),
    channel_id: channelId,
    type: 0,
    author: userObject(world.bot()),
    content,
    timestamp: new Date(clock()).toISOString(),
    edited_timestamp: null,
    tts: false,
    mention_everyone: false,
    mentions: [],
    mention_roles: [],
    attachments: [],
    embeds: [],
    components: [],
    pinned: false,
    flags: 0,
  });
}
