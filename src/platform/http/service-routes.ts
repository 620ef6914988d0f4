import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import { configOf } from "../../env.ts";
import { VERSION } from "../version.ts";
import type { AppEnv } from "./app-env.ts";
import { errorsHtml } from "./error-reference.ts";
import { limitsHtml } from "./limit-reference.ts";
import { serveAsset } from "./page.ts";
import { problems } from "./problem.ts";

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

const pageConfig = createRoute({
  method: "get",
  path: "/config.json",
  operationId: "service.pageConfig",
  tags: ["service"],
  summary: "What the page needs to sign a person in; nothing secret",
  responses: {
    200: {
      description: "Addresses and ids",
      content: {
        "application/json": {
          schema: z.object({
            issuer: z.url(),
            clientId: z.string().nullable(),
            audience: z.string(),
            guildId: z.string(),
            matches: z.boolean().openapi({ description: "Whether FACEIT matches are set up" }),
            roomIdleMinutes: z.number().openapi({
              description: "A room that stays empty for so long ends by itself; 0: it never does",
            }),
          }),
        },
      },
    },
    ...problems(),
  },
});

/** Routes of the deployment itself (rooms.md §1, ARCHITECTURE.md §6). */
export function mountService(app: OpenAPIHono<AppEnv>): void {
  app.openapi(health, (c) => {
    c.header("Vary", "Accept");
    c.header("Cache-Control", "no-store");
    if (!accepts(c.req.header("Accept"), "application/json")) return c.text("ok" as const, 200);
    const timestamp = new Date().toISOString();
    return c.json({ status: "healthy" as const, timestamp, version: VERSION }, 200);
  });

  app.openapi(pageConfig, (c) => {
    const { jwt, oidcClientId, primaryGuildId, faceit, roomIdleMs } = configOf(c.env);
    return c.json(
      {
        issuer: jwt.issuer,
        clientId: oidcClientId ?? null,
        audience: jwt.audience,
        guildId: primaryGuildId,
        matches: faceit.webhookSecrets.length > 0,
        roomIdleMinutes: roomIdleMs / 60_000,
      },
      200,
      { "Cache-Control": "no-store" },
    );
  });

  // Where the `type` of a problem points, and its neighbour. /docs itself is a file of the page.
  app.get("/docs/errors", (c) => c.html(errorsHtml(), 200, REFERENCE_HEADERS));
  app.get("/docs/", (c) => c.redirect("/docs", 308));
  app.get("/docs/limits", (c) => c.html(limitsHtml(), 200, REFERENCE_HEADERS));

  app.get("/", async (c) => {
    const page = accepts(c.req.header("Accept"), "text/html") ? await serveAsset(c) : null;
    const answer =
      page ??
      c.json({
        name: "GuildHub",
        version: VERSION,
        docs: "/docs",
        openapi: "/openapi.json",
        asyncapi: "/asyncapi.json",
      });
    answer.headers.append("Vary", "Accept");
    return answer;
  });
}

/** These pages are made of constants and run nothing. */
const REFERENCE_HEADERS = {
  "Content-Security-Policy":
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
  "Cache-Control": "no-cache",
};

function accepts(header: string | undefined, type: string): boolean {
  return header?.toLowerCase().includes(type) === true;
}
