import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { requireAuth } from "../../../platform/auth/require-auth.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { refuse } from "../../../platform/http/areas.ts";
import { limitUser } from "../../../platform/http/limit-user.ts";
import type { ProblemAnswer } from "../../../platform/http/problem.ts";
import { err, ok, type Result } from "../../../platform/result.ts";
import type { HubCommand } from "../../../hub/command.ts";
import { callerOf, failures, SYNC_REQUESTS, UNAUTHORIZED } from "../http-dialect.ts";
import { portsOf } from "../wire.ts";
import { type BodySize, FEW_PARTS, limitJson } from "./limit-json.ts";

/** What the operations for an account have in common: the token, how often the account asks, and how much it sends. */
export const FOR_ACCOUNT = forAccount(FEW_PARTS);

/** {@link FOR_ACCOUNT} for an operation whose body may be larger. */
export function forAccount(most: BodySize) {
  return {
    tags: ["sync"],
    security: [{ account: [] }],
    middleware: [requireAuth, limitUser(SYNC_REQUESTS), limitJson(most)],
  };
}

/** Failures of operations with a query or path, with a body, and of those that look for one thing. */
const ASKING = ["invalid_request", "invalid_json", "unauthorized"] as const;
export const LIST_FAILURES = failures(...ASKING);
export const ITEM_FAILURES = failures(...ASKING, "not_found");
export const CREATE_FAILURES = failures(...ASKING, "body_too_large");
export const CHANGE_FAILURES = failures(...ASKING, "not_found", "body_too_large");

/** The answer of operations that have nothing to say. */
export const Success = z.object({ success: z.literal(true) });

/** Runs a command in the hub of the request's account. @returns its result, or the answer to a revoked token */
export async function ask<Input extends z.ZodObject, Output extends z.ZodType>(
  c: Context<AppEnv>,
  command: HubCommand<Input, Output>,
  input: z.input<Input>,
): Promise<Result<z.output<Output>, ProblemAnswer>> {
  const { hubs } = portsOf(c.env);
  const answer = await hubs.call(callerOf(c.get("principal")), command, input);
  return answer.ok ? answer : err(refuse(c, UNAUTHORIZED));
}

/**
 * The same for something that the account may not have.
 * @param missing what a request is told whose result is null or false
 */
export async function askExisting<Input extends z.ZodObject, Output extends z.ZodType>(
  c: Context<AppEnv>,
  command: HubCommand<Input, Output>,
  input: z.input<Input>,
  missing: string,
): Promise<Result<Exclude<z.output<Output>, null | false>, ProblemAnswer>> {
  const answer = await ask(c, command, input);
  if (!answer.ok) return answer;
  const { value } = answer;
  if (value === null || value === false) {
    return err(refuse(c, { code: "not_found", detail: missing }));
  }
  return ok(value as Exclude<z.output<Output>, null | false>);
}

/** A member of lists that end before everything is in them. */
export const HasMore = z.boolean().openapi({
  description: "Whether the list ends here only because it is long, or its rows are large",
});

/** The header by which {@link isHappyClient} knows its client. */
export const HappyHeaders = z.object({
  "X-Happy-Client": z.string().optional().openapi({
    description:
      "Current clients of Happy send their name here. They get no deleted sessions; artifacts, and lists of them and of machines, without an object around them",
  }),
});

/** Whether the sender is a current client of Happy, which expects lists without a member around them (sync.md §9). */
export function isHappyClient(c: Context<AppEnv>): boolean {
  return c.req.header("X-Happy-Client") !== undefined;
}
