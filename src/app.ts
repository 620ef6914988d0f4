import { OpenAPIHono } from "@hono/zod-openapi";
import { parseConfig } from "./config.ts";
import { AREAS } from "./features.ts";
import type { Area } from "./hub/area.ts";
import { mountReady } from "./hub/routes/ready.ts";
import { mountPageConfig, pageOrigins } from "./page-config.ts";
import { asyncApiDocument, streamServers } from "./platform/asyncapi.ts";
import type { AppEnv, HttpArea } from "./platform/http/app-env.ts";
import {
  areaBody,
  areaCors,
  areaRateLimit,
  inItsArea,
  ownerOf,
  refuse,
  toItsEnd,
} from "./platform/http/areas.ts";
import { invalidRequest, notFoundIn, unexpected } from "./platform/http/failures.ts";
import { requestLog, securityHeaders } from "./platform/http/headers.ts";
import { PROBLEM_DIALECT } from "./platform/http/problem-dialect.ts";
import { mountService } from "./platform/http/service-routes.ts";
import { declareSecurity, documentOf, openApiDocument } from "./platform/openapi.ts";

/** Whose are the paths that no area owns: the deployment's own, and the page's. */
const HOUSE: HttpArea = {
  ...PROBLEM_DIALECT,
  name: "service",
  owns: () => true,
  tags: [{ name: "service", description: "Health and documents" }],
};

/** Methods that change nothing (RFC 9110 §9.2.1). */
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** The Worker's HTTP side: middleware in the order in which it acts, then routes. */
export function createApp(areas: readonly Area[] = AREAS): OpenAPIHono<AppEnv> {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: invalidRequest });
  app.onError(unexpected);
  app.notFound(notFoundIn(app, HOUSE, pageOrigins));

  app.use(inItsArea(areas, HOUSE));
  app.use((c, next) => (SAFE_METHODS.has(c.req.method) ? next() : toItsEnd(c, next)));
  app.use(requestLog, securityHeaders);
  // Whatever is asked: the operator reads which variables are missing, of all areas at once.
  app.use((c, next) => {
    if (c.req.path !== "/health") parseConfig(c.env);
    return next();
  });
  app.use(areaCors, areaRateLimit, areaBody);

  declareSecurity(app, areas);
  mountService(app, pageOrigins);
  mountPageConfig(app);
  mountReady(app, areas);
  for (const area of areas) area.mount(app, areas);

  const openApi = once(() => openApiOf(app, areas));
  const asyncApi = once(() => asyncApiDocument(areas.flatMap((area) => area.events)));
  app.get("/openapi.json", (c) => {
    const asked = c.req.query("area");
    if (asked === undefined) return c.json(openApi());
    const named = [...areas, HOUSE];
    const one = named.find(({ name }) => name === asked);
    if (one === undefined) {
      const names = named.map(({ name }) => name).join(", ");
      return refuse(c, { code: "invalid_request", detail: `area must be one of ${names}.` });
    }
    return c.json(documentOf(openApi(), (path) => ownerOf(areas, HOUSE, path) === one));
  });
  app.get("/asyncapi.json", (c) =>
    c.json({ ...asyncApi(), servers: streamServers(new URL(c.req.url)) }),
  );
  return app;
}

/** The OpenAPI document of an app with these areas. */
export function openApiOf(
  app: OpenAPIHono<AppEnv>,
  areas: readonly Area[],
): ReturnType<typeof openApiDocument> {
  return openApiDocument(app, [...areas, HOUSE]);
}

/** Makes something when it is first asked for: a document takes longer than most requests. */
function once<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
