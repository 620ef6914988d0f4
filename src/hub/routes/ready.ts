import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import { configOf } from "../../env.ts";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { log } from "../../platform/log.ts";
import type { Feature } from "../feature.ts";
import { hubPublisher } from "../guild-hub-client.ts";

/** A check that has not answered after this time has failed, milliseconds. */
const CHECK_TIMEOUT_MS = 5_000;

const Ready = z
  .object({
    ready: z.boolean(),
    checks: z.looseObject({ d1: z.boolean(), hub: z.boolean() }),
  })
  .openapi("Ready");

const content = { "application/json": { schema: Ready } };

const route = createRoute({
  method: "get",
  path: "/ready",
  operationId: "service.ready",
  tags: ["service"],
  summary: "Whether everything that rooms need works",
  responses: {
    200: { description: "It does", content },
    503: { description: "Something does not: see `checks`", content },
  },
});

/** `GET /ready` (rooms.md §1). */
export function mountReady(app: OpenAPIHono<AppEnv>, features: readonly Feature[]): void {
  app.openapi(route, async (c) => {
    const { env } = c;
    const { primaryGuildId } = configOf(env);
    const [d1, hub, ...parts] = await Promise.all([
      works("d1", () => env.DB.prepare("SELECT 1 FROM rooms LIMIT 1").all()),
      works("hub", () => hubPublisher(env).status(primaryGuildId)),
      ...features.flatMap(({ check, name }) =>
        check === undefined ? [] : [checkFeature(name, () => check(env))],
      ),
    ]);
    const ready = d1 && hub && parts.every((part) => part.ready);
    const checks = Object.assign({ d1, hub }, ...parts.map((part) => part.facts)) as z.infer<
      typeof Ready
    >["checks"];
    return c.json({ ready, checks }, ready ? 200 : 503, { "Cache-Control": "no-store" });
  });
}

async function works(check: string, ask: () => Promise<unknown>): Promise<boolean> {
  try {
    await withinTime(ask());
    return true;
  } catch (error) {
    log("warn", "ready.failed", { check, error });
    return false;
  }
}

async function checkFeature(
  name: string,
  ask: () => ReturnType<NonNullable<Feature["check"]>>,
): ReturnType<NonNullable<Feature["check"]>> {
  try {
    return await withinTime(ask());
  } catch (error) {
    log("warn", "ready.failed", { check: name, error });
    return { ready: false, facts: { [name]: "does not answer" } };
  }
}

async function withinTime<T>(answer: Promise<T>): Promise<T> {
  const tooLate = scheduler.wait(CHECK_TIMEOUT_MS).then(() => {
    throw new Error(`no answer in ${CHECK_TIMEOUT_MS} ms`);
  });
  return Promise.race([answer, tooLate]);
}
