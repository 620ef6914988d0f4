import { setTimeout as rest } from "node:timers/promises";
import type { Client } from "./load/clients.ts";
import { Fleet } from "./load/fleet.ts";
import { Publisher } from "./load/stream.ts";
import { peakPerSecond, quantile } from "./statistics.ts";
import { PLAN } from "./plan.ts";
import type { RunningSubject, Subject, SubjectName } from "./subjects/subject.ts";
import { cpuSecondsOf, publish, publishAndReceive, warm } from "./work.ts";

/** How a subject's clients reconnect: after a loss of their own, and after a restart of the server. */
export type RecoveryTrial = {
  readonly subject: SubjectName;
  /** null: it stores nothing that a client could resume from. */
  readonly resume: ResumeTrial | null;
  readonly restart: RestartTrial;
  readonly faults: readonly string[];
};

/** The cost of resumes after {@link PLAN.missedEvents}. */
export type ResumeTrial = Awaited<ReturnType<typeof measureResumes>>;

/** What happened after a server was killed with all its sockets. */
type RestartTrial = Awaited<ReturnType<typeof measureRestart>>["trial"];

/** Measures one subject, on a server of its own. @param folder for its files */
export async function runRecovery(
  subject: Subject,
  folder: string,
  secret: string,
): Promise<RecoveryTrial> {
  let server = await subject.start(folder, { recovery: true });
  const publisher = new Publisher(server.port, secret);
  try {
    const faults = await warm(server, publisher);
    const resume =
      subject.remembers === "nothing" ? null : await measureResumes(server, publisher, faults);
    const after = await measureRestart(subject, folder, server, publisher, faults);
    server = after.server;
    return { subject: subject.name, resume, restart: after.trial, faults };
  } finally {
    publisher.close();
    await server.stop();
  }
}

/** Measures resumes on a warm server. @param faults gets what went wrong */
async function measureResumes(server: RunningSubject, publisher: Publisher, faults: string[]) {
  const absent = await missEvents(server, publisher);
  await resumeMany(absent, PLAN.warmUpResumes, 1);
  let lone: number[] = [];
  let crowded: number[] = [];
  const d1Before = await server.d1Queries?.();
  const cpuSeconds = await cpuSecondsOf(server, async () => {
    lone = await resumeMany(absent, PLAN.loneResumes, 1);
    crowded = await resumeMany(absent, PLAN.crowdedResumes, PLAN.resumesAtOnce);
  });
  const d1After = await server.d1Queries?.();
  const d1Queries = d1Before === undefined ? null : (d1After ?? 0) - d1Before;
  const count = PLAN.loneResumes + PLAN.crowdedResumes;
  faults.push(...absent.faults);
  if (d1Queries !== null && d1Queries > 0)
    faults.push(`${d1Queries} D1 queries in ${count} resumes`);
  return {
    // From the TCP connection to the last missed event, milliseconds: one alone, several at a time.
    loneP50: quantile(lone, 0.5),
    loneP99: quantile(lone, 0.99),
    crowdedP50: quantile(crowded, 0.5),
    crowdedP99: quantile(crowded, 0.99),
    cpuMsPerResume: (cpuSeconds * 1000) / count,
    /** D1 queries during all resumes; null: there is no D1. */
    d1Queries,
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

/** Clients that connected, left, and all missed the same events. */
type Absent = {
  readonly clients: readonly { readonly client: Client; readonly putBack: () => void }[];
  readonly first: number;
  readonly end: number;
  readonly faults: string[];
};

/** All clients get one event, leave, and miss the next ones. */
async function missEvents(server: RunningSubject, publisher: Publisher): Promise<Absent> {
  const clients = Array.from({ length: PLAN.resumeClients }, (_, at) => server.clientOf(at));
  const fleet = new Fleet(publisher.next);
  await fleet.open(clients.length, 1, (index) => clients[index] ?? server.clientOf(index));
  await publishAndReceive(fleet, publisher, 1);
  await fleet.close(publisher.next);
  // Gives the server time to notice that they left.
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

/** Resumes `count` times, `atOnce` at a time. @returns how long each took, milliseconds */
async function resumeMany(absent: Absent, count: number, atOnce: number): Promise<number[]> {
  const { clients, first, end, faults } = absent;
  const times: number[] = [];
  let next = 0;
  const work = async (worker: number): Promise<void> => {
    // Each worker uses clients of its own in turn, so no client connects twice at the same time.
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

/**
 * Publishes, kills the server while it sends, restarts it in the same folder at the same port, and publishes again
 * while the clients reconnect.
 * @param faults gets what went wrong
 * @returns also the new server, which the caller must stop
 */
async function measureRestart(
  subject: Subject,
  folder: string,
  server: RunningSubject,
  publisher: Publisher,
  faults: string[],
) {
  const forgets = subject.remembers !== "on disk";
  const fleet = new Fleet(publisher.next);
  await fleet.open(PLAN.sockets, PLAN.connecting, server.clientOf);
  await publishAndReceive(fleet, publisher, 1);
  const spreadMs = Math.max(PLAN.spreadMs, fleet.retryWindowMs);
  fleet.expectLoss();
  // The request was answered, so a server with a memory must have stored these events.
  await publisher.publish(PLAN.restartEvents);
  const killedAt = performance.now();
  const returning = fleet.comeBack(spreadMs, forgets);
  const restarted = server
    .kill()
    .then(() => subject.start(folder, { port: server.port, recovery: true }));
  const [servedAt, newServer, upAt] = await Promise.all([
    returning,
    restarted,
    restarted.then(async () => {
      const now = performance.now();
      await publisher.publish(PLAN.restartEvents);
      return now;
    }),
  ]);
  const backAt = Math.max(...servedAt);
  if (!forgets) await fleet.catchUp(publisher.next);
  const caughtUpAt = Math.max(backAt, fleet.lastReceiptAt);
  // The next event shows what a server without memory lost, and that all clients are live again.
  await publisher.publish(1);
  await fleet.catchUp(publisher.next);
  await fleet.close(publisher.next);
  faults.push(...fleet.faults);
  return {
    server: newServer,
    // Times since the kill, milliseconds.
    trial: {
      /**
       * Clients spread their first attempt over this time: the one of the plan, or a longer one that the server
       * wants.
       */
      spreadMs,
      /** The new process listens. */
      upMs: upAt - killedAt,
      /** The last client is served again. */
      backMs: backAt - killedAt,
      /** The last client has every event; null: the server does not send missed events again. */
      caughtUpMs: forgets ? null : caughtUpAt - killedAt,
      /** Clients served per second, in the busiest 100 ms. */
      peakPerSecond: peakPerSecond(servedAt, 100),
      /** Deliveries expected around the restart, and how many of them were lost. */
      deliveries: 2 * PLAN.restartEvents * PLAN.sockets,
      lost: fleet.lostEvents,
    },
  };
}
