/** Tasks of the same time run in the order in which they were added. */
type Task = { readonly at: number; readonly order: number; readonly run: () => void };

/** A clock that moves only in {@link VirtualTime.pass}, from one task to the next. */
export class VirtualTime {
  /** Milliseconds. When a test sets it, tasks that were due in between run late. */
  now: number;
  #order = 0;
  /** A binary heap with the earliest task first. */
  readonly #tasks: Task[] = [];

  /** @param now milliseconds */
  constructor(now: number) {
    this.now = now;
  }

  readonly clock = (): number => this.now;

  /** Runs `run` in `ms` milliseconds, after all earlier tasks of the same moment. */
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
   * Runs the tasks of the next `ms` milliseconds, and then sets the clock to their end. Pending promise callbacks
   * run before the clock moves.
   */
  async pass(ms: number): Promise<void> {
    const until = this.now + ms;
    await this.quiet();
    for (;;) {
      const [next] = this.#tasks;
      if (next === undefined || next.at > until) break;
      this.now = Math.max(this.now, next.at);
      this.#runMoment();
      // Promise callbacks may add tasks for the same moment.
      await this.quiet();
    }
    this.now = until;
  }

  /** Waits until all pending promise callbacks have run. */
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
