import { mkdir } from "node:fs/promises";
import path from "node:path";
import { setTimeout as rest } from "node:timers/promises";
import { Fleet } from "./load/fleet.ts";
import { usageOf } from "./measure/process-usage.ts";
import { PLAN, SCALE } from "./plan.ts";
import type { RunningSubject, Subject, SubjectName } from "./subjects/subject.ts";

/** What a server did while its sockets only pinged. */
export type IdleTrial = {
  readonly subject: SubjectName;
  readonly wakes: number | "did not sleep" | "not observable" | "cannot";
  readonly cpuMs: number;
  readonly faults: readonly string[];
};

type Idler = {
  readonly name: SubjectName;
  readonly server: RunningSubject;
  readonly fleet: Fleet;
  readonly stopPinging: ReturnType<Fleet["startPinging"]>;
};

/** Watches all subjects at the same time. @param folder gets a folder for each */
export async function runIdle(subjects: readonly Subject[], folder: string): Promise<IdleTrial[]> {
  const idlers: Idler[] = [];
  const servers: RunningSubject[] = [];
  try {
    for (const { name, start } of subjects) {
      const own = path.join(folder, name);
      await mkdir(own, { recursive: true });
      const server = await start(own);
      servers.push(server);
      const fleet = new Fleet(0);
      await fleet.open(PLAN.idleSockets, PLAN.connecting, server.clientOf);
      idlers.push({ name, server, fleet, stopPinging: fleet.startPinging(PLAN.idlePingMs) });
    }
    await rest(PLAN.idleSettleMs);
    const wakesBefore = await Promise.all(idlers.map(async ({ server }) => server.wakes?.()));
    const before = await Promise.all(idlers.map(({ server }) => usageOf(server.pid)));
    await rest(PLAN.idleMs);
    const after = await Promise.all(idlers.map(({ server }) => usageOf(server.pid)));
    const wakesAfter = await Promise.all(idlers.map(async ({ server }) => server.wakes?.()));
    const unanswered = await stopAll(idlers);
    return idlers.map(({ name, server, fleet }, at) => {
      const wakes = wakesBetween(server, wakesBefore[at], wakesAfter[at]);
      const used = (after[at]?.cpuSeconds ?? 0) - (before[at]?.cpuSeconds ?? 0);
      const missing = unanswered[at] ?? 0;
      return {
        subject: name,
        wakes,
        cpuMs: used * 1000,
        faults: [
          ...fleet.faults,
          ...(missing > 0 ? [`${missing} pings were not answered`] : []),
          ...(isOurs(name) ? wakeFaults(wakes) : []),
        ],
      };
    });
  } finally {
    for (const server of servers) await server.stop();
  }
}

/** Ends the pings. @returns how many each server did not answer */
async function stopAll(idlers: readonly Idler[]): Promise<number[]> {
  const settled = rest(PLAN.settleMs);
  const unanswered = await Promise.all(idlers.map(({ stopPinging }) => stopPinging(settled)));
  await Promise.all(idlers.map(({ fleet }) => fleet.close(0)));
  return unanswered;
}

function wakesBetween(
  { lookingWakes }: RunningSubject,
  before: number | null | undefined,
  after: number | null | undefined,
): IdleTrial["wakes"] {
  if (before === undefined || after === undefined) return "cannot";
  if (before === null || after === null) return "not observable";
  const own = lookingWakes === true ? 1 : 0;
  return after - before < own ? "did not sleep" : after - before - own;
}

function isOurs(name: SubjectName): boolean {
  return name.startsWith("hub");
}

function wakeFaults(wakes: IdleTrial["wakes"]): string[] {
  if (typeof wakes === "number")
    return wakes > 0 ? [`it woke ${wakes} times with idle sockets`] : [];
  // In a run that is made smaller there is no time to fall asleep.
  return wakes === "did not sleep" && SCALE === 1 ? ["it never slept with idle sockets"] : [];
}
