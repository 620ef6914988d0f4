import { DrizzleQueryError } from "drizzle-orm";
import { requestIds } from "./request-ids.ts";

type Level = "debug" | "info" | "warn" | "error";

/**
 * Writes one JSON line, with `requestId` and `traceId` while a request is worked on. Facts are plain
 * values: never a token, a secret or a body. An `error` becomes its name, message and stack, which
 * stay in the log.
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
 * What a message of somebody else's code may repeat: tokens in the form of a JWT or JWE, credentials
 * after their scheme, tickets in an address, signatures. No line is written to have any; this is the net.
 */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/\beyJ[\w-]{6,}(?:\.[\w-]*){2,4}/g, "[token]"],
  [/\b(Bearer|Bot|Basic) +[\w.~+/=-]{8,}/gi, "$1 [token]"],
  [/([?&](?:ticket|token|code|state)=)[^&\s"\\]+/gi, "$1[token]"],
  [
    /\b((?:access_token|refresh_token|id_token|client_secret|code_verifier)(?:=|\\*"\s*:\s*\\*"))[^&\s"\\]+/gi,
    "$1[token]",
  ],
  [/\bsha256=[0-9a-f]{64}/gi, "sha256=[signature]"],
];

function redact(line: string): string {
  return SECRETS.reduce((text, [secret, instead]) => text.replace(secret, instead), line);
}
