import { REQUEST_BODY_MAX_BYTES } from "../../protocol/limits.ts";
import { TRACEPARENT_HEADER } from "../../protocol/trace.ts";
import { authenticateByToken } from "../auth/require-auth.ts";
import { platformConfigOf } from "../config.ts";
import { rateLimitHeaders } from "../rate-limit.ts";
import { ConfigError } from "../variables.ts";
import type { CorsPolicy, HttpDialect } from "./app-env.ts";
import { problem } from "./problem.ts";

/** CORS for the origins in `WEB_ORIGIN` only (rooms.md §1). */
const PAGES: CorsPolicy = {
  allows: (origin, env) => webOrigins(env).includes(origin),
  methods: ["GET", "POST", "DELETE"],
  requestHeaders: [
    "Authorization",
    "Content-Type",
    "X-Idempotency-Key",
    "Idempotency-Key",
    TRACEPARENT_HEADER,
    "Last-Event-ID",
  ],
  exposedHeaders: ["X-Request-Id", "Retry-After", "RateLimit", "RateLimit-Policy"],
};

/** The HTTP dialect of rooms, matches and the hub: problems (RFC 9457), JSON, and the app's JWT. */
export const PROBLEM_DIALECT: HttpDialect = {
  failure: (c, { code, detail, ...extras }) => problem(c, code, detail, extras),
  cors: () => PAGES,
  bodyLimit: () => REQUEST_BODY_MAX_BYTES,
  anyBodyIsJson: true,
  authenticate: authenticateByToken,
  securityScheme: {
    bearer: {
      type: "http",
      scheme: "bearer",
      bearerFormat: "JWT",
      description: "Access token of the configured OpenID provider",
    },
  },
  rateLimitHeaders,
};

/** No origins while the configuration is invalid, because /health must answer then as well. */
function webOrigins(env: object): readonly string[] {
  try {
    return platformConfigOf(env).webOrigins;
  } catch (error) {
    if (error instanceof ConfigError) return [];
    throw error;
  }
}
