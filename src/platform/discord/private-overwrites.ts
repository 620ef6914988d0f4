import { PERMISSION } from "./constants.ts";
import type { PermissionOverwrite } from "./operations.ts";

/** Who may see and enter a channel besides those whose roles allow it. */
export type PrivateAccess = {
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
