import { CATEGORY_FULL, GUILD_FULL, UNKNOWN_CHANNEL } from "./constants.ts";

/** One request to Discord's REST API v10, as data: it crosses from the Worker to the one caller. */
export type DiscordCall = {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path below the API's base, with `:name` for each of {@link params}. */
  readonly route: `/${string}`;
  readonly params: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body?: string;
  /** Shown in the guild's audit log, 1 to 512 characters. */
  readonly reason?: string;
  /**
   * Who asks, of callers that come back when they are told to: it keeps their turn. Absent: somebody
   * waits for the answer.
   */
  readonly caller?: string;
  /** What a named caller's call is about, where its parameters do not say it. */
  readonly about?: string;
  /** The category that a new channel is to be in. */
  readonly within?: string;
};

/**
 * Why a call did not succeed. What Discord says of its own limits and our token stays in here;
 * features turn it into their own failures.
 */
export type DiscordFailure =
  /** Discord understood and said no. `code` is Discord's JSON error code, 0 when it gave none. */
  | {
      readonly kind: "refused";
      readonly status: number;
      readonly code: number;
      readonly message: string;
      /** Of an invalid form (50035): Discord's codes of what is wrong with it. Not for answers. */
      readonly formErrors?: readonly string[];
    }
  /** An answer that is none: 5xx, or a body that is not what was asked for. */
  | { readonly kind: "failed"; readonly status: number }
  /** No answer came, so the call may or may not have had its effect. */
  | { readonly kind: "unknown_outcome" }
  /** Discord asks for a pause. The call had no effect. */
  | { readonly kind: "rate_limited"; readonly retryAfterMs: number }
  /** Discord refuses the bot token: nobody calls again for a while. */
  | { readonly kind: "unauthorized"; readonly retryAfterMs: number };

/** What became of a call. `text` is the body as it came, at most {@link RESPONSE_MAX_BYTES}. */
export type DiscordAnswer =
  | { readonly kind: "answered"; readonly status: number; readonly text: string }
  | DiscordFailure;

/** Bytes of a response that are read. The largest we ask for is a guild's 500 channels. */
export const RESPONSE_MAX_BYTES = 4 * 1024 * 1024;

/** Discord counts limits per route and per one of these ids in it (discord.md §2 REST). */
const MAJOR_PARAMETERS = ["guildId", "channelId"] as const;

/** What Discord's rate limits are kept by: the route as written, and its major id. */
export type RateLimitRoute = { readonly name: string; readonly major: string };

/** The rate-limit identity of a call. */
export function rateLimitRouteOf(call: DiscordCall): RateLimitRoute {
  const major = MAJOR_PARAMETERS.map((name) => call.params[name]).find((id) => id !== undefined);
  return { name: `${call.method} ${call.route}`, major: major ?? "" };
}

/** What the turn of a named caller's call is kept by: the same when it is asked for again. */
export function placeOf({ caller, method, route, params, about }: DiscordCall): string | undefined {
  if (caller === undefined) return undefined;
  return [caller, method, route, ...Object.values(params), about ?? ""].join(" ");
}

/** The URL of a call. Ids are escaped, so that none of them can reach another path. */
export function urlOf(call: DiscordCall, baseUrl: string): string {
  const path = call.route.replaceAll(/:(\w+)/g, (_, name: string) =>
    encodeURIComponent(call.params[name] ?? ""),
  );
  const query = call.query === undefined ? "" : `?${new URLSearchParams(call.query).toString()}`;
  return `${baseUrl}${path}${query}`;
}

/** Whether doing it twice has the effect of doing it once (RFC 9110 §9.2.2). */
export function isIdempotent(method: DiscordCall["method"]): boolean {
  return method === "GET" || method === "PUT" || method === "DELETE";
}

/** Whether a refusal says that the channel does not exist (any more). */
export function isUnknownChannel(refusal: {
  readonly status: number;
  readonly code: number;
}): boolean {
  return refusal.code === UNKNOWN_CHANNEL || refusal.status === 404;
}

/** Whether there is no room for another channel: in the category that was named, or in the guild. */
export function fullPlace(failure: DiscordFailure): "category" | "guild" | null {
  if (failure.kind !== "refused") return null;
  if (failure.code === GUILD_FULL) return "guild";
  return failure.formErrors?.includes(CATEGORY_FULL) === true ? "category" : null;
}
