import { randomUUID } from "node:crypto";
import { setTimeout as rest } from "node:timers/promises";
import type { FaceitControl, FaceitMatch } from "../../dev/faceit/control-client.ts";
import { webhookBody } from "../../dev/faceit/webhook-body.ts";
import { Api } from "../../dev/testing/api.ts";
import { eventually } from "../../dev/testing/eventually.ts";
import type { Stack } from "../../dev/testing/stack.ts";
import { DISCORD_LIMITS, MATCH_PLAN } from "./setting.ts";
import type { DiscordWatch, MatchChannel, MatchRows } from "./watch.ts";

/** What the parts of a run share. */
type Setting = {
  readonly stack: Stack;
  readonly watch: DiscordWatch;
  readonly rows: MatchRows;
};

/** Many matches at once. Times are milliseconds. */
export type Storm = Awaited<ReturnType<typeof playAtOnce>>;

const CHANNELS_EACH = 2;

/** The time that Discord's limit alone takes for so many creations: full windows pass before the last one. */
export function creationsTake(channels: number): number {
  const { creations, creationsWindowMs } = DISCORD_LIMITS;
  return (Math.ceil(channels / creations) - 1) * creationsWindowMs;
}

/**
 * Sends the Worker the webhook of each new match as FACEIT does, one after the other.
 * @returns milliseconds until each was answered
 */
export async function tellCalmly(
  url: string,
  secret: string,
  matches: readonly FaceitMatch[],
): Promise<readonly number[]> {
  const answered: Promise<number>[] = [];
  for (const match of matches) {
    answered.push(post(url, secret, createdWebhook(match)));
    await rest(MATCH_PLAN.calmEveryMs);
  }
  return Promise.all(answered);
}

async function post(url: string, secret: string, body: unknown): Promise<number> {
  const began = performance.now();
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "x-webhook-secret": secret },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  const took = performance.now() - began;
  if (response.status !== 200)
    throw new Error(`a webhook was answered ${response.status}: ${text}`);
  return took;
}

/** `match_object_created` (matches-and-music.md §A3): it contains no teams. */
function createdWebhook({ matchId, version }: FaceitMatch): unknown {
  const now = new Date().toISOString();
  const payload = {
    id: matchId,
    organizer_id: "a1b2c3d4-0000-4000-8000-00000000abcd",
    region: "EU",
    game: "cs2",
    version,
    entity: { id: "5b0d7c1e-2c55-4a3b-8f0e-9a1b2c3d4e5f", name: "Nordic Night Hub", type: "hub" },
    created_at: now,
    updated_at: now,
  };
  const ids = { eventId: randomUUID(), transactionId: randomUUID() };
  return webhookBody("match_object_created", payload, ids, Date.now());
}

/** Plays one match while no other runs. @returns milliseconds from its `ready` webhook to both channels */
export async function playAlone(setting: Setting, match: FaceitMatch): Promise<number> {
  const { watch } = setting;
  const { faceit } = setting.stack;
  const start = Date.now();
  await faceit.move(match.matchId, "READY");
  const channels = await eventually("the match has both channels", async () => {
    const mine = channelsOf(match, await watch.matchChannels());
    if (mine.length < CHANNELS_EACH) throw new Error(`${mine.length} channels`);
    return mine;
  });
  await faceit.move(match.matchId, "FINISHED");
  await eventually("its channels are gone", async () => {
    const left = channelsOf(match, await watch.matchChannels());
    if (left.length > 0) throw new Error(`${left.length} channels`);
  });
  return Math.max(...channels.map(({ madeAt }) => madeAt)) - start;
}

