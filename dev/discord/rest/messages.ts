import {
  ButtonStyle,
  ChannelType,
  ComponentType,
  PermissionFlagsBits,
} from "discord-api-types/v10";
import { err, ok } from "../../../src/platform/result.ts";
import type { DirectChannelRecord, LinkButton } from "../model.ts";
import { userObject } from "../objects.ts";
import type { World } from "../world.ts";
import { findChannel } from "./access.ts";
import { type Failure, FAILURES } from "./failure.ts";
import { type Form, isFields } from "./form.ts";
import type { Outcome, RestCall } from "./request.ts";

const CONTENT_MAX_LENGTH = 2_000;
const LABEL_MAX_LENGTH = 80;
const ADDRESS_MAX_LENGTH = 512;
const SCHEMES: readonly string[] = ["http:", "https:", "discord:"];

/** `POST /channels/:channelId/messages`. The control API shows the messages. */
export function createMessage({ world, channelId, form, clock, newId }: RestCall): Outcome {
  const direct = world.archive.directChannel(channelId);
  const refused = direct === undefined ? refusedIn(world, channelId) : refusedBy(world, direct);
  if (refused !== null) return err(refused);
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
    components: withIds(form.raw("components") ?? []),
    pinned: false,
    flags: 0,
  });
}

/** The modelled fields of a message, in a channel or in an answer to a command. */
export function readMessage(form: Form): {
  readonly content: string;
  readonly buttons: readonly LinkButton[];
} {
  const content = form.text("content", { max: CONTENT_MAX_LENGTH }) ?? "";
  const rows = form.list("components", readRow);
  return { content, buttons: rows?.flat() ?? [] };
}

function readRow(form: Form): readonly LinkButton[] {
  form.choice("type", [ComponentType.ActionRow], { required: true });
  return form.list("components", readButton) ?? [];
}

function readButton(form: Form): LinkButton {
  form.choice("type", [ComponentType.Button], { required: true });
  form.choice("style", [ButtonStyle.Link], { required: true });
  const label = form.text("label", { min: 1, max: LABEL_MAX_LENGTH, required: true }) ?? "";
  const url = form.text("url", { max: ADDRESS_MAX_LENGTH, required: true }) ?? "";
  if (!URL.canParse(url)) {
    if (url !== "") form.refuse("url", "URL_TYPE_INVALID_URL", "Not a well formed URL.");
    return { label, url };
  }
  const { protocol } = new URL(url);
  if (!SCHEMES.includes(protocol)) {
    const message = `Scheme "${protocol.slice(0, -1)}" is not one of ('http', 'https', 'discord').`;
    form.refuse("url", "URL_TYPE_INVALID_SCHEME", message);
  }
  return { label, url };
}

/** Discord numbers the components to which the bot gave no `id`. */
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
  const isCategory = found.value.channel.type === ChannelType.GuildCategory;
  return isCategory ? FAILURES.wrongChannelType : null;
}

/** A direct channel can always be opened; only a message in it is refused. */
function refusedBy(world: World, { recipientId }: DirectChannelRecord): Failure | null {
  const guilds = [...world.guilds.values()];
  const shared = guilds.some((it) => world.isIn(it) && Object.hasOwn(it.members, recipientId));
  if (!shared) return FAILURES.noMutualGuild;
  const accepts = world.user(recipientId).acceptsDirectMessages ?? true;
  return accepts ? null : FAILURES.cannotMessageUser;
}
