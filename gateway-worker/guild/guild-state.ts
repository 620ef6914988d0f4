import type { GuildSnapshot } from "../../src/protocol/signed-events.ts";
import type { DiscordUser } from "../../src/protocol/person.ts";
import type {
  GuildDispatch,
  SentChannel,
  SentList,
  SentVoiceState,
  VoiceChannel,
} from "./dispatch.ts";

/** Number of deleted channels that are remembered per guild. */
export const GONE_CHANNELS_MAX = 100;

/** Our state of one guild. */
export type GuildState = {
  readonly guildId: string;
  /** A complete GUILD_CREATE has arrived. Before that, an empty guild only means that we do not know. */
  known: boolean;
  /** False during an outage at Discord: our state may be outdated. */
  available: boolean;
  /** A snapshot must be sent as soon as possible. */
  snapshotDue: boolean;
  readonly channels: Map<string, VoiceChannel>;
  /** User id to the voice channel that the user is in. */
  readonly voice: Map<string, string>;
  /** Names and pictures of the people in voice, if Discord sent them. */
  readonly users: Map<string, DiscordUser>;
  /**
   * The channels that were deleted last, oldest first. Their deletion was published once, and no user is in them.
   * If such a channel appears again, it was only hidden from us for a while.
   */
  readonly gone: Set<string>;
};

/** The smallest step from one state of a guild to another. Events are made from changes. */
export type Change =
  | {
      readonly type: "voice";
      readonly userId: string;
      readonly from: string | null;
      readonly to: string | null;
      /** The user's name and picture, if known. */
      readonly user?: DiscordUser;
    }
  /** A user who stays in voice has a new name or picture. */
  | { readonly type: "user"; readonly userId: string; readonly user: DiscordUser }
  | {
      readonly type: "channel";
      readonly before: VoiceChannel | null;
      readonly after: VoiceChannel;
    }
  | { readonly type: "channel-gone"; readonly channelId: string }
  | { readonly type: "available"; readonly available: boolean }
  | { readonly type: "known" };

/** An event for the hub, without its id and time. */
export type GuildEvent = { readonly event: string; readonly payload: Record<string, unknown> };

/** A guild about which nothing is known yet. */
export function unknownGuild(guildId: string): GuildState {
  return {
    guildId,
    known: false,
    available: false,
    snapshotDue: true,
    channels: new Map(),
    voice: new Map(),
    users: new Map(),
    gone: new Set(),
  };
}

function sameChannel(a: VoiceChannel, b: VoiceChannel): boolean {
  return a.name === b.name && a.userLimit === b.userLimit;
}

function sameUser(a: DiscordUser | undefined, b: DiscordUser): boolean {
  return a?.name === b.name && a.avatar === b.avatar && a.bot === b.bot;
}

/** The change when a user is in a channel: a join, a new name or picture, or none. */
function voiceChange(
  guild: GuildState,
  from: string | null,
  { userId, channelId: to, user: sent }: SentVoiceState,
): Change[] {
  const known = guild.users.get(userId);
  const user = sent ?? known;
  if (guild.voice.get(userId) !== to) {
    return [{ type: "voice", userId, from, to, ...(user === undefined ? {} : { user }) }];
  }
  return sent === undefined || sameUser(known, sent) ? [] : [{ type: "user", userId, user: sent }];
}

function membersLeave(guild: GuildState, channelId: string): Change[] {
  return [...guild.voice]
    .filter(([, at]) => at === channelId)
    .map(([userId]) => ({ type: "voice", userId, from: channelId, to: null }));
}

/** The current channel, with missing members from our old state. null: it is not a voice channel. */
function completed(guild: GuildState, sent: SentChannel): VoiceChannel | null {
  const { channelId, unclear } = sent;
  const known = guild.channels.get(channelId);
  if (unclear === true && known === undefined) return null;
  const { name = known?.name ?? "", userLimit = known?.userLimit ?? 0 } = sent;
  return { channelId, name, userLimit };
}

function channelChange(guild: GuildState, after: VoiceChannel): Change[] {
  const before = guild.channels.get(after.channelId) ?? null;
  if (before !== null && sameChannel(before, after)) return [];
  return [{ type: "channel", before, after }];
}

/** Adds our old entries for everything that an incomplete list may have left out. */
function madeComplete<T>(
  sent: SentList<T> | null,
  keyOf: (entry: T) => string,
  held: readonly T[],
): ReadonlyMap<string, T> {
  const kept = sent?.isComplete === true ? [] : held;
  return new Map([...kept, ...(sent?.entries ?? [])].map((entry) => [keyOf(entry), entry]));
}

/**
 * Compares a GUILD_CREATE with our state and returns the difference: people leave, channels are deleted, channels
 * are created or changed, people join. Entries that are missing from an incomplete list stay as they were. A guild
 * with unreadable channels becomes known only if it was known before, because it must not count as an empty one.
 */
