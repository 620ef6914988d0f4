import { stripVTControlCharacters } from "node:util";

/** A line of a part's output, as the stack shows it. */
export type LogLine = {
  readonly severity: "chatter" | "warning" | "error";
  readonly text: string;
};

/** Wrangler's line for a health check of the stack that passed. */
const HEALTH_CHECK = /^\[wrangler:info\] GET \/health 200 /;

/**
 * Parses a line and its severity. Our own parts write JSON lines with a level; tools write it as a word.
 * @returns undefined for a line that is not worth keeping in the log
 */
export function readLogLine(line: string): LogLine | undefined {
  if (HEALTH_CHECK.test(stripVTControlCharacters(line))) return undefined;
  const entry = parseEntry(line);
  if (entry === undefined) {
    if (/\b(error|fatal|panic|EADDRINUSE)\b/i.test(line)) return { severity: "error", text: line };
    if (/\bwarn(ing)?\b/i.test(line)) return { severity: "warning", text: line };
    return { severity: "chatter", text: line };
  }
  const { time: _time, level, message, event, ...facts } = entry;
  const details = Object.entries(facts).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return {
    severity: severityOf(level),
    text: [`${String(level)}: ${String(message ?? event)}`, ...details].join(" "),
  };
}

function parseEntry(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "level" in value
      ? { ...value }
      : undefined;
  } catch {
    return undefined;
  }
}

function severityOf(level: unknown): LogLine["severity"] {
  if (level === "error" || level === "alert") return "error";
  return level === "warn" ? "warning" : "chatter";
}
