import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import type { CallFaults } from "../doubles/faults.ts";
import { cutConnection } from "../doubles/server.ts";
import { matchDocument, playerDocument } from "./documents.ts";
import type { Sleep } from "./webhook-sender.ts";
import type { World } from "./world.ts";

type Route = { Bindings: HttpBindings };

/** What the next calls of the Data API get. */
export interface DataApiFault {
  /** An HTTP status; 200 leaves the answer as it is; 0 closes the connection without one. */
  readonly status: number;
  /** Milliseconds before the answer. */
  readonly delayMs: number;
  /** Seconds, in the header `Retry-After`; absent: none. */
  readonly retryAfter?: number | undefined;
}

interface DataApiPorts {
  readonly world: World;
  /** The one server-side key that is accepted. */
  readonly apiKey: string;
  readonly faults: CallFaults<DataApiFault>;
  readonly sleep: Sleep;
}

/** FACEIT's own codes and sentences. */
const ERRORS: Readonly<Record<number, { readonly code: string; readonly message: string }>> = {
  400: { code: "err_bad_request", message: "Bad request." },
  401: { code: "err_unauthorized", message: "Unauthorized." },
  403: { code: "err_forbidden", message: "Forbidden." },
  404: { code: "err_nf0", message: "The resource was not found." },
  429: { code: "err_too_many_requests", message: "Too many requests." },
};

/** The Data API v4, mounted at `/data/v4` (§A2). */
export function createDataApi({ world, apiKey, faults, sleep }: DataApiPorts): Hono<Route> {
  const api = new Hono<Route>();

  api.use(async (c, next) => {
    const fault = faults.take(c.req.method, c.req.path);
    if (fault !== null) {
      await sleep(fault.delayMs, c.req.raw.signal);
      if (fault.status === 0) return cutConnection(c);
      if (fault.retryAfter !== undefined) c.header("Retry-After", String(fault.retryAfter));
      if (fault.status !== 200) return failure(c, fault.status);
    }
    if (c.req.header("authorization") !== `Bearer ${apiKey}`) return failure(c, 401);
    await next();
  });

  api.get("/matches/:id", (c) => {
    const match = world.matches.get(c.req.param("id"));
    return match === undefined ? failure(c, 404) : c.json(matchDocument(match, world));
  });

  api.get("/players", (c) => {
    const nickname = c.req.query("nickname");
    if (nickname === undefined || nickname === "") return failure(c, 400);
    const player = [...world.players.values()].find((one) => one.nickname === nickname);
    const playsIt = ["cs2", undefined].includes(c.req.query("game"));
    return player === undefined || !playsIt ? failure(c, 404) : c.json(playerDocument(player));
  });

  api.get("/players/:id", (c) => {
    const player = world.players.get(c.req.param("id"));
    return player === undefined ? failure(c, 404) : c.json(playerDocument(player));
  });

  api.all("/*", (c) => failure(c, 404));
  return api;
}

function failure(c: Context, status: number): Response {
  const error = ERRORS[status] ?? { code: `err_${status}`, message: "Something went wrong." };
  const errors = [{ ...error, http_status: status, parameters: [] }];
  return c.newResponse(JSON.stringify({ errors }), {
    // Hono's type for statuses knows fewer than HTTP has.
    status: status as 500,
    headers: { "content-type": "application/json" },
  });
}
