import type { Context } from "hono";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { problem, type ProblemAnswer } from "../../platform/http/problem.ts";
import type { ErrorCode } from "../../protocol/error-codes.ts";

/** Why something that was asked about matches did not succeed. */
export type MatchFailure =
  /** The guild has no such match. */
  { readonly kind: "not_found" } | { readonly kind: "forbidden_guild" };

/** A failure as a problem document says it. */
export type MatchProblemDocument = { readonly code: ErrorCode; readonly detail: string };

/** The one place where failures of matches become problems. */
export function toProblem(failure: MatchFailure): MatchProblemDocument {
  switch (failure.kind) {
    case "not_found":
      return { code: "match_not_found", detail: "This guild has no match with this id." };
    case "forbidden_guild":
      return {
        code: "forbidden_guild",
        detail: "Your token's guilds claim does not list this guild.",
      };
  }
}

/** Answers a failure. */
export function renderFailure(c: Context<AppEnv>, failure: MatchFailure): ProblemAnswer {
  const { code, detail } = toProblem(failure);
  return problem(c, code, detail);
}
