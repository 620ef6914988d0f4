import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { ErrorCode } from "../../protocol/error-codes.ts";
import type { Principal } from "../auth/principal.ts";
import type { PlatformEnv } from "../env.ts";
import type { RateLimit, RateLimitDecision } from "../rate-limit.ts";
import type { Result } from "../result.ts";

/** What a request carries through Hono. */
export type AppEnv = {
  readonly Bindings: PlatformEnv;
  readonly Variables: {
    /** The area that owns the path. Its dialect is used for the answer. */
    area: HttpArea;
    /** Created by us. It is in the answer's `X-Request-Id`, in problems and in the log. */
    requestId: string;
    /** Trace of the request's cause. It is in the log and on the events that the request causes. */
    traceId: string;
    /** Set by `requireAuth`. */
    principal: Principal;
  };
};

/** One thing that is wrong with a request, and where (RFC 6901). */
export type FieldError = { readonly pointer: string; readonly detail: string };

/** What a failure may carry besides its code and text. */
export type FailureExtras = {
  /** Header fields that HTTP requires, such as `Retry-After` or `Allow`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Members that only this kind of failure has, such as `expected`. */
  readonly members?: Readonly<Record<string, unknown>>;
  readonly errors?: readonly FieldError[];
};

/** An expected failure, identified by its code. The dialect of the area turns it into an answer. */
export type Failure = FailureExtras & {
  readonly code: ErrorCode;
  /** Tells the person what to do; nothing internal. */
  readonly detail: string;
};

/** Which origins may call a path, and what their scripts may send and read. */
export type CorsPolicy = {
  readonly allows: (origin: string, env: PlatformEnv) => boolean;
  readonly methods: readonly string[];
  readonly requestHeaders: readonly string[];
  readonly exposedHeaders: readonly string[];
};

/** How an area talks HTTP (ARCHITECTURE.md §4). Areas with the same clients share one. */
export type HttpDialect = {
  /** The one place that turns a failure into HTTP. */
  readonly failure: (c: Context<AppEnv>, failure: Failure) => Response;
  /** The text of the failure for a path without a route; absent: that of the house. */
  readonly unknownPath?: (path: string) => string;
  /** @returns null: no other origin may call this path */
  readonly cors: (path: string) => CorsPolicy | null;
  /** @returns bytes that a body may have; null: the route gets the body as it came, and has its own limit */
  readonly bodyLimit: (path: string) => number | null;
  /** Whether a body with a limit is read as JSON, whatever its `Content-Type` says. */
  readonly anyBodyIsJson: boolean;
  /** Finds the sender of a request. `requireAuth` calls it. */
  readonly authenticate: (c: Context<AppEnv>) => Promise<Result<Principal, Failure>>;
  /** The way of authenticating for the OpenAPI document, by the name that its operations use. */
  readonly securityScheme: Readonly<
    Record<string, Parameters<OpenAPIHono["openAPIRegistry"]["registerComponent"]>[2]>
  >;
  /** Header fields that report the limits by which a request was counted. */
  readonly rateLimitHeaders: (
    decisions: readonly RateLimitDecision[],
  ) => Readonly<Record<string, string>>;
  /** Limit of all requests except preflights, counted before the body is read; absent: each route has its own. */
  readonly rateLimit?: (c: Context<AppEnv>) => RateLimit;
};

/** An area as HTTP sees it. */
export type HttpArea = HttpDialect & {
  readonly name: string;
  /** Whether a path belongs to the area, even when no route answers it. No path belongs to two areas. */
  readonly owns: (path: string) => boolean;
  /** Whether several slashes at the start of its paths count as one: clients append a path to a URL that ends with one. */
  readonly joinsLeadingSlashes?: boolean;
  /** Whether a GET of this path changes something, and so is completed when the client disconnects. */
  readonly changesByGet?: (path: string) => boolean;
  /** The area's chapters of the OpenAPI document. */
  readonly tags: readonly { readonly name: string; readonly description: string }[];
};
