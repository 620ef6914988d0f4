import type { Output } from "./output.ts";

/** What is told while the stack starts. */
type Progress = {
  /** Follows a step to its end: says how long it took, and that it is waited for meanwhile. */
  readonly follow: <T>(name: string, step: Promise<T>) => Promise<T>;
  /** Ends it: nothing more is told. */
  readonly stop: () => void;
};

/** How often somebody who sees no status line hears that it goes on, milliseconds. */
const REMINDER_MS = 10_000;
const STATUS_MS = 200;
/** A step that takes longer hangs, milliseconds. */
const PATIENCE_MS = 60_000;
const NAME_WIDTH = 18;

/**
 * Starts to tell: in a terminal by a line that changes, and everywhere by a line now and then.
 * @param onHang called once for each step that takes longer than a minute
 * @param now milliseconds
 */
export function showProgress(
  output: Output,
  onHang: (name: string) => void,
  now: () => number = () => performance.now(),
): Progress {
  const waiting = new Map<string, number>();
  const hanging = new Set<string>();
  let isOver = false;
  let toldAt = now();

  const tick = (): void => {
    if (waiting.size === 0) return;
    const each = [...waiting].map(([name, since]) => `${name} ${seconds(now() - since)}`);
    output.status(`  waiting: ${each.join(", ")}`);
    for (const [name, since] of waiting) {
      if (now() - since < PATIENCE_MS || hanging.has(name)) continue;
      hanging.add(name);
      onHang(name);
    }
    if (now() - toldAt < REMINDER_MS) return;
    toldAt = now();
    output.say(`  still waiting: ${each.join(", ")}`);
  };
  const timer = setInterval(tick, STATUS_MS);

  return {
    follow: async (name, step) => {
      const since = now();
      waiting.set(name, since);
      tick();
      try {
        const value = await step;
        const took = output.dim(`ready after ${seconds(now() - since)}`);
        if (!isOver) output.say(`  ${name.padEnd(NAME_WIDTH)} ${took}`);
        return value;
      } finally {
        waiting.delete(name);
        toldAt = now();
      }
    },
    stop: () => {
      isOver = true;
      clearInterval(timer);
      waiting.clear();
      output.status("");
    },
  };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
