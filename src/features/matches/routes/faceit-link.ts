import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { readLinkCookie, setLinkCookie } from "../linking/browser-cookie.ts";
import { LINK_PATH } from "../linking/link-setup.ts";
import { openLink } from "../linking/open-link.ts";
import { returnFromDiscord } from "../linking/return-from-discord.ts";
import { answerLinkStep } from "./link-answer.ts";
import { PAGES } from "./link-pages.ts";

const route = createRoute({
  operationId: "matches.link",
  method: "get",
  path: LINK_PATH,
  tags: ["matches"],
  summary: "For people: link FACEIT, the first two steps",
  description:
    "The address that `/link` gives in Discord (`state`), which leads to Discord; and Discord's way back (`state` with `code` or `error`), which leads to FACEIT. Whatever goes wrong is a page.",
  request: {
    query: z.object({
      state: z.string().optional(),
      code: z.string().optional(),
      error: z.string().optional(),
    }),
  },
  responses: PAGES,
});

/** `GET /faceit/link` */
export function mountFaceitLink(app: OpenAPIHono<AppEnv>): void {
  app.openAPIRegistry.registerPath(route);
  // Not through the validator: what is wrong is said on a page.
  app.get(LINK_PATH, (c) =>
    answerLinkStep(c, async ({ ports, isHttps }) => {
      const cookie = readLinkCookie(c, isHttps);
      const { state, code, error } = c.req.query();
      if (code === undefined && error === undefined) {
        const opened = await openLink(ports, state, cookie?.browser);
        if (opened.kind !== "go") return opened;
        setLinkCookie(c, isHttps, { browser: opened.browser, discord: null });
        return c.redirect(opened.url);
      }
      const returned = await returnFromDiscord(ports, { state, code, error }, cookie?.browser);
      if (returned.kind !== "go") return returned;
      setLinkCookie(c, isHttps, {
        browser: returned.browser,
        discord: returned.discord,
      });
      return c.redirect(returned.url);
    }),
  );
}
