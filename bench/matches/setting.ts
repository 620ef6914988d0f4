import { LOBBY } from "../../dev/discord/seed.ts";
import type { FaceitMatch } from "../../dev/faceit/control-client.ts";
import type { Stack } from "../../dev/testing/stack.ts";

/** Matches of the published run: with fewer (`BENCH_MATCHES=20`) the document is not changed. */
export const PUBLISHED = 200;

const MATCHES = readCount(process.env["BENCH_MATCHES"]);

/** What one run does. Times are milliseconds. */
export const MATCH_PLAN = {
  matches: MATCHES,
  /** Players of a side. */
  sidePlayers: 5,
  /** One match in this many has a linked player on each side, who waits in the lobby. */
  linkedEvery: 5,
  /** Matches that are played alone, one after the other. */
  loneMatches: Math.min(10, MATCHES),
  /** Time between two webhooks of the calm load. Each match gets one. */
  calmEveryMs: 100,
  /** Pause before the matches begin, longer than any window of the local Discord. */
  restMs: 11_000,
  /** When people open a room after the start, while the channels of matches still wait for their turn. */
  roomsAfterMs: [1_000, 15_000, 30_000, 45_000, 60_000],
} as const;

/** What the local Discord allows (dev/discord/rest/rate-limits.ts): no run can be faster than this schedule. */
export const DISCORD_LIMITS = {
  /** Channels created in a guild. */
  creations: 40,
  creationsWindowMs: 10_000,
  /** Calls over all routes. */
  callsPerSecond: 50,
} as const;

const FIRST_DISCORD_ID = 500_000_000_000_000_000n;
const ADMINISTRATOR = "8";

/** Tasks in progress at the same time: enough to be quick, too few to be refused. */
const AT_ONCE = 8;

/** Creates so many matches with players of their own. In some, one player of each side is linked and in voice. */
export async function addMatches(
  stack: Stack,
  name: string,
  count: number,
): Promise<readonly FaceitMatch[]> {
  const { sidePlayers, linkedEvery } = MATCH_PLAN;
  return inTurns(Array.from({ length: count }).keys(), async (index) => {
    const side = async (faction: string): Promise<string[]> => {
      const nicknames = Array.from(
        { length: sidePlayers },
        (_, player) => `${name}_${index}_${faction}_${player}`,
      );
      for (const nickname of nicknames) await stack.faceit.createPlayer(nickname);
      const [first = ""] = nicknames;
      if (index % linkedEvery === 0) await link(stack, first);
      return nicknames;
    };
    return stack.faceit.createMatch({
      rosters: { faction1: await side("a"), faction2: await side("b") },
      status: "CHECK_IN",
      silent: true,
    });
  });
}

let lastPlayer = 0n;

/** Links a player through an administrator, and puts them into the lobby. */
async function link(stack: Stack, nickname: string): Promise<void> {
  lastPlayer += 1n;
  const user = String(FIRST_DISCORD_ID + lastPlayer);
  await stack.discord.move(user, LOBBY);
  // An administrator may look up only a few players a minute, so each player gets an administrator of their own.
  await stack.discord.use({
    userId: String(FIRST_DISCORD_ID - lastPlayer),
    permissions: ADMINISTRATOR,
    command: "register",
    options: { user, nickname },
  });
}

/** Maps the items, a few at a time, and keeps their order. */
async function inTurns<Item, Value>(
  items: Iterable<Item>,
  work: (item: Item) => Promise<Value>,
): Promise<Value[]> {
  const left = [...items].entries();
  const values: Value[] = [];
  const worker = async (): Promise<void> => {
    for (const [index, item] of left) values[index] = await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return values;
}

function readCount(text: string | undefined): number {
  const matches = Number(text ?? PUBLISHED);
  if (Number.isInteger(matches) && matches >= 1 && matches <= 240) return matches;
  throw new Error(
    `BENCH_MATCHES is a whole number from 1 to 240, not ${text}: a guild has 500 channels`,
  );
}
