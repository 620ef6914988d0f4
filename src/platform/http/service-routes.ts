import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import { VERSION } from "../openapi.ts";
import type { AppEnv } from "./app-env.ts";
import { errorsHtml } from "./error-reference.ts";
import { limitsHtml } from "./limit-reference.ts";
import { serveAsset, type PagePartners } from "./page.ts";

const health = createRoute({
  method: "get",
  path: "/health",
  operationId: "service.health",
  tags: ["service"],
  summary: "Whether the Worker runs; asks nobody else",
  responses: {
    200: {
      description: "It runs",
      content: {
        "text/plain": { schema: z.literal("ok") },
        "application/json": {
          schema: z.object({
            status: z.literal("healthy"),
            timestamp: z.iso.datetime(),
            version: z.string(),
          }),
        },
      },
    },
  },
});

/** What a deployment's areas make of the answers of its own routes. */
export type Service = {
  /** What clients of some areas look for in `GET /`. */
  readonly greeting: string | null;
  /** Whether nobody expects `/health` to be a text. */
  readonly isHealthJson: boolean;
};

/** Routes of the deployment itself (rooms.md §1, ARCHITECTURE.md §4). */
export function mountService(
  app: OpenAPIHono<AppEnv>,
  partners: PagePartners,
  { greeting, isHealthJson }: Service,
): void {
  app.openapi(health, (c) => {
    c.header("Vary", "Accept");
    c.header("Cache-Control", "no-store");
    const isJson = isHealthJson || accepts(c.req.header("Accept"), "application/json");
    if (!isJson) return c.text("ok" as const, 200);
    const timestamp = new Date().toISOString();
    return c.json({ status: "healthy" as const, timestamp, version: VERSION }, 200);
  });

  // The `type` of a problem points to /docs/errors. /docs itself is a file of the page.
  app.get("/docs/errors", (c) => c.html(errorsHtml(), 200, REFERENCE_HEADERS));
  app.get("/docs/", (c) => c.redirect("/docs", 308));
  app.get("/docs/limits", (c) => c.html(limitsHtml(), 200, REFERENCE_HEADERS));

  app.get("/", async (c) => {
    const isBrowser = accepts(c.req.header("Accept"), "text/html");
    const page = isBrowser && partners(c.env) !== null ? await serveAsset(c, partners) : null;
    const answer =
      page ??
      c.json({
        name: "GuildHub",
        ...(greeting === null ? {} : { message: greeting }),
        version: VERSION,
        environment: c.env.ENVIRONMENT ?? "production",
        timestamp: new Date().toISOString(),
        docs: "/docs",
        openapi: "/openapi.json",
        asyncapi: "/asyncapi.json",
      });
    answer.headers.append("Vary", "Accept");
    return answer;
  });
}

/** Headers of the reference pages, which are static and have no scripts. */
const REFERENCE_HEADERS = {
  "Content-Security-Policy":
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
  "Cache-Control": "no-cache",
};

function accepts(header: string | undefined, type: string): boolean {
  return header?.toLowerCase().includes(type) === true;
}
