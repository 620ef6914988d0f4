import { z } from "@hono/zod-openapi";
import type { Context, TypedResponse } from "hono";
import { ERROR_CODES, type ErrorCode } from "../../protocol/error-codes.ts";
import type { AppEnv, FailureExtras } from "./app-env.ts";

/** Media type of a problem document. */
export const PROBLEM_TYPE = "application/problem+json";

/** A failure as a problem document (RFC 9457). The seed's clients read `message`. */
export const Problem = z
  .object({
    type: z.string().openapi({ example: "/docs/errors#unauthorized" }),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().openapi({ description: "What happened and what to do about it" }),
    message: z.string().openapi({ description: "The same text as `detail`" }),
    code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
    requestId: z.string(),
    errors: z
      .array(z.object({ pointer: z.string(), detail: z.string() }))
      .optional()
      .openapi({ description: "What is wrong where, as JSON pointers into the body" }),
  })
  .openapi("Problem");

/**
 * A problem with a type that every handler may return, whatever the type of its success. `problems` declares it
 * in the OpenAPI document.
 */
export type ProblemAnswer = Response & TypedResponse<never, never, never>;

/**
 * Answers with a problem (RFC 9457). Code that all areas share uses `refuse` instead.
 * @param detail tells the person what to do; nothing internal
 */
export function problem(
  c: Context<AppEnv>,
  code: ErrorCode,
  detail: string,
  extras: FailureExtras = {},
): ProblemAnswer {
  const { status, title } = ERROR_CODES[code];
  const body = {
    ...extras.members,
    type: `/docs/errors#${code}`,
    title,
    status,
    detail,
    message: detail,
    code,
    requestId: c.get("requestId"),
    ...(extras.errors === undefined ? {} : { errors: extras.errors }),
  };
  return c.body(JSON.stringify(body), status, {
    // RFC 9110 §15.5.2: a 401 must have this field.
    ...(status === 401 ? { "WWW-Authenticate": "Bearer" } : {}),
    ...extras.headers,
    "Content-Type": PROBLEM_TYPE,
    "Cache-Control": "no-store",
  }) as ProblemAnswer;
}

type ProblemResponse = {
  description: string;
  content: { "application/problem+json": { schema: typeof Problem } };
};

/** Failures that every request may have: a bug, and a deployment without a required variable or binding. */
const ANYWHERE = ["internal", "unavailable"] as const;

/** Declares an operation's failures for its `createRoute`. Failures with the same status share an entry. */
export function problems(...codes: readonly ErrorCode[]): Record<number, ProblemResponse> {
  const byStatus: Record<number, ProblemResponse> = {};
  for (const code of new Set([...codes, ...ANYWHERE])) {
    const { status, title } = ERROR_CODES[code];
    const before = byStatus[status];
    byStatus[status] = {
      description: `${before === undefined ? "" : `${before.description}; `}${title} (\`${code}\`)`,
      content: { [PROBLEM_TYPE]: { schema: Problem } },
    };
  }
  return byStatus;
}

/** `Retry-After`, in whole seconds and at least one. */
export function retryAfter(ms: number): { readonly "Retry-After": string } {
  return { "Retry-After": String(Math.max(1, Math.ceil(ms / 1000))) };
}
