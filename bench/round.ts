import path from "node:path";
import { setTimeout as rest } from "node:timers/promises";
import { type ClientOf, Fleet } from "./load/fleet.ts";
import { Publisher } from "./load/stream.ts";
import { usageOf } from "../dev/testing/process-usage.ts";
import { PLAN } from "./plan.ts";
import { quantile } from "./statistics.ts";
import type { RunningSubject, Subject } from "./subjects/subject.ts";
import { connect, cpuSecondsOf, publish, publishAndReceive, warm } from "./work.ts";

/** The figures of one subject in one round. */
export type Trial = Awaited<ReturnType<typeof finish>>;

/** A started subject with its sockets, and its figures so far. */
type Contender = Awaited<ReturnType<typeof startContender>>;

/**
 * Starts all subjects and measures each. Lone events and bursts go to the subjects in turn, so that other work of
 * the machine affects all of them alike.
 * @param folder gets a folder for each
 */
export async function runRound(
  subjects: readonly Subject[],
  folder: string,
  secret: string,
): Promise<Trial[]> {
  const contenders: Contender[] = [];
  try {
    for (const subject of subjects) {
      contenders.push(await startContender(subject, path.join(folder, subject.name), secret));
    }
    await runQuiet(contenders);
    for (let burst = 0; burst < PLAN.bursts; burst += 1) {
      for (const contender of contenders) await runBurst(contender);
    }
    const trials: Trial[] = [];
    for (const contender of contenders) trials.push(await finish(contender));
    return trials;
  } finally {
    for (const { publisher, server } of contenders) {
      publisher.close();
      await server.stop();
    }
  }
}

async function startContender(subject: Subject, folder: string, secret: string) {
  const server = await subject.start(folder);
  const publisher = new Publisher(server.port, secret);
  const faults = await warm(server, publisher);
  let unheardMs = 0;
  const unheardCpuSeconds = await cpuSecondsOf(server, async () => {
    unheardMs = await publish(publisher, PLAN.unheardEvents);
  });
  const requestsCpuSeconds = await cpuSecondsOf(server, async () => {
    for (let sent = 0; sent < PLAN.unheardRequests; sent += 1) await publisher.publish(1);
  });
  const before = await usageOf(server.pid);
  const fleet = new Fleet(publisher.next);
  const connectsPerSecond = await connect(fleet, PLAN.sockets, server.clientOf);
  await rest(PLAN.settleMs);
  const idle = await usageOf(server.pid);
  return {
    server,
    publisher,
    fleet,
    residentBeforeKib: before.residentKib,
    start: {
      subject: subject.name,
      /** Events accepted per second, one full request after the other, while no socket is connected. */
      unheardPerSecond: (PLAN.unheardEvents * 1000) / unheardMs,
      /** Server CPU for 1,000 of them, milliseconds. */
      unheardCpuMs: (unheardCpuSeconds * 1e6) / PLAN.unheardEvents,
      /** The same for a request with one event. */
      unheardRequestCpuMs: (requestsCpuSeconds * 1000) / PLAN.unheardRequests,
      connectsPerSecond,
      kibPerSocket: (idle.residentKib - before.residentKib) / PLAN.sockets,
      faults,
    },
    bursts: { serverSeconds: 0, ownSeconds: 0, seconds: 0, publishSeconds: 0 },
  };
}

/**
 * Each contender gets one event in every interval, at a time of its own. The first is not timed: a Durable Object
 * may have fallen asleep while the others started. At 5 events a second it stays awake.
 */
async function runQuiet(contenders: readonly Contender[]): Promise<void> {
  for (const { fleet, publisher } of contenders) await publishAndReceive(fleet, publisher, 1);
  for (let event = 0; event < PLAN.quietEvents; event += 1) {
    for (const { fleet, publisher } of contenders) {
      const next = rest(PLAN.quietIntervalMs / contenders.length);
      const since = fleet.received;
      await publisher.publish(1, () => (fleet.publishedAt = performance.now()));
      await fleet.receive(1, since);
      fleet.publishedAt = null;
      await next;
    }
  }
}

