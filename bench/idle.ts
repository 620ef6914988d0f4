import path from "node:path";
import { setTimeout as rest } from "node:timers/promises";
import { Fleet } from "./load/fleet.ts";
import { usageOf } from "../dev/testing/process-usage.ts";
import { PLAN, SCALE } from "./plan.ts";
import type { RunningSubject, Subject, SubjectName } from "./subjects/subject.ts";

/** What a server did while its sockets only pinged. */
export type IdleTrial = {
  readonly subject: SubjectName;
  /** How often its object was constructed or called; null: it has no object. */
  readonly calls: number | null;
  /** How often the hub woke, by its own count. */
  readonly wakes: number | "did not sleep" | "not observable" | "cannot";
  readonly cpuMs: number;
  readonly faults: readonly string[];
};

/** Watches all subjects at the same time. @param folder gets a folder for each */
export async function runIdle(subjects: readonly Subject[], folder: string): Promise<IdleTrial[]> {
  const idlers: (() => Promise<IdleTrial>)[] = [];
  const servers: RunningSubject[] = [];
  try {
    for (const { name, start } of subjects) {
      const server = await start(path.join(folder, name), { observed: true });
      servers.push(server);
      const fleet = new Fleet(0);
      await fleet.open(PLAN.idleSockets, PLAN.connecting, server.clientOf);
      const stopPinging = fleet.startPinging(PLAN.idlePingMs);
      idlers.push(() => watch(name, server, fleet, stopPinging));
    }
    return await Promise.all(idlers.map((idler) => idler()));
  } finally {
    for (const server of servers) await server.stop();
  }
}

/** Watches one subject whose sockets ping. */
async function watch(
  subject: SubjectName,
  server: RunningSubject,
  fleet: Fleet,
  stopPinging: ReturnType<Fleet["startPinging"]>,
): Promise<IdleTrial> {
  await rest(PLAN.idleSettleMs);
  // Reading a hub's wakes is a call to it, so it happens before the first count of calls and after the last.
  const wakesBefore = await server.wakes?.();
  const before = await look(server);
  await rest(PLAN.idleMs);
  const after = await look(server);
  const wakes = wakesBetween(wakesBefore, await server.wakes?.());
  const unanswered = await stopPinging(rest(PLAN.settleMs));
  await fleet.close(0);
  const calls = before.calls === null || after.calls === null ? null : after.calls - before.calls;
  return {
    subject,
    calls,
    wakes,
    cpuMs: (after.cpuSeconds - before.cpuSeconds) * 1000,
    faults: [
      ...fleet.faults,
      ...(unanswered > 0 ? [`${unanswered} pings were not answered`] : []),
      // Only our hub promises to stay asleep.
      ...(subject.startsWith("hub") ? wakeFaults(calls, wakes) : []),
    ],
  };
}

async function look(server: RunningSubject): Promise<{ calls: number | null; cpuSeconds: number }> {
  const { cpuSeconds } = await usageOf(server.pid);
  return { calls: (await server.calls?.()) ?? null, cpuSeconds };
}

/** How often a hub woke between two readings of its count. Reading it wakes a hub that sleeps. */
export function wakesBetween(
  before: number | null | undefined,
  after: number | null | undefined,
): IdleTrial["wakes"] {
  if (before === undefined || after === undefined) return "cannot";
  if (before === null || after === null) return "not observable";
  // The second look itself woke a sleeping hub. An unchanged count means that it never slept.
  return after === before ? "did not sleep" : after - before - 1;
}

function wakeFaults(calls: number | null, wakes: IdleTrial["wakes"]): string[] {
  const faults: string[] = [];
  if (calls !== 0) faults.push(`its object was called ${calls} times with idle sockets`);
  if (typeof wakes === "number" && wakes > 0) faults.push(`it woke ${wakes} times`);
  // A smaller run is too short to fall asleep in.
  if (wakes === "did not sleep" && SCALE === 1) faults.push("it never slept");
  return faults;
}
