import { setTimeout as rest } from "node:timers/promises";
import type { Client } from "./load/client.ts";
import { Fleet } from "./load/fleet.ts";
import type { Publisher } from "./load/publisher.ts";
import { usageOf } from "../dev/testing/process-usage.ts";
import { quantile } from "./measure/statistics.ts";
import { PLAN } from "./plan.ts";
import type { RunningSubject, SubjectName } from "./subjects/subject.ts";
import { publish, publishAndReceive } from "./work.ts";

/** What it took to come back after {@link PLAN.missedEvents}, of one subject. */
export type ResumeTrial = {
  readonly subject: SubjectName;
  /** From the TCP connection to the last missed event, milliseconds: one alone, several at a time. */
  readonly loneP50: number;
  readonly loneP99: number;
  readonly crowdedP50: number;
  readonly crowdedP99: number;
  readonly cpuMsPerResume: number;
  /** D1 queries during all of them; null: there is no D1. */
  readonly d1Queries: number | null;
  readonly faults: readonly string[];
};

/** Clients that were here, left, and all miss the same events. */
type Absent = {
  readonly clients: readonly { readonly client: Client; readonly putBack: () => void }[];
  readonly first: number;
  readonly end: number;
  readonly faults: string[];
};

/** Measures resumes on a warm server. */
export async function measureResumes(
  subject: SubjectName,
  server: RunningSubject,
  publisher: Publisher,
): Promise<ResumeTrial> {
  const absent = await missEvents(server, publisher);
  await resumeMany(absent, PLAN.warmUpResumes, 1);
  const before = await usageOf(server.pid);
  const d1Before = await server.d1Queries?.();
  const lone = await resumeMany(absent, PLAN.loneResumes, 1);
  const crowded = await resumeMany(absent, PLAN.crowdedResumes, PLAN.resumesAtOnce);
  const after = await usageOf(server.pid);
  const d1After = await server.d1Queries?.();
  const d1Queries = d1Before === undefined ? null : (d1After ?? 0) - d1Before;
  const count = PLAN.loneResumes + PLAN.crowdedResumes;
  if (d1Queries !== null && d1Queries > 0) {
    absent.faults.push(`${d1Queries} D1 queries in ${count} resumes`);
  }
  return {
    subject,
    loneP50: quantile(lone, 0.5),
    loneP99: quantile(lone, 0.99),
    crowdedP50: quantile(crowded, 0.5),
    crowdedP99: quantile(crowded, 0.99),
    cpuMsPerResume: ((after.cpuSeconds - before.cpuSeconds) * 1000) / count,
    d1Queries,
    faults: absent.faults,
  };
}

/** Counts the rows that one resume reads. */
export async function countRows(
  server: RunningSubject & { readonly rowsRead: () => Promise<number> },
  publisher: Publisher,
): Promise<number> {
  const absent = await missEvents(server, publisher);
  await resumeMany(absent, 1, 1);
  await server.rowsRead();
  await resumeMany(absent, PLAN.countedResumes, 1);
  return (await server.rowsRead()) / PLAN.countedResumes;
}

/** Everybody gets one event, leaves, and misses the next ones. */
async function missEvents(server: RunningSubject, publisher: Publisher): Promise<Absent> {
  const clients = Array.from({ length: PLAN.resumeClients }, (_, at) => server.clientOf(at));
  const fleet = new Fleet(publisher.next);
  await fleet.open(clients.length, 1, (index) => clients[index] ?? server.clientOf(index));
  await publishAndReceive(fleet, publisher, 1);
  await fleet.close(publisher.next);
  // The server notices that they left.
  await rest(PLAN.settleMs);
  const first = publisher.next;
  await publish(publisher, PLAN.missedEvents);
  return {
    clients: clients.map((client) => ({ client, putBack: client.mark?.() ?? (() => undefined) })),
    first,
    end: publisher.next,
    faults: fleet.faults,
  };
}

/** Comes back `count` times, `atOnce` at a time. @returns how long each took, milliseconds */
async function resumeMany(absent: Absent, count: number, atOnce: number): Promise<number[]> {
  const { clients, first, end, faults } = absent;
  const times: number[] = [];
  let next = 0;
  const work = async (worker: number): Promise<void> => {
    // Nobody is here twice at the same time: each worker has clients of its own, in turns.
    const own = clients.filter((_, at) => at % atOnce === worker);
    for (let turn = 0; next < count; turn += 1) {
      next += 1;
      const one = own[turn % own.length];
      if (one === undefined) throw new Error("too few clients");
      one.putBack();
      const fleet = new Fleet(first);
      const startedAt = performance.now();
      await fleet.open(1, 1, () => one.client);
      await fleet.receive(end - first, 0);
      times.push(performance.now() - startedAt);
      await fleet.close(end);
      faults.push(...fleet.faults);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, (_, worker) => work(worker)));
  return times;
}
