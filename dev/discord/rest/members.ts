import { AuditLogEvent, PermissionFlagsBits } from "discord-api-types/v10";
import { err, ok, type Result } from "../../../src/platform/result.ts";
import { type GuildRecord, isVoice, type UserRecord, type VoiceRecord } from "../model.ts";
import { memberObject, voiceStateObject } from "../objects.ts";
import type { World } from "../world.ts";
import { findChannel, findGuild } from "./access.ts";
import { type Failure, FAILURES } from "./failure.ts";
import type { Outcome, RestCall } from "./request.ts";

function findMember({
  world,
  guildId,
  userId,
}: RestCall): Result<{ readonly guild: GuildRecord; readonly user: UserRecord }, Failure> {
  const guild = findGuild(world, guildId);
  if (!guild.ok) return guild;
  const user = world.users.get(userId === "@me" ? world.botId : userId);
  if (user === undefined) return err(FAILURES.unknownUser);
  return Object.hasOwn(guild.value.members, user.id)
    ? ok({ guild: guild.value, user })
    : err(FAILURES.unknownMember);
}

/** `GET /guilds/:guildId/members/:userId` */
export function getMember(call: RestCall): Outcome {
  const found = findMember(call);
  return found.ok ? ok(memberObject(found.value.guild, found.value.user)) : found;
}

/** `PATCH /guilds/:guildId/members/:userId`: moves a member who is in voice; null: disconnects the member. */
export function updateMember(call: RestCall): Outcome {
  const { world, guildId, form, reason } = call;
  const found = findMember(call);
  if (!found.ok) return found;
  const { guild, user } = found.value;
  if (!form.has("channel_id")) return ok(memberObject(guild, user));
  const channelId = form.snowflake("channel_id");
  const invalid = form.failure();
  if (invalid !== null) return err(invalid);

  const voice = voiceIn(world, guildId, user.id);
  if (voice === null) return err(FAILURES.notInVoice);
  const needed = PermissionFlagsBits.MoveMembers;
  const from = findChannel(world, voice.channelId, needed);
  if (!from.ok) return from;
  if (channelId === undefined) {
    world.setVoice(user.id, null);
    const action = AuditLogEvent.MemberDisconnect;
    world.archive.audit({ guildId, action, targetId: null, reason });
    return ok(memberObject(guild, user));
  }
  const to = findChannel(world, channelId, needed | PermissionFlagsBits.Connect);
  if (!to.ok) return to;
  if (to.value.guild.id !== guildId) return err(FAILURES.unknownChannel);
  if (!isVoice(to.value.channel)) return err(FAILURES.wrongChannelType);
  world.setVoice(user.id, to.value.channel);
  world.archive.audit({
    guildId,
    action: AuditLogEvent.MemberMove,
    targetId: null,
    reason,
    options: { channel_id: channelId, count: "1" },
  });
  return ok(memberObject(guild, user));
}

/** `GET /guilds/:guildId/voice-states/:userId` */
export function getVoiceState({ world, guildId, userId }: RestCall): Outcome {
  const guild = findGuild(world, guildId);
  if (!guild.ok) return guild;
  const id = userId === "@me" ? world.botId : userId;
  const voice = voiceIn(world, guildId, id);
  const channel = voice && world.channels.get(voice.channelId);
  if (voice === null || channel === undefined || channel === null || !world.isVisible(channel)) {
    return err(FAILURES.unknownVoiceState);
  }
  const member = memberObject(guild.value, world.user(id));
  return ok({ ...voiceStateObject(voice), member });
}

function voiceIn(world: World, guildId: string, userId: string): VoiceRecord | null {
  const voice = world.voice.get(userId);
  return voice?.guildId === guildId ? voice : null;
}
