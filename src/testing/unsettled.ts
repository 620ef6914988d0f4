import { ENDED_STATUSES, FACTIONS } from "../protocol/match.ts";
import type { VirtualMatch } from "./virtual-match.ts";

/** Checks a match after everything has happened. @returns a sentence for each rule that does not hold */
export function unsettled(match: VirtualMatch): string[] {
  const { faceit, state, record } = match;
  const wrong: string[] = [];
  const isOver = ENDED_STATUSES.has(faceit.status);
  if (state === null) return wrong;
  if (record !== null && record.revision !== state.revision) wrong.push("the hub is behind");
  if (state.match !== null && match.stored?.revision !== state.revision) wrong.push("D1 is behind");
  if (isOver || state.phase !== "live") {
    if (!isOver) wrong.push("closed although FACEIT says that it is live");
    if (match.ours.length > 0) wrong.push(`channels are left: ${match.ours.length}`);
    if (match.rows.size > 0) wrong.push("rows are left");
    if (record !== null && record.state !== "ended") wrong.push("clients think that it is live");
    return wrong;
  }
  if (faceit.rosters === null) return wrong;
  const taken = new Set<string>();
  for (const faction of FACTIONS) {
    const people = faceit.rosters[faction].players.flatMap(({ playerId }) => {
      const discordId = match.links.get(playerId);
      return discordId === undefined || taken.has(discordId) ? [] : [discordId];
    });
    for (const userId of people) taken.add(userId);
    const channels = match.ours.filter(({ name }) => name.endsWith(faction));
    if (channels.length !== 1) wrong.push(`${faction} has ${channels.length} channels`);
    if (match.rows.get(faction) !== channels[0]?.id) wrong.push(`the row of ${faction} is wrong`);
    if (record?.factions[faction].room?.channelId !== channels[0]?.id) {
      wrong.push(`clients have another room of ${faction}`);
    }
    const wanted = people.filter((userId) => match.members.has(userId)).toSorted();
    if (match.accessOf(faction).toSorted().join() !== wanted.join()) {
      wrong.push(`${faction} lets in ${match.accessOf(faction).join()} and not ${wanted.join()}`);
    }
  }
  return wrong;
}
