import type { z } from "zod";
import type { HubTurn } from "../hub/extension.ts";
import type { IncomingEvent } from "../hub/publisher.ts";
import {
  gatewayState,
  roomCreated,
  roomDeleted,
  roomUpdated,
  voiceJoined,
  voiceLeft,
} from "../protocol/events/rooms.ts";
import type { DiscordUser } from "../protocol/person.ts";
import type { GuildSnapshot } from "../protocol/signed-events.ts";
import {
  isOldNews,
  isVoiceKnown,
  knowledgeAfter,
  type GuildVoice,
  type VoiceKnowledge,
} from "./guild-voice.ts";
import { channelIn, idIn, snapshotIn, type Visit, visitIn } from "./payload-members.ts";

/** Names of the signed events that the gateway's extension applies (rooms.md §4). */
export const GUILD_EVENTS = [
  roomCreated.name,
  roomUpdated.name,
  roomDeleted.name,
  voiceJoined.name,
  voiceLeft.name,
  gatewayState.name,
  "guild.snapshot",
] as const;

/** `ts`: when a change happened, milliseconds since 1970. `id`: only if an event reported exactly this change. */
type Told = { readonly ts: number; readonly id?: string; readonly trace?: string };

/** A user joined or left a voice channel. A move is a `left` and a `joined`. */
export type VoiceChange = Told & { readonly userId: string; readonly channelId: string } & (
    | { readonly kind: "joined"; readonly user?: DiscordUser | undefined }
    /** @property since when the user had joined, milliseconds since 1970 */
    | { readonly kind: "left"; readonly since: number }
  );

/** A voice channel was changed or deleted. */
export type ChannelChange = Told & { readonly channelId: string } & (
    | { readonly kind: "channel_updated"; readonly name: string; readonly userLimit: number }
    /** `left` changes of everybody inside come before this. */
    | { readonly kind: "channel_deleted" }
  );

/** A change in a guild that the gateway reported. {@link GuildVoice} already contains it. */
export type GuildChange =
  | VoiceChange
  | ChannelChange
  | (Told & { readonly kind: "channel_created"; readonly channelId: string })
  /** The user was in the channel already; the event may carry a newer name or picture. */
  | (Told & {
      readonly kind: "seen";
      readonly userId: string;
      readonly channelId: string;
      readonly user?: DiscordUser | undefined;
    })
  /** A snapshot begins, with all voice channels of the guild. */
  | (Told & { readonly kind: "channels_listed"; readonly channels: GuildSnapshot["channels"] })
  /** The snapshot ends, with the ids of all channels that it named. */
  | (Told & { readonly kind: "snapshot_done"; readonly channelIds: ReadonlySet<string> })
  /** Whether everybody in voice is known, after this may have changed. */
  | (Told & { readonly kind: "voice_known"; readonly isKnown: boolean });

/** The message in which the gateway's extension passes a change to the hub's other extensions. */
export class GuildChanged {
  readonly change: GuildChange;

  constructor(change: GuildChange) {
    this.change = change;
  }
}

/** The guild's voice, with what a turn of the hub can do. */
export type GuildTurn = {
  readonly voice: GuildVoice;
  readonly hub: Pick<HubTurn, "name" | "now" | "publish">;
};

/**
 * Applies one event of the gateway to {@link GuildVoice}, and yields each change right after it is applied.
 * Yields no change that is known already (rooms.md §2). Throws on a payload that cannot be of this event.
 */
