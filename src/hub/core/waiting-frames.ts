/** A call that waits for its target. */
export type WaitingCall = {
  readonly id: string;
  /** Id of the connection that makes it. */
  readonly caller: string;
  readonly text: string;
};

/**
 * Frames that one client is owed and that wait until it has space (HUB-10): what is for it alone, in order, and calls
 * to it. The callers take turns, so that one with many large calls keeps nobody waiting for all of them.
 */
export class WaitingFrames {
  /** When a frame of its own last left, or began to wait, milliseconds. */
  since = 0;
  readonly #own: string[] = [];
  #ownBytes = 0;
  /** By caller. The caller whose turn it is comes first. */
  readonly #calls = new Map<string, WaitingCall[]>();

  get isEmpty(): boolean {
    return this.#own.length === 0 && this.#calls.size === 0;
  }

  /** What is for the client alone. */
  get ownBytes(): number {
    return this.#ownBytes;
  }

  get firstOwn(): string | undefined {
    return this.#own[0];
  }

  addOwn(text: string, now: number): void {
    if (this.#own.length === 0) this.since = now;
    this.#own.push(text);
    this.#ownBytes += text.length;
  }

  /** The first one has left. */
  shiftOwn(now: number): void {
    this.since = now;
    this.#ownBytes -= this.#own.shift()?.length ?? 0;
  }

  /** The call whose turn it is. */
  get firstCall(): WaitingCall | undefined {
    const [turn] = this.#calls.values();
    return turn?.[0];
  }

  addCall(call: WaitingCall): void {
    const before = this.#calls.get(call.caller);
    if (before === undefined) this.#calls.set(call.caller, [call]);
    else before.push(call);
  }

  /** The first call has left. It is the turn of the next caller. */
  shiftCall(): void {
    const [turn] = this.#calls;
    if (turn === undefined) return;
    const [caller, calls] = turn;
    calls.shift();
    this.#calls.delete(caller);
    if (calls.length > 0) this.#calls.set(caller, calls);
  }

  /** A call has ended. @returns it, if it was waiting */
  dropCall(caller: string, id: string): WaitingCall | null {
    const calls = this.#calls.get(caller) ?? [];
    const at = calls.findIndex((call) => call.id === id);
    const [dropped = null] = at === -1 ? [] : calls.splice(at, 1);
    if (calls.length === 0) this.#calls.delete(caller);
    return dropped;
  }

  /** Forgets everything. @returns the calls */
  clear(): WaitingCall[] {
    const calls = [...this.#calls.values()].flat();
    this.#calls.clear();
    this.#own.length = 0;
    this.#ownBytes = 0;
    return calls;
  }
}
