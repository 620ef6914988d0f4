/** Members of a log line besides `time`, `level` and `message`. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Severity of a line. `alert`: a person must look, for example at a dead letter. */
export type LogLevel = "debug" | "info" | "warn" | "error" | "alert";

/** Writes structured log lines. */
export interface Logger {
  log(level: LogLevel, message: string, fields?: LogFields): void;
}

/**
 * A logger that writes one JSON object per line.
 * @param secrets values that are removed from every line, wherever they came from
 */
export function jsonLogger(
  write: (line: string) => void,
  secrets: readonly string[],
  now: () => number = Date.now,
): Logger {
  const hidden = secrets.filter((secret) => secret !== "");
  return {
    log: (level, message, fields) => {
      const entry = { time: new Date(now()).toISOString(), level, message, ...fields };
      let line = JSON.stringify(entry);
      for (const secret of hidden) line = line.replaceAll(secret, "[redacted]");
      write(`${line}\n`);
    },
  };
}
