import { OpenAPIHono } from "@hono/zod-openapi";
import { getPath } from "hono/utils/url";
import { AREAS, channelsOf, runningAreas } from "./features.ts";
import type { Area } from "./hub/area.ts";
import { mountReady } from "./hub/routes/ready.ts";
import { mountPageConfig, pagePartners } from "./page-config.ts";
import { asyncApiDocument, streamServers } from "./platform/asyncapi.ts";
import type { AppEnv, HttpArea } from "./platform/http/app-env.ts";
import {
  areaBody,
  areaCors,
  areaRateLimit,
  finishAfterDisconnect,
  inItsArea,
  ownerOf,
  refuse,
  routedPath,
} from "./platform/http/areas.ts";
import { invalidRequest, notFoundIn, unexpected } from "./platform/http/failures.ts";
import { requestLog, securityHeaders } from "./platform/http/headers.ts";
import { PROBLEM_DIALECT } from "./platform/http/problem-dialect.ts";
import { mountService, type Service } from "./platform/http/service-routes.ts";
import { collected, ConfigError } from "./platform/variables.ts";
import { declareSecurity, documentOf, openApiDocument } from "./platform/openapi.ts";

/** Owns the paths that belong to no area: the deployment's own, and the page's. */
const HOUSE: HttpArea = {
  ...PROBLEM_DIALECT,
  name: "service",
  owns: () => true,
  tags: [{ name: "service", description: "Health and documents" }],
};

/** Methods that change nothing (RFC 9110 §9.2.1). */
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * The HTTP side of the Worker: middleware in the order in which it runs, then routes.
 * @param areas the areas that run
 * @param refused the error in the variables that choose them
 */
export function createApp(
  areas: readonly Area[] = AREAS,
  refused?: ConfigError,
): OpenAPIHono<AppEnv> {
  const partners = pagePartners(areas);
  const app = new OpenAPIHono<AppEnv>({
    defaultHook: invalidRequest,
    getPath: (request) => routedPath(areas, getPath(request)),
  });
  app.onError(unexpected);
  app.notFound(notFoundIn(app, HOUSE, partners));

  app.use(inItsArea(areas, HOUSE));
  app.use((c, next) => {
    const isSafe = SAFE_METHODS.has(c.req.method);
    const changes = !isSafe || c.get("area").changesByGet?.(c.req.path) === true;
    return changes ? finishAfterDisconnect(c, next) : next();
  });
  app.use(requestLog, securityHeaders);
  // For every route, so that the operator reads all missing variables of all areas at once.
  app.use((c, next) => {
    if (c.req.path === "/health") return next();
    if (refused !== undefined) throw refused;
    checkVariables(areas, c.env);
    return next();
  });
  app.use(areaCors, areaRateLimit, areaBody);

  declareSecurity(app, areas);
  mountService(app, partners, serviceOf(areas));
  mountPageConfig(app, areas);
  mountReady(app, areas);
  for (const area of areas) area.mount(app, areas);

  const openApi = once(() => openApiOf(app, areas));
  const asyncApi = once(() => asyncApiDocument(channelsOf(areas)));
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

function serviceOf(areas: readonly Area[]): Service {
  // The parts that areas build on have no variables of their own.
  const chosen = areas.filter(({ config }) => config !== undefined);
  return {
    greeting: areas.find(({ greeting }) => greeting !== undefined)?.greeting ?? null,
    isHealthJson: chosen.length > 0 && chosen.every(({ greeting }) => greeting !== undefined),
  };
}

const apps = new WeakMap<object, OpenAPIHono<AppEnv>>();

/** The app of a deployment with these variables, created at its first request. */
export function appFor(env: object): OpenAPIHono<AppEnv> {
  const before = apps.get(env);
  if (before !== undefined) return before;
  const running = runningAreas(AREAS, env);
  const app = running.ok ? createApp(running.value) : createApp([], running.error);
  apps.set(env, app);
  return app;
}

/** @throws ConfigError that names each missing or malformed variable of all areas */
function checkVariables(areas: readonly Area[], env: object): void {
  const problems: string[] = [];
  for (const { config } of areas) collected(problems, () => config?.parse(env));
  if (problems.length > 0) throw new ConfigError(problems);
}

/** The OpenAPI document of an app with these areas. */
export function openApiOf(
  app: OpenAPIHono<AppEnv>,
  areas: readonly Area[],
): ReturnType<typeof openApiDocument> {
  return openApiDocument(app, [...areas, HOUSE]);
}

/** Creates a value at its first use and keeps it: a document takes longer than most requests. */
function once<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
