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
    /** Whose path it is, and so how it is answered. */
    area: HttpArea;
    /** Ours: stands in the answer's `X-Request-Id`, in problems and in the log. */
    requestId: string;
    /** Of what caused the request: stands in the log and on the events that it causes. */
    traceId: string;
    /** Set by `requireAuth`. */
    principal: Principal;
  };
};

/** One thing that is wrong with a request, and where (RFC 6901). */
export type FieldError = { readonly pointer: string; readonly detail: string };

/** What a failure may carry besides its code and text. */
export type FailureExtras = {
  /** Fields that HTTP asks for, such as `Retry-After` or `Allow`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Members of this kind of failure, such as `expected`. */
  readonly members?: Readonly<Record<string, unknown>>;
  readonly errors?: readonly FieldError[];
};

/** An expected failure, told apart by its code. How it leaves the Worker is its area's dialect. */
export type Failure = FailureExtras & {
  readonly code: ErrorCode;
  /** Tells the person what to do; nothing internal. */
  readonly detail: string;
};

/** Which pages of other origins may call a path, and what their scripts may send and read. */
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
  /** @returns null: no page of another origin may call this path */
  readonly cors: (path: string) => CorsPolicy | null;
  /** Bytes that a body may have. @returns null: the body reaches its route untouched, which has a limit of its own */
  readonly bodyLimit: (path: string) => number | null;
  /** Whether a body with a limit is read as JSON, whatever its `Content-Type` says. */
  readonly anyBodyIsJson: boolean;
  /** Who sends a request. `requireAuth` asks. */
  readonly authenticate: (c: Context<AppEnv>) => Promise<Result<Principal, Failure>>;
  /** The same for the OpenAPI document, by the name that its operations use. */
  readonly securityScheme: Readonly<
    Record<string, Parameters<OpenAPIHono["openAPIRegistry"]["registerComponent"]>[2]>
  >;
  /** What an answer says of the limits that a request was counted by. */
  readonly rateLimitHeaders: (
    decisions: readonly RateLimitDecision[],
  ) => Readonly<Record<string, string>>;
  /** Counts each request but a preflight before anything is read; absent: each route has limits of its own. */
  readonly rateLimit?: (c: Context<AppEnv>) => RateLimit;
};

/** An area as HTTP sees it. */
export type HttpArea = HttpDialect & {
  readonly name: string;
  /** Whether a path belongs to it, also one that no route answers. Areas share none. */
  readonly owns: (path: string) => boolean;
  /** Whether a GET of this path changes something all the same: it is worked on to its end. */
  readonly changesByGet?: (path: string) => boolean;
  /** Its chapters of the OpenAPI document. */
  readonly tags: readonly { readonly name: string; readonly description: string }[];
};
