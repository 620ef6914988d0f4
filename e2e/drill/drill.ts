import path from "node:path";
import { mkdirSync, writeFileSync } from "node:fs";
import type { Stack } from "../../dev/testing/stack.ts";
import { LineWriter, type CallLine, type DrillFacts, type TruthLine } from "./history.ts";
import type { DrillPlan } from "./plan.ts";
import type { SyncLine } from "./sync/history.ts";
import type { Random } from "./random.ts";

/** A second guild: Discord's bot is not in it, and its only publisher uses positions. */
export const OTHER_GUILD = "100000000000000002";

/** A running drill. */
export type Drill = {
  readonly plan: DrillPlan;
  readonly random: Random;
  readonly log: DrillLog;
  readonly stack: Stack;
  readonly secret: string;
  readonly say: (what: string) => void;
  /** Aborts waits that would never end. */
  readonly hurry: AbortController;
};

/** File names in the folder of a drill: the program writes them and the checker reads them. */
export const FILES = {
  /** One file per client. */
  clients: "clients",
  truth: "truth.jsonl",
  calls: "calls.jsonl",
  sync: "sync.jsonl",
  faults: "faults.jsonl",
  facts: "facts.json",
} as const;

/** The files of one drill. */
export class DrillLog {
  readonly folder: string;
  readonly #truth: LineWriter;
  readonly #calls: LineWriter;
  readonly #sync: LineWriter;
  readonly #faults: LineWriter;
  readonly #problems: string[] = [];
  /** Relays that held sockets at the end. */
  relays = 0;

  /** @param folder for the files */
  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(path.join(folder, FILES.clients), { recursive: true });
    this.#truth = new LineWriter(path.join(folder, FILES.truth));
    this.#calls = new LineWriter(path.join(folder, FILES.calls));
    this.#sync = new LineWriter(path.join(folder, FILES.sync));
    this.#faults = new LineWriter(path.join(folder, FILES.faults));
  }

  /** A writer for the history of a client. */
  clientWriter(name: string): LineWriter {
    return new LineWriter(path.join(this.folder, FILES.clients, `${name}.jsonl`));
  }

  truth(line: TruthLine): void {
    this.#truth.write(line);
  }

  call(line: CallLine): void {
    this.#calls.write(line);
  }

  sync(line: SyncLine): void {
    this.#sync.write(line);
  }

  /** Records an injected fault. */
  fault(kind: string, what: string): void {
    this.#faults.write({ t: Date.now(), k: kind, what });
  }

  /** Records that something necessary did not happen: the run fails. */
  problem(what: string): void {
    if (this.#problems.length < 20) this.#problems.push(what);
  }

  /** Writes everything that is pending. */
  close(facts: Pick<DrillFacts, "seed" | "seconds">): void {
    this.#truth.flush();
    this.#calls.flush();
    this.#sync.flush();
    this.#faults.flush();
    const all: DrillFacts = { ...facts, relays: this.relays, problems: this.#problems };
    writeFileSync(path.join(this.folder, FILES.facts), JSON.stringify(all));
  }
}
