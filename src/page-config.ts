import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import { parseConfig } from "./config.ts";
import type { AppEnv } from "./platform/http/app-env.ts";
import { problems } from "./platform/http/problem.ts";

const route = createRoute({
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

/** `GET /config.json`: what the page is told of this deployment, by all areas. */
export function mountPageConfig(app: OpenAPIHono<AppEnv>): void {
  app.openapi(route, (c) => {
    const { jwt, oidcClientId, primaryGuildId, faceit, roomIdleMs } = parseConfig(c.env);
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
}

/** Where the page's scripts may call beside the Worker: the provider, Discord, and a FACEIT of this machine. */
export function pageOrigins(env: object): readonly string[] {
  const { jwt, discordApiUrl, faceit } = parseConfig(env);
  // The page steers a local FACEIT, and it never calls the real one.
  const local = faceit.apiUrl.startsWith("http:") ? [faceit.apiUrl] : [];
  return [jwt.issuer, discordApiUrl, ...local].map((url) => new URL(url).origin);
}
