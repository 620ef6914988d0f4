import { CATEGORY_FULL, GUILD_FULL, UNKNOWN_CHANNEL } from "./constants.ts";

/** One request to Discord's REST API v10, as data that the Worker sends to `DiscordRest`. */
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
   * Name of a caller that returns by itself when it is told to wait. Its turn is kept under this name. Absent: a
   * person waits for the answer.
   */
  readonly caller?: string;
  /** Tells the calls of a named caller apart when their parameters are equal. */
  readonly about?: string;
  /** The category of a new channel. */
  readonly within?: string;
};

/**
 * Why a call did not succeed. Features turn it into failures of their own, so that clients learn nothing about
 * our limits at Discord or our token.
 */
export type DiscordFailure =
  /** Discord refused the call. `code` is Discord's JSON error code, 0 when the answer has none. */
  | {
      readonly kind: "refused";
      readonly status: number;
      readonly code: number;
      readonly message: string;
      /** Discord's codes for each error of an invalid form (50035). Not for answers to clients. */
      readonly formErrors?: readonly string[];
    }
  /** An unusable answer: 5xx, or a body that is not as documented. */
  | { readonly kind: "failed"; readonly status: number }
  /** No answer arrived, so the call may or may not have had its effect. */
  | { readonly kind: "unknown_outcome" }
  /** A limit of Discord is used up. The call had no effect. */
  | { readonly kind: "rate_limited"; readonly retryAfterMs: number }
  /** Discord refuses the bot token. No call is sent for a while. */
  | { readonly kind: "unauthorized"; readonly retryAfterMs: number };

/** The outcome of a call. `text` is the raw body, at most {@link RESPONSE_MAX_BYTES}. */
export type DiscordAnswer =
  | { readonly kind: "answered"; readonly status: number; readonly text: string }
  | DiscordFailure;

/** Bytes of a response that are read. Our largest response is a guild's list of 500 channels. */
export const RESPONSE_MAX_BYTES = 4 * 1024 * 1024;

/** Discord counts limits per route and per one of these ids in its path (discord.md §2 REST). */
const MAJOR_PARAMETERS = ["guildId", "channelId"] as const;

/** The key of Discord's rate limits: the route as written, and its major id. */
export type RateLimitRoute = { readonly name: string; readonly major: string };

/** The rate-limit identity of a call. */
export function rateLimitRouteOf(call: DiscordCall): RateLimitRoute {
  const major = MAJOR_PARAMETERS.map((name) => call.params[name]).find((id) => id !== undefined);
  return { name: `${call.method} ${call.route}`, major: major ?? "" };
}

/** The key under which the turn of a named caller's call is kept. A repeated call has the same key. */
export function placeOf({ caller, method, route, params, about }: DiscordCall): string | undefined {
  if (caller === undefined) return undefined;
  return [caller, method, route, ...Object.values(params), about ?? ""].join(" ");
}

/** The URL of a call. Ids are escaped, so that an id cannot change the path. */
export function urlOf(call: DiscordCall, baseUrl: string): string {
  const path = call.route.replaceAll(/:(\w+)/g, (_, name: string) =>
    encodeURIComponent(call.params[name] ?? ""),
  );
  const query = call.query === undefined ? "" : `?${new URLSearchParams(call.query).toString()}`;
  return `${baseUrl}${path}${query}`;
}

/** Whether a repeated call has the same effect as one (RFC 9110 §9.2.2). */
export function isIdempotent(method: DiscordCall["method"]): boolean {
  return method === "GET" || method === "PUT" || method === "DELETE";
}

/** Whether Discord refused a call because the channel does not exist, or no longer exists. */
export function isUnknownChannel(refusal: {
  readonly status: number;
  readonly code: number;
}): boolean {
  return refusal.code === UNKNOWN_CHANNEL || refusal.status === 404;
}

/** Whether the category or the guild is full, so that another channel cannot be created in it; null: neither. */
export function fullPlace(failure: DiscordFailure): "category" | "guild" | null {
  if (failure.kind !== "refused") return null;
  if (failure.code === GUILD_FULL) return "guild";
  return failure.formErrors?.includes(CATEGORY_FULL) === true ? "category" : null;
}
