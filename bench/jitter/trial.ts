import { setTimeout as rest } from "node:timers/promises";
import { eventually } from "../../dev/testing/eventually.ts";
import { Publisher } from "../load/stream.ts";
import { LOSSES, UnsteadyClient, type Loss } from "../load/unsteady.ts";
import type { RunningSubject } from "../subjects/subject.ts";
import { cpuSecondsOf } from "../work.ts";

/** Clients that connect at the same time at first. */
const CONNECTING = 16;

/** What happens to each subject. Times in milliseconds. */
export type JitterPlan = {
  readonly clients: number;
  readonly events: number;
  /** Time between two events. */
  readonly intervalMs: number;
  /** A client has its network for a random time between these, then none for `downMs`, and so on. */
  readonly upMs: readonly [least: number, most: number];
  readonly downMs: number;
  /** A client that does not have the last event after this time gets nothing any more. */
  readonly settleMs: number;
};

/** What the clients of one subject got. */
export type JitterTrial = {
  /** (Event, client) pairs. */
  readonly pairs: number;
  /** Those that never arrived, by how the client had lost its network. */
  readonly lost: Readonly<Record<Loss, number>>;
  /** Events that arrived a second time, or after a later one. */
  readonly again: number;
  /** Clients that are connected at the end, and get nothing any more. */
  readonly deaf: number;
  /** How often a client lost its network. */
  readonly losses: number;
  readonly cpuSeconds: number;
  /** Clients that could not come back, and why. */
  readonly faults: readonly string[];
};

/** Publishes steadily to clients that lose their network all the time, and lets all of them settle at the end. */
export async function runJitter(
  server: RunningSubject,
  secret: string,
  plan: JitterPlan,
): Promise<JitterTrial> {
  const publisher = new Publisher(server.port, secret);
  const clients = Array.from(
    { length: plan.clients },
    (_, index) => new UnsteadyClient(server.clientOf(index), publisher.next),
  );
  try {
    const waiting = clients.values();
    const connectAll = async (): Promise<void> => {
      for (const client of waiting) await client.connect();
    };
    await Promise.all(Array.from({ length: CONNECTING }, connectAll));
    const cpuSeconds = await cpuSecondsOf(server, async () => {
      const over = new AbortController();
      const unsteady = clients.map((client) => live(client, plan, over.signal));
      for (let event = 0; event < plan.events; event += 1) {
        await Promise.all([publisher.publish(1), rest(plan.intervalMs)]);
      }
      over.abort();
      await Promise.all(unsteady);
    });
    const end = publisher.next;
    // Everybody is back. This event shows what a server that keeps nothing has lost.
    await publisher.publish(1);
    const behind = (): UnsteadyClient[] => clients.filter(({ next }) => next < publisher.next);
    await eventually(
      "every client has the last event",
      () => {
        if (behind().length > 0) throw new Error("some are behind");
      },
      plan.settleMs,
    ).catch(() => undefined);
    const deaf = behind();
    for (const client of deaf) client.giveUp(end);
    const sum = (of: (client: UnsteadyClient) => number): number =>
      clients.reduce((total, client) => total + of(client), 0);
    return {
      pairs: plan.events * plan.clients,
      lost: {
        cut: sum(({ lost }) => lost.cut),
        frozen: sum(({ lost }) => lost.frozen),
        moved: sum(({ lost }) => lost.moved),
      },
      again: sum(({ again }) => again),
      deaf: deaf.length,
      losses: sum(({ losses }) => losses),
      cpuSeconds,
      faults: clients.flatMap(({ fault }) => (fault === null ? [] : [fault])),
    };
  } finally {
    for (const client of clients) client.leave();
    publisher.close();
  }
}

/** Loses the network again and again until the signal, and comes back. */
async function live(
  client: UnsteadyClient,
  { upMs: [least, most], downMs }: JitterPlan,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const ms = least + Math.random() * (most - least);
    await rest(ms, undefined, { signal }).catch(() => undefined);
    const how = LOSSES[Math.floor(Math.random() * LOSSES.length)];
    if (!signal.aborted && how !== undefined) await client.lose(how, downMs);
  }
}
