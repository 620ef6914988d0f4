import { setTimeout as rest } from "node:timers/promises";
import { usageOf } from "../dev/testing/process-usage.ts";
import { Fleet, type ClientOf } from "./load/fleet.ts";
import type { Publisher } from "./load/stream.ts";
import { PLAN } from "./plan.ts";
import type { RunningSubject } from "./subjects/subject.ts";

/** Lets a fresh server compile its hot code. @returns faults during that time */
export async function warm(server: RunningSubject, publisher: Publisher): Promise<string[]> {
  const fleet = new Fleet(publisher.next);
  await fleet.open(PLAN.warmUpSockets, PLAN.connecting, server.clientOf);
  await publishAndReceive(fleet, publisher, PLAN.warmUpEvents);
  await fleet.close(publisher.next);
  await rest(PLAN.settleMs);
  return fleet.faults;
}

/** Opens `count` connections. @returns connections per second */
export async function connect(fleet: Fleet, count: number, clientOf: ClientOf): Promise<number> {
  const startedAt = performance.now();
  await fleet.open(count, PLAN.connecting, clientOf);
  return (count * 1000) / (performance.now() - startedAt);
}

/** Publishes in full requests, one after the other. @returns how long it took, milliseconds */
export async function publish(publisher: Publisher, events: number): Promise<number> {
  const startedAt = performance.now();
  for (let sent = 0; sent < events; sent += PLAN.requestEvents) {
    await publisher.publish(Math.min(PLAN.requestEvents, events - sent));
  }
  return performance.now() - startedAt;
}

/** Publishes, and waits until all connections have all events. @returns how long publishing alone took */
export async function publishAndReceive(
  fleet: Fleet,
  publisher: Publisher,
  events: number,
): Promise<number> {
  const received = fleet.receive(events, fleet.received);
  const [ms] = await Promise.all([publish(publisher, events), received]);
  return ms;
}

/** Does some work. @returns the server's CPU in that time, seconds */
export async function cpuSecondsOf(
  { pid }: Pick<RunningSubject, "pid">,
  work: () => Promise<unknown>,
): Promise<number> {
  const before = await usageOf(pid);
  await work();
  return (await usageOf(pid)).cpuSeconds - before.cpuSeconds;
}
