import { type GuildChange, GuildChanged } from "../../gateway/guild-changes.ts";
import { isVoiceKnown, sqlGuildVoice } from "../../gateway/guild-voice.ts";
import { handlersWith } from "../../hub/command.ts";
import type { CommandHandler, HubContext, HubExtension, HubTurn } from "../../hub/extension.ts";
import { log } from "../../platform/log.ts";
import { SNAPSHOT_MATCHES_MAX } from "../../protocol/limits.ts";
import { MATCHES_COMMANDS } from "./hub-commands.ts";
import { createMatchesTables, sqlMatchesState } from "./hub/matches-state.ts";
import {
  continueSweeping,
  forgetMatch,
  type MatchesTurn,
  matchTask,
  putMatch,
  withVoice,
} from "./hub/put-match.ts";
import type { MatchesHubPorts } from "./ports.ts";

/** How many live matches are woken before each sweep. */
const LOOKS_MAX = 500;

/** The handlers of {@link MATCHES_COMMANDS}. Each is safe to repeat. */
const commandsOf = (ports: MatchesHubPorts): readonly CommandHandler[] => {
  const on = handlersWith((hub) => ({
    hub,
    turn: <T>(work: (turn: MatchesTurn) => T): T => hub.turn((inner) => work(matchesTurnOf(inner))),
  }));
  return [
    on(MATCHES_COMMANDS.put, ({ hub, turn }, record) => {
      if (record.guildId !== hub.name) throw new Error("a match of another guild");
      turn((inner) => putMatch(inner, record));
      return {};
    }),

    on(MATCHES_COMMANDS.whereabouts, ({ turn }, { userIds }) =>
      turn(({ voice }) =>
        userIds.flatMap((userId) => {
          const channelId = voice.of(userId)?.channelId;
          return channelId === undefined ? [] : [{ userId, channelId }];
        }),
      ),
    ),

    on(MATCHES_COMMANDS.inVoice, ({ turn }, { matchIds }) =>
      turn((inner) => matchIds.map((matchId) => inVoiceOf(inner, matchId))),
    ),

    on(MATCHES_COMMANDS.sweep, ({ hub }) => sweepGuild(ports, hub)),
  ];
};

/** The matches part of a guild's hub: it publishes changes of matches, and answers who is in voice. */
export function matchesHubExtension(ports: MatchesHubPorts): HubExtension {
  return {
    name: "matches",
    migrate: createMatchesTables,
    hear: (hub, said) => {
      if (said instanceof GuildChanged) hearChange(matchesTurnOf(hub), said.change);
      return "done";
    },
    commands: commandsOf(ports),
    snapshot(hub, mayRead) {
      if (!mayRead(null)) return {};
      const { state, voice } = matchesTurnOf(hub);
      const live = state.liveMatches(SNAPSHOT_MATCHES_MAX);
      return live.length === 0 ? {} : { matches: live.map((record) => withVoice(voice, record)) };
    },
    async task(hub, key) {
      const turn = <T>(work: (turn: MatchesTurn) => T): T =>
        hub.turn((inner) => work(matchesTurnOf(inner)));
      const [kind, matchId = ""] = key.split("/", 2);
      switch (kind) {
        case "look":
        case "check": {
          const kept = turn(({ state }) => state.match(matchId));
          if (kept?.state !== "live" || kept.record === null) return;
          await ports.look(hub.env, kept.record, kind === "check");
          return;
        }
        case "forget":
          turn((inner) => forgetMatch(inner, matchId));
          return;
        case "sweep":
          try {
            await sweepGuild(ports, hub);
          } catch (error) {
            // The next sweep tries again.
            log("warn", "matches.sweep_failed", { guildId: hub.name, error });
          }
          turn(continueSweeping);
      }
    },
  };
}

/** The users in the channels of a match's two sides. */
function inVoiceOf({ state, voice }: MatchesTurn, matchId: string) {
  const isKnown = isVoiceKnown(voice.knowledge());
  const record = state.match(matchId)?.record ?? null;
  if (record === null) return { matchId, faction1: [], faction2: [], bots: [], isKnown };
  const { faction1, faction2 } = withVoice(voice, record).factions;
  const sides = { faction1: faction1.inVoice, faction2: faction2.inVoice };
  const bots = Object.values(sides)
    .flat()
    .filter((userId) => voice.isBot(userId));
  return { matchId, ...sides, bots, isKnown };
}

/** Wakes live matches first, so that a match without alarm or storage recovers before its channels are swept. */
async function sweepGuild(ports: MatchesHubPorts, hub: HubContext): Promise<Record<string, never>> {
  const live = hub.turn((turn) => matchesTurnOf(turn).state.liveMatches(LOOKS_MAX));
  await Promise.allSettled(live.map((record) => ports.look(hub.env, record, false)));
  await ports.sweep(hub.env, hub.name);
  return {};
}

function matchesTurnOf(hub: HubTurn): MatchesTurn {
  return { state: hub.kept(sqlMatchesState), voice: hub.kept(sqlGuildVoice), hub };
}

/**
 * Wakes the matches that a change of the guild concerns. Publishes nothing: the rooms area publishes voice events.
 */
function hearChange(turn: MatchesTurn, change: GuildChange): void {
  const { state } = turn;
  switch (change.kind) {
    case "joined":
    case "left":
      for (const { matchId, ownChannelIds } of state.playing(change.userId)) {
        if (ownChannelIds.includes(change.channelId)) continue;
        turn.hub.schedule(matchTask.look(matchId), turn.hub.now());
      }
      return;
    case "channel_deleted":
      for (const matchId of state.liveMatchesIn(change.channelId)) check(turn, matchId);
      return;
    case "channels_listed": {
      // The list may be older than a channel that it lacks, so the match itself checks.
      const listed = new Set(change.channels.map(({ channelId }) => channelId));
      for (const { matchId, channelId } of state.liveChannels()) {
        if (!listed.has(channelId)) check(turn, matchId);
      }
    }
  }
}

function check({ hub }: MatchesTurn, matchId: string): void {
  hub.schedule(matchTask.check(matchId), hub.now());
}
