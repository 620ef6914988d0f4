import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import { matchesConfigOf } from "./features/matches/config.ts";
import { roomsConfigOf } from "./features/rooms/config.ts";
import type { PagePartners } from "./platform/http/page.ts";
import type { AppEnv } from "./platform/http/app-env.ts";
import { problems } from "./platform/http/problem.ts";
import { jsonAnswer } from "./platform/openapi.ts";

const route = createRoute({
  method: "get",
  path: "/config.json",
  operationId: "service.pageConfig",
  tags: ["service"],
  summary: "What the page needs to sign a person in; nothing secret",
  responses: {
    200: jsonAnswer(
      "Addresses and ids",
      z.object({
        issuer: z.url(),
        clientId: z.string().nullable(),
        audience: z.string(),
        guildId: z.string(),
        matches: z.boolean().openapi({ description: "Whether FACEIT matches are set up" }),
        roomIdleMinutes: z.number().openapi({
          description: "A room that stays empty for so long ends by itself; 0: it never does",
        }),
      }),
    ),
    ...problems(),
  },
});

/** A running area. */
type Running = { readonly name: string };

const runs = (areas: readonly Running[], name: string): boolean =>
  areas.some((area) => area.name === name);

/** `GET /config.json`: the page's configuration, from the areas that have a part of the page. */
export function mountPageConfig(app: OpenAPIHono<AppEnv>, areas: readonly Running[]): void {
  if (!runs(areas, "rooms")) return;
  app.openapi(route, (c) => {
    const { jwt, oidcClientId, primaryGuildId, roomIdleMs } = roomsConfigOf(c.env);
    return c.json(
      {
        issuer: jwt.issuer,
        clientId: oidcClientId ?? null,
        audience: jwt.audience,
        guildId: primaryGuildId,
        matches: runs(areas, "matches") && matchesConfigOf(c.env).faceit.webhookSecrets.length > 0,
        roomIdleMinutes: roomIdleMs / 60_000,
      },
      200,
      { "Cache-Control": "no-store" },
    );
  });
}

/** The origins that the page may call besides the Worker: the provider, Discord, and a local FACEIT. */
export function pagePartners(areas: readonly Running[]): PagePartners {
  if (!runs(areas, "rooms")) return () => null;
  return (env) => {
    const { jwt, discordApiUrl } = roomsConfigOf(env);
    const faceit = runs(areas, "matches") ? matchesConfigOf(env).faceit.apiUrl : "";
    // The page controls a local FACEIT double. It never calls the real FACEIT.
    const local = faceit.startsWith("http:") ? [faceit] : [];
    const urls = [jwt.issuer, discordApiUrl, ...local];
    return { issuer: jwt.issuer, origins: urls.map((url) => new URL(url).origin) };
  };
}
