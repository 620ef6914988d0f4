/** One timeout that can be replaced and cancelled. */
export class Timer {
  #id: ReturnType<typeof setTimeout> | undefined;

  /** Whether it is set and has not run yet. */
  get pending(): boolean {
    return this.#id !== undefined;
  }

  /** Runs `work` after `ms` milliseconds, instead of the work set before. */
  set(ms: number, work: () => void): void {
    this.clear();
    this.#id = setTimeout(() => {
      this.#id = undefined;
      work();
    }, ms);
  }

  clear(): void {
    if (this.#id !== undefined) clearTimeout(this.#id);
    this.#id = undefined;
  }
}
