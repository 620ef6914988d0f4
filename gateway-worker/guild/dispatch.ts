import { z } from "zod";
import { DiscordId } from "../../src/protocol/discord-id.ts";
import { DiscordUser } from "../../src/protocol/person.ts";

/** Discord's type of a voice channel. Stage channels have another type, and our rooms are never stages. */
const VOICE_CHANNEL = 2;

/** A channel's name is cut to this length, which is Discord's own limit. */
const CHANNEL_NAME_MAX_LENGTH = 100;

/** At most this many unreadable parts of a dispatch are recorded, enough to see what Discord changed. */
const NOTES_MAX = 10;

/** A voice channel, reduced to what the hub needs. */
export type VoiceChannel = {
  readonly channelId: string;
  readonly name: string;
  readonly userLimit: number;
};

/** A channel as a dispatch contains it. Absent members were not sent or could not be parsed. */
export type SentChannel = {
  readonly channelId: string;
  readonly name?: string;
  readonly userLimit?: number;
  /** Its type could not be parsed: it counts only if it is already known as a voice channel. */
  readonly unclear?: true;
};

/** A user in a voice channel, with the name if Discord sent it. */
export type SentVoiceState = {
  readonly userId: string;
  readonly channelId: string;
  readonly user?: DiscordUser;
};

/** The readable entries of a list. */
export type SentList<T> = {
  readonly entries: readonly T[];
  /** No entry was unreadable, so anything that is not in the list does not exist. */
  readonly isComplete: boolean;
};

/** A dispatch that can change what we know about a guild, reduced to what we use. */
export type GuildDispatch =
  | {
      readonly type: "guild";
      readonly guildId: string;
      /** null: the dispatch had no list. */
      readonly channels: SentList<SentChannel> | null;
      readonly voiceStates: SentList<SentVoiceState> | null;
    }
  | { readonly type: "guild-unavailable"; readonly guildId: string }
  | { readonly type: "guild-gone"; readonly guildId: string }
  | { readonly type: "channel"; readonly guildId: string; readonly channel: SentChannel }
  | { readonly type: "channel-gone"; readonly guildId: string; readonly channelId: string }
  | {
      readonly type: "voice";
      readonly guildId: string;
      readonly userId: string;
      /** null: the user is in no channel. */
      readonly channelId: string | null;
      readonly user?: DiscordUser;
    };

/**
 * The result of parsing a dispatch. `ignored`: it contains nothing for us; `malformed`: nothing in it is usable.
 * `skipped` lists its unreadable parts.
 */
export type ParsedDispatch =
  | {
      readonly kind: "guild";
      readonly dispatch: GuildDispatch;
      readonly skipped: readonly string[];
    }
  | {
      readonly kind: "ready";
      readonly guilds: SentList<string>;
      readonly skipped: readonly string[];
    }
  | { readonly kind: "resumed" }
  | { readonly kind: "ignored" }
  | { readonly kind: "malformed"; readonly detail: string };

const IGNORED: ParsedDispatch = { kind: "ignored" };

const Fields = z.record(z.string(), z.unknown());
const Name = z
  .string()
  .transform((name) => Array.from(name).slice(0, CHANNEL_NAME_MAX_LENGTH).join(""));
const UserLimit = z.number().int().min(0);

/** Thrown when nothing in a dispatch is usable. */
class Unusable extends Error {}

/** Reads a dispatch piece by piece, so that one malformed piece does not spoil the others. */
class Reader {
  readonly skipped: string[] = [];

  /** @returns undefined if it is absent, or malformed, which is recorded */
  optional<S extends z.ZodType>(schema: S, value: unknown, path: string): z.output<S> | undefined {
    if (value === undefined || value === null) return undefined;
    const result = schema.safeParse(value);
    if (!result.success) this.#note(path, result.error);
    return result.data;
  }

  /** @returns undefined if it is absent or malformed; both are recorded */
  entry<S extends z.ZodType>(schema: S, value: unknown, path: string): z.output<S> | undefined {
    const result = schema.safeParse(value);
    if (!result.success) this.#note(path, result.error);
    return result.data;
  }

