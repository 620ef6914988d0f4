import type { Context, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { ERROR_CODES, type ErrorCode } from "../../protocol/error-codes.ts";
import { putIssuesInWords } from "../issue-words.ts";
import { log } from "../log.ts";
import { ConfigError } from "../variables.ts";
import type { AppEnv, FieldError, HttpArea } from "./app-env.ts";
import { refuse } from "./areas.ts";
import { serveAsset, type PagePartners } from "./page.ts";
import type { ProblemAnswer } from "./problem.ts";

putIssuesInWords();

/** The errors that zod found in a request. */
type Issues = readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];

/** The part of a zod result that `invalidRequest` reads, and where in the request it was. */
type Checked = { readonly target: string } & (
  | { readonly success: true }
  | { readonly success: false; readonly error: { readonly issues: Issues } }
);

/** Hook of every validated route: refuses an invalid request, with the place of each error. */
export function invalidRequest(result: Checked, c: Context<AppEnv>): Response | undefined {
  if (result.success) return undefined;
  const { issues } = result.error;
  return invalidFields(c, result.target === "query" ? issues.map(issueOfQuery(c)) : issues);
}

/** A parameter that stands twice in a query is a list, which no schema expects. */
const issueOfQuery =
  (c: Context<AppEnv>) =>
  (issue: Issues[number]): Issues[number] => {
    const isRepeated = (c.req.queries(String(issue.path[0])) ?? []).length > 1;
    return isRepeated ? { ...issue, message: "may be given only once" } : issue;
  };

/** Refuses a request with errors in its fields. The sentence for people describes the first error. */
export function invalidFields(c: Context<AppEnv>, issues: Issues): ProblemAnswer {
  const errors: FieldError[] = issues.map(({ path, message }) => ({
    pointer: path
      .map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`)
      .join(""),
    detail: message,
  }));
  const [first] = issues;
  const detail = first === undefined ? "It cannot be read" : sentenceOf(first.path, first.message);
  return refuse(c, { code: "invalid_request", detail: `${detail}.`, errors });
}

function sentenceOf(path: readonly PropertyKey[], message: string): string {
  const name = path.length === 0 ? "The request" : path.map(String).join(".");
  return /^(?:has|is|may|must) /.test(message) ? `${name} ${message}` : `${name}: ${message}`;
}

/** Our code for the 4xx status of a library's `HTTPException`. Any other 4xx is `invalid_request`. */
const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: "invalid_json",
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  405: "method_not_allowed",
  413: "body_too_large",
  426: "upgrade_required",
  429: "rate_limited",
};

/** Answers for a thrown error: a bug, a missing variable, a restart of D1 or an object, or an unreadable body. */
export function unexpected(error: Error, c: Context<AppEnv>): Response {
  if (error instanceof ConfigError) {
    log("error", "config.invalid", { error });
    return refuse(c, { code: "unavailable", detail: error.message });
  }
  const { method, path } = c.req;
  if (error instanceof HTTPException && error.status < 500) {
    const code = CODE_OF_STATUS[error.status] ?? "invalid_request";
    const { title } = ERROR_CODES[code];
    const detail = code === "invalid_json" ? "The body must be JSON." : `${title}.`;
    return refuse(c, { code, detail });
  }
  if (isRestarting(error)) {
    log("warn", "http.unavailable", { method, path, error });
    return refuse(c, {
      code: "unavailable",
      detail: "A service that this request needs is restarting. Try again shortly.",
      headers: { "Retry-After": "2" },
    });
  }
  log("error", "http.failed", { method, path, error });
  return refuse(c, {
    code: "internal",
    detail: "The error was logged under this requestId. Try again, or report it.",
  });
}

/** D1's messages of temporary failures (developers.cloudflare.com/d1/observability/debug-d1). */
const D1_RESTARTS =
  /^D1_ERROR: .*(?:Network connection lost|caused object to be reset|code was updated|is overloaded|exceeded timeout)/s;

/** Whether the error reports that a Durable Object or D1 restarts or is overloaded. */
function isRestarting(error: Error): boolean {
  const { retryable, overloaded } = error as Error & { retryable?: unknown; overloaded?: unknown };
  if (retryable === true || overloaded === true || D1_RESTARTS.test(error.message)) return true;
  // Drizzle wraps the errors of D1.
  return error.cause instanceof Error && isRestarting(error.cause);
}

/** Answers when no route matches: with a file of the page outside of areas, a 405, or a 404. */
export function notFoundIn(
  app: Hono<AppEnv>,
  house: HttpArea,
  partners: PagePartners,
): (c: Context<AppEnv>) => Promise<Response> {
  return async (c) => {
    const { method, path } = c.req;
    if (c.get("area") === house && (method === "GET" || method === "HEAD")) {
      const asset = await serveAsset(c, partners);
      if (asset !== null) return asset;
    }
    const allowed = methodsAt(app, path);
    if (allowed.length === 0) {
      const own = c.get("area").unknownPath?.(path);
      const detail = own ?? "There is nothing at this path. /docs lists what there is.";
      return refuse(c, { code: "not_found", detail });
    }
    const list = allowed.join(", ");
    const detail = `This path takes ${list}.`;
    return refuse(c, { code: "method_not_allowed", detail, headers: { Allow: list } });
  };
}

function methodsAt(app: Hono<AppEnv>, path: string): string[] {
  const methods = app.routes
    .filter((route) => route.method !== "ALL" && matches(route.path, path))
    .map((route) => route.method);
  if (methods.includes("GET")) methods.push("HEAD");
  return [...new Set(methods)].toSorted();
}

function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split("/");
  const parts = path.split("/");
  return (
    wanted.length === parts.length &&
    wanted.every((part, i) => part === parts[i] || (part.startsWith(":") && parts[i] !== ""))
  );
}
