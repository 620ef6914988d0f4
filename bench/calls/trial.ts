import { setTimeout as rest } from "node:timers/promises";
import { inTime } from "../load/in-time.ts";
import { quantile } from "../statistics.ts";
import { cpuSecondsOf } from "../work.ts";
import type { Caller, CallServer } from "./callers.ts";

/** Clients that connect at the same time. */
const CONNECTING = 16;
/** How often the calls that are due are made, milliseconds. */
const TICK_MS = 5;
/** The size of a run. */
export type CallsPlan = {
  /** Each calls another, and is called by another. */
  readonly clients: number;
  /** Calls in a second of the steady phase. */
  readonly perSecond: number;
  /** Calls under way in the other phase, in which the next is made as soon as one is answered. */
  readonly underWay: number;
  /** Calls that each client makes in a phase, and about as many that it answers. */
  readonly callsEach: number;
  /** Rest between two phases, milliseconds. */
  readonly pauseMs: number;
};

/** What came of the calls of one phase. */
export type Phase = {
  readonly calls: number;
  readonly answered: number;
  readonly seconds: number;
  /** Round trip from one client to the other and back, milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Server CPU of a call, milliseconds. */
  readonly cpuMs: number;
  /** Calls that failed, were answered wrongly, or not at all; the first reasons. */
  readonly faults: readonly string[];
};

export type CallsTrial = { readonly steady: Phase; readonly fast: Phase };

/** Lets clients call each other at a steady rate, then as fast as it goes. */
export async function runCalls(server: CallServer, plan: CallsPlan): Promise<CallsTrial> {
  const callers: Caller[] = [];
  let next = 0;
  const connect = async (): Promise<void> => {
    while (next < plan.clients) {
      const index = next++;
      callers[index] = await server.connect(index, methodOf(index));
    }
  };
  try {
    await Promise.all(Array.from({ length: CONNECTING }, connect));
    const calls = plan.clients * plan.callsEach;
    // Warms both up.
    await phase(server, callers, plan.clients, (calling) => atOnce(plan.underWay, calling));
    await rest(plan.pauseMs);
    const steady = await phase(server, callers, calls, (calling) =>
      steadily(plan.perSecond, calling),
    );
    await rest(plan.pauseMs);
    const fast = await phase(server, callers, calls, (calling) => atOnce(plan.underWay, calling));
    return { steady, fast };
  } finally {
    for (const caller of callers) caller.leave();
  }
}

/** Makes the next call; null: all are made. The promise never rejects. */
type NextCall = () => Promise<void> | null;

async function phase(
  server: CallServer,
  callers: readonly Caller[],
  calls: number,
  make: (next: NextCall) => Promise<unknown>,
): Promise<Phase> {
  const times: number[] = [];
  const faults: string[] = [];
  let made = 0;
  const one = async (index: number): Promise<void> => {
    const startedAt = performance.now();
    // Half of all clients lie between a caller and the one that it calls.
    const owner = (index + Math.floor(callers.length / 2)) % callers.length;
    try {
      const caller = callers[index % callers.length];
      const answered = caller?.call(methodOf(owner), index) ?? Promise.reject(new Error("nobody"));
      const data = await inTime(answered, () => "unanswered");
      if (data === index + 1) times.push(performance.now() - startedAt);
      else faults.push(`${String(data)} is no answer to ${index}`);
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error));
    }
  };
  const next: NextCall = () => (made < calls ? one(made++) : null);
  const startedAt = performance.now();
  let seconds = 0;
  const cpuSeconds = await cpuSecondsOf(server, async () => {
    await make(next);
    seconds = (performance.now() - startedAt) / 1_000;
  });
  return {
    calls,
    answered: times.length,
    seconds,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    cpuMs: (cpuSeconds * 1_000) / calls,
    faults,
  };
}

/** Makes calls at a steady rate, however many are under way. */
async function steadily(perSecond: number, next: NextCall): Promise<void> {
  const startedAt = performance.now();
  const underWay: Promise<void>[] = [];
  for (;;) {
    const due = ((performance.now() - startedAt) * perSecond) / 1_000;
    while (underWay.length < due) {
      const call = next();
      if (call === null) return void (await Promise.all(underWay));
      underWay.push(call);
    }
    await rest(TICK_MS);
  }
}

/** Keeps this many calls under way. */
async function atOnce(count: number, next: NextCall): Promise<void> {
  const work = async (): Promise<void> => {
    for (let call = next(); call !== null; call = next()) await call;
  };
  await Promise.all(Array.from({ length: count }, work));
}

function methodOf(index: number): string {
  return `method-${index}`;
}
