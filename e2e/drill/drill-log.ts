import path from "node:path";
import { mkdirSync, writeFileSync } from "node:fs";
import { LineWriter, type DrillFacts, type TruthLine } from "./history.ts";

/** Names inside the folder of one drill: what the program writes and the checker reads. */
export const FILES = {
  /** One file a client. */
  clients: "clients",
  truth: "truth.jsonl",
  faults: "faults.jsonl",
  facts: "facts.json",
} as const;

/** The files of one drill, but for those of its clients. */
export class DrillLog {
  readonly folder: string;
  readonly #truth: LineWriter;
  readonly #faults: LineWriter;
  readonly #problems: string[] = [];
  #relays = 0;

  /** @param folder gets the files */
  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(path.join(folder, FILES.clients), { recursive: true });
    this.#truth = new LineWriter(path.join(folder, FILES.truth));
    this.#faults = new LineWriter(path.join(folder, FILES.faults));
  }

  /** The history of a client. */
  clientWriter(name: string): LineWriter {
    return new LineWriter(path.join(this.folder, FILES.clients, `${name}.jsonl`));
  }

  truth(line: TruthLine): void {
    this.#truth.write(line);
  }

  /** A fault was injected. */
  fault(kind: string, what: string): void {
    this.#faults.write({ t: Date.now(), k: kind, what });
  }

  /** Something did not happen that had to: the run fails. */
  problem(what: string): void {
    if (this.#problems.length < 20) this.#problems.push(what);
  }

  /** How many relays held sockets. */
  relays(count: number): void {
    this.#relays = count;
  }

  /** Ends the files. */
  close(facts: Pick<DrillFacts, "seed" | "seconds">): void {
    this.#truth.close();
    this.#faults.close();
    const all: DrillFacts = { ...facts, relays: this.#relays, problems: this.#problems };
    writeFileSync(path.join(this.folder, FILES.facts), JSON.stringify(all));
  }
}
