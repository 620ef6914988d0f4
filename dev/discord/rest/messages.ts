import { PermissionFlagsBits } from "discord-api-types/v10";
import type { Clock } from "../../../src/platform/clock.ts";
import { err, ok, type Result } from "../../../src/platform/result.ts";
import type { DirectChannelRecord } from "../model.ts";
import { userObject } from "../objects.ts";
import type { World } from "../world.ts";
import { findChannel } from "./access.ts";
import { takesMessages } from "./channels.ts";
import { type Failure, FAILURES } from "./failure.ts";
import { type Fields, Form, isFields } from "./form.ts";
import { readMessage } from "./message-form.ts";

/** `POST /channels/:channelId/messages`: the control API shows what was written. */
export function createMessage(
  world: World,
  channelId: string,
  fields: Fields,
  { clock, newId }: { clock: Clock; newId: () => string },
): Result<unknown, Failure> {
  const direct = world.archive.directChannel(channelId);
  const refused = direct === undefined ? refusedIn(world, channelId) : refusedBy(world, direct);
  if (refused !== null) return err(refused);
  const form = new Form(fields);
  const { content, buttons } = readMessage(form);
  const invalid = form.failure();
  if (invalid !== null) return err(invalid);
  if (content === "") return err(FAILURES.emptyMessage);
  const id = newId();
  const at = new Date(clock()).toISOString();
  const recipient = direct === undefined ? {} : { recipientId: direct.recipientId };
  world.archive.addMessage({ id, channelId, ...recipient, content, buttons, at });
  return ok({
    id,
    channel_id: channelId,
    type: 0,
    author: userObject(world.bot()),
    content,
    timestamp: at,
    edited_timestamp: null,
    tts: false,
    mention_everyone: false,
    mentions: [],
    mention_roles: [],
    attachments: [],
    embeds: [],
    components: withIds(fields["components"] ?? []),
    pinned: false,
    flags: 0,
  });
}

/** Discord numbers the parts of a message that the bot left without a number. */
function withIds(components: unknown): unknown {
  let last = 0;
  const number = (list: unknown): unknown =>
    Array.isArray(list)
      ? list.filter(isFields).map((part) => {
          last += 1;
          const id = last;
          const inside = part["components"];
          return { id, ...part, ...(inside === undefined ? {} : { components: number(inside) }) };
        })
      : list;
  return number(components);
}

function refusedIn(world: World, channelId: string): Failure | null {
  const found = findChannel(world, channelId, PermissionFlagsBits.SendMessages);
  if (!found.ok) return found.error;
  return takesMessages(found.value.channel.type) ? null : FAILURES.wrongChannelType;
}

/** The channel of a direct message can be opened in any case; the message is what is refused. */
function refusedBy(world: World, { recipientId }: DirectChannelRecord): Failure | null {
  const guilds = [...world.guilds.values()];
  const shared = guilds.some((it) => world.isIn(it) && Object.hasOwn(it.members, recipientId));
  if (!shared) {
    return FAILURES.noMutualGuild;
  }
  const accepts = world.user(recipientId).acceptsDirectMessages ?? true;
  return accepts ? null : FAILURES.cannotMessageUser;
}
