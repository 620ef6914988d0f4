import { Hono } from "hono";
import { z } from "zod";
import { FaultStatus, withBody } from "../../doubles/control-api.ts";
import type { CallLog } from "../rest/recording.ts";
import type { Faults } from "../faults.ts";
import type { World } from "../world.ts";

const TIMES_MAX = 10_000;

const FaultBody = z.object({
  status: FaultStatus,
  times: z.int().min(0).max(TIMES_MAX),
  skip: z.int().min(0).max(TIMES_MAX).default(0),
  method: z.enum(["GET", "POST", "PUT", "PATCH", "DELETE"]).nullable().default(null),
  path: z.string().startsWith("/").max(200).nullable().default(null),
  code: z.int().min(0).max(1_000_000).nullable().default(null),
  message: z.string().max(200).nullable().default(null),
  retryAfter: z
    .union([z.number().min(0).max(86_400), z.string().regex(/^[ -~]{1,64}$/)])
    .nullable()
    .default(1),
  scope: z.enum(["user", "global", "shared"]).default("user"),
  afterEffect: z.boolean().default(false),
  html: z.boolean().default(false),
  body: z.unknown().optional(),
});

/** What the next REST calls get; of which calls, when `method` or `path` says so. */
export type RestFault = z.input<typeof FaultBody>;

/** What becomes of REST calls, and what became of them: `/rest`, `/calls`, `/messages`. */
export function restControls(world: World, faults: Faults, calls: CallLog): Hono {
  const api = new Hono();
  api.post("/rest", (c) =>
    withBody(c, FaultBody, ({ times, skip, method, path, ...fault }) => {
      faults.set(fault, { times, skip, target: { method, path } });
      return c.json({ ok: true });
    }),
  );
  api.get("/calls", (c) => c.json(calls.list()));
  api.get("/messages", (c) => c.json(world.archive.messages()));
  return api;
}
