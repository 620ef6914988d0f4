import { z } from "@hono/zod-openapi";
import type { Context, TypedResponse } from "hono";
import { ERROR_CODES, type ErrorCode } from "../../protocol/error-codes.ts";
import type { AppEnv, FailureExtras } from "./app-env.ts";

/** Media type of a problem document. */
export const PROBLEM_TYPE = "application/problem+json";

/** A failure as it leaves the Worker (RFC 9457). `message` is what the seed's clients read. */
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
 * A problem as a handler may return it whatever its success looks like; `problems` declares it in the
 * document.
 */
export type ProblemAnswer = Response & TypedResponse<never, never, never>;

/**
 * A failure in the dialect of RFC 9457. What may be asked by any area answers with `refuse`.
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
    // RFC 9110 §15.5.2: a 401 always says how to authenticate.
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

/** What may happen to any request: a bug, and a deployment that lacks a variable or a part. */
const ANYWHERE = ["internal", "unavailable"] as const;

/** Declares an operation's failures for its `createRoute`: those of one status share an entry. */
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
