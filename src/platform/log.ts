import { DrizzleQueryError } from "drizzle-orm";
import { requestIds } from "./request-ids.ts";

type Level = "debug" | "info" | "warn" | "error";

/**
 * Writes one JSON line, with the `requestId` and `traceId` of the current request. Facts are plain values:
 * never a token, a secret or a body. An `error` is written as its name, message and stack, which appear only in
 * the log.
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
  console[level](redact(JSON.stringify({ level, event, ...requestIds(), ...rest, ...failure })));
}

/**
 * Removes secrets that the messages of libraries may repeat: tokens in the form of a JWT or JWE, credentials
 * after their scheme, tickets in an address, signatures. Our own lines never contain any; this is a safety net.
 * Clients choose the paths in a line, so each pattern runs in linear time
 * (`dev/checks/linear-patterns.test.ts`).
 */
function redact(line: string): string {
  const hidden = line.includes(TOKEN_START) ? line.replace(/[\w.-]+/g, hideToken) : line;
  // Most lines are short and have none of these, of which each pattern below needs one.
  if (!/[ =_]/.test(hidden)) return hidden;
  return hidden
    .replace(/\b(Bearer|Bot|Basic) {1,9}[\w.~+/=-]{8,}/gi, "$1 [token]")
    .replace(/([?&](?:ticket|token|code|state)=)[^&\s"\\]+/gi, "$1[token]")
    .replace(
      /\b((?:access_token|refresh_token|id_token|client_secret|code_verifier)(?:=|\\{0,7}" ?: ?\\{0,7}"))[^&\s"\\]+/gi,
      "$1[token]",
    )
    .replace(/\bsha256=[0-9a-f]{64}/gi, "sha256=[signature]");
}

/** `{"` in Base64. */
const TOKEN_START = "eyJ";

/** A JWT or JWE is three or five parts joined by dots, and begins with {@link TOKEN_START}. */
function hideToken(word: string): string {
  const start = word.indexOf(TOKEN_START);
  if (start === -1) return word;
  const isToken = word.slice(start).split(".", 3).length === 3;
  return isToken ? `${word.slice(0, start)}[token]` : word;
}
