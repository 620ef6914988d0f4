import { retryAfterMs } from "../protocol/retry-after.ts";
import { isRecord } from "./json-shape.ts";
import type { Failure } from "./outcome.ts";

/** What is said when the server's answer has no words of its own. */
const FALLBACKS: ReadonlyMap<number, string> = new Map([
  [401, "Your sign-in is no longer valid. Please sign in again."],
  [429, "That was a lot at once. Try again in a moment."],
]);

/** The failure of a request that got no answer at all. */
export const UNREACHABLE: Failure = {
  kind: "unreachable",
  message: "The server can't be reached. Check your connection and try again.",
};

/**
 * The same for a Worker at this address. A browser does not tell a page whether a server of another origin
 * is away or does not list it (CORS), so both are named.
 * @param baseUrl origin of the Worker; empty: the page's own
 */
export function unreachableFrom(baseUrl: string): Failure {
  const { location } = globalThis as { readonly location?: { readonly origin?: string } };
  const origin = location?.origin ?? baseUrl;
  if (baseUrl === "" || baseUrl === origin) return UNREACHABLE;
  const message = `${UNREACHABLE.message} Or its WEB_ORIGIN does not list ${origin}.`;
  return { ...UNREACHABLE, message };
}

/**
 * Turns an error answer into a failure. Reads RFC 9457 problem documents (rooms.md §1) and copes
 * with anything else, because a proxy on the way may have answered.
 * @param body the parsed JSON, or undefined when there was none
 */
export function failureOf(status: number, retryAfter: string | null, body: unknown): Failure {
  const problem = isRecord(body) ? body : {};
  return {
    kind: kindOf(status),
    status,
    message:
      text(problem["message"]) ??
      text(problem["detail"]) ??
      text(problem["title"]) ??
      FALLBACKS.get(status) ??
      (status >= 500
        ? "Something went wrong on the server. Try again in a moment."
        : "The server did not accept this."),
    code: text(problem["code"]),
    requestId: text(problem["requestId"]),
    retryAfterMs: retryAfterMs(retryAfter, Date.now()) ?? undefined,
    fields: fieldMessages(problem["errors"]),
  };
}

function kindOf(status: number): Failure["kind"] {
  if (status === 401) return "signed-out";
  return status === 409 || status === 429 || status >= 500 ? "busy" : "refused";
}

/** By the first part of each JSON Pointer, the first message of each. */
function fieldMessages(errors: unknown): Record<string, string> | undefined {
  const fields: Record<string, string> = {};
  for (const { pointer, detail } of Array.isArray(errors) ? errors.filter(isRecord) : []) {
    const name = text(pointer)?.split("/")[1];
    const message = text(detail);
    if (name && message !== undefined) fields[name] ??= message;
  }
  return Object.keys(fields).length === 0 ? undefined : fields;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
