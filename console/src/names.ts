import { CONTROL_URL } from "./local-discord.ts";

/** Users that the local Discord starts with; a real guild's names are not known here. */
export const TESTERS: ReadonlyMap<string, string> = new Map(
  CONTROL_URL === undefined
    ? []
    : [
        ["100000000000000301", "Player 1"],
        ["100000000000000302", "Player 2"],
        ["100000000000000303", "Player 3"],
      ],
);

/** What a user is called on the page: the events carry ids only. */
export function nameOf(userId: string): string {
  return TESTERS.get(userId) ?? userId;
}
