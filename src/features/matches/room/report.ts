import type { Action } from "./action.ts";
import type { Outcome } from "./settle.ts";

/** A line of the log about something outside that did not do what it was asked. */
export type FailureLine = {
  readonly event: "match.faceit_failed" | "match.discord_failed";
  readonly facts: Readonly<Record<string, unknown>>;
};

/** What an operator has to know of an outcome; null: nothing. Pauses that were asked for are no trouble. */
export function failureLineOf(action: Action, outcome: Outcome): FailureLine | null {
  if (!("result" in outcome) || outcome.result.ok) return null;
  const { error } = outcome.result;
  if (error.kind === "rate_limited") return null;
  if (outcome.kind === "read") return { event: "match.faceit_failed", facts: { kind: error.kind } };
  const code = "code" in error ? { code: error.code } : {};
  return { event: "match.discord_failed", facts: { what: action.kind, kind: error.kind, ...code } };
}
