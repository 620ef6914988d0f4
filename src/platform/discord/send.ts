import { z } from "zod";
import type { Clock } from "../clock.ts";
import { log } from "../log.ts";
import {
  askOutside,
  type Fetch,
  type OutboundAnswer,
  parseJson,
  USER_AGENT,
} from "../../protocol/outbound.ts";
import {
  type DiscordAnswer,
  type DiscordCall,
  type DiscordFailure,
  fullPlace,
  placeOf,
  rateLimitRouteOf,
  RESPONSE_MAX_BYTES,
  urlOf,
} from "./call.ts";
import type { FullCategories } from "./full-categories.ts";
import { readLimitSignals } from "./limit-signals.ts";
import type { RateLimits } from "./rate-limits.ts";

/** Number of codes that are read from one answer, depth of the search, and form of a code. */
const FORM_ERRORS_MAX = 10;
const DEPTH_MAX = 6;
const FormErrorCode = z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/);

/** Body of Discord's own errors. */
const DiscordErrorBody = z
  .object({
    code: z.number().int().catch(0),
    message: z.string().catch(""),
    errors: z.unknown().optional(),
  })
  .catch({ code: 0, message: "", errors: undefined });

/** Reads a 4xx. Its message is for people; programs decide by its codes. */
function readRefusal(status: number, body: unknown): Extract<DiscordFailure, { kind: "refused" }> {
  const { code, message, errors } = DiscordErrorBody.parse(body);
  const formErrors: string[] = [];
  for (const found of codesIn(errors, DEPTH_MAX)) {
    if (formErrors.push(found) === FORM_ERRORS_MAX) break;
  }
  return {
    kind: "refused",
    status,
    code,
    message: message.slice(0, 300),
    ...(formErrors.length === 0 ? {} : { formErrors }),
  };
}

/** Finds the codes of a form's errors. Discord nests them by field, in lists named `_errors`. */
function* codesIn(errors: unknown, depth: number): Generator<string> {
  if (typeof errors !== "object" || errors === null || depth === 0) return;
  if ("code" in errors) {
    const code = FormErrorCode.safeParse(errors.code);
    if (code.success) yield code.data;
  }
  for (const below of Object.values(errors)) yield* codesIn(below, depth - 1);
}

/** Time that Discord has to answer, milliseconds. */
export const REQUEST_TIMEOUT_MS = 10_000;

/** The dependencies of sending. */
export type SendPorts = {
  readonly fetch?: Fetch;
  readonly baseUrl: string;
  readonly token: string;
  readonly limits: RateLimits;
  readonly full: FullCategories;
  readonly clock: Clock;
  /** Called when the limits have changed in a way that must survive a restart. */
  readonly remember: () => void;
};

/**
 * Sends one call once, if the limits allow it. Never waits for a limit and never repeats a call, which is up to
 * the caller. Never throws for a failure of the network or of Discord.
 */
export async function sendToDiscord(call: DiscordCall, ports: SendPorts): Promise<DiscordAnswer> {
  const { limits, full, clock } = ports;
  // Before the call is counted, so that the caller keeps its turn for the call that it makes instead.
  const refusal = full.refusalOf(call, clock());
  if (refusal !== null) return refusal;
  const route = rateLimitRouteOf(call);
  const place = placeOf(call);
  const sentAt = clock();
  const admission = limits.admit(route, sentAt, place);
  if (admission.kind !== "go") return admission;
  const exchanged = await exchange(call, ports);
  if (exchanged === null) {
    limits.abandon(route, clock(), place);
    return { kind: "unknown_outcome" };
  }
  const { status, headers, text } = exchanged;
  // Other bodies, which may be large, say nothing about limits.
  const body = status === 429 ? parseJson(text) : undefined;
  const signals = {
    ...readLimitSignals(status, headers, body, clock()),
    tookMs: clock() - sentAt,
  };
  if (limits.settle(route, signals, clock(), place)) ports.remember();
  const isEdge = signals.scope === "address";
  if (isEdge || status === 429) {
    // `admit` gives the time to wait, because the limits have learned from this response.
    const next = limits.admit(route, clock(), place);
    if (next.kind === "go") limits.abandon(route, clock(), place);
    const pauseMs = next.kind === "go" ? (signals.retryAfterMs ?? 0) : next.retryAfterMs;
    if (isEdge) log("warn", "discord.address_refused", { status, pauseMs });
    return next.kind === "go" ? { kind: "rate_limited", retryAfterMs: pauseMs } : next;
  }
  if (status === 401) {
    const next = limits.admit(route, clock());
    return { kind: "unauthorized", retryAfterMs: next.kind === "go" ? 0 : next.retryAfterMs };
  }
  const answer = toAnswer(status, text);
  full.learn(call, answer, clock());
  if (place !== undefined && answer.kind === "refused" && fullPlace(answer) === "category") {
    limits.giveBack(route, place, clock());
  }
  return answer;
}

function toAnswer(status: number, text: string | null): DiscordAnswer {
  if (status >= 200 && status < 300) {
    return text === null ? { kind: "failed", status } : { kind: "answered", status, text };
  }
  if (status < 400 || status >= 500) return { kind: "failed", status };
  return readRefusal(status, parseJson(text));
}

/** One HTTP exchange; null when the connection was lost or took too long. */
async function exchange(
  call: DiscordCall,
  { fetch, baseUrl, token }: SendPorts,
): Promise<OutboundAnswer | null> {
  const headers = {
    Authorization: `Bot ${token}`,
    "User-Agent": USER_AGENT,
    ...(call.body === undefined ? {} : { "Content-Type": "application/json" }),
    ...(call.reason === undefined ? {} : { "X-Audit-Log-Reason": encodeURIComponent(call.reason) }),
  };
  const body = call.body === undefined ? {} : { body: call.body };
  const bounds = { timeoutMs: REQUEST_TIMEOUT_MS, maxBytes: RESPONSE_MAX_BYTES };
  try {
    const init = { method: call.method, headers, ...body };
    return await askOutside(urlOf(call, baseUrl), init, bounds, fetch);
  } catch {
    return null;
  }
}
