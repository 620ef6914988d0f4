import { mkdir } from "node:fs/promises";
import { setTimeout as rest } from "node:timers/promises";
import { Fleet } from "./load/fleet.ts";
import { Publisher } from "./load/publisher.ts";
import { usageOf } from "./measure/process-usage.ts";
import { quantile } from "./measure/statistics.ts";
import { PLAN } from "./plan.ts";
import type { RunningSubject, Subject } from "./subjects/subject.ts";

/** What one subject did in one round. */
export type Trial = {
  readonly subject: Subject["name"];
  readonly connectsPerSecond: number;
  /** null: this subject has no tickets. */
  readonly ticketConnectsPerSecond: number | null;
  readonly kibPerSocket: number;
  /** Time from publish to receipt of lone events, milliseconds. */
  readonly quietP50: number;
  readonly quietP99: number;
  /** In the bursts. */
  readonly deliveriesPerCpuSecond: number;
  readonly deliveriesPerSecond: number;
  /** The same for the generator: how many it took per second of its own CPU, and how busy it was. */
  readonly generatorPerCpuSecond: number;
  readonly generatorBusy: number;
  /** What was lost, doubled or out of order; anything here makes the run void. */
  readonly faults: readonly string[];
};

/** Starts a subject, measures it once and stops it. @param folder does not exist yet */
export async function runTrial(subject: Subject, folder: string, secret: string): Promise<Trial> {
  await mkdir(folder, { recursive: true });
  const running = await subject.start(folder);
  const publisher = new Publisher(running.port, secret);
  try {
    const warmUp = await warm(running, publisher);
    const before = await usageOf(running.pid);
    const fleet = new Fleet(publisher.next);
    const connectsPerSecond = await connect(fleet, PLAN.sockets, running.entryOf);
    await rest(PLAN.settleMs);
    const idle = await usageOf(running.pid);
    const quiet = await runQuiet(fleet, publisher);
    const bursts = await runBursts(fleet, publisher, running.pid);
    await fleet.close(publisher.next);
    return {
      subject: subject.name,
      connectsPerSecond,
      ticketConnectsPerSecond: await connectWithTickets(running, publisher.next),
      kibPerSocket: (idle.residentKib - before.residentKib) / PLAN.sockets,
      ...quiet,
      ...bursts,
      faults: [...warmUp.faults, ...fleet.faults],
    };
  } finally {
    publisher.close();
    await running.stop();
  }
}

/** Opens that many connections. @returns how many per second */
async function connect(
  fleet: Fleet,
  count: number,
  entryOf: RunningSubject["entryOf"],
): Promise<number> {
  const startedAt = performance.now();
  await fleet.open(count, PLAN.connecting, entryOf);
  return (count * 1000) / (performance.now() - startedAt);
}

async function connectWithTickets(
  { ticketEntryOf }: RunningSubject,
  next: number,
): Promise<number | null> {
  if (ticketEntryOf === undefined) return null;
  const fleet = new Fleet(next);
  const perSecond = await connect(fleet, PLAN.ticketSockets, ticketEntryOf);
  await fleet.close(next);
  return perSecond;
}

/** Lets the server compile what it runs often. */
async function warm(running: RunningSubject, publisher: Publisher): Promise<Fleet> {
  const fleet = new Fleet(publisher.next);
  await fleet.open(PLAN.warmUpSockets, PLAN.connecting, running.entryOf);
  await publishAndReceive(fleet, publisher, PLAN.warmUpEvents);
  await fleet.close(publisher.next);
  await rest(PLAN.settleMs);
  return fleet;
}

async function runQuiet(
  fleet: Fleet,
  publisher: Publisher,
): Promise<Pick<Trial, "quietP50" | "quietP99">> {
  for (let event = 0; event < PLAN.quietEvents; event += 1) {
    const next = rest(PLAN.quietIntervalMs);
    const since = fleet.received;
    await publisher.publish(1, () => fleet.markPublished(performance.now()));
    await fleet.receive(1, since);
    await next;
  }
  fleet.markPublished(null);
  return { quietP50: quantile(fleet.latencies, 0.5), quietP99: quantile(fleet.latencies, 0.99) };
}

async function runBursts(
  fleet: Fleet,
  publisher: Publisher,
  pid: number,
): Promise<
  Pick<
    Trial,
    "deliveriesPerCpuSecond" | "deliveriesPerSecond" | "generatorPerCpuSecond" | "generatorBusy"
  >
> {
  const deliveries = PLAN.bursts * PLAN.burstEvents * PLAN.sockets;
  const serverBefore = await usageOf(pid);
  const ownBefore = process.cpuUsage();
  let busySeconds = 0;
  for (let burst = 0; burst < PLAN.bursts; burst += 1) {
    const startedAt = performance.now();
    await publishAndReceive(fleet, publisher, PLAN.burstEvents);
    busySeconds += (performance.now() - startedAt) / 1000;
    await rest(PLAN.burstPauseMs);
  }
  const own = process.cpuUsage(ownBefore);
  const server = await usageOf(pid);
  const ownSeconds = (own.user + own.system) / 1e6;
  return {
    deliveriesPerCpuSecond: deliveries / (server.cpuSeconds - serverBefore.cpuSeconds),
    deliveriesPerSecond: deliveries / busySeconds,
    generatorPerCpuSecond: deliveries / ownSeconds,
    generatorBusy: ownSeconds / busySeconds,
  };
}

async function publishAndReceive(
  fleet: Fleet,
  publisher: Publisher,
  events: number,
): Promise<void> {
  const since = fleet.received;
  const received = fleet.receive(events, since);
  for (let sent = 0; sent < events; sent += PLAN.requestEvents) {
    await publisher.publish(Math.min(PLAN.requestEvents, events - sent));
  }
  await received;
}
