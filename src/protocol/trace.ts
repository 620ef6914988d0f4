import { z } from "zod";
import { hexOf } from "./bytes.ts";

/** Header that carries a trace over HTTP (W3C Trace Context §3.2). */
export const TRACEPARENT_HEADER = "traceparent";

const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;

/**
 * The trace id of what caused something: 32 lower-case hex digits, not all 0 (W3C Trace Context §3.2.2.3). Any
 * client may choose it, so nothing depends on it: it is only logged and passed on.
 */
export const TraceId = z
  .string()
  .regex(TRACE_ID, "a trace id has 32 lower-case hex digits, not all 0")
  .meta({
    description: "W3C trace id of what caused this",
    examples: ["4bf92f3577b34da6a3ce929d0e0e4736"],
  });

/** version, trace id, parent id, flags; a later version may append more after a dash (§4). */
const TRACEPARENT =
  /^(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/;

/** A new random trace id (§5). */
export function newTraceId(): string {
  return randomHex(16);
}

/** The trace id of a `traceparent`; null when there is none or it is malformed (§3.2.2, §4). */
export function readTraceparent(header: string | null | undefined): string | null {
  // Version 00 has 55 characters; do not run the expression over something far longer.
  if (header === null || header === undefined || header.length > 512) return null;
  const parts = TRACEPARENT.exec(header.trim());
  if (parts === null) return null;
  const [, version, traceId, more] = parts;
  return version === "00" && more !== undefined ? null : (traceId ?? null);
}

/** A `traceparent` for an outgoing request: a new parent id, and the flag "not sampled". */
export function writeTraceparent(traceId: string): string {
  return `00-${traceId}-${randomHex(8)}-00`;
}

function randomHex(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  // All zeros would be invalid, so set one bit.
  random[0] = (random[0] ?? 0) | 1;
  return hexOf(random);
}
