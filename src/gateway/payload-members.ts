import { isDiscordId } from "../protocol/discord-id.ts";
import type { DiscordUser } from "../protocol/person.ts";
import type { GuildSnapshot } from "../protocol/signed-events.ts";

// The Worker has checked payloads by their schemas before they reach a hub. Here only the types are read again, so
// that a Worker of another version cannot store what no reader of the tables expects. Each function throws then.

/** A user in a voice channel, as an event or a snapshot shows them. */
export type Visit = GuildSnapshot["voiceStates"][number];

type Members = Readonly<Record<string, unknown>>;

/** The id with this name. */
export function idIn(members: Members, name: string): string {
  const value = members[name];
  return isDiscordId(value) ? value : misfit(name);
}

/** A channel with its name and limit. */
export function channelIn(members: Members): GuildSnapshot["channels"][number] {
  const { name, userLimit } = members;
  if (typeof name !== "string") return misfit("name");
  if (typeof userLimit !== "number" || !Number.isSafeInteger(userLimit)) return misfit("userLimit");
  return { channelId: idIn(members, "channelId"), name, userLimit };
}

/** A user in a channel. Without a name there is no user's data. */
export function visitIn(members: Members): Visit {
  const userId = idIn(members, "userId");
  const channelId = idIn(members, "channelId");
  const { user } = members;
  return user === undefined ? { userId, channelId } : { userId, channelId, user: userOf(user) };
}

/** All channels and users of a snapshot. */
export function snapshotIn(members: Members): Omit<GuildSnapshot, "guildId"> {
  return {
    channels: listIn(members, "channels").map(channelIn),
    voiceStates: listIn(members, "voiceStates").map(visitIn),
  };
}

function listIn(members: Members, name: string): Members[] {
  const list = members[name];
  if (!Array.isArray(list)) return misfit(name);
  return list.map((one: unknown) => (isMembers(one) ? one : misfit(name)));
}

function userOf(value: unknown): DiscordUser | undefined {
  if (!isMembers(value)) return undefined;
  const { name, avatar, bot } = value;
  if (typeof name !== "string" || (avatar !== null && typeof avatar !== "string")) return undefined;
  return bot === true ? { name, avatar, bot } : { name, avatar };
}

function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null;
}

function misfit(name: string): never {
  throw new TypeError(`the payload has no valid ${name}`);
}
