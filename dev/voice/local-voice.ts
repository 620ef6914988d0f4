import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { setTimeout as timer } from "node:timers/promises";
import { z } from "zod";
import { type Clock, systemClock } from "../../src/platform/clock.ts";
import { ok } from "../../src/platform/result.ts";
import {
  controlApi,
  DONE,
  FaultStatus,
  Milliseconds,
  noSuch,
  onDelete,
  onGet,
  onPost,
} from "../doubles/control.ts";
import { CallFaults } from "../doubles/faults.ts";
import { answerBy, cutConnection, type RunningDouble, serveDouble } from "../doubles/server.ts";

type Route = { Bindings: HttpBindings };

export interface LocalVoiceOptions {
  /** 0: any free port. */
  readonly port: number;
  readonly host?: string;
  /** The only key that ElevenLabs accepts; absent: any. */
  readonly apiKey?: string | undefined;
  readonly clock?: Clock;
}

/** ElevenLabs is under `/elevenlabs`, RevenueCat under `/revenuecat`. */
export type LocalVoice = RunningDouble;

/** A fault of the next calls of a service. Status 200 does not change the answer. */
const Fault = z.strictObject({
  service: z.enum(["elevenlabs", "revenuecat"]),
  status: FaultStatus,
  /** Delay before the answer. */
  delayMs: Milliseconds.default(0),
  /** Sent in place of the answer, as it is. */
  body: z.string().max(1_000_000).optional(),
});
type Fault = z.output<typeof Fault>;
const FaultBody = Fault.extend({ times: z.int().min(0).max(100_000) });

const Purchase = z.strictObject({
  entitlement: z.string().min(1).max(100).default("pro"),
  /** ISO 8601; null: it never ends. */
  expiresAt: z.iso.datetime().nullable().default(null),
});

/** A customer of RevenueCat. */
interface Customer {
  readonly firstSeen: number;
  readonly entitlements: Map<string, string | null>;
}

/**
 * Starts the two services of voice for this machine: tokens for conversations of ElevenLabs, customers of RevenueCat,
 * and the control API on one port (contract sync.md §3.10). Fails when the port is in use.
 */
export function startLocalVoice({
  port,
  host = "127.0.0.1",
  apiKey,
  clock = systemClock,
}: LocalVoiceOptions): Promise<LocalVoice> {
  const customers = new Map<string, Customer>();
  const tokens: { readonly token: string; readonly agentId: string }[] = [];
  const faults = new CallFaults<Fault>();

  const elevenLabs = withFaults(faults).get("/v1/convai/conversation/token", (c) => {
    const key = c.req.header("xi-api-key");
    if (key === undefined || (apiKey !== undefined && key !== apiKey)) {
      return c.json({ detail: { status: "invalid_api_key", message: "Invalid API key" } }, 401);
    }
    const agentId = c.req.query("agent_id") ?? "";
    if (agentId === "") return c.json({ detail: [{ type: "missing", loc: ["query"] }] }, 422);
    const token = `conversation-${tokens.length + 1}`;
    tokens.push({ token, agentId });
    return c.json({ token });
  });

  const customer = (id: string): Customer => {
    const known = customers.get(id) ?? { firstSeen: clock(), entitlements: new Map() };
    customers.set(id, known);
    return known;
  };
  const revenueCat = withFaults(faults).get("/v1/subscribers/:id", (c) => {
    if (!/^Bearer \S+$/.test(c.req.header("authorization") ?? "")) {
      return c.json({ code: 7225, message: "Invalid API Key." }, 401);
    }
    const id = c.req.param("id");
    // The real one makes a customer of everybody whom it is asked about.
    const status = customers.has(id) ? 200 : 201;
    return c.json(customerDocument(id, customer(id), clock()), status);
  });

  const control = controlApi([
    onGet("/state", () => ({
      tokens,
      customers: [...customers].map(([id, { entitlements }]) => ({
        id,
        entitlements: Object.fromEntries(entitlements),
      })),
    })),
    onPost("/customers/:id", Purchase, ({ entitlement, expiresAt }, id) => {
      customer(id).entitlements.set(entitlement, expiresAt);
      return ok({ id });
    }),
    onDelete("/customers/:id", (id) => (customers.delete(id) ? DONE : noSuch("customer"))),
    onPost("/faults", FaultBody, ({ times, ...fault }) => {
      faults.set(fault, { times, target: { method: null, path: `/${fault.service}/*` } });
      return DONE;
    }),
  ]);

  return serveDouble({ port, host }, () => ({
    request: answerBy(
      new Hono<Route>()
        .get("/", (c) => c.text("Services of voice for development: dev/voice/README.md\n"))
        .route("/elevenlabs", elevenLabs)
        .route("/revenuecat", revenueCat)
        .route("/_control", control),
    ),
  }));
}

/** An API whose calls may get a fault in place of their answer. */
function withFaults(faults: CallFaults<Fault>): Hono<Route> {
  const api = new Hono<Route>();
  api.use(async (c, next) => {
    const fault = faults.take(c.req.method, c.req.path);
    if (fault === null) return next();
    await timer(fault.delayMs, undefined, { signal: c.req.raw.signal }).catch(() => {});
    if (fault.status === 0) return cutConnection(c);
    if (fault.status === 200 && fault.body === undefined) return next();
    return failure(c, fault);
  });
  return api;
}

function failure(c: Context, { status, body }: Fault): Response {
  return c.newResponse(body ?? JSON.stringify({ message: "Something went wrong." }), {
    // Hono's type does not include every HTTP status.
    status: status as 500,
    headers: { "content-type": "application/json" },
  });
}

/** `GET /v1/subscribers/{app_user_id}` of RevenueCat. It lists entitlements that have ended, too. */
function customerDocument(id: string, { firstSeen, entitlements }: Customer, now: number) {
  const since = new Date(firstSeen).toISOString();
  return {
    request_date: new Date(now).toISOString(),
    request_date_ms: now,
    subscriber: {
      original_app_user_id: id,
      first_seen: since,
      entitlements: Object.fromEntries(
        [...entitlements].map(([name, expiresAt]) => [
          name,
          {
            expires_date: expiresAt,
            grace_period_expires_date: null,
            product_identifier: `${name}_monthly`,
            purchase_date: since,
          },
        ]),
      ),
      subscriptions: {},
      non_subscriptions: {},
    },
  };
}
