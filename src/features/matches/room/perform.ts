import type { DiscordFailure } from "../../../platform/discord/call.ts";
import { GUILD_VOICE, PERMISSION } from "../../../platform/discord/constants.ts";
import type { GuildChannel, PermissionOverwrite } from "../../../platform/discord/operations.ts";
import { log } from "../../../platform/log.ts";
import { err, ok, type Result } from "../../../platform/result.ts";
import type { PerformPorts } from "../ports.ts";
import type { Action } from "./action.ts";
import { troubleNotice, unlinkedNotice } from "./notice.ts";
import { recordOf, type RoomState } from "./room-state.ts";
import type { Outcome } from "./settle.ts";
import { isPutOff } from "./timetable.ts";
import {
  FACEIT_TROUBLES,
  isOfGuild,
  isDiscordSetting,
  subjectOf,
  type GuildTroubleKind,
  type TroubleKind,
} from "./trouble.ts";

/** Widened to `number`, because the type of a listed channel is one. */
const VOICE: number = GUILD_VOICE;

/** Pause when a preparatory call failed and the channel itself was never requested, milliseconds. */
const NOT_ASKED_PAUSE_MS = 1_000;

const ENTER = PERMISSION.viewChannel | PERMISSION.connect;

/** Permissions of a player and of the bot in a side's channel (§A4, overwrites). */
const PLAYER = ENTER | PERMISSION.speak | PERMISSION.stream | PERMISSION.useVad;
const BOT = ENTER | PERMISSION.moveMembers | PERMISSION.manageChannels;
/**
 * Permissions of a bot that may not move members. They still differ from those of a private room's bot, which
 * {@link isOurs} relies on.
 */
const STILL_BOT = ENTER | PERMISSION.useVad | PERMISSION.manageChannels;

/** Runs one action once. Deciding and retrying are `decide`'s and `settle`'s. */
export async function perform(
  ports: PerformPorts,
  action: Action,
  state: RoomState,
): Promise<Outcome> {
  const { faceit, discord, store, hub, settingsOf, guildOf, clock } = ports;
  const { matchId, guildId } = state;
  const { noticeChannelId } = settingsOf(guildId);
  const reason = auditReason(matchId);
  switch (action.kind) {
    case "read": {
      const result = await faceit.match(matchId);
      // After a read without failures there is no FACEIT trouble to remove, so D1 need not be asked.
      const isNews = state.match === null || state.retries["read"] !== undefined;
      if (result.ok && isNews) await mended(ports, null, FACEIT_TROUBLES);
      const owners = result.ok ? result.value.owners : [];
      // Without owners FACEIT cannot contradict the stored guild.
      return { kind: "read", result, guildId: owners.length === 0 ? guildId : guildOf(owners) };
    }
    case "reserve": {
      const { faction, name } = action;
      const room = { matchId, guildId, faction, channelId: null, channelName: name };
      return { kind: "reserve", taken: (await store.reserve(room, clock())) === "taken" };
    }
    case "create":
      return create(ports, action, state);
    case "find":
      return find(ports, action, state);
    case "check": {
      const listed = await discord.listChannels(guildId);
      const result = listed.ok ? ok(new Set(listed.value.map(({ id }) => id))) : listed;
      return { kind: "check", result };
    }
    case "grant": {
      const overwrite = member(action.userId, PLAYER);
      return discordOutcome(await discord.setOverwrite(action.channelId, overwrite, reason));
    }
    case "revoke":
      return discordOutcome(await discord.removeOverwrite(action.channelId, action.userId, reason));
    case "move":
    case "evict":
      return discordOutcome(
        await discord.moveMember(guildId, action.userId, action.channelId, reason),
      );
    case "message":
      return discordOutcome(
        await discord.sendDirectMessage(action.userId, {
          content: "Your match is on. Your team's voice channel is open for you.",
          button: {
            label: "Join your team",
            url: `https://discord.com/channels/${guildId}/${action.channelId}`,
          },
        }),
      );
    case "notice":
      return noticeChannelId === undefined
        ? { kind: "done" }
        : discordOutcome(
            await discord.sendMessage(noticeChannelId, { content: unlinkedNotice(state) }),
          );
    case "complain":
      return complain(ports, action.trouble, state);
    case "delete": {
      const deleted = await discord.deleteChannel(action.channelId, reason);
      if (deleted.ok) await hub.channelGone(state.guildId, action.channelId);
      return discordOutcome(deleted);
    }
    case "release":
      await store.released(matchId, action.faction);
      // One successful move proves little: the bot's permissions differ by channel. A whole match without a
      // refusal does.
      if (state.moved.length > 0 && !state.troubles.includes("moving")) {
        await mended(ports, guildId, ["moving"]);
      }
      return { kind: "done" };
    case "tell": {
      const record = recordOf(state);
      if (record !== null) await hub.put(record);
      return { kind: "done" };
    }
    case "store": {
      const record = recordOf(state);
      if (record !== null) await store.write(record);
      return { kind: "done" };
    }
  }
}

