import type { Context } from "hono";
import type { DiscordFailure } from "../../platform/discord/call.ts";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { problem, type ProblemAnswer, retryAfter } from "../../platform/http/problem.ts";

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

/** The one place where failures of rooms become problem documents (rooms.md §1). */
export function renderFailure(c: Context<AppEnv>, failure: RoomFailure): ProblemAnswer {
  switch (failure.kind) {
    case "not_found":
      return problem(c, "room_not_found", "There is no such room, or you may not see it.");
    case "not_yours":
      return problem(
        c,
        "forbidden",
        "Only the room's creator, or someone with the scope rooms:manage, may end it.",
      );
    case "forbidden_guild":
      return problem(c, "forbidden_guild", "Your token's guilds claim does not list this guild.");
    case "discord_account_needed":
      return problem(
        c,
        "discord_account_needed",
        "Your token does not say which Discord account is yours, so a private room would keep you out. Sign in with Discord, or link Discord at your identity provider, and get a new token with the claim discord_id.",
      );
    case "discord":
      return renderDiscordFailure(c, failure.failure);
    case "undecided":
      return problem(
        c,
        "discord_failed",
        "Discord did not say whether it created the channel. The server is finding out: repeat the request with the same idempotency key in a minute.",
      );
  }
}

/** Callers see only the code and message of Discord's answer. */
function renderDiscordFailure(c: Context<AppEnv>, failure: DiscordFailure): ProblemAnswer {
  switch (failure.kind) {
    case "refused": {
      const { code, message } = failure;
      const detail = `Discord refused: ${message === "" ? "no reason given" : message}.`;
      return problem(c, "discord_refused", detail, { members: { discord: { code, message } } });
    }
    case "failed":
      return problem(c, "discord_failed", "Discord answered with an error. Try again.");
    case "unknown_outcome":
      return problem(c, "discord_failed", "Discord did not answer in time. Try again.");
    case "rate_limited":
      return problem(
        c,
        "discord_rate_limited",
        "Discord asks us to wait. Try again after the time in Retry-After.",
        { headers: retryAfter(failure.retryAfterMs) },
      );
    case "unauthorized":
      return problem(
        c,
        "discord_refused",
        "Discord does not accept our bot. The operator of this server must check its token.",
        { headers: retryAfter(failure.retryAfterMs) },
      );
  }
}
