import { eventually } from "../eventually.ts";
import type { FilledHub } from "./filled-hub.ts";

/** A reader is served, and has what was published, by then, milliseconds. */
export const SERVED_WITHIN_MS = 30_000;

/** Events that a healthy reader may be behind before the publisher waits for it. */
const BEHIND_MAX = 1_000;
const LOOK_MS = 2;

/** How much is published, and in what portions. */
export type FloodPlan = {
  /** Turns of the hub; each publishes `events` of them at once, with `bytes` added to each. */
  readonly turns: number;
  readonly events: number;
  readonly bytes: number;
};

type Follower = { readonly seq: number };

/**
 * Publishes, no faster than these readers take it, and waits until they have it all.
 * @param afterTurn is called after each turn with its number, from 0
 * @returns seq of the last event
 */
export async function flood(
  hub: FilledHub,
  readers: readonly Follower[],
  { turns, events, bytes }: FloodPlan,
  afterTurn: (turn: number) => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  let seq = 0;
  for (let turn = 0; turn < turns; turn += 1) {
    seq = await hub.fill(events, bytes);
    await untilAllHave(readers, seq - BEHIND_MAX);
    await afterTurn(turn);
  }
  await untilAllHave(readers, seq);
  return seq;
}

/** Waits until all have an event, or a state that stands for it. @throws when it takes too long */
export async function untilAllHave(readers: readonly Follower[], seq: number): Promise<void> {
  await eventually(
    `all readers are at ${seq}`,
    () => {
      const behind = readers.filter((reader) => reader.seq < seq);
      if (behind.length > 0) throw new Error(`${behind.length} are not: ${behind[0]?.seq}`);
    },
    SERVED_WITHIN_MS,
    LOOK_MS,
  );
}
