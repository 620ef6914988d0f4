import type { Principal } from "../../platform/auth/principal.ts";
import type { Clock } from "../../platform/clock.ts";
import type { DiscordFailure } from "../../platform/discord/call.ts";
import { PERMISSION } from "../../platform/discord/constants.ts";
import type { DiscordChannel, PermissionOverwrite } from "../../platform/discord/operations.ts";
import type { IdGenerator } from "../../platform/ids.ts";
import { err, ok, type Result } from "../../platform/result.ts";
import type { RoomFailure } from "./errors.ts";
import { auditReason, findCreatedChannel } from "./find-created-channel.ts";
import type { RoomsDiscord, RoomsPorts } from "./ports.ts";
import { roomName, roomNameFromDiscord } from "./room-name.ts";
import type { CreatedRoom, RoomRecord } from "./room-record.ts";

/** How far Discord's audit log may be behind its answers, milliseconds. */
const AUDIT_LAG_MS = 1_000;

/** What creating a room needs. */
export type CreateRoomPorts = Pick<RoomsPorts, "discord" | "hub"> & {
  readonly clock: Clock;
  readonly newId: IdGenerator;
  readonly sleep: (ms: number) => Promise<void>;
  readonly namePrefix: string;
  readonly idleMs: number;
};

/** A checked request for a room. */
export type CreateRoomInput = {
  readonly guildId: string;
  readonly name: string | undefined;
  readonly userLimit: number;
  readonly parentId: string | null;
  readonly private: boolean;
  readonly allowedUserIds: readonly string[];
  readonly idempotencyKey: string | null;
};

/**
 * Opens a voice room (rooms.md §5). The room is reserved first, so that the hub finds the channel even if this
 * request dies. `undecided` is the one failure after which a channel may still appear; the hub settles it.
 */
export async function createRoom(
  ports: CreateRoomPorts,
  who: Pick<Principal, "sub" | "discordId">,
  input: CreateRoomInput,
): Promise<Result<CreatedRoom, RoomFailure>> {
  const { discord, hub } = ports;
  const access = await accessOf(discord, who, input);
  if (!access.ok) return err({ kind: "discord", failure: access.error });
  const room = newRecord(ports, who, input);
  await hub.reserve(room);
  const created = await discord.createVoiceChannel({
    guildId: room.guildId,
    name: room.name,
    userLimit: room.userLimit,
    parentId: room.parentId,
    overwrites: access.value === null ? null : privateOverwrites(room.guildId, access.value),
    reason: auditReason(room),
  });
  if (created.ok) return open(ports, room, created.value);
  const { error: failure } = created;
  if (failure.kind === "failed" || failure.kind === "unknown_outcome") {
    return settle(ports, room, failure);
  }
  await hub.giveUp(room);
  return err({ kind: "discord", failure });
}

async function open(
  { discord, hub }: CreateRoomPorts,
  room: RoomRecord,
  channel: DiscordChannel,
): Promise<Result<CreatedRoom, RoomFailure>> {
  if ((await hub.open(room, channel)) === "opened") {
    const name = roomNameFromDiscord(channel.name, room);
    return ok({ channelId: channel.id, name, guildId: room.guildId });
  }
  // This request took so long that the hub gave the creation up and freed its key.
  await discord.deleteChannel(channel.id, auditReason(room));
  return err({ kind: "discord", failure: { kind: "unknown_outcome" } });
}

/** Settles a creation whose answer was lost or useless: the channel may exist. */
async function settle(
  ports: CreateRoomPorts,
  room: RoomRecord,
  failure: Extract<DiscordFailure, { kind: "failed" | "unknown_outcome" }>,
): Promise<Result<CreatedRoom, RoomFailure>> {
  const { discord, hub, sleep } = ports;
  // With an error status Discord has finished with the request, so no channel can appear later.
  const isOver = failure.kind === "failed" && failure.status >= 300;
  let finding = await findCreatedChannel(discord, room);
  if (finding.kind === "absent" && isOver) {
    await sleep(AUDIT_LAG_MS);
    finding = await findCreatedChannel(discord, room);
  }
  if (finding.kind === "found") return open(ports, room, finding.channel);
  if (finding.kind === "absent" && isOver) {
    await hub.giveUp(room);
    return err({ kind: "discord", failure });
  }
  await hub.doubt(room);
  return err({ kind: "undecided", failure });
}

async function accessOf(
  discord: RoomsDiscord,
  { discordId }: Pick<Principal, "discordId">,
  input: CreateRoomInput,
): Promise<Result<PrivateAccess | null, DiscordFailure>> {
  if (!input.private) return ok(null);
  const bot = await discord.botUserId();
  if (!bot.ok) return bot;
  const creator = discordId === undefined ? [] : [discordId];
  return ok({ userIds: [...creator, ...input.allowedUserIds], botUserId: bot.value });
}

/** Who may see and enter a channel besides those whose roles allow it. */
type PrivateAccess = {
  /** Discord users that are let in. */
  readonly userIds: readonly string[];
  /** The bot, which would lose sight of the channel otherwise. */
  readonly botUserId: string;
};

/** Closes a channel to everybody but some users and the bot. */
export function privateOverwrites(
  guildId: string,
  { userIds, botUserId }: PrivateAccess,
): PermissionOverwrite[] {
  const enter = PERMISSION.viewChannel | PERMISSION.connect;
  const talk = enter | PERMISSION.speak | PERMISSION.stream;
  const member = (id: string, allow: bigint): PermissionOverwrite => ({
    id,
    kind: "member",
    allow,
    deny: 0n,
  });
  const others = [...new Set(userIds)].filter((id) => id !== botUserId);
  return [
    // The role of everybody has the guild's own id.
    { id: guildId, kind: "role", allow: 0n, deny: enter },
    ...others.map((id) => member(id, talk)),
    member(botUserId, enter | PERMISSION.manageChannels),
  ];
}

function newRecord(
  { clock, newId, namePrefix, idleMs }: CreateRoomPorts,
  who: Pick<Principal, "sub" | "discordId">,
  input: CreateRoomInput,
): RoomRecord {
  const now = clock();
  return {
    id: newId(now),
    guildId: input.guildId,
    channelId: null,
    name: roomName(input.name, namePrefix, now),
    userLimit: input.userLimit,
    private: input.private,
    allowedUserIds: [...new Set(input.allowedUserIds)],
    parentId: input.parentId,
    createdBy: who.sub,
    createdByDiscordId: who.discordId ?? null,
    createdAt: now,
    openedAt: null,
    state: "creating",
    endedAt: null,
    idempotencyKey: input.idempotencyKey,
    idleMs,
    revision: 0,
  };
}
