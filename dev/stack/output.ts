/** What the stack tells the person at the keyboard. */
export type Output = {
  /** A line of the stack itself. */
  readonly say: (line: string) => void;
  /** A line of one part, with its name in front. */
  readonly quote: (part: string, line: string) => void;
  /** Text that stands back, in a terminal. */
  readonly dim: (text: string) => string;
  /** Text that stands out, in a terminal. */
  readonly strong: (text: string) => string;
};

const LABEL_WIDTH = 17;

/** Writes to standard output; coloured only in a terminal that has not asked for none. */
export function terminalOutput(stream: NodeJS.WriteStream): Output {
  const isColoured = stream.isTTY && process.env["NO_COLOR"] === undefined;
  const paint = (code: number) => (text: string) =>
    isColoured ? `\u001B[${code}m${text}\u001B[0m` : text;
  const dim = paint(2);
  // The reader may leave first (a closed terminal, a killed npm); the parts still have to be ended.
  stream.on("error", () => {});
  return {
    dim,
    strong: paint(1),
    say: (line) => {
      stream.write(`${line}\n`);
    },
    quote: (part, line) => {
      stream.write(`${dim(`${part.padEnd(LABEL_WIDTH)} │`)} ${line}\n`);
    },
  };
}
