/** What happens at a time, in the order it was asked for. */
type Task = { readonly at: number; readonly order: number; readonly run: () => void };

/** A clock that stands still until told to go on, and then jumps from one task to the next. */
export class VirtualTime {
  /** Milliseconds. Set by hand, it jumps, and what was due meanwhile comes late. */
  now: number;
  #order = 0;
  /** A binary heap: the earliest first. */
  readonly #tasks: Task[] = [];

  /** @param now milliseconds */
  constructor(now: number) {
    this.now = now;
  }

  readonly clock = (): number => this.now;

  /** Runs `run` in so many milliseconds, after everything that was asked for the same moment before. */
  readonly after = (ms: number, run: () => void): void => {
    this.#order += 1;
    const task = { at: this.now + Math.max(0, Math.ceil(ms)), order: this.#order, run };
    const tasks = this.#tasks;
    let child = tasks.push(task) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      const above = tasks[parent];
      if (above === undefined || !isBefore(task, above)) break;
      tasks[child] = above;
      child = parent;
    }
    tasks[child] = task;
  };

  /**
   * Runs what is due in the next `ms` milliseconds; the clock then stands at their end. What was
   * promised before or meanwhile is kept before the clock goes on.
   */
  async pass(ms: number): Promise<void> {
    const until = this.now + ms;
    await this.quiet();
    for (;;) {
      const [next] = this.#tasks;
      if (next === undefined || next.at > until) break;
      this.now = Math.max(this.now, next.at);
      this.#runMoment();
      // Promises may ask for more at this very moment.
      await this.quiet();
    }
    this.now = until;
  }

  /** Until all that takes no time is done. */
  async quiet(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  #runMoment(): void {
    for (;;) {
      const [next] = this.#tasks;
      if (next === undefined || next.at > this.now) return;
      this.#take();
      next.run();
    }
  }

  #take(): void {
    const tasks = this.#tasks;
    const last = tasks.pop();
    if (last === undefined || tasks.length === 0) return;
    let parent = 0;
    for (;;) {
      let child = parent * 2 + 1;
      let below = tasks[child];
      const right = tasks[child + 1];
      if (below === undefined) break;
      if (right !== undefined && isBefore(right, below)) [child, below] = [child + 1, right];
      if (!isBefore(below, last)) break;
      tasks[parent] = below;
      parent = child;
    }
    tasks[parent] = last;
  }
}

function isBefore(a: Task, b: Task): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
