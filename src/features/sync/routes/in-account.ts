import type { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { requireAuth } from "../../../platform/auth/require-auth.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { refuse } from "../../../platform/http/areas.ts";
import { limitUser } from "../../../platform/http/limit-user.ts";
import type { ProblemAnswer } from "../../../platform/http/problem.ts";
import { err, type Result } from "../../../platform/result.ts";
import type { HubCommand } from "../../../hub/command.ts";
import type { AccountHubs } from "../hub-commands.ts";
import { callerOf, SYNC_REQUESTS, UNAUTHORIZED } from "../http-dialect.ts";

/** What a route for an account runs first: its token, and how often the account asks. */
export const inAccount = [requireAuth, limitUser(SYNC_REQUESTS)];

/** How an operation for an account is described. */
export const SECURITY = [{ account: [] }];

/** Runs a command in the hub of the request's account. @returns its result, or the answer to a revoked token */
export async function ask<Input extends z.ZodObject, Output extends z.ZodType>(
  c: Context<AppEnv>,
  hubs: AccountHubs,
  command: HubCommand<Input, Output>,
  input: z.input<Input>,
): Promise<Result<z.output<Output>, ProblemAnswer>> {
  const answer = await hubs.call(callerOf(c.get("principal")), command, input);
  return answer.ok ? answer : err(refuse(c, UNAUTHORIZED));
}

/** The answer to a request for something that the account does not have. */
export function notFound(c: Context<AppEnv>, detail: string): ProblemAnswer {
  return refuse(c, { code: "not_found", detail });
}

/** Whether the sender is a current client of Happy, which expects lists without a member around them (sync.md §9). */
export function isHappyClient(c: Context<AppEnv>): boolean {
  return c.req.header("X-Happy-Client") !== undefined;
}
