import { DrizzleQueryError } from "drizzle-orm";

type Level = "debug" | "info" | "warn" | "error";

/**
 * Writes one JSON line. Facts are plain values: never a token, a secret or a body. An `error` becomes
 * its name, message and stack, which stay in the log.
 */
export function log(
  level: Level,
  event: string,
  facts: Readonly<Record<string, unknown>> = {},
): void {
  const { error: thrown, ...rest } = facts;
  // Drizzle's own message repeats all values of the query.
  const error = thrown instanceof DrizzleQueryError ? (thrown.cause ?? thrown.name) : thrown;
  const failure =
    error instanceof Error
      ? { error: { name: error.name, message: error.message, stack: error.stack } }
      : error === undefined
        ? {}
        : { error };
  console[level](JSON.stringify({ level, event, ...rest, ...failure }));
}
