import path from "node:path";
import { setTimeout as rest } from "node:timers/promises";
import { Fleet } from "./load/fleet.ts";
import { usageOf } from "../dev/testing/process-usage.ts";
import { PLAN, SCALE } from "./plan.ts";
import type { RunningSubject, Subject, SubjectName } from "./subjects/subject.ts";

/** What a server did while its sockets only pinged. */
export type IdleTrial = {
  readonly subject: SubjectName;
  /** How often its object was constructed or called; null: it has none. */
  readonly calls: number | null;
  /** How often the hub woke, by its own count. */
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
      const server = await start(path.join(folder, name), { observed: true });
      servers.push(server);
      const fleet = new Fleet(0);
      await fleet.open(PLAN.idleSockets, PLAN.connecting, server.clientOf);
      idlers.push({ name, server, fleet, stopPinging: fleet.startPinging(PLAN.idlePingMs) });
    }
    await rest(PLAN.idleSettleMs);
    // Asking a hub for its wakes is a call: before the first count of calls and after the last.
    const wakesBefore = await Promise.all(idlers.map(async ({ server }) => server.wakes?.()));
    const before = await Promise.all(idlers.map(look));
    await rest(PLAN.idleMs);
    const after = await Promise.all(idlers.map(look));
    const wakesAfter = await Promise.all(idlers.map(async ({ server }) => server.wakes?.()));
    const unanswered = await stopAll(idlers);
    return idlers.map(({ name, fleet }, at) => {
      const [was, is, missing] = [before[at], after[at], unanswered[at] ?? 0];
      if (was === undefined || is === undefined) throw new Error(`nobody looked at ${name}`);
      const calls = was.calls === null || is.calls === null ? null : is.calls - was.calls;
      const wakes = wakesBetween(wakesBefore[at], wakesAfter[at]);
      return {
        subject: name,
        calls,
        wakes,
        cpuMs: (is.cpuSeconds - was.cpuSeconds) * 1000,
        faults: [
          ...fleet.faults,
          ...(missing > 0 ? [`${missing} pings were not answered`] : []),
          // Ours promises not to; what others do is theirs.
          ...(name.startsWith("hub") ? wakeFaults(calls, wakes) : []),
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

async function look({ server }: Idler): Promise<{ calls: number | null; cpuSeconds: number }> {
  const { cpuSeconds } = await usageOf(server.pid);
  return { calls: (await server.calls?.()) ?? null, cpuSeconds };
}

function wakesBetween(
  before: number | null | undefined,
  after: number | null | undefined,
): IdleTrial["wakes"] {
  if (before === undefined || after === undefined) return "cannot";
  if (before === null || after === null) return "not observable";
  // The second look woke it: without that it was awake all the time.
  return after === before ? "did not sleep" : after - before - 1;
}

function wakeFaults(calls: number | null, wakes: IdleTrial["wakes"]): string[] {
  const faults: string[] = [];
  if (calls !== 0) faults.push(`its object was called ${calls} times with idle sockets`);
  if (typeof wakes === "number" && wakes > 0) faults.push(`it woke ${wakes} times`);
  // In a run that is made smaller there is no time to fall asleep.
  if (wakes === "did not sleep" && SCALE === 1) faults.push("it never slept");
  return faults;
}
