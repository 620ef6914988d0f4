import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { jsonAnswer, jsonBody } from "../../../platform/openapi.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";
import { failures } from "../http-dialect.ts";
import { ClientId, UsageGroup, UsagePeriod } from "../records.ts";
import { ask, askExisting, CHANGE_FAILURES, FOR_ACCOUNT } from "./in-account.ts";
import { SESSION_MISSING } from "./sessions.ts";

const Seconds = z
  .number()
  .int()
  .min(0)
  .max(Number.MAX_SAFE_INTEGER / 1_000);

const Query = z.object({
  sessionId: ClientId.nullish(),
  startTime: Seconds.nullish().openapi({ description: "Seconds since 1970" }),
  endTime: Seconds.nullish().openapi({ description: "Seconds since 1970, this one included" }),
  groupBy: UsagePeriod.nullish().openapi({ description: "`day` if absent" }),
});

const queryRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.queryUsage",
  method: "post",
  path: "/v1/usage/query",
  summary: "What sessions have used, by hours or days of UTC",
  description:
    "A report counts in the period in which its session and key were reported first. Answers that would be too large end with their newest reports.",
  request: { body: jsonBody(Query, { groupBy: "day" }) },
  responses: {
    200: jsonAnswer(
      "The sums of each period with reports, the oldest first",
      z.object({
        usage: z.array(UsageGroup),
        groupBy: UsagePeriod,
        totalReports: z.number().int(),
      }),
    ),
    ...CHANGE_FAILURES,
  },
});

const limitsRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.usageLimits",
  method: "get",
  path: "/v1/usage/limits",
  summary: "The limits of usage that a client has told last, by update-usage-limits",
  responses: {
    200: jsonAnswer(
      "The limits; null: none were told",
      z.object({ limits: z.record(z.string(), z.unknown()).nullable() }),
    ),
    ...failures("unauthorized"),
  },
});

/** What the sessions of an account use (sync.md §4). */
export function mountUsage(app: OpenAPIHono<AppEnv>): void {
  app.openapi(queryRoute, async (c) => {
    const { sessionId, startTime, endTime, groupBy } = c.req.valid("json");
    const period = groupBy ?? "day";
    const input = {
      sessionId: sessionId ?? null,
      from: (startTime ?? 0) * 1_000,
      to: endTime === null || endTime === undefined ? null : endTime * 1_000,
      period,
    };
    const found = await askExisting(c, SYNC_COMMANDS.queryUsage, input, SESSION_MISSING);
    return found.ok ? c.json({ ...found.value, groupBy: period }, 200) : found.error;
  });

  app.openapi(limitsRoute, async (c) => {
    const limits = await ask(c, SYNC_COMMANDS.usageLimits, {});
    return limits.ok ? c.json({ limits: limits.value }, 200) : limits.error;
  });
}
