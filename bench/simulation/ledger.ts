/** Sockets of one kind may see the same events. */
export const KINDS = { everybody: 0, privileged: 1 } as const;
export type Kind = (typeof KINDS)[keyof typeof KINDS];

/** Where a witness stands. Small: there are a million of them. */
export type Witness = {
  readonly kind: Kind;
  /** Position that counting started from: 0, or a snapshot's. */
  start: number;
  /** seq of the last event, or the position that a snapshot or `resumed` told. */
  last: number;
  /** Events since `start`. */
  received: number;
};

/** What went wrong at a socket. */
export type Fault = "lost" | "duplicated" | "reordered" | "leaked" | "altered";

/**
 * What was published, and whether a socket got exactly its part of it. A million full histories do not
 * fit into memory; how many events of a kind lie between two positions does, and so does the chain
 * of `seq` and `prev` that each socket checks as it goes.
 */
export class Ledger {
  /** By seq: what was published. */
  readonly #marks: string[] = [""];
  /** By kind, then by seq: how many events up to it the kind may see. */
  readonly #visible: readonly number[][] = [[0], [0]];
  readonly faults: Record<Fault, number> = {
    lost: 0,
    duplicated: 0,
    reordered: 0,
    leaked: 0,
    altered: 0,
  };

  /** seq of the newest event. */
  get head(): number {
    return this.#marks.length - 1;
  }

  /** Notes the next event. @param mark its payload, as text */
  publish(mark: string, privileged: boolean): void {
    this.#marks.push(mark);
    for (const kind of [KINDS.everybody, KINDS.privileged]) {
      const counts = this.#visible[kind] ?? [];
      const sees = kind === KINDS.privileged || !privileged;
      counts.push((counts.at(-1) ?? 0) + (sees ? 1 : 0));
    }
  }

  /** A socket got an event. `prev` is the one it was sent before, as the frame says. */
  receive(witness: Witness, seq: number, prev: number, mark: string): void {
    if (seq <= witness.last) this.#fault(seq === witness.last ? "duplicated" : "reordered");
    else if (prev !== witness.last) this.#fault("lost");
    if (this.#count(witness.kind, seq - 1, seq) !== 1) this.#fault("leaked");
    if (this.#marks[seq] !== mark) this.#fault("altered");
    witness.last = Math.max(witness.last, seq);
    witness.received += 1;
  }

  /** A snapshot replaces all a socket knows. */
  reset(witness: Witness, seq: number): void {
    witness.start = seq;
    witness.last = seq;
    witness.received = 0;
  }

  /** Whether a socket has everything up to the head that it may see, and nothing else. */
  isComplete(witness: Witness): boolean {
    return witness.received === this.#count(witness.kind, witness.start, this.head);
  }

  /** Events that a kind may see after `from`, up to and including `to`. */
  #count(kind: Kind, from: number, to: number): number {
    const counts = this.#visible[kind];
    return (counts?.[to] ?? Number.NaN) - (counts?.[from] ?? Number.NaN);
  }

  #fault(kind: Fault): void {
    this.faults[kind] += 1;
  }
}