  /** @throws {Unusable} if it is absent or malformed */
  required<S extends z.ZodType>(schema: S, value: unknown, path: string): z.output<S> {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    throw new Unusable(`${path}: ${result.error.issues[0]?.message ?? "not as documented"}`);
  }

  /**
   * The readable entries; null when there is no list, because a missing list must not count as an empty
   * one.
   * @param read returns null for an unreadable entry
   */
  list<T>(
    value: unknown,
    path: string,
    read: (fields: Record<string, unknown>, path: string) => readonly T[] | null,
  ): SentList<T> | null {
    const list = this.entry(z.array(z.unknown()), value, path);
    if (list === undefined) return null;
    const entries = list.map((entry, index) => {
      const at = `${path}.${index}`;
      const fields = this.entry(Fields, entry, at);
      return fields === undefined ? null : read(fields, at);
    });
    return { entries: entries.flatMap((one) => one ?? []), isComplete: !entries.includes(null) };
  }

  #note(path: string, error: z.ZodError): void {
    if (this.skipped.length >= NOTES_MAX) return;
    this.skipped.push(`${path}: ${error.issues[0]?.message ?? "not as documented"}`);
  }
}

/** @returns an empty list for a channel of another type; null for one without an id */
function readChannel(
  reader: Reader,
  fields: Record<string, unknown>,
  path: string,
): readonly SentChannel[] | null {
  const channelId = reader.entry(DiscordId, fields["id"], `${path}.id`);
  if (channelId === undefined) return null;
  const type = reader.entry(z.number(), fields["type"], `${path}.type`);
  if (type === undefined) return [{ channelId, unclear: true }];
  if (type !== VOICE_CHANNEL) return [];
  const name = reader.optional(Name, fields["name"], `${path}.name`);
  const userLimit = reader.optional(UserLimit, fields["user_limit"], `${path}.user_limit`);
  return [
    {
      channelId,
      ...(name === undefined ? {} : { name }),
      ...(userLimit === undefined ? {} : { userLimit }),
    },
  ];
}

const fieldsOf = (value: unknown): Record<string, unknown> => Fields.safeParse(value).data ?? {};

/** The user of a voice state: from itself, or from its member. */
function readUserId(
  reader: Reader,
  fields: Record<string, unknown>,
  path: string,
): string | undefined {
  const own = DiscordId.safeParse(fields["user_id"]);
  if (own.success) return own.data;
  const member = fieldsOf(fieldsOf(fields["member"])["user"]);
  return reader.entry(DiscordId, member["id"], `${path}user_id`);
}

/**
 * A member's name and picture as the guild shows them. All members are optional, so unreadable ones are not
 * recorded.
 */
function readMember(member: unknown): { readonly user?: DiscordUser } {
  const fields = fieldsOf(member);
  const user = fieldsOf(fields["user"]);
  const { data: avatar = null } = DiscordUser.shape.avatar.safeParse(user["avatar"]);
  const bot = user["bot"] === true ? { bot: true } : {};
  for (const name of [fields["nick"], user["global_name"], user["username"]]) {
    const shown = DiscordUser.safeParse({ name, avatar, ...bot });
    if (shown.success) return { user: shown.data };
  }
  return {};
}

function readGuild(reader: Reader, d: Record<string, unknown>): GuildDispatch {
  const guildId = reader.required(DiscordId, d["id"], "id");
  if (d["unavailable"] === true) return { type: "guild-unavailable", guildId };
  // Without the members intent, these are the bot itself and the people in voice.
  const members = new Map(
    (z.array(z.unknown()).safeParse(d["members"]).data ?? []).map((member) => [
      fieldsOf(fieldsOf(member)["user"])["id"],
      member,
    ]),
  );
  return {
    type: "guild",
    guildId,
    channels: reader.list(d["channels"], "channels", (fields, path) =>
      readChannel(reader, fields, path),
    ),
    voiceStates: reader.list(d["voice_states"], "voice_states", (fields, path) => {
      const userId = readUserId(reader, fields, `${path}.`);
      const sentId = fields["channel_id"] ?? null;
      const channelId = reader.entry(DiscordId.nullable(), sentId, `${path}.channel_id`);
      if (userId === undefined || channelId === undefined) return null;
      if (channelId === null) return [];
      return [{ userId, channelId, ...readMember(fields["member"] ?? members.get(userId)) }];
    }),
  };
}

