/** The output of the stack for its user. */
export type Output = {
  /** A line of the stack itself. */
  readonly say: (line: string) => void;
  /** A line of one part, after the part's name. */
  readonly quote: (part: string, line: string) => void;
  /** The status line of a terminal, below all other lines until it is replaced; "" removes it. */
  readonly status: (text: string) => void;
  /** Dimmed text, in a terminal. */
  readonly dim: (text: string) => string;
  /** Bold text, in a terminal. */
  readonly strong: (text: string) => string;
};

const LABEL_WIDTH = 17;

/** The members of a stream that are used here. */
type OutputStream = {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly write: (text: string) => unknown;
};

const TO_LINE_START_AND_CLEAR = "\r\u001B[K";

/** Writes lines. Colours and a status line appear only in a terminal, and colours not with NO_COLOR. */
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
      // A line that wraps could not be removed, so it is cut.
      status = dim(text.slice(0, (stream.columns ?? 80) - 1));
      if (text === "") status = "";
      stream.write(`${TO_LINE_START_AND_CLEAR}${status}`);
    },
  };
}

/** The progress that is shown while the stack starts. */
type Progress = {
  /** Follows a step to its end: shows that it is waiting, and then how long it took. */
  readonly follow: <T>(name: string, step: Promise<T>) => Promise<T>;
  /** Ends the progress: nothing more is shown. */
  readonly stop: () => void;
};

/** How often the waiting steps are printed as a line, milliseconds. */
const REMINDER_MS = 10_000;
const STATUS_MS = 200;
/** A step that takes longer counts as hanging, milliseconds. */
const PATIENCE_MS = 60_000;
const NAME_WIDTH = 18;

/**
 * Starts to show the progress: in a terminal by a status line, and everywhere by a line now and then.
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

/** A time in seconds, as text. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
