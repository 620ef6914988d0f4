import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { systemClock } from "../../../platform/clock.ts";
import type { AppEnv, Failure } from "../../../platform/http/app-env.ts";
import { refuse } from "../../../platform/http/areas.ts";
import { refuseTooMany } from "../../../platform/http/limit-user.ts";
import { jsonAnswer, jsonBody } from "../../../platform/openapi.ts";
import {
  SYNC_PAIRING_POLLS_PER_MINUTE,
  SYNC_PAIRING_POLLS_PER_MINUTE_PER_ADDRESS,
  SYNC_PAIRINGS_PER_TEN_MINUTES_PER_ADDRESS,
} from "../../../protocol/limits.ts";
import { publicKeyHex } from "../auth/account-keys.ts";
import { callerOf, failures, UNAUTHORIZED } from "../http-dialect.ts";
import type { PairingKind } from "../adapters/d1-pairings.ts";
import { OpaqueText } from "../records.ts";
import { portsOf } from "../wire.ts";
import { CHANGE_FAILURES, CREATE_FAILURES, FOR_ACCOUNT, Success } from "./in-account.ts";
import { limitNetwork, refuseNetwork } from "./limit-network.ts";

/** Polls and look-ups of a network, together. */
const limitPolls = limitNetwork({
  name: "sync-pairing-polls",
  quota: SYNC_PAIRING_POLLS_PER_MINUTE_PER_ADDRESS,
  windowMs: 60_000,
});

const BEGINNINGS = {
  name: "sync-pairings",
  quota: SYNC_PAIRINGS_PER_TEN_MINUTES_PER_ADDRESS,
  windowMs: 10 * 60_000,
} as const;

const INVALID_KEY: Failure = { code: "unauthorized", detail: "Invalid public key" };

const EXAMPLE_KEY = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";

const PublicKey = z.string().min(1).openapi({ description: "X25519, 32 bytes in base64" });

const Answer = z
  .union([
    z.object({ state: z.literal("requested") }),
    z.object({ state: z.literal("authorized"), token: z.string(), response: z.string() }),
  ])
  .openapi("SyncPairing");

/** What differs between the two pairings. */
const KINDS = {
  terminal: {
    path: "/v1/auth",
    name: "Terminal",
    who: "a terminal",
    body: z.object({ publicKey: PublicKey, supportsV2: z.boolean().nullish() }),
  },
  account: {
    path: "/v1/auth/account",
    name: "Account",
    who: "a phone",
    body: z.object({ publicKey: PublicKey }),
  },
} as const;

/**
 * Pairing a terminal with a phone (sync.md §2.3), and a phone with another one (§2.4). The device that asks polls
 * with its own public key. Whoever else knows that key can have the token too, so an approval does not last.
 */
export function mountPairing(app: OpenAPIHono<AppEnv>): void {
  for (const kind of ["terminal", "account"] as const) {
    mountRequest(app, kind);
    mountResponse(app, kind);
  }
  mountStatus(app);
}

const REQUESTED = { state: "requested" } as const;