/** @returns null for a channel that is not ours */
function readChannelEvent(reader: Reader, d: Record<string, unknown>): SentChannel | null {
  reader.required(DiscordId, d["id"], "id");
  return readChannel(reader, d, "channel")?.[0] ?? null;
}

function readDispatch(reader: Reader, name: string, d: Record<string, unknown>): ParsedDispatch {
  const { skipped } = reader;
  const guild = (dispatch: GuildDispatch): ParsedDispatch => ({ kind: "guild", dispatch, skipped });
  switch (name) {
    case "READY": {
      const guilds = reader.list(d["guilds"], "guilds", (fields, path) => {
        const id = reader.entry(DiscordId, fields["id"], `${path}.id`);
        return id === undefined ? null : [id];
      });
      if (guilds === null) throw new Unusable("guilds: not a list");
      return { kind: "ready", guilds, skipped };
    }
    case "GUILD_CREATE":
      return guild(readGuild(reader, d));
    case "GUILD_DELETE": {
      const guildId = reader.required(DiscordId, d["id"], "id");
      // An unclear value counts as an outage, because an outage deletes nothing.
      const unavailable = d["unavailable"] ?? false;
      return guild({ type: unavailable === false ? "guild-gone" : "guild-unavailable", guildId });
    }
    case "CHANNEL_CREATE":
    case "CHANNEL_UPDATE":
    case "CHANNEL_DELETE": {
      const guildId = reader.required(DiscordId, d["guild_id"], "guild_id");
      const channel = readChannelEvent(reader, d);
      if (channel === null) return IGNORED;
      return guild(
        name === "CHANNEL_DELETE"
          ? { type: "channel-gone", guildId, channelId: channel.channelId }
          : { type: "channel", guildId, channel },
      );
    }
    case "VOICE_STATE_UPDATE": {
      const userId = readUserId(reader, d, "");
      if (userId === undefined) throw new Unusable(skipped.join(", "));
      if (d["guild_id"] === undefined || d["guild_id"] === null) return IGNORED;
      const guildId = reader.required(DiscordId, d["guild_id"], "guild_id");
      const channelId = reader.required(DiscordId.nullish(), d["channel_id"], "channel_id") ?? null;
      return guild({ type: "voice", guildId, userId, channelId, ...readMember(d["member"]) });
    }
    case "GUILD_MEMBER_REMOVE": {
      const guildId = reader.required(DiscordId, d["guild_id"], "guild_id");
      const user = reader.required(z.object({ id: DiscordId }), d["user"], "user");
      return guild({ type: "voice", guildId, userId: user.id, channelId: null });
    }
    default:
      return IGNORED;
  }
}

/** Dispatches that we use. */
const USED: ReadonlySet<string> = new Set([
  "READY",
  "GUILD_CREATE",
  "GUILD_DELETE",
  "CHANNEL_CREATE",
  "CHANNEL_UPDATE",
  "CHANNEL_DELETE",
  "VOICE_STATE_UPDATE",
  "GUILD_MEMBER_REMOVE",
]);

/**
 * Parses one dispatch (discord.md §2, Events). Events that we do not use and channels that are not voice channels
 * are ignored. Every readable part is used: one malformed entry must not hide a whole guild.
 * @param name Discord's `t`
 * @param data Discord's `d`
 */
export function parseDispatch(name: string, data: unknown): ParsedDispatch {
  if (name === "RESUMED") return { kind: "resumed" };
  if (!USED.has(name)) return IGNORED;
  const reader = new Reader();
  try {
    return readDispatch(reader, name, reader.required(Fields, data, "d"));
  } catch (error) {
    if (error instanceof Unusable) return { kind: "malformed", detail: error.message };
    throw error;
  }
}
