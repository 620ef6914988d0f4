import { fileURLToPath } from "node:url";
import { eventually } from "../eventually.ts";
import { workerVariables, type Identity } from "../identity.ts";
import type { Server } from "../../workerd/processes.ts";
import { startWorkerd } from "../../workerd/workerd.ts";
import { workerServices, type WorkerBundle } from "../../workerd/worker-bundle.ts";

/** Longest time until a reader is served, and until it has all published events, milliseconds. */
export const SERVED_WITHIN_MS = 30_000;

/** Events that a healthy reader may be behind before the publisher waits for it. */
const BEHIND_MAX = 1_000;
const LOOK_MS = 2;

/** The Worker under plain workerd, with a hub that can be filled. */
export type FilledHub = Server & {
  /**
   * Publishes events in one turn of the hub.
   * @param bytes that are added to each event
   * @returns seq of the last one
   */
  readonly fill: (events: number, bytes: number) => Promise<number>;
};

/** Starts the Worker. @param folder an existing folder for its files */
export async function startFilledHub(
  parts: {
    readonly bundle: WorkerBundle;
    readonly identity: Identity;
    readonly secret: string;
  },
  folder: string,
): Promise<FilledHub> {
  const { bundle, identity, secret } = parts;
  const around = fileURLToPath(import.meta.resolve("./filled-hub.worker.mjs"));
  const services = workerServices(bundle, workerVariables(identity, secret), around);
  const server = await startWorkerd(folder, services);
  return { ...server, fill: (events, bytes) => fill(server.port, events, bytes) };
}

async function fill(port: number, events: number, bytes: number): Promise<number> {
  const url = `http://127.0.0.1:${port}/fill?events=${events}&bytes=${bytes}`;
  const response = await fetch(url, { method: "POST" });
  const text = await response.text();
  if (!response.ok) throw new Error(`filling was answered with ${response.status}: ${text}`);
  return (JSON.parse(text) as { readonly seq: number }).seq;
}

/** How much is published, and in which portions. */
export type FloodPlan = {
  /** Turns of the hub; each publishes `events` events at once, with `bytes` added to each. */
  readonly turns: number;
  readonly events: number;
  readonly bytes: number;
};

type Follower = { readonly seq: number };

/**
 * Publishes no faster than these readers read, and waits until they have all events.
 * @param afterTurn called after each turn with its number, from 0
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

/** Waits until all readers have an event, or a snapshot that covers it. @throws when it takes too long */
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
