import { setTimeout as delay } from "node:timers/promises";
import { eventually } from "../../dev/testing/eventually.ts";
import type { TcpProxy } from "../../dev/testing/tcp-proxy.ts";
import type { ClientSpec, Misplaced } from "./fleet.ts";
import type { Calls } from "./calls.ts";
import type { DrillClient } from "./drill-client.ts";
import type { Drill } from "./drill.ts";
import type { FaultKind } from "./plan.ts";
import type { Random } from "./random.ts";
import type { Accounts } from "./sync/accounts.ts";

/** Bytes per second of a slow link. */
const SLOW_BYTES = { from: 5_000, to: 100_000 } as const;
const LINK_FAULT_LEAST_MS = 200;
/** Longest wait for a client that a fault can happen to, milliseconds. */
const SERVED_WITHIN_MS = 60_000;

/** The targets of faults. */
type Targets = {
  /** The links that get faults. */
  readonly clientLinks: readonly TcpProxy[];
  readonly clients: readonly DrillClient[];
  readonly calls: Calls;
  readonly accounts: Accounts;
  /** The clients whose links get no faults. */
  readonly undisturbed: readonly DrillClient[];
};

/** Whether the client shows the hub that it reads, by acknowledgements or pings. */
function isHeard({ entry, life }: ClientSpec): boolean {
  return life !== "silent" && entry !== "stream" && entry !== "poll";
}

/** Injects faults while there is traffic: a fixed number of each kind, at times that the seed decides. */
export class Faults {
  readonly #drill: Drill;
  readonly #targets: Targets;
  readonly #random: Random;
  readonly #underWay = new Set<Promise<void>>();

  constructor(drill: Drill, targets: Targets) {
    this.#drill = drill;
    this.#targets = targets;
    this.#random = drill.random.fork("faults");
  }

  /** Injects faults until the signal, and waits until the last one is over. */
  async run(signal: AbortSignal): Promise<void> {
    do await this.#period(signal);
    while (this.#drill.plan.repeats && !signal.aborted);
    await Promise.all(this.#underWay);
  }

  /** Ends all faults that are in force. */
  heal(): void {
    this.#drill.stack.hubNetwork.heal();
    for (const link of [...this.#targets.clientLinks, this.#targets.calls.link]) link.heal();
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
          this.#drill.log.fault(`not: ${kind}`, why);
        })
        .finally(() => this.#underWay.delete(fault));
      this.#underWay.add(fault);
    }
    await until(this.#drill.plan.periodMs);
  }

  /** The times of each kind are spread over the period, so that kills do not coincide by kind. */
  #timeline(): { at: number; kind: FaultKind }[] {
    const { faults, periodMs } = this.#drill.plan;
    return (Object.entries(faults) as [FaultKind, number][])
      .flatMap(([kind, count]) => {
        const [from, to] = this.#span(kind);
        return Array.from({ length: count }, (_, slot) => ({
          at: periodMs * (from + ((to - from) * (slot + this.#random.next())) / count),
          kind,
        }));
      })
      .toSorted((a, b) => a.at - b.at);
  }

  /** When in a period a kind may happen, as fractions of the period. */
  #span(kind: FaultKind): readonly [from: number, to: number] {
    const { killsUntil } = this.#drill.plan;
    if (kind.endsWith("killed")) return [0, killsUntil];
    return kind === "reader lost" ? [killsUntil + 0.05, killsUntil + 0.06] : [0, 1];
  }

  async #inject(kind: FaultKind, signal: AbortSignal): Promise<void> {
    const { log, plan, stack } = this.#drill;
    switch (kind) {
      case "worker killed":
        log.fault(kind, "SIGKILL");
        return stack.kill("worker");
      case "container killed":
        log.fault(kind, "SIGKILL");
        return stack.kill("gateway");
      case "calls killed":
        log.fault(kind, "SIGKILL");
        return this.#targets.calls.kill();
      case "caller dropped":
        return log.fault(kind, await this.#targets.calls.drop());
      case "device dropped":
        return log.fault(kind, await this.#targets.accounts.drop());
      case "caller link cut":
      case "caller link stalled":
        return this.#breakLink(kind, this.#targets.calls.link, signal);
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
      case "position older":
      case "position nonsense": {
        const how = kind.slice("position ".length) as Misplaced;
        // An ordinary client: the observers' histories are the journal.
        // Socket.IO's offset cannot be nonsense: what is no number is none.
        const ordinary = this.#targets.clients.filter(
          ({ spec }) => !spec.observer && (how !== "nonsense" || spec.entry !== "socket-io"),
        );
        return this.#toClient(kind, (client) => client.drop(how), "", ordinary);
      }
      case "reader lost": {
        // Only a client that has shown that it reads: a silent one would be closed for its amount of data,
        // not for its silence.
        const heard = this.#targets.undisturbed.filter(
          ({ spec }) => isHeard(spec) && spec.token === "lasts",
        );
        return this.#toClient(kind, (client) => client.stall(plan.readerLostMs), "", heard);
      }
      case "reader stalled": {
        const ms = this.#random.between(500, plan.readerStallMs);
        return this.#toClient(kind, (client) => client.stall(ms), `${ms} ms`);
      }
    }
  }

  async #breakLink(
    kind: Extract<FaultKind, `${string} link ${string}`>,
    link: TcpProxy,
    signal: AbortSignal,
  ): Promise<void> {
    const ms = this.#random.between(LINK_FAULT_LEAST_MS, this.#drill.plan.linkFaultMs);
    const rate = this.#random.between(SLOW_BYTES.from, SLOW_BYTES.to);
    this.#drill.log.fault(kind, `port ${link.port} for ${ms} ms`);
    if (kind.endsWith("cut")) link.cut();
    else if (kind.endsWith("stalled")) link.stall();
    else link.slow(rate);
    await delay(ms, undefined, { signal }).catch(() => {});
    // The bytes that a stalled link held back are sometimes lost and sometimes late.
    if (this.#random.chance(0.5)) link.drop();
    link.heal();
  }

  async #toClient(
    kind: FaultKind,
    act: (client: DrillClient) => void,
    what = "",
    among = this.#targets.clients,
  ): Promise<void> {
    // A fault does not happen to a client that is stalled or disconnected. Right after a kill all clients are
    // disconnected.
    const client = await eventually(
      "a client is served",
      () => this.#random.pick(among.filter(({ isServed }) => isServed)),
      SERVED_WITHIN_MS,
    );
    const { name, life } = client.spec;
    // For stalled readers it matters whether they had ever shown that they read.
    const shown = kind === "reader stalled" ? `${kind} (${life})` : kind;
    this.#drill.log.fault(shown, `${name} ${what}`);
    act(client);
  }
}
