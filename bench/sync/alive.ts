import { setTimeout as rest } from "node:timers/promises";
import { usageOf } from "../../dev/testing/process-usage.ts";
import { createMachine, createSession, Device, many, signUp } from "./device.ts";
import type { Observed, SyncServer } from "./servers.ts";

/** The size of a run. Times in milliseconds. */
export type AlivePlan = {
  /** Accounts, each with a machine, and how many of them also have a session and a phone. */
  readonly machines: number;
  readonly sessions: number;
  /** How often clients say that a machine or a session is alive (sync.md §6.9). */
  readonly machineEveryMs: number;
  readonly sessionEveryMs: number;
  /** Until the first beats are over. */
  readonly settleMs: number;
  readonly watchMs: number;
};

/** What a server did while nothing happened but beats. */
export type AliveTrial = {
  readonly beats: number;
  /** Rows that were written in a minute for a machine or session. */
  readonly rowsEach: number;
  readonly work: Observed;
  readonly cpuMs: number;
  /** Clients that were closed, and phones that never heard of their session. */
  readonly faults: readonly string[];
};

/** Machines and sessions say that they are alive, and nothing else happens. */
export async function runAlive(server: SyncServer, plan: AlivePlan): Promise<AliveTrial> {
  const { machines, sessions, machineEveryMs, sessionEveryMs, settleMs, watchMs } = plan;
  const faults: string[] = [];
  const devices: Device[] = [];
  const stops: (() => void)[] = [];
  let beats = 0;
  const lost = { onEnd: (code: number) => void faults.push(`closed with ${code}`) };
  const beat = (everyMs: number, send: () => void): void => {
    const count = (): void => {
      beats += 1;
      send();
    };
    stops.push(repeat(everyMs, count));
  };
  const unheard = new Set<string>();
  try {
    await many(machines, async (index) => {
      const token = await signUp(server);
      const machineId = `machine-${index}`;
      await createMachine(server, token, machineId);
      const machine = await Device.connect(
        server,
        token,
        { clientType: "machine-scoped", machineId },
        lost,
      );
      devices.push(machine);
      beat(machineEveryMs, () => machine.emit("machine-alive", { machineId, time: Date.now() }));
      if (index >= sessions) return;
      const sid = await createSession(server, token, "s");
      unheard.add(sid);
      const phone = await Device.connect(
        server,
        token,
        { clientType: "user-scoped" },
        {
          ...lost,
          onEvent: (name, data) => {
            const { type, sid: of } = data as { readonly type?: string; readonly sid?: string };
            if (name === "ephemeral" && type === "activity") unheard.delete(of ?? "");
          },
        },
      );
      const about = { clientType: "session-scoped", sessionId: sid } as const;
      const session = await Device.connect(server, token, about, lost);
      devices.push(phone, session);
      const said = { sid, thinking: false, mode: "remote" };
      beat(sessionEveryMs, () => session.emit("session-alive", { ...said, time: Date.now() }));
    });
    await rest(settleMs);
    beats = 0;
    const before = await look(server);
    await rest(watchMs);
    const after = await look(server);
    const seen = beats;
    for (const stop of stops.splice(0)) stop();
    if (unheard.size > 0) faults.push(`${unheard.size} phones did not hear of their session`);
    const work = workBetween(before.observed, after.observed);
    return {
      beats: seen,
      rowsEach: (work.rows * 60_000) / watchMs / (machines + sessions),
      work,
      cpuMs: (after.cpuSeconds - before.cpuSeconds) * 1_000,
      faults,
    };
  } finally {
    for (const stop of stops) stop();
    for (const device of devices) device.kill();
  }
}

/** What a server did between two readings. */
export function workBetween(before: Observed, after: Observed): Observed {
  const since = (from: number | null, to: number | null): number | null =>
    from === null || to === null ? null : to - from;
  return {
    rows: after.rows - before.rows,
    calls: since(before.calls, after.calls),
    wakes: since(before.wakes, after.wakes),
    alarms: since(before.alarms, after.alarms),
  };
}

async function look(server: SyncServer) {
  const [observed, { cpuSeconds }] = [await server.observe(), await usageOf(server.pid)];
  return { observed, cpuSeconds };
}

/** Does something again and again, first after a random part of the time. @returns stops it */
function repeat(everyMs: number, what: () => void): () => void {
  let timer = setTimeout(again, Math.random() * everyMs);
  function again(): void {
    timer = setTimeout(again, everyMs);
    what();
  }
  return () => clearTimeout(timer);
}
