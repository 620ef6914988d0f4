import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import { z } from "zod";
import { err, ok, type Result } from "../../src/platform/result.ts";
import { isLocalOrigin } from "./server.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;

/** A delay that a test sets, milliseconds. */
export const Milliseconds = z.int().min(0).max(DAY_MS);

/** The HTTP status of a fault; 0 closes the connection without an answer. */
export const FaultStatus = z.union([z.literal(0), z.int().min(200).max(599)]).default(500);

/**
 * The JSON to answer; undefined: `{"ok":true}`. A failure is a message, with status 400 unless it has another one.
 */
export type ControlOutcome = Result<
  unknown,
  string | { readonly status: 404 | 502; readonly error: string }
>;

/** The outcome of a call that has no result. */
export const DONE = ok(undefined);

/** The outcome when the named object does not exist. @param what for example `channel` */
export function noSuch(what: string): ControlOutcome {
  return err({ status: 404, error: `there is no such ${what}` });
}

/** A call of a control API. If the path has `:id`, `run` gets that part. */
export interface ControlRoute {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly run: (c: Context, id: string) => ControlOutcome | Promise<ControlOutcome>;
}

export function onGet(path: string, read: () => unknown): ControlRoute {
  return { method: "GET", path, run: () => ok(read()) };
}

export function onDelete(path: string, remove: (id: string) => ControlOutcome): ControlRoute {
  return { method: "DELETE", path, run: (_, id) => remove(id) };
}

export function onPost<T>(
  path: string,
  schema: z.ZodType<T>,
  work: (body: T, id: string) => ControlOutcome | Promise<ControlOutcome>,
): ControlRoute {
  return {
    method: "POST",
    path,
    run: async (c, id) => {
      const json: unknown = await c.req.json().catch(() => undefined);
      if (json === undefined) return err("the body is not JSON");
      const body = schema.safeParse(json);
      return body.success ? work(body.data, id) : err(problemsOf(body.error));
    },
  };
}

/** The problems of a body as one text. */
export function problemsOf({ issues }: z.ZodError): string {
  const problems = issues.map(({ path, message }) =>
    path.length === 0 ? `body: ${message}` : `${path.join(".")}: ${message}`,
  );
  return problems.join("; ");
}

/**
 * A double's control API. It accepts only callers without an `Origin` and pages of this machine. Names on the
 * internet are refused for the whole double (`server.ts`).
 */
export function controlApi(routes: readonly ControlRoute[]): Hono {
  const api = new Hono();
  api.use(
    // A page of another site must not control the double, even in the developer's browser.
    async (c, next) => {
      const origin = c.req.header("origin");
      if (origin === undefined || isLocalOrigin(origin)) return next();
      return c.json({ error: "only pages of this machine may call the control API" }, 403);
    },
    cors({ origin: (origin) => (isLocalOrigin(origin) ? origin : null) }),
  );
  for (const { method, path, run } of routes) {
    api.on(method, path, async (c) => {
      const outcome = await run(c, c.req.param("id") ?? "");
      if (outcome.ok) return c.json(outcome.value ?? { ok: true });
      const { error } = outcome;
      return typeof error === "string"
        ? c.json({ error }, 400)
        : c.json({ error: error.error }, error.status);
    });
  }
  return api.all("/*", (c) =>
    c.json({ error: "there is no such control call; see README.md" }, 404),
  );
}

/**
 * Calls the control API of a double.
 * @param double where it listens
 * @param path below `/_control`
 * @returns the JSON of the answer; its types are those of the double's own code
 * @throws with the answer's text when the status is not 200
 */
export async function control<T = Record<string, unknown>>(
  { url }: { readonly url: string },
  method: ControlRoute["method"],
  path: string,
  body?: unknown,
): Promise<T> {
  const response = await fetch(`${url}/_control${path}`, {
    method,
    headers: { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.status !== 200) {
    throw new Error(`${method} ${url}/_control${path}: ${response.status} ${text}`);
  }
  return JSON.parse(text) as T;
}

/** Calls the control API of a double. */
export class ControlClient {
  readonly #double: { readonly url: string };

  /** @param double where it listens */
  constructor(double: { readonly url: string }) {
    this.#double = double;
  }

  protected get<T>(path: string): Promise<T> {
    return control(this.#double, "GET", path);
  }

  protected post<T>(path: string, body?: unknown): Promise<T> {
    return control(this.#double, "POST", path, body);
  }

  protected delete<T>(path: string): Promise<T> {
    return control(this.#double, "DELETE", path);
  }
}
