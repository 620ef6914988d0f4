import { waitUntil } from "cloudflare:workers";
import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import { systemClock, within } from "../../platform/clock.ts";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { log } from "../../platform/log.ts";
import { jsonAnswer } from "../../platform/openapi.ts";
import { READY_FRESH_MS } from "../../protocol/limits.ts";
import type { Area } from "../area.ts";
import { hubEnv, type HubEnv } from "../env.ts";
import { guildConfigOf } from "../guild-config.ts";
import { GUILD_HUBS } from "../guild-kind.ts";
import { hubPublisher } from "../hub-client.ts";

/** A check that has not answered after this time has failed, milliseconds. */
const CHECK_TIMEOUT_MS = 5_000;
/** A request that waits for the first answer looks for it at this interval, milliseconds. */
const LOOK_EVERY_MS = 50;

type Answer = { readonly ready: boolean; readonly checks: { readonly d1: boolean } };

/** Whether a guild's hub has to answer: areas with other hubs have no hub that is always there. */
function hasHub(areas: readonly Area[]): boolean {
  return areas.some(({ hubs }) => hubs.includes(GUILD_HUBS.name));
}

function readyRoute(areas: readonly Area[]) {
  const hub = hasHub(areas) ? { hub: z.boolean() } : {};
  const checks = z.looseObject({ d1: z.boolean(), ...hub });
  const schema = z.object({ ready: z.boolean(), checks }).openapi("Ready");
  return createRoute({
    method: "get",
    path: "/ready",
    operationId: "service.ready",
    tags: ["service"],
    summary: "Whether everything that the areas need works",
    responses: {
      200: jsonAnswer("It does", schema),
      503: jsonAnswer("Something does not: see `checks`", schema),
    },
  });
}

/**
 * `GET /ready` (rooms.md §1). It is public, so an answer is reused for a moment. While one request runs the
 * checks, the others get the last answer, or wait for the first one. A cancelled request delays no other request.
 */
export function mountReady(app: OpenAPIHono<AppEnv>, areas: readonly Area[]): void {
  let last: { readonly answer: Answer; readonly until: number } | null = null;
  let askingUntil = 0;
  const ask = async (env: HubEnv): Promise<void> => {
    askingUntil = systemClock() + CHECK_TIMEOUT_MS;
    const answer = await checkAll(env, areas);
    last = { answer, until: systemClock() + READY_FRESH_MS };
    askingUntil = 0;
  };
  app.openapi(readyRoute(areas), async (c) => {
    for (;;) {
      const now = systemClock();
      const isAsked = now < askingUntil;
      if (last !== null && (now < last.until || isAsked)) break;
      if (isAsked) await scheduler.wait(LOOK_EVERY_MS);
      else {
        const asked = ask(hubEnv(c.env));
        waitUntil(asked);
        await asked;
      }
    }
    const { answer } = last;
    return c.json(answer, answer.ready ? 200 : 503, { "Cache-Control": "no-store" });
  });
}

async function checkAll(env: HubEnv, areas: readonly Area[]): Promise<Answer> {
  const [d1, hub, ...parts] = await Promise.all([
    works("d1", () => env.DB.prepare("SELECT 1 FROM rooms LIMIT 1").all()),
    hasHub(areas)
      ? works("hub", () => hubPublisher(GUILD_HUBS, env).status(guildConfigOf(env).primaryGuildId))
      : null,
    ...areas.flatMap(({ check, name }) =>
      check === undefined ? [] : [checkArea(name, () => check(env))],
    ),
  ]);
  const ready = d1 && hub !== false && parts.every((part) => part.ready);
  const own = hub === null ? { d1 } : { d1, hub };
  const checks: Answer["checks"] = Object.assign(own, ...parts.map((part) => part.facts));
  return { ready, checks };
}

async function works(check: string, ask: () => Promise<unknown>): Promise<boolean> {
  try {
    await inTime(ask());
    return true;
  } catch (error) {
    log("warn", "ready.failed", { check, error });
    return false;
  }
}

async function checkArea(
  name: string,
  ask: () => ReturnType<NonNullable<Area["check"]>>,
): ReturnType<NonNullable<Area["check"]>> {
  try {
    return await inTime(ask());
  } catch (error) {
    log("warn", "ready.failed", { check: name, error });
    return { ready: false, facts: { [name]: "does not answer" } };
  }
}

function inTime<T>(answer: Promise<T>): Promise<T> {
  return within(CHECK_TIMEOUT_MS, answer, () => {
    throw new Error(`no answer in ${CHECK_TIMEOUT_MS} ms`);
  });
}
