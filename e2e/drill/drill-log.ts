import path from "node:path";
import { mkdirSync, writeFileSync } from "node:fs";
import { LineWriter, type DrillFacts, type TruthLine } from "./history.ts";

/** File names in the folder of a drill: the program writes them and the checker reads them. */
export const FILES = {
  /** One file per client. */
  clients: "clients",
  truth: "truth.jsonl",
  faults: "faults.jsonl",
  facts: "facts.json",
} as const;

/** The files of one drill, without those of its clients. */
export class DrillLog {
  readonly folder: string;
  readonly #truth: LineWriter;
  readonly #faults: LineWriter;
  readonly #problems: string[] = [];
  #relays = 0;

  /** @param folder for the files */
  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(path.join(folder, FILES.clients), { recursive: true });
    this.#truth = new LineWriter(path.join(folder, FILES.truth));
    this.#faults = new LineWriter(path.join(folder, FILES.faults));
  }

  /** A writer for the history of a client. */
  clientWriter(name: string): LineWriter {
    return new LineWriter(path.join(this.folder, FILES.clients, `${name}.jsonl`));
  }

  truth(line: TruthLine): void {
    this.#truth.write(line);
  }

  /** Records an injected fault. */
  fault(kind: string, what: string): void {
    this.#faults.write({ t: Date.now(), k: kind, what });
  }

  /** Records that something necessary did not happen: the run fails. */
  problem(what: string): void {
    if (this.#problems.length < 20) this.#problems.push(what);
  }

  /** Records how many relays held sockets. */
  relays(count: number): void {
    this.#relays = count;
  }

  /** Closes the files. */
  close(facts: Pick<DrillFacts, "seed" | "seconds">): void {
    this.#truth.close();
    this.#faults.close();
    const all: DrillFacts = { ...facts, relays: this.#relays, problems: this.#problems };
    writeFileSync(path.join(this.folder, FILES.facts), JSON.stringify(all));
  }
}
