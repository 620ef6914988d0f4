import { OpenAPIHono } from "@hono/zod-openapi";
import { createMiddleware } from "hono/factory";
import { bodyLimit } from "hono/body-limit";
import { parseConfig } from "./config.ts";
import { FEATURES } from "./features.ts";
import { mountAdmin } from "./hub/routes/admin.ts";
import { mountEvents } from "./hub/routes/events.ts";
import { mountReady } from "./hub/routes/ready.ts";
import { mountTicket } from "./hub/routes/ws-ticket.ts";
import { mountStream } from "./hub/routes/ws.ts";
import { mountPageConfig, pageOrigins } from "./page-config.ts";
import { asyncApiDocument, streamServers } from "./platform/asyncapi.ts";
import { mountInteractions } from "./platform/discord/interactions/mount-interactions.ts";
import type { AppEnv } from "./platform/http/app-env.ts";
import { invalidRequest, notFoundIn, unexpected } from "./platform/http/failures.ts";
import { allowedOrigins, requestLog, securityHeaders } from "./platform/http/headers.ts";
import { jsonBody } from "./platform/http/json-body.ts";
import { problem } from "./platform/http/problem.ts";
import { mountService } from "./platform/http/service-routes.ts";
import { declareSecurity, openApiDocument } from "./platform/openapi.ts";
import { REQUEST_BODY_MAX_BYTES } from "./protocol/limits.ts";

/** The Worker's HTTP side: middleware in the order in which it acts, then routes. */
export function createApp(): OpenAPIHono<AppEnv> {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: invalidRequest });
  app.onError(unexpected);
  app.notFound(notFoundIn(app, pageOrigins));

  app.use(toItsEnd);
  app.use(requestLog, securityHeaders);
  // Whatever is asked: the operator reads which variables are missing, of all areas at once.
  app.use((c, next) => {
    if (c.req.path !== "/health") parseConfig(c.env);
    return next();
  });
  app.use((c, next) => (isForPages(c.req.path) ? allowedOrigins(c, next) : next()));
  app.use(jsonBody);
  // What is signed, or comes from FACEIT, brings a limit of its own (rooms.md §4, matches-and-music.md §A3).
  const limit = bodyLimit({
    maxSize: REQUEST_BODY_MAX_BYTES,
    onError: (c) =>
      problem(c, "body_too_large", `A body may have ${REQUEST_BODY_MAX_BYTES} bytes. Send less.`),
  });
  app.use((c, next) => (hasOwnLimit(c.req.path) ? next() : limit(c, next)));

  declareSecurity(app);
  mountService(app, pageOrigins);
  mountPageConfig(app);
  mountReady(app, FEATURES);
  mountTicket(app);
  mountStream(app);
  mountEvents(app);
  mountAdmin(app);
  for (const feature of FEATURES) feature.mount(app);
  mountInteractions(
    app,
    FEATURES.flatMap(({ slashCommands }) => slashCommands ?? []),
  );

  const openApi = once(() => openApiDocument(app));
  const asyncApi = once(() => asyncApiDocument(FEATURES.flatMap((feature) => feature.events)));
  app.get("/openapi.json", (c) => c.json(openApi()));
  app.get("/asyncapi.json", (c) =>
    c.json({ ...asyncApi(), servers: streamServers(new URL(c.req.url)) }),
  );
  return app;
}

/** Methods that change nothing (RFC 9110 §9.2.1). */
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * A client that hangs up cancels its request: in workerd nothing after the next await runs, `finally`
 * included. So whatever may change something is worked on under `waitUntil`, which lets it come to its
 * end: no half of it stays undone, no idempotency key stays in flight, and no room stays `creating`.
 */
const toItsEnd = createMiddleware<AppEnv>(async (c, next) => {
  // Linking goes on by what a browser is sent to: a GET that changes something.
  if (SAFE_METHODS.has(c.req.method) && !isStepOfLinking(c.req.path)) return next();
  const work = next();
  c.executionCtx.waitUntil(work);
  return work;
});

function hasOwnLimit(path: string): boolean {
  return path.startsWith("/internal/") || path === "/faceit-webhook" || path === "/interactions";
}

/** Where Discord and FACEIT send a person's browser. */
function isStepOfLinking(path: string): boolean {
  return path.startsWith("/faceit/");
}

/** What Discord and FACEIT call, and where they send a person's browser, is no API for pages of others. */
function isForPages(path: string): boolean {
  return !isStepOfLinking(path) && path !== "/faceit-webhook" && path !== "/interactions";
}

/** Makes something when it is first asked for: a document takes longer than most requests. */
function once<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