/** Removes troubles that are over. Best effort: the next match removes what stays behind. */
async function mended(
  { troubles }: Pick<PerformPorts, "troubles">,
  guildId: string | null,
  kinds: readonly GuildTroubleKind[],
): Promise<void> {
  try {
    await troubles.remove(guildId, ...kinds);
  } catch (error) {
    log("warn", "match.trouble_not_removed", { guildId, kinds, error });
  }
}

/** Posts a trouble: one of the whole guild is posted once for all of its matches. */
async function complain(
  { discord, troubles, settingsOf, clock }: PerformPorts,
  kind: TroubleKind,
  state: RoomState,
): Promise<Outcome> {
  const { guildId } = state;
  const settings = settingsOf(guildId);
  if (isOfGuild(kind)) {
    // Discord did not say what it refused, so this setting was only suspected; it is not even set.
    if (isDiscordSetting(kind) && subjectOf(kind, settings) === "") return { kind: "done" };
    const isNews = await troubles.add(
      { guildId, kind, subject: subjectOf(kind, settings) },
      clock(),
    );
    if (!isNews) return { kind: "done" };
  }
  const { noticeChannelId } = settings;
  if (noticeChannelId === undefined || kind === "noticeChannel") return { kind: "done" };
  const sent = await discord.sendMessage(noticeChannelId, {
    content: troubleNotice(kind, state, settings),
  });
  // The post is retried after the pause; `add` must report it as new then.
  if (!sent.ok && isPutOff(sent.error) && isOfGuild(kind)) await troubles.remove(guildId, kind);
  return discordOutcome(sent);
}

async function create(
  { discord, store, settingsOf }: PerformPorts,
  {
    faction,
    name,
    people,
    withCategory,
    withStaff,
    withMoving,
  }: Extract<Action, { kind: "create" }>,
  { matchId, guildId }: RoomState,
): Promise<Outcome> {
  const { categoryId, staffRoleId } = settingsOf(guildId);
  const bot = await discord.botUserId();
  if (!bot.ok) return { kind: "create", result: notAsked(bot) };
  const result = await discord.createVoiceChannel({
    guildId,
    name,
    userLimit: 0,
    parentId: withCategory ? (categoryId ?? null) : null,
    overwrites: [
      // The @everyone role has the guild's id.
      { id: guildId, kind: "role", allow: 0n, deny: ENTER },
      member(bot.value, withMoving ? BOT : STILL_BOT),
      ...people.filter((id) => id !== bot.value).map((id) => member(id, PLAYER)),
      ...(staffRoleId === undefined || !withStaff
        ? []
        : [{ id: staffRoleId, kind: "role", allow: ENTER, deny: 0n } as const]),
    ],
    reason: auditReason(matchId),
  });
  if (result.ok) await store.opened(matchId, faction, result.value.id);
  return { kind: "create", result };
}

/**
 * The failure of a call that comes before the creation. "Unknown outcome" would start a search for a channel,
 * but the channel was never requested: a short pause is enough.
 */
function notAsked(failure: { readonly ok: false; readonly error: DiscordFailure }): {
  readonly ok: false;
  readonly error: DiscordFailure;
} {
  const { error } = failure;
  const isOpen = error.kind === "failed" || error.kind === "unknown_outcome";
  return isOpen ? err({ kind: "rate_limited", retryAfterMs: NOT_ASKED_PAUSE_MS }) : failure;
}

/** Looks for a channel that Discord created although its answer was lost. */
async function find(
  { discord, store }: PerformPorts,
  { faction, name }: Extract<Action, { kind: "find" }>,
  { matchId, guildId }: RoomState,
): Promise<Outcome> {
  const bot = await discord.botUserId();
  if (!bot.ok) return { kind: "find", result: bot };
  const listed = await discord.listChannels(guildId);
  if (!listed.ok) return { kind: "find", result: listed };
  const channel = listed.value.find((one) => one.name === name && isOurs(one, bot.value));
  if (channel === undefined) return { kind: "find", result: ok(null) };
  await store.opened(matchId, faction, channel.id);
  const access = channel.overwrites.flatMap(({ id, kind }) =>
    kind === "member" && id !== bot.value ? [id] : [],
  );
  return { kind: "find", result: ok({ id: channel.id, access }) };
}

/**
 * Whether we made a channel: nobody else gives the bot these permissions in it. More permissions are fine,
 * since an administrator may have added them.
 */
export function isOurs(channel: GuildChannel, botUserId: string): boolean {
  return (
    channel.type === VOICE &&
    channel.overwrites.some(
      ({ id, kind, allow }) =>
        kind === "member" &&
        id === botUserId &&
        [BOT, STILL_BOT].some((ours) => (allow & ours) === ours),
    )
  );
}

function member(id: string, allow: bigint): PermissionOverwrite {
  return { id, kind: "member", allow, deny: 0n };
}

/** The reason in the guild's audit log of everything that is done for a match. */
function auditReason(matchId: string): string {
  return `FACEIT match ${matchId}`;
}

function discordOutcome(result: Result<unknown, DiscordFailure>): Outcome {
  return { kind: "discord", result };
}
