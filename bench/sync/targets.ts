import { setTimeout as rest } from "node:timers/promises";
import { inTime } from "../load/in-time.ts";
import { createMachine, Device, many, signUp } from "./device.ts";
import type { SyncServer } from "./servers.ts";

/** What can become of the target of a call, with the milliseconds that each caller waited. */
export type TargetsTrial = {
  /** The call was under way when its target was killed: from the kill to the failure. */
  readonly underWay: readonly number[];
  /** Called after that, while the target might come back: from the call to the failure. */
  readonly lost: readonly number[];
  /** Called after the target had said that it leaves: from the call to the failure. */
  readonly left: readonly number[];
  /** Called while the target was away, and it came back: from then to the answer. */
  readonly back: readonly number[];
  /** Calls that ended otherwise, and a call that a target got although it had failed. */
  readonly faults: readonly string[];
};

/** The size of a run. */
export type TargetsPlan = {
  /** Each has a machine that is called, and a phone that calls. */
  readonly accounts: number;
  /** How long a target is away that comes back, milliseconds. */
  readonly awayMs: number;
};

type Answer = { readonly ok: boolean; readonly error?: string; readonly result?: string };

/** Kills and closes the targets of calls. */
export async function runTargets(server: SyncServer, plan: TargetsPlan): Promise<TargetsTrial> {
  const trials = await many(plan.accounts, (index) => runOne(server, index, plan.awayMs));
  const all = (of: (trial: TargetsTrial) => readonly (number | string)[]) => trials.flatMap(of);
  return {
    underWay: all((trial) => trial.underWay) as number[],
    lost: all((trial) => trial.lost) as number[],
    left: all((trial) => trial.left) as number[],
    back: all((trial) => trial.back) as number[],
    faults: all((trial) => trial.faults) as string[],
  };
}

/** A machine of an account, connected again and again, and what it was asked. */
class Machine {
  readonly #server: SyncServer;
  readonly #token: string;
  readonly id: string;
  readonly method: string;
  readonly asked: string[] = [];
  /** Called when it was asked something. */
  onAsked: () => void = () => {};
  device: Device | null = null;

  constructor(server: SyncServer, token: string, id: string) {
    this.#server = server;
    this.#token = token;
    this.id = id;
    this.method = `${id}:do`;
  }

  async connect(): Promise<void> {
    const { promise: registered, resolve } = Promise.withResolvers<void>();
    this.device = await Device.connect(
      this.#server,
      this.#token,
      { clientType: "machine-scoped", machineId: this.id },
      {
        onEvent: (name) => {
          if (name === "rpc-registered") resolve();
        },
        onCall: (data) => {
          const { params } = data as { readonly params: string };
          this.asked.push(params);
          this.onAsked();
          return params === "hold" ? undefined : `did ${params}`;
        },
      },
    );
    this.device.emit("rpc-register", { method: this.method });
    await inTime(registered, () => "a method is not registered");
  }
}

async function runOne(server: SyncServer, index: number, awayMs: number): Promise<TargetsTrial> {
  const token = await signUp(server);
  const machine = new Machine(server, token, `machine-${index}`);
  await createMachine(server, token, machine.id);
  let onGone = (): void => {};
  const phone = await Device.connect(
    server,
    token,
    { clientType: "user-scoped" },
    {
      onEvent: (_, data) => {
        const { type, active } = data as { readonly type?: string; readonly active?: boolean };
        if (type === "machine-activity" && active === false) onGone();
      },
    },
  );
  const faults: string[] = [];
  /** Resolves when the server has told the phone that the machine is gone. */
  const noticed = (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    onGone = resolve;
    return inTime(promise, () => "nobody has noticed that a machine is gone");
  };
  const call = async (params: string): Promise<Answer> => {
    const asked = phone.ask("rpc-call", { method: machine.method, params });
    return (await inTime(asked, () => `the call "${params}" is unanswered`)) as Answer;
  };
  /** The time until a call fails, and whether it does so for this reason. */
  const failure = async (answer: Promise<Answer>, error: string): Promise<number[]> => {
    const startedAt = performance.now();
    const came = await answer;
    const ms = performance.now() - startedAt;
    if (!came.ok && came.error === error) return [ms];
    faults.push(`${JSON.stringify(came)} came where "${error}" was due`);
    return [];
  };
  try {
    await machine.connect();
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    machine.onAsked = resolve;
    const held = call("hold");
    await inTime(asked, () => "a call does not reach its target");
    let gone = noticed();
    machine.device?.kill();
    const underWay = await failure(held, "RPC target disconnected");
    await gone;
    const lost = await failure(call("lost"), "RPC method not available");

    await machine.connect();
    gone = noticed();
    machine.device?.leave();
    await gone;
    machine.device?.kill();
    const left = await failure(call("left"), "RPC method not available");

    await machine.connect();
    gone = noticed();
    machine.device?.kill();
    await gone;
    const early = call("back");
    await rest(awayMs);
    await machine.connect();
    const backAt = performance.now();
    const reached = await early;
    const back = reached.result === "did back" ? [performance.now() - backAt] : [];
    if (back.length === 0) faults.push(`not reached after ${awayMs} ms: ${reached.error ?? ""}`);
    const repeated = machine.asked.filter((params) => params !== "back").length > 1;
    if (repeated) faults.push(`a failed call was sent: ${machine.asked.join()}`);
    return { underWay, lost, left, back, faults };
  } finally {
    machine.device?.kill();
    phone.kill();
  }
}
