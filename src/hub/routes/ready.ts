import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import { configOf, type Env } from "../../env.ts";
import { systemClock } from "../../platform/clock.ts";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { log } from "../../platform/log.ts";
import { READY_FRESH_MS } from "../../protocol/limits.ts";
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

type Answer = z.infer<typeof Ready>;

/**
 * `GET /ready` (rooms.md §1). Anybody may ask, so that an answer is given again for a moment. While one
 * request asks anew, the others get the last one; of a request that was cancelled nobody waits for anything.
 */
export function mountReady(app: OpenAPIHono<AppEnv>, features: readonly Feature[]): void {
  let last: { readonly answer: Answer; readonly until: number } | null = null;
  let askedAgainAt = 0;
  app.openapi(route, async (c) => {
    const now = systemClock();
    // Says by name which variable is missing, also while an answer is remembered.
    configOf(c.env);
    const isAsked = now < askedAgainAt;
    if (last === null || (now >= last.until && !isAsked)) {
      askedAgainAt = now + CHECK_TIMEOUT_MS;
      const answer = await checkAll(c.env, features);
      last = { answer, until: systemClock() + READY_FRESH_MS };
      askedAgainAt = 0;
    }
    const { answer } = last;
    return c.json(answer, answer.ready ? 200 : 503, { "Cache-Control": "no-store" });
  });
}

async function checkAll(env: Env, features: readonly Feature[]): Promise<Answer> {
  const { primaryGuildId } = configOf(env);
  const [d1, hub, ...parts] = await Promise.all([
    works("d1", () => env.DB.prepare("SELECT 1 FROM rooms LIMIT 1").all()),
    works("hub", () => hubPublisher(env).status(primaryGuildId)),
    ...features.flatMap(({ check, name }) =>
      check === undefined ? [] : [checkFeature(name, () => check(env))],
    ),
  ]);
  const ready = d1 && hub && parts.every((part) => part.ready);
  const checks = Object.assign({ d1, hub }, ...parts.map((part) => part.facts)) as Answer["checks"];
  return { ready, checks };
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
