import { retryAfterMs } from "../protocol/retry-after.ts";
import { isRecord } from "./json-shape.ts";
import type { Failure } from "./outcome.ts";

/** Messages by status, for an answer that has none. */
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
 * The same failure for a Worker at this address. If it has another origin, a page cannot know whether the server
 * is away or refuses the page's origin (CORS), so the message names both.
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
 * Turns an error answer into a failure. Reads RFC 9457 problem documents (rooms.md §1) and accepts any other body,
 * because a proxy may have answered.
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

/** The first message for each field, by the first part of its JSON Pointer. */
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