/** One burst. An event that is not counted wakes the contender first. */
async function runBurst({ server, publisher, fleet, bursts }: Contender): Promise<void> {
  await publishAndReceive(fleet, publisher, 1);
  bursts.serverSeconds += await cpuSecondsOf(server, async () => {
    const ownBefore = process.cpuUsage();
    const startedAt = performance.now();
    bursts.publishSeconds += (await publishAndReceive(fleet, publisher, PLAN.burstEvents)) / 1000;
    bursts.seconds += (performance.now() - startedAt) / 1000;
    const own = process.cpuUsage(ownBefore);
    bursts.ownSeconds += (own.user + own.system) / 1e6;
    // The server's work after the last frame of the burst counts as well.
    await rest(PLAN.burstPauseMs);
  });
}

async function finish({ start, residentBeforeKib, server, publisher, fleet, bursts }: Contender) {
  const used = await usageOf(server.pid);
  await fleet.close(publisher.next);
  const events = PLAN.bursts * PLAN.burstEvents;
  const deliveries = events * PLAN.sockets;
  const { clientOf, ticketClientOf } = server;
  const withToken = await connectAnew(server, publisher.next, PLAN.sockets, clientOf);
  const from = PLAN.sockets + PLAN.warmUpConnects + PLAN.connects;
  // NaN: this subject has no tickets.
  const withTicket =
    ticketClientOf === undefined
      ? { first: Number.NaN, again: Number.NaN }
      : await connectAnew(server, publisher.next, from, ticketClientOf);
  return {
    ...start,
    /** As `kibPerSocket`, when all events have been sent: garbage of the connects was collected since. */
    kibPerUsedSocket: (used.residentKib - residentBeforeKib) / PLAN.sockets,
    /** Connects per second of the server's CPU: with a token, as the subject takes it, and with a ticket. */
    tokenConnects: withToken.first,
    ticketConnects: withTicket.first,
    /** The same by clients that have connected with that token before. */
    tokenReturns: withToken.again,
    ticketReturns: withTicket.again,
    /** Time from publish to receipt of lone events, milliseconds. */
    quietP50: quantile(fleet.latencies, 0.5),
    quietP99: quantile(fleet.latencies, 0.99),
    /** In the bursts, like the next figure. */
    deliveriesPerCpuSecond: deliveries / bursts.serverSeconds,
    deliveriesPerSecond: deliveries / bursts.seconds,
    /** As `unheardPerSecond`, while all sockets are connected. */
    heardPerSecond: events / bursts.publishSeconds,
    /** Deliveries of the generator per second of its own CPU, and how busy it was. */
    generatorPerCpuSecond: deliveries / bursts.ownSeconds,
    generatorBusy: bursts.ownSeconds / bursts.seconds,
    /** Events that were lost, duplicated or out of order. Any of them makes the run void. */
    faults: [...start.faults, ...fleet.faults],
  };
}

/**
 * Users whose tokens the server has not seen connect, and then once more.
 * @param from index of the first of them
 * @returns connects per second of the server's CPU
 */
async function connectAnew(
  server: RunningSubject,
  next: number,
  from: number,
  clientOf: ClientOf,
): Promise<{ readonly first: number; readonly again: number }> {
  // The objects that count requests are created only once, and hot code is compiled.
  await perCpuSecond(server, next, PLAN.warmUpConnects, (index) => clientOf(from + index));
  const those: ClientOf = (index) => clientOf(from + PLAN.warmUpConnects + index);
  const first = await perCpuSecond(server, next, PLAN.connects, those);
  return { first, again: await perCpuSecond(server, next, PLAN.connects, those) };
}

async function perCpuSecond(
  server: RunningSubject,
  next: number,
  count: number,
  clientOf: ClientOf,
): Promise<number> {
  const fleet = new Fleet(next);
  const cpuSeconds = await cpuSecondsOf(server, async () => {
    await connect(fleet, count, clientOf);
    // Work that connecting leaves counts as well.
    await rest(PLAN.settleMs);
  });
  await fleet.close(next);
  // The server's work for those who leave does not count for the next ones.
  await rest(PLAN.settleMs);
  return count / cpuSeconds;
}