export function* changesOf(turn: GuildTurn, event: IncomingEvent): Generator<GuildChange> {
  const { voice } = turn;
  const { id, trace } = event;
  const ts = event.ts ?? turn.hub.now();
  const when: Told = trace === undefined ? { ts } : { ts, trace };
  const told: Told = id === undefined ? when : { ...when, id };
  switch (event.event) {
    case roomCreated.name: {
      yield { ...told, kind: "channel_created", channelId: idIn(event.payload, "channelId") };
      return;
    }
    case roomUpdated.name: {
      yield { ...told, kind: "channel_updated", ...channelIn(event.payload) };
      return;
    }
    case roomDeleted.name: {
      const channelId = idIn(event.payload, "channelId");
      for (const { userId } of voice.membersOf(channelId)) yield* leave(voice, userId, when);
      yield { ...told, kind: "channel_deleted", channelId };
      return;
    }
    case voiceJoined.name:
      yield* enter(voice, visitIn(event.payload), told);
      return;
    case voiceLeft.name: {
      const { userId, channelId } = visitIn(event.payload);
      // If the event names an older channel, the user has joined another one since.
      if (voice.of(userId)?.channelId === channelId) yield* leave(voice, userId, told);
      return;
    }
    case gatewayState.name:
      yield* onGatewayState(turn, gatewayState.payload.parse(event.payload), told);
      return;
    case "guild.snapshot":
      yield* onSnapshot(voice, snapshotIn(event.payload), when);
  }
}

function* leave(voice: GuildVoice, userId: string, told: Told): Generator<GuildChange> {
  const before = voice.of(userId);
  if (before === null) return;
  voice.remove(userId);
  yield { ...before, ...told, kind: "left" };
}

function* enter(
  voice: GuildVoice,
  { userId, channelId, user }: Visit,
  told: Told,
): Generator<GuildChange> {
  const before = voice.of(userId);
  const wasBot = before !== null && voice.isBot(userId);
  const isBot = user === undefined ? wasBot : user.bot === true;
  if (before?.channelId === channelId) {
    if (isBot !== wasBot) voice.save({ ...before, isBot });
    yield { ...told, kind: "seen", userId, channelId, user };
    return;
  }
  const { id: _, ...when } = told;
  yield* leave(voice, userId, when);
  voice.save({ userId, channelId, since: told.ts, isBot });
  yield { ...told, kind: "joined", userId, channelId, user };
}

/** Applies a snapshot of the guild. All `left` changes come before any `joined`. */
function* onSnapshot(
  voice: GuildVoice,
  { channels, voiceStates }: Omit<GuildSnapshot, "guildId">,
  told: Told,
): Generator<GuildChange> {
  yield { ...told, kind: "channels_listed", channels };
  const now = new Map(voiceStates.map((one) => [one.userId, one]));
  for (const { userId, channelId } of voice.all()) {
    if (now.get(userId)?.channelId !== channelId) yield* leave(voice, userId, told);
  }
  for (const one of now.values()) yield* enter(voice, one, told);
  const shown = [...channels, ...voiceStates].map(({ channelId }) => channelId);
  yield { ...told, kind: "snapshot_done", channelIds: new Set(shown) };
  yield* learn(voice, { ...voice.knowledge(), hasSnapshot: true }, told);
}

function* onGatewayState(
  { voice, hub }: GuildTurn,
  payload: z.infer<typeof gatewayState.payload>,
  told: Told,
): Generator<GuildChange> {
  const before = voice.knowledge();
  if (isOldNews(before, payload)) return;
  yield* learn(voice, knowledgeAfter(before, payload, hub.now()), told);
  const { state } = payload;
  if (voice.standing()?.state === state) return;
  // The sender's clock may be ahead of ours.
  const since = Math.min(payload.since, hub.now());
  voice.saveStanding({ state, since });
  hub.publish({
    event: gatewayState.name,
    payload: { ...payload, since },
    audience: null,
    topic: null,
    ts: told.ts,
  });
}

/** Yields also if voice stays known, because a snapshot may show that somebody in voice is a bot. */
function* learn(voice: GuildVoice, after: VoiceKnowledge, told: Told): Generator<GuildChange> {
  const wasKnown = isVoiceKnown(voice.knowledge());
  const isKnown = isVoiceKnown(after);
  voice.saveKnowledge(after);
  if (wasKnown || isKnown) yield { ...told, kind: "voice_known", isKnown };
}
