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
  summary: "Which parts the page has, and what it needs to sign a person in; nothing secret",
  responses: {
    200: jsonAnswer(
      "Addresses and ids",
      z.object({
        sync: z.boolean().openapi({ description: "Whether sync runs, which has its own accounts" }),
        // The rest is absent where rooms do not run.
        issuer: z.url().optional(),
        clientId: z.string().nullable().optional(),
        audience: z.string().optional(),
        guildId: z.string().optional(),
        matches: z
          .boolean()
          .optional()
          .openapi({ description: "Whether FACEIT matches are set up" }),
        roomIdleMinutes: z.number().optional().openapi({
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

/** Whether an area that runs has a part of the page. */
const hasPage = (areas: readonly Running[]): boolean => runs(areas, "rooms") || runs(areas, "sync");

/** `GET /config.json`: the page's configuration, from the areas that have a part of the page. */
export function mountPageConfig(app: OpenAPIHono<AppEnv>, areas: readonly Running[]): void {
  if (!hasPage(areas)) return;
  const sync = runs(areas, "sync");
  app.openapi(route, (c) => {
    if (!runs(areas, "rooms")) return c.json({ sync }, 200, FRESH);
    const { jwt, oidcClientId, primaryGuildId, roomIdleMs } = roomsConfigOf(c.env);
    return c.json(
      {
        sync,
        issuer: jwt.issuer,
        clientId: oidcClientId ?? null,
        audience: jwt.audience,
        guildId: primaryGuildId,
        matches: runs(areas, "matches") && matchesConfigOf(c.env).faceit.webhookSecrets.length > 0,
        roomIdleMinutes: roomIdleMs / 60_000,
      },
      200,
      FRESH,
    );
  });
}

const FRESH = { "Cache-Control": "no-store" };

/** Sync calls nobody but the Worker. */
const NOBODY = { issuer: null, origins: [] } as const;

/** The origins that the page may call besides the Worker: the provider, Discord, and a local FACEIT. */
export function pagePartners(areas: readonly Running[]): PagePartners {
  if (!runs(areas, "rooms")) return () => (hasPage(areas) ? NOBODY : null);
  return (env) => {
    const { jwt, discordApiUrl } = roomsConfigOf(env);
    const faceit = runs(areas, "matches") ? matchesConfigOf(env).faceit.apiUrl : "";
    // The page controls a local FACEIT double. It never calls the real FACEIT.
    const local = faceit.startsWith("http:") ? [faceit] : [];
    const urls = [jwt.issuer, discordApiUrl, ...local];
    return { issuer: jwt.issuer, origins: urls.map((url) => new URL(url).origin) };
  };
}
