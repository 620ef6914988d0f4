import type { FaceitConfig } from "./config.ts";

/**
 * The guild that plays a match; null: nobody of ours.
 * @param owners ids of whom the match belongs to, the most particular first: a hub counts before the
 *   organizer that it belongs to
 */
export function guildOfOwners(
  owners: readonly string[],
  { organizers }: Pick<FaceitConfig, "organizers">,
  primaryGuildId: string,
): string | null {
  if (organizers.length === 0) return primaryGuildId;
  for (const id of owners) {
    const found = organizers.find((one) => one.id === id);
    if (found !== undefined) return found.guildId ?? primaryGuildId;
  }
  return null;
}
