/** Sockets of one kind may see the same events. */
export const KINDS = { everybody: 0, privileged: 1 } as const;
export type Kind = (typeof KINDS)[keyof typeof KINDS];

/** The position of a witness. It is small, because there are a million of them. */
export type Witness = {
  readonly kind: Kind;
  /** Position at which counting started: 0, or the one of a snapshot. */
  start: number;
  /** seq of the last event, or of the last snapshot. */
  last: number;
  /** Events since `start`. */
  received: number;
};

/** What went wrong at a socket. */
export type Fault = "lost" | "duplicated" | "reordered" | "leaked" | "altered";

/**
 * Knows what was published, and whether a socket got exactly its part of it. A million full histories do not fit
 * into memory. So the ledger counts the events of each kind between two positions, and each socket checks the
 * chain of `seq` and `prev` event by event.
 */
export class Ledger {
  /** By seq: the mark that was published. */
  readonly #marks: string[] = [""];
  /** By kind, then by seq: how many events up to that seq the kind may see. */
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

  /** A socket got an event. `prev` comes from the frame: the seq of the event before. */
  receive(witness: Witness, seq: number, prev: number, mark: string): void {
    if (seq <= witness.last) this.#fault(seq === witness.last ? "duplicated" : "reordered");
    else if (prev !== witness.last) this.#fault("lost");
    if (this.#count(witness.kind, seq - 1, seq) !== 1) this.#fault("leaked");
    if (this.#marks[seq] !== mark) this.#fault("altered");
    witness.last = Math.max(witness.last, seq);
    witness.received += 1;
  }

  /** A snapshot replaces everything that a socket knows. */
  reset(witness: Witness, seq: number): void {
    witness.start = seq;
    witness.last = seq;
    witness.received = 0;
  }

  /** Whether a socket got all events up to the head that it may see, and no others. */
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
