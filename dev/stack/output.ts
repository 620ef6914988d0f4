/** What the stack tells the person at the keyboard. */
export type Output = {
  /** A line of the stack itself. */
  readonly say: (line: string) => void;
  /** A line of one part, with its name in front. */
  readonly quote: (part: string, line: string) => void;
  /** What is going on now, in a terminal: it stays below all lines until it is replaced; "" removes it. */
  readonly status: (text: string) => void;
  /** Text that stands back, in a terminal. */
  readonly dim: (text: string) => string;
  /** Text that stands out, in a terminal. */
  readonly strong: (text: string) => string;
};

const LABEL_WIDTH = 17;

/** What of a stream is needed here. */
type OutputStream = {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly write: (text: string) => unknown;
};

const TO_LINE_START_AND_CLEAR = "\r\u001B[K";

/**
 * Writes lines. Coloured only in a terminal that has not asked for none, and without a status line
 * anywhere else.
 */
export function terminalOutput(
  stream: OutputStream,
  noColour = process.env["NO_COLOR"] !== undefined,
): Output {
  const isTerminal = stream.isTTY === true;
  const paint = (code: number) => (text: string) =>
    isTerminal && !noColour ? `\u001B[${code}m${text}\u001B[0m` : text;
  const dim = paint(2);
  let status = "";
  const line = (text: string): void => {
    stream.write(status === "" ? `${text}\n` : `${TO_LINE_START_AND_CLEAR}${text}\n${status}`);
  };
  return {
    dim,
    strong: paint(1),
    say: line,
    quote: (part, text) => line(`${dim(`${part.padEnd(LABEL_WIDTH)} │`)} ${text}`),
    status: (text) => {
      if (!isTerminal) return;
      // A line that wraps could not be removed.
      status = dim(text.slice(0, (stream.columns ?? 80) - 1));
      if (text === "") status = "";
      stream.write(`${TO_LINE_START_AND_CLEAR}${status}`);
    },
  };
}

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

/** A time as people read it. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