/** `POST /v1/auth/request` and `POST /v1/auth/account/request` */
function mountRequest(app: OpenAPIHono<AppEnv>, kind: PairingKind): void {
  const { path, name, who, body } = KINDS[kind];
  const route = createRoute({
    operationId: `sync.request${name}`,
    method: "post",
    path: `${path}/request`,
    tags: ["sync"],
    summary: `Ask to be let into an account, as ${who}; poll this`,
    description:
      "Once a second is enough. A pairing ends about 15 minutes after its last poll, and a minute after the first answer with a token.",
    middleware: [limitPolls],
    request: { body: jsonBody(body, { publicKey: EXAMPLE_KEY }) },
    responses: {
      200: jsonAnswer("How far the pairing is", Answer),
      ...CREATE_FAILURES,
    },
  });
  app.openapi(route, async (c) => {
    const asked: z.infer<(typeof KINDS)["terminal"]["body"]> = c.req.valid("json");
    const publicKey = publicKeyHex(asked.publicKey);
    if (publicKey === null) return refuse(c, INVALID_KEY);
    const perKey = { name: `sync-pairing-${kind}`, perMinute: SYNC_PAIRING_POLLS_PER_MINUTE };
    const tooOften = await refuseTooMany(c, perKey, publicKey);
    if (tooOften !== null) return tooOften;
    const { pairings, tokens } = portsOf(c.env);
    const now = systemClock();
    const pairing = await pairings.poll(kind, publicKey, now);
    if (pairing === null) {
      const tooMany = await refuseNetwork(c, BEGINNINGS);
      if (tooMany !== null) return tooMany;
      await pairings.begin(kind, publicKey, asked.supportsV2 ?? false, now);
      return c.json(REQUESTED, 200);
    }
    if (pairing.approval === null) return c.json(REQUESTED, 200);
    const { by, response } = pairing.approval;
    const session = kind === "terminal" ? { session: pairing.id } : {};
    const token = await tokens.create({ ...by, ...session }, now);
    return c.json({ state: "authorized" as const, token, response }, 200);
  });
}

const NOT_ASKED: Failure = { code: "not_found", detail: "Request not found" };

/** `POST /v1/auth/response` and `POST /v1/auth/account/response` */
function mountResponse(app: OpenAPIHono<AppEnv>, kind: PairingKind): void {
  const { path, name, who } = KINDS[kind];
  const body = z.object({
    publicKey: PublicKey,
    response: OpaqueText.min(1).openapi({ description: "For the asking device alone to read" }),
  });
  const route = createRoute({
    ...FOR_ACCOUNT,
    operationId: `sync.approve${name}`,
    method: "post",
    path: `${path}/response`,
    summary: `Let ${who} into the account; the first approval counts`,
    request: { body: jsonBody(body, { publicKey: EXAMPLE_KEY, response: "3q2+7w==" }) },
    responses: {
      200: jsonAnswer("It is approved, by this call or by an earlier one", Success),
      ...CHANGE_FAILURES,
    },
  });
  app.openapi(route, async (c) => {
    const { publicKey: text, response } = c.req.valid("json");
    const publicKey = publicKeyHex(text);
    if (publicKey === null) return refuse(c, INVALID_KEY);
    const by = callerOf(c.get("principal"));
    const { pairings } = portsOf(c.env);
    switch (await pairings.approve(kind, publicKey, response, by, systemClock())) {
      case "approved":
        return c.json({ success: true as const }, 200);
      case "unknown":
        return refuse(c, NOT_ASKED);
      case "revoked":
        return refuse(c, UNAUTHORIZED);
    }
  });
}

const statusRoute = createRoute({
  operationId: "sync.terminalStatus",
  method: "get",
  path: "/v1/auth/request/status",
  tags: ["sync"],
  summary: "How far the pairing of a terminal is, for the phone that may approve it",
  middleware: [limitPolls],
  request: {
    query: z.object({
      publicKey: z
        .string()
        .optional()
        .openapi({ description: "Of the terminal: X25519, 32 bytes in base64" }),
    }),
  },
  responses: {
    200: jsonAnswer(
      "How far it is; `not_found` also for a malformed key",
      z.object({
        status: z.enum(["not_found", "pending", "authorized"]),
        supportsV2: z.boolean(),
      }),
    ),
    ...failures("invalid_request"),
  },
});

/** `GET /v1/auth/request/status` */
function mountStatus(app: OpenAPIHono<AppEnv>): void {
  app.openapi(statusRoute, async (c) => {
    const publicKey = publicKeyHex(c.req.valid("query").publicKey ?? "");
    const pairing =
      publicKey === null
        ? null
        : await portsOf(c.env).pairings.find("terminal", publicKey, systemClock());
    if (pairing === null) return c.json({ status: "not_found" as const, supportsV2: false }, 200);
    const status = pairing.approval === null ? ("pending" as const) : ("authorized" as const);
    return c.json({ status, supportsV2: pairing.supportsV2 }, 200);
  });
}