/** Starts all matches at once, and ends all at once when they have their channels. */
export async function playAtOnce(setting: Setting, matches: readonly FaceitMatch[]) {
  const { watch, rows } = setting;
  const { faceit } = setting.stack;
  const wanted = matches.length * CHANNELS_EACH;
  const deadline = 3 * creationsTake(wanted) + 60_000;
  const start = Date.now();
  const rooms = openRooms(setting, () => isWaiting);
  let isWaiting = true;
  await moveAll(faceit, matches, "READY");
  const channels = await settled(deadline, async () => {
    const made = (await watch.since(start)).filter(
      ({ method, path, status }) =>
        method === "POST" &&
        path.endsWith("/channels") &&
        path.startsWith("/guilds/") &&
        status === 201,
    );
    // The created channels include rooms that people opened, so the channels of matches are counted as well.
    return made.length >= wanted && (await watch.matchChannels()).length >= wanted;
  }).then(() => watch.matchChannels());
  isWaiting = false;
  const waited = await rooms;
  const perMatch = matches.map((match) => channelsOf(match, channels));
  const complete = perMatch.filter((mine) => mine.length === CHANNELS_EACH);

  const end = Date.now();
  await moveAll(faceit, matches, "FINISHED");
  let rowsGoneAt = Number.NaN;
  await settled((wanted / DISCORD_LIMITS.callsPerSecond) * 5_000 + 60_000, async () => {
    const isEmpty = rows.active() === 0 && rows.live() === 0;
    if (isEmpty && Number.isNaN(rowsGoneAt)) rowsGoneAt = Date.now();
    return isEmpty && (await watch.matchChannels()).length === 0;
  });
  const calls = await watch.since(start);
  const gone = calls.filter(
    ({ method, path, status, at }) =>
      at >= end && method === "DELETE" && /^\/channels\/\d+$/.test(path) && status === 200,
  );
  return {
    /** From the start until each channel existed, ascending. */
    channels: channels.map(({ madeAt }) => madeAt - start).toSorted((a, b) => a - b),
    /** From the start until a match had both of its channels, ascending. */
    matches: complete
      .map((mine) => Math.max(...mine.map(({ madeAt }) => madeAt)) - start)
      .toSorted((a, b) => a - b),
    /** Matches that never had both channels. */
    starved: matches.length - complete.length,
    /** How long people waited for rooms that they opened during the matches; null: they were told to try later. */
    rooms: waited,
    /** Calls that Discord refused with 429, out of all calls. */
    refused: calls.filter(({ status }) => status === 429).length,
    calls: calls.length,
    /** From the end of all matches until the last channel, and the last row, was gone. */
    channelsGone: Math.max(...gone.map(({ at }) => at)) - end,
    rowsGone: rowsGoneAt - end,
    leftChannels: (await watch.matchChannels()).length,
    leftRows: rows.active() + rows.live(),
  };
}

/** Moves all matches at once, without waiting for an answer before the next request. */
async function moveAll(
  faceit: FaceitControl,
  matches: readonly FaceitMatch[],
  status: "READY" | "FINISHED",
): Promise<void> {
  await Promise.all(matches.map(({ matchId }) => faceit.move(matchId, status)));
}

/** People open rooms at the planned times while matches wait. @returns milliseconds that each waited */
async function openRooms(
  { stack }: Setting,
  isWaiting: () => boolean,
): Promise<readonly (number | null)[]> {
  const api = new Api(stack, await stack.token("bench-person"));
  const start = Date.now();
  const waited: (number | null)[] = [];
  for (const after of MATCH_PLAN.roomsAfterMs) {
    while (isWaiting() && Date.now() < start + after) await rest(100);
    if (!isWaiting()) break;
    const began = performance.now();
    const { status } = await api.call("POST", "/create-room", { name: `room ${after}` });
    waited.push(status === 200 ? performance.now() - began : null);
  }
  return waited;
}

/** Waits until a check holds, or until the deadline. What is missing then is counted by the caller. */
async function settled(deadlineMs: number, check: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (Date.now() < deadline && !(await check())) await rest(200);
}

/** The channels of a match. Their names contain the first digits of its id, without FACEIT's prefix. */
function channelsOf({ matchId }: FaceitMatch, channels: readonly MatchChannel[]): MatchChannel[] {
  const digits = matchId.replace(/^\d+-/, "").replaceAll("-", "");
  return channels.filter(({ name }) => {
    const [, of = ""] = name.split("-");
    return of !== "" && digits.startsWith(of);
  });
}