function replaceGuild(
  guild: GuildState,
  sent: Extract<GuildDispatch, { type: "guild" }>,
): readonly Change[] {
  if (sent.channels === null && !guild.known) return [];
  const shown = madeComplete<SentChannel>(sent.channels, ({ channelId }) => channelId, [
    ...guild.channels.values(),
  ]);
  const channels = new Map(
    [...shown].flatMap(([channelId, channel]) => {
      const now = completed(guild, channel);
      return now === null ? [] : [[channelId, now] as const];
    }),
  );
  const voiceStates = madeComplete<SentVoiceState>(
    sent.voiceStates,
    ({ userId }) => userId,
    [...guild.voice].map(([userId, channelId]) => ({ userId, channelId })),
  );
  const ended = (channelId: string): boolean =>
    !channels.has(channelId) && (guild.channels.has(channelId) || guild.gone.has(channelId));
  // Users in a deleted channel have left it.
  const voice = new Map([...voiceStates].filter(([, { channelId }]) => !ended(channelId)));
  const left: Change[] = [];
  const entered: Change[] = [];
  for (const [userId, from] of guild.voice) {
    if (voice.get(userId)?.channelId !== from) left.push({ type: "voice", userId, from, to: null });
  }
  for (const state of voice.values()) entered.push(...voiceChange(guild, null, state));
  const gone = [...guild.channels.keys()]
    .filter((channelId) => !channels.has(channelId))
    .map((channelId): Change => ({ type: "channel-gone", channelId }));
  const changed = [...channels.values()].flatMap((after) => channelChange(guild, after));
  return [
    ...(guild.known ? [] : [{ type: "known" } as const]),
    ...(guild.available ? [] : [{ type: "available", available: true } as const]),
    ...left,
    ...gone,
    ...changed,
    ...entered,
  ];
}

/**
 * What a dispatch changes (discord.md §2, Events). A dispatch may arrive twice or never: a repetition
 * changes nothing, and a later dispatch makes up for a missed one. Pure.
 */
export function changesOf(guild: GuildState, dispatch: GuildDispatch): readonly Change[] {
  switch (dispatch.type) {
    case "guild":
      return replaceGuild(guild, dispatch);
    case "guild-unavailable":
      return guild.available ? [{ type: "available", available: false }] : [];
    case "guild-gone":
      return [
        ...[...guild.voice].map(([userId, from]): Change => ({
          type: "voice",
          userId,
          from,
          to: null,
        })),
        ...[...guild.channels.keys()].map((channelId): Change => ({
          type: "channel-gone",
          channelId,
        })),
      ];
    case "channel": {
      const after = completed(guild, dispatch.channel);
      return after === null ? [] : channelChange(guild, after);
    }
    case "channel-gone":
      // We may have missed the creation of a channel. Only a deletion that we have seen before is a repetition.
      if (guild.gone.has(dispatch.channelId)) return [];
      return [
        ...membersLeave(guild, dispatch.channelId),
        { type: "channel-gone", channelId: dispatch.channelId },
      ];
    case "voice": {
      const from = guild.voice.get(dispatch.userId) ?? null;
      const named = dispatch.channelId;
      const to = named !== null && guild.gone.has(named) ? null : named;
      const { userId, user } = dispatch;
      if (to === null) return from === null ? [] : [{ type: "voice", userId, from, to }];
      return voiceChange(guild, from, { userId, channelId: to, ...(user && { user }) });
    }
  }
}

/** Applies a change to the state. */
export function applyChange(guild: GuildState, change: Change): void {
  switch (change.type) {
    case "voice":
      if (change.to === null) {
        guild.voice.delete(change.userId);
        guild.users.delete(change.userId);
        return;
      }
      guild.voice.set(change.userId, change.to);
      if (change.user !== undefined) guild.users.set(change.userId, change.user);
      return;
    case "user":
      guild.users.set(change.userId, change.user);
      return;
    case "channel":
      guild.channels.set(change.after.channelId, change.after);
      guild.gone.delete(change.after.channelId);
      return;
    case "channel-gone":
      guild.channels.delete(change.channelId);
      guild.gone.add(change.channelId);
      for (const oldest of guild.gone) {
        if (guild.gone.size <= GONE_CHANNELS_MAX) break;
        guild.gone.delete(oldest);
      }
      return;
    case "available":
      guild.available = change.available;
      return;
    case "known":
      guild.known = true;
      return;
  }
}

/** The hub's events for a change (rooms.md §2): a move is a leave and a join. */
export function eventsOf(guildId: string, change: Change): readonly GuildEvent[] {
  switch (change.type) {
    case "voice": {
      const { userId, from, to, user } = change;
      const at = (event: string, channelId: string | null, more = {}): GuildEvent[] =>
        channelId === null ? [] : [{ event, payload: { guildId, channelId, userId, ...more } }];
      return [...at("voice.left", from), ...at("voice.joined", to, user && { user })];
    }
    case "channel": {
      const { channelId, name, userLimit } = change.after;
      return change.before === null
        ? [{ event: "room.created", payload: { channelId, name, guildId } }]
        : [{ event: "room.updated", payload: { channelId, name, guildId, userLimit } }];
    }
    case "channel-gone":
      return [{ event: "room.deleted", payload: { channelId: change.channelId, guildId } }];
    case "user":
    case "available":
    case "known":
      return [];
  }
}

/**
 * The whole state of a guild for the hub (rooms.md §4).
 * @param named whether to include the names of the people in voice
 */
export function snapshotOf(guild: GuildState, named = true): GuildSnapshot {
  return {
    guildId: guild.guildId,
    channels: [...guild.channels.values()],
    voiceStates: [...guild.voice].map(([userId, channelId]) => {
      const user = named ? guild.users.get(userId) : undefined;
      return { userId, channelId, ...(user && { user }) };
    }),
  };
}
