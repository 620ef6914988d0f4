import { setTimeout as delay } from "node:timers/promises";
import type { Stack } from "../stack.ts";
import type { TcpProxy } from "../tcp-proxy.ts";
import type { Participant } from "./client-spec.ts";
import type { DrillLog } from "./drill-log.ts";
import type { DrillPlan, FaultKind } from "./plan.ts";
import type { Random } from "./random.ts";

/** A slow link carries so many bytes a second. */
const SLOW_BYTES = { from: 5_000, to: 100_000 } as const;
const LINK_FAULT_LEAST_MS = 200;

/** What faults happen to. */
export type Targets = {
  readonly stack: Stack;
  readonly clientLinks: readonly TcpProxy[];
  readonly clients: readonly Participant[];
};

/** Injects faults while there is traffic: of every kind so many, at times that the seed decides. */
export class Faults {
  readonly #targets: Targets;
  readonly #plan: DrillPlan;
  readonly #random: Random;
  readonly #log: DrillLog;
  readonly #underWay = new Set<Promise<void>>();

  constructor(targets: Targets, plan: DrillPlan, random: Random, log: DrillLog) {
    this.#targets = targets;
    this.#plan = plan;
    this.#random = random;
    this.#log = log;
  }

  /** Injects them until the signal, and waits until the last one is over. */
  async run(signal: AbortSignal): Promise<void> {
    do await this.#period(signal);
    while (this.#plan.repeats && !signal.aborted);
    await Promise.all(this.#underWay);
  }

  /** Takes back what is still in force. */
  heal(): void {
    this.#targets.stack.hubNetwork.heal();
    for (const link of this.#targets.clientLinks) link.heal();
    for (const client of this.#targets.clients) client.readOn();
  }

  async #period(signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    const until = async (at: number): Promise<void> => {
      const rest = at - (performance.now() - startedAt);
      if (rest > 0) await delay(rest, undefined, { signal }).catch(() => {});
    };
    for (const { at, kind } of this.#timeline()) {
      await until(at);
      if (signal.aborted) return;
      const fault = this.#inject(kind, signal)
        .catch((error: unknown) => {
          const why = error instanceof Error ? error.message : String(error);
          this.#log.fault(`not: ${kind}`, why);
        })
        .finally(() => this.#underWay.delete(fault));
      this.#underWay.add(fault);
    }
    await until(this.#plan.periodMs);
  }

  /** Each kind has its times spread over the period, so that kills do not fall together by kind. */
  #timeline(): { at: number; kind: FaultKind }[] {
    const { faults, periodMs } = this.#plan;
    return (Object.entries(faults) as [FaultKind, number][])
      .flatMap(([kind, count]) =>
        Array.from({ length: count }, (_, slot) => ({
          at: (periodMs * (slot + this.#random.next())) / count,
          kind,
        })),
      )
      .toSorted((a, b) => a.at - b.at);
  }

  async #inject(kind: FaultKind, signal: AbortSignal): Promise<void> {
    const { stack } = this.#targets;
    switch (kind) {
      case "worker killed":
        this.#log.fault(kind, "SIGKILL");
        return stack.kill("worker");
      case "container killed":
        this.#log.fault(kind, "SIGKILL");
        return stack.kill("gateway");
      case "client link cut":
      case "client link stalled":
      case "client link slow":
        return this.#breakLink(kind, this.#random.pick(this.#targets.clientLinks), signal);
      case "hub link cut":
      case "hub link stalled":
      case "hub link slow":
        return this.#breakLink(kind, stack.hubNetwork, signal);
      case "client dropped":
        return this.#toClient(kind, (client) => client.drop());
      case "position forgotten":
        return this.#toOrdinary(kind, (client) => client.drop("forgotten"));
      case "position older":
        return this.#toOrdinary(kind, (client) => client.drop("older"));
      case "position nonsense":
        return this.#toOrdinary(kind, (client) => client.drop("nonsense"));
      case "reader stalled": {
        const ms = this.#random.between(500, this.#plan.readerStallMs);
        return this.#toClient(kind, (client) => client.stall(ms), `${ms} ms`);
      }
    }
  }

  async #breakLink(
    kind: Extract<FaultKind, `${string} link ${string}`>,
    link: TcpProxy,
    signal: AbortSignal,
  ): Promise<void> {
    const ms = this.#random.between(LINK_FAULT_LEAST_MS, this.#plan.linkFaultMs);
    const rate = this.#random.between(SLOW_BYTES.from, SLOW_BYTES.to);
    this.#log.fault(kind, `port ${link.port} for ${ms} ms`);
    if (kind.endsWith("cut")) link.cut();
    else if (kind.endsWith("stalled")) link.stall();
    else link.slow(rate);
    await delay(ms, undefined, { signal }).catch(() => {});
    // What a stalled link held back is lost as often as it comes late.
    if (this.#random.chance(0.5)) link.drop();
    link.heal();
  }

  async #toClient(kind: FaultKind, act: (client: Participant) => void, what = ""): Promise<void> {
    const client = this.#random.pick(this.#targets.clients);
    const { name, life } = client.spec;
    // Of stalled readers it matters whether they had ever shown that they read.
    this.#log.fault(kind === "reader stalled" ? `${kind} (${life})` : kind, `${name} ${what}`);
    act(client);
  }

  /** Not to one whose history is the journal's. */
  async #toOrdinary(kind: FaultKind, act: (client: Participant) => void): Promise<void> {
    const client = this.#random.pick(this.#targets.clients.filter(({ spec }) => !spec.observer));
    this.#log.fault(kind, client.spec.name);
    act(client);
  }
}
