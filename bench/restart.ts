import { Fleet } from "./load/fleet.ts";
import type { Publisher } from "./load/publisher.ts";
import { peakPerSecond } from "./measure/statistics.ts";
import { PLAN } from "./plan.ts";
import type { RunningSubject, Subject, SubjectName } from "./subjects/subject.ts";
import { publishAndReceive } from "./work.ts";

/** What happened after a server was killed with all its sockets. Times since the kill, milliseconds. */
export type RestartTrial = {
  readonly subject: SubjectName;
  /** Clients spread their first attempt over this time: ours, or what the server asked for. */
  readonly spreadMs: number;
  /** The new process listens. */
  readonly upMs: number;
  /** The last client is served again. */
  readonly backMs: number;
  /** The last client has every event; null: nobody gets what was missed. */
  readonly caughtUpMs: number | null;
  /** Clients served per second, in the busiest 100 ms. */
  readonly peakPerSecond: number;
  /** Deliveries of events around the restart, and how many of them never came. */
  readonly deliveries: number;
  readonly lost: number;
  readonly faults: readonly string[];
};

/**
 * Publishes, kills the server while it sends, starts it again in the same folder at the same port,
 * and publishes again while the clients come back.
 * @returns also the new server, which is to be stopped
 */
export async function measureRestart(
  subject: Subject,
  folder: string,
  server: RunningSubject,
  publisher: Publisher,
): Promise<{ readonly trial: RestartTrial; readonly server: RunningSubject }> {
  const forgets = subject.remembers !== "on disk";
  const fleet = new Fleet(publisher.next);
  await fleet.open(PLAN.sockets, PLAN.connecting, server.clientOf);
  await publishAndReceive(fleet, publisher, 1);
  const spreadMs = Math.max(PLAN.spreadMs, fleet.retryWindowMs);
  fleet.expectLoss();
  // Whoever knows of these events knows them for good: the request was answered.
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
  // Who forgets shows its losses with the next event, and everybody is live again.
  await publisher.publish(1);
  await fleet.catchUp(publisher.next);
  await fleet.close(publisher.next);
  return {
    server: newServer,
    trial: {
      subject: subject.name,
      spreadMs,
      upMs: upAt - killedAt,
      backMs: backAt - killedAt,
      caughtUpMs: forgets ? null : caughtUpAt - killedAt,
      peakPerSecond: peakPerSecond(servedAt, 100),
      deliveries: 2 * PLAN.restartEvents * PLAN.sockets,
      lost: fleet.lostEvents,
      faults: fleet.faults,
    },
  };
}
