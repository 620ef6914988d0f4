import { setTimeout as rest } from "node:timers/promises";
import { usageOf } from "../../dev/testing/process-usage.ts";
import { workBetween } from "./alive.ts";
import { Device, many, signUp } from "./device.ts";
import type { Observed, SyncServer } from "./servers.ts";

/** The size of a run. Times in milliseconds. */
export type IdlePlan = {
  /** Each with one device. */
  readonly accounts: number;
  /** Devices that connect and leave before memory is read the first time. */
  readonly warmUp: number;
  /** Until hubs are asleep. */
  readonly settleMs: number;
  readonly watchMs: number;
};

/** What a server did while nobody did anything. */
export type IdleAccounts = {
  readonly work: Observed;
  readonly kibEach: number;
  readonly cpuMs: number;
  /** Devices that were closed. */
  readonly faults: readonly string[];
};

/** Accounts with a connected device each, of which nothing is heard but answers to pings. */
export async function runIdleAccounts(server: SyncServer, plan: IdlePlan): Promise<IdleAccounts> {
  const { accounts, warmUp, settleMs, watchMs } = plan;
  const faults: string[] = [];
  const lost = { onEnd: (code: number) => void faults.push(`closed with ${code}`) };
  const open = async (token: string): Promise<Device> =>
    Device.connect(server, token, { clientType: "user-scoped" }, lost);
  const warm = await many(warmUp, async () => open(await signUp(server)));
  const tokens = await many(accounts, () => signUp(server));
  for (const device of warm) device.kill();
  await rest(settleMs);
  const before = await usageOf(server.pid);
  const devices = await many(accounts, (index) => open(tokens[index] ?? ""));
  try {
    await rest(settleMs);
    const [seenBefore, quiet] = [await server.observe(), await usageOf(server.pid)];
    await rest(watchMs);
    const [seen, after] = [await server.observe(), await usageOf(server.pid)];
    return {
      work: workBetween(seenBefore, seen),
      kibEach: (quiet.residentKib - before.residentKib) / accounts,
      cpuMs: (after.cpuSeconds - quiet.cpuSeconds) * 1_000,
      faults,
    };
  } finally {
    for (const device of devices) device.kill();
  }
}
