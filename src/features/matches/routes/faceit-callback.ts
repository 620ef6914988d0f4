import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { readLinkCookie } from "../linking/browser-cookie.ts";
import { returnFromFaceit } from "../linking/return-from-faceit.ts";
import { answerLinkStep } from "./link-answer.ts";
import { PAGES } from "./link-pages.ts";

const PATH = "/faceit/callback";

const route = createRoute({
  operationId: "matches.linkCallback",
  method: "get",
  path: PATH,
  tags: ["matches"],
  summary: "For people: link FACEIT, the last step",
  description: "FACEIT's way back. What became of it is a page.",
  request: {
    query: z.object({
      state: z.string().optional(),
      code: z.string().optional(),
      error: z.string().optional(),
    }),
  },
  responses: PAGES,
});

/** `GET /faceit/callback` */
export function mountFaceitCallback(app: OpenAPIHono<AppEnv>): void {
  app.openAPIRegistry.registerPath(route);
  // Not through the validator: what is wrong is said on a page.
  app.get(PATH, (c) =>
    answerLinkStep(c, async ({ ports, isHttps }) => {
      const cookie = readLinkCookie(c, isHttps);
      const { state, code, error } = c.req.query();
      return returnFromFaceit(
        ports,
        { state, code, error },
        cookie?.browser,
        cookie?.discord ?? null,
      );
    }),
  );
}
