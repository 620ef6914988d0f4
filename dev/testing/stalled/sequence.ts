/** What one reader has got of a stream whose every event it may see: complete and in order, or a fault. */
export class Sequence {
  #seq: number | null = null;
  #events = 0;
  readonly faults: string[] = [];

  /** seq of the newest event that it has, or of the state that it was given; null: neither. */
  get seq(): number | null {
    return this.#seq;
  }

  /** Events that came, without those that a state stood for. */
  get events(): number {
    return this.#events;
  }

  /** It was given the whole state up to a seq. */
  start(seq: number): void {
    this.#seq = seq;
  }

  /** An event came. */
  take(seq: number): void {
    const due = this.#seq === null ? null : this.#seq + 1;
    if (seq !== due && this.faults.length < 5) this.faults.push(`${seq} came where ${due} was due`);
    this.#seq = seq;
    this.#events += 1;
  }
}
