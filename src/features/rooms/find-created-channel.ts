import type { DiscordFailure } from "../../platform/discord/call.ts";
import type { DiscordChannel } from "../../platform/discord/operations.ts";
import { ok, type Result } from "../../platform/result.ts";
import type { RoomsDiscord } from "./ports.ts";
import type { RoomRecord } from "./room-record.ts";

/** Whether Discord made the channel of a creation whose answer was lost. */
export type Finding =
  | { readonly kind: "found"; readonly channel: DiscordChannel }
  | { readonly kind: "absent" }
  | { readonly kind: "unknown"; readonly why: DiscordFailure };

/** What the guild's audit log says beside a room's channel. The id is how it is found again. */
export function auditReason(room: Pick<RoomRecord, "id">): string {
  return `Opened through GuildHub (room ${room.id})`;
}

/**
 * Looks in Discord's audit log for the channel of a room, and whether it still exists. Needs the
 * VIEW_AUDIT_LOG permission; without it the answer is "unknown".
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
 * A channel as Discord has it now; null: there is none. One that the bot may not see (403, 50001) exists all
 * the same, under the name that is known.
 */
export async function findChannel(
  discord: Pick<RoomsDiscord, "getChannel">,
  known: DiscordChannel,
): Promise<Result<DiscordChannel | null, DiscordFailure>> {
  const found = await discord.getChannel(known.id);
  return !found.ok && found.error.kind === "refused" ? ok(known) : found;
}
