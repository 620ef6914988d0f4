import { createMiddleware } from "hono/factory";
import type { AppEnv } from "./app-env.ts";

/** Methods that change nothing (RFC 9110 §9.2.1). */
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * A client that hangs up cancels its request: in workerd nothing after the next await runs, `finally`
 * included. So whatever may change something is worked on under `waitUntil`, which lets it come to its
 * end: no half of it stays undone, no idempotency key stays in flight, and no room stays `creating`.
 * @param changesBy paths whose GET changes something as well
 */
export function toItsEnd(changesBy: (path: string) => boolean) {
  return createMiddleware<AppEnv>(async (c, next) => {
    if (SAFE_METHODS.has(c.req.method) && !changesBy(c.req.path)) return next();
    const work = next();
    c.executionCtx.waitUntil(work);
    return work;
  });
}
