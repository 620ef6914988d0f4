import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import { configOf } from "../../env.ts";
import { VERSION } from "../version.ts";
import type { AppEnv } from "./app-env.ts";
import { errorsHtml } from "./error-reference.ts";
import { serveAsset } from "./page.ts";

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
          }),
        },
      },
    },
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
    const { jwt, oidcClientId, primaryGuildId } = configOf(c.env);
    return c.json(
      {
        issuer: jwt.issuer,
        clientId: oidcClientId ?? null,
        audience: jwt.audience,
        guildId: primaryGuildId,
      },
      200,
      { "Cache-Control": "no-store" },
    );
  });

  // Where the `type` of a problem points. /docs itself is a file of the page.
  app.get("/docs/errors", (c) =>
    c.html(errorsHtml(), 200, {
      "Content-Security-Policy":
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    }),
  );

  app.get("/", async (c) => {
    c.header("Vary", "Accept");
    if (accepts(c.req.header("Accept"), "text/html")) {
      const page = await serveAsset(c, "/");
      if (page !== null) return page;
    }
    return c.json({
      name: "GuildHub",
      version: VERSION,
      docs: "/docs",
      openapi: "/openapi.json",
      asyncapi: "/asyncapi.json",
    });
  });
}

function accepts(header: string | undefined, type: string): boolean {
  return header?.toLowerCase().includes(type) === true;
}
