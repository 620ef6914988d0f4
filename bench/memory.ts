import path from "node:path";
import { setTimeout as rest } from "node:timers/promises";
import { usageOf } from "../dev/testing/process-usage.ts";
import { Fleet } from "./load/fleet.ts";
import { PLAN } from "./plan.ts";
import type { RunningSubject, Subject, SubjectName } from "./subjects/subject.ts";

/** The memory of a server's idle sockets, KiB of its resident set for each of them. */
export type MemoryTrial = {
  readonly subject: SubjectName;
  /** Of the first ones. What exists once, such as the heap that grows with the first requests, is in it. */
  readonly first: number;
  /** Of each further one: the difference of two counts, in which nothing is that exists once. */
  readonly further: number;
  /** The same when the engine has collected its garbage at both counts; null: it cannot be told to. */
  readonly collected: number | null;
  readonly faults: readonly string[];
};

/** How many sockets are counted first, how many there are in all in the end, and the rest before each reading. */
export type MemoryPlan = {
  readonly first: number;
  readonly all: number;
  readonly settleMs: number;
};

/** Measures one subject after the other, on servers of their own. @param folder gets a folder for each */
export async function runMemory(
  subjects: readonly Subject[],
  folder: string,
  plan: MemoryPlan,
): Promise<MemoryTrial[]> {
  const trials: MemoryTrial[] = [];
  for (const { name, start, canCollect } of subjects) {
    const plain = await measure(() => start(path.join(folder, name)), plan);
    const told =
      canCollect === true
        ? await measure(() => start(path.join(folder, `${name}-told`), { collects: true }), plan)
        : null;
    trials.push({
      subject: name,
      first: plain.first,
      further: plain.further,
      collected: told?.further ?? null,
      faults: [...plain.faults, ...(told?.faults ?? [])],
    });
  }
  return trials;
}

/** Counts the memory without sockets, with some and with more; before each count garbage is collected, if it can be. */
async function measure(start: () => Promise<RunningSubject>, { first, all, settleMs }: MemoryPlan) {
  const server = await start();
  try {
    const { clientOf, collect } = server;
    const warmUp = new Fleet(0);
    await warmUp.open(PLAN.warmUpSockets, PLAN.connecting, clientOf);
    await warmUp.close(0);
    const residentKib = async (): Promise<number> => {
      await rest(settleMs);
      await collect?.();
      return (await usageOf(server.pid)).residentKib;
    };
    const none = await residentKib();
    const fleet = new Fleet(0);
    const open = (from: number, to: number): Promise<void> =>
      fleet.open(to - from, PLAN.connecting, (index) =>
        clientOf(PLAN.warmUpSockets + from + index),
      );
    await open(0, first);
    const some = await residentKib();
    await open(first, all);
    const many = await residentKib();
    await fleet.close(0);
    return {
      first: (some - none) / first,
      further: (many - some) / (all - first),
      faults: [...warmUp.faults, ...fleet.faults],
    };
  } finally {
    await server.stop();
  }
}
