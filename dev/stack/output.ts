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
