import type { DispatchData, GuildRecord } from "../model.ts";
import { memberObject } from "../objects.ts";
import type { World } from "../world.ts";

/** Members that one request may name or find. */
const MEMBERS_MAX = 100;

/**
 * GUILD_MEMBERS_CHUNK for a request of a client (opcode 8): the members that `user_ids` name, or whose
 * names begin with `query`. Everybody at once would need a privileged intent, which nobody has here.
 */
export function membersChunk(
  world: World,
  guild: GuildRecord,
  request: Readonly<Record<string, unknown>>,
): DispatchData {
  const { user_ids: ids, query, limit, nonce } = request;
  const named = ids === undefined ? [] : [ids].flat().map(String).slice(0, MEMBERS_MAX);
  const max = typeof limit === "number" && limit > 0 ? Math.min(limit, MEMBERS_MAX) : MEMBERS_MAX;
  const start = typeof query === "string" ? query.toLowerCase() : "";
  const found = Object.keys(guild.members)
    .filter((id) => {
      if (ids !== undefined) return named.includes(id);
      return start !== "" && world.user(id).username.toLowerCase().startsWith(start);
    })
    .slice(0, max);
  return {
    guild_id: guild.id,
    members: found.map((id) => memberObject(guild, world.user(id))),
    chunk_index: 0,
    chunk_count: 1,
    ...(ids === undefined ? {} : { not_found: named.filter((id) => !found.includes(id)) }),
    ...(typeof nonce === "string" ? { nonce } : {}),
  };
}
