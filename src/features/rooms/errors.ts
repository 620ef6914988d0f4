import type { Context } from "hono";
import type { DiscordFailure } from "../../platform/discord/call.ts";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { problem, type ProblemAnswer, retryAfter } from "../../platform/http/problem.ts";
import type { ErrorCode } from "../../protocol/error-codes.ts";

/** Why an operation on rooms failed. */
export type RoomFailure =
  /** No such room, or this person may not see it. */
  | { readonly kind: "not_found" }
  /** Only the creator and those who manage rooms may do this. */
  | { readonly kind: "not_yours" }
  | { readonly kind: "forbidden_guild" }
  /** A private room would lock out its creator, whose Discord account the token does not name. */
  | { readonly kind: "discord_account_needed" }
  | { readonly kind: "discord"; readonly failure: DiscordFailure }
  /** It is not known yet whether Discord created the channel; the hub finds out. */
  | {
      readonly kind: "undecided";
      readonly failure: Extract<DiscordFailure, { kind: "failed" | "unknown_outcome" }>;
    };

/** The contents of a problem document. */
type RoomProblem = {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly retryAfterMs?: number;
  /** Discord's own code and message. Callers see nothing else of Discord's answer. */
  readonly discord?: { readonly code: number; readonly message: string };
};

/** The one place where failures of rooms become problem documents (rooms.md §1). */
function toProblem(failure: RoomFailure): RoomProblem {
  switch (failure.kind) {
    case "not_found":
      return { code: "room_not_found", detail: "There is no such room, or you may not see it." };
    case "not_yours":
      return {
        code: "forbidden",
        detail: "Only the room's creator, or someone with the scope rooms:manage, may end it.",
      };
    case "forbidden_guild":
      return {
        code: "forbidden_guild",
        detail: "Your token's guilds claim does not list this guild.",
      };
    case "discord_account_needed":
      return {
        code: "discord_account_needed",
        detail:
          "Your token does not say which Discord account is yours, so a private room would keep you out. Sign in with Discord, or link Discord at your identity provider, and get a new token with the claim discord_id.",
      };
    case "discord":
      return discordProblem(failure.failure);
    case "undecided":
      return {
        code: "discord_failed",
        detail:
          "Discord did not say whether it created the channel. The server is finding out: repeat the request with the same idempotency key in a minute.",
      };
  }
}

function discordProblem(failure: DiscordFailure): RoomProblem {
  switch (failure.kind) {
    case "refused":
      return {
        code: "discord_refused",
        detail: `Discord refused: ${failure.message === "" ? "no reason given" : failure.message}.`,
        discord: { code: failure.code, message: failure.message },
      };
    case "failed":
      return { code: "discord_failed", detail: "Discord answered with an error. Try again." };
    case "unknown_outcome":
      return { code: "discord_failed", detail: "Discord did not answer in time. Try again." };
    case "rate_limited":
      return {
        code: "discord_rate_limited",
        detail: "Discord asks us to wait. Try again after the time in Retry-After.",
        retryAfterMs: failure.retryAfterMs,
      };
    case "unauthorized":
      return {
        code: "discord_refused",
        detail: "Discord does not accept our bot. Whoever runs this server must check its token.",
        retryAfterMs: failure.retryAfterMs,
      };
  }
}

/** Answers a failure. */
export function renderFailure(c: Context<AppEnv>, failure: RoomFailure): ProblemAnswer {
  const { code, detail, retryAfterMs, discord } = toProblem(failure);
  return problem(c, code, detail, {
    ...(retryAfterMs === undefined ? {} : { headers: retryAfter(retryAfterMs) }),
    ...(discord === undefined ? {} : { members: { discord } }),
  });
}
