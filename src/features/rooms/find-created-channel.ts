import type { DiscordFailure } from "../../platform/discord/call.ts";
import type { DiscordChannel } from "../../platform/discord/operations.ts";
import { ok, type Result } from "../../platform/result.ts";
import type { RoomsDiscord } from "./ports.ts";
import type { RoomRecord } from "./room-record.ts";

/** Whether Discord created a channel although the answer was lost. */
export type Finding =
  | { readonly kind: "found"; readonly channel: DiscordChannel }
  | { readonly kind: "absent" }
  | { readonly kind: "unknown"; readonly why: DiscordFailure };

/** The reason in the guild's audit log beside a room's channel. The room's id in it lets us find the channel. */
export function auditReason(room: Pick<RoomRecord, "id">): string {
  return `Opened through GuildHub (room ${room.id})`;
}

/**
 * Finds the channel of a room in Discord's audit log, and checks that it still exists. Needs the permission
 * VIEW_AUDIT_LOG; without it the result is "unknown".
 */
export async function findCreatedChannel(
  discord: Pick<RoomsDiscord, "findByAuditReason" | "getChannel">,
  room: Pick<RoomRecord, "id" | "guildId" | "name">,
): Promise<Finding> {
  const channelId = await discord.findByAuditReason(room.guildId, room.id);
  if (!channelId.ok) return { kind: "unknown", why: channelId.error };
  if (channelId.value === null) return { kind: "absent" };
  const channel = await findChannel(discord, { id: channelId.value, name: room.name });
  if (!channel.ok) return { kind: "unknown", why: channel.error };
  return channel.value === null ? { kind: "absent" } : { kind: "found", channel: channel.value };
}

/**
 * A channel as Discord has it now; null if it does not exist. A channel that the bot may not see (403, 50001)
 * exists too, and is returned under the known name.
 */
export async function findChannel(
  discord: Pick<RoomsDiscord, "getChannel">,
  known: DiscordChannel,
): Promise<Result<DiscordChannel | null, DiscordFailure>> {
  const found = await discord.getChannel(known.id);
  return !found.ok && found.error.kind === "refused" ? ok(known) : found;
}
