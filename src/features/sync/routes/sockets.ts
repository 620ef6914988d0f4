import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { acceptBare, acceptSocketIo } from "../../../hub/edge/accept.ts";
import { handOver } from "../../../hub/edge/hand-over.ts";
import type { SessionIdentity } from "../../../hub/core/session.ts";
import type { HubKind } from "../../../hub/kind.ts";
import { openTicket, sealTicket } from "../../../hub/ticket.ts";
import { systemClock } from "../../../platform/clock.ts";
import { derivedSeed } from "../../../platform/derived-key.ts";
import type { PlatformEnv } from "../../../platform/env.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { refuse } from "../../../platform/http/areas.ts";
import { countedAs, limitUser, refuseTooMany } from "../../../platform/http/limit-user.ts";
import { jsonAnswer, jsonBody } from "../../../platform/openapi.ts";
import { requireAuth } from "../../../platform/auth/require-auth.ts";
import { hexOf } from "../../../protocol/bytes.ts";
import { HAPPY_MANNERS, HAPPY_SOCKET_IO_DIALECT } from "../dialects/happy-socket-io.ts";
import { NATIVE_DIALECT } from "../dialects/native.ts";
import { syncEnv } from "../env.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";
import { callerOf, failures } from "../http-dialect.ts";
import type { SyncPorts } from "../ports.ts";
import { Filter, fitting, SocketStats } from "../records.ts";
import { scopeFrom, scopeOf } from "../scope.ts";
import { SYNC_CONNECTIONS } from "../user-kind.ts";
import { ask, inAccount, SECURITY } from "./in-account.ts";

/** Where clients connect: both are the same (sync.md §6.1). */
const PATHS = ["/v1/updates", "/v1/updates/", "/v1/websocket", "/v1/websocket/"];

const base = { tags: ["sync"], security: SECURITY, middleware: inAccount };

const ticketRoute = createRoute({
  ...base,
  operationId: "sync.ticket",
  method: "post",
  path: "/v1/websocket/ticket",
  summary: "A ticket for one connection of a client that can set no header",
  description: "It works once, within 30 seconds: `GET /v1/updates?ticket=…`.",
  middleware: [requireAuth, limitUser(SYNC_CONNECTIONS)],
  responses: {
    200: jsonAnswer("The ticket", z.object({ ticket: z.string() })),
    ...failures("unauthorized"),
  },
});

const statsRoute = createRoute({
  ...base,
  operationId: "sync.socketStats",
  method: "get",
  path: "/v1/websocket/stats",
  summary: "How many clients of the account are connected",
  responses: { 200: jsonAnswer("The numbers", SocketStats), ...failures("unauthorized") },
});

const broadcastRoute = createRoute({
  ...base,
  operationId: "sync.broadcast",
  method: "post",
  path: "/v1/websocket/broadcast",
  summary: "Send a message to the account's connections",
  request: {
    body: jsonBody(
      z.object({
        message: fitting(
          z.looseObject({
            type: z.string().min(1),
            payload: z.unknown().optional(),
            timestamp: z.number(),
          }),
        ),
        filter: Filter.default({ type: "all" }),
      }),
      { message: { type: "hello", payload: {}, timestamp: 1_795_237_483_811 } },
    ),
  },
  responses: {
    200: jsonAnswer("It was sent", z.object({ success: z.literal(true), delivered: z.number() })),
    ...failures("invalid_request", "invalid_json", "unauthorized", "body_too_large"),
  },
});

/** The sockets of an account (sync.md §6): connect, tickets, numbers, broadcasts. */
export function mountSockets(
  app: OpenAPIHono<AppEnv>,
  portsOf: (env: PlatformEnv) => SyncPorts,
): void {
  app.openapi(ticketRoute, async (c) => {
    const { hubs, masterSecret } = portsOf(c.env);
    const valid = await ask(c, hubs, SYNC_COMMANDS.verify, {});
    if (!valid.ok) return valid.error;
    const { account, epoch } = callerOf(c.get("principal"));
    const { exp } = c.get("principal");
    const { text } = await sealTicket(
      await ticketSecrets(masterSecret),
      {
        id: crypto.randomUUID(),
        hub: account,
        origin: null,
        identity: { sub: account, grants: [], exp, scope: { epoch } },
      },
      systemClock(),
    );
    return c.json({ ticket: text }, 200);
  });

  app.openapi(statsRoute, async (c) => {
    const stats = await ask(c, portsOf(c.env).hubs, SYNC_COMMANDS.socketStats, {});
    return stats.ok ? c.json(stats.value, 200) : stats.error;
  });

  app.openapi(broadcastRoute, async (c) => {
    const input = c.req.valid("json");
    const sent = await ask(c, portsOf(c.env).hubs, SYNC_COMMANDS.broadcast, input);
    return sent.ok ? c.json({ success: true, delivered: sent.value } as const, 200) : sent.error;
  });

  for (const path of PATHS) app.all(path, (c) => connect(c, portsOf(c.env)));
}

/** Answers an upgrade. A client of Socket.IO is known by the path's slash or by `EIO`. */
async function connect(c: Context<AppEnv>, ports: SyncPorts): Promise<Response> {
  const { raw } = c.req;
  const keepAlive = (work: Promise<unknown>): void => c.executionCtx.waitUntil(work);
  const env = syncEnv(c.env);
  if (c.req.path.endsWith("/") || c.req.query("EIO") !== undefined) {
    return (
      acceptSocketIo(raw, env, keepAlive, ports.kind, HAPPY_SOCKET_IO_DIALECT, HAPPY_MANNERS) ??
      unavailable(c)
    );
  }
  if (c.req.header("Upgrade")?.toLowerCase() !== "websocket") {
    // RFC 9110 §15.5.22: a 426 must have this field.
    const headers = { Upgrade: "websocket" };
    return refuse(c, { code: "upgrade_required", detail: "Expected Upgrade: websocket", headers });
  }
  const entry = await entryOf(c, ports);
  if (entry === "unauthorized") {
    return refuse(c, { code: "unauthorized", detail: "Unauthorized" });
  }
  if (entry === null) {
    const offered = [{ kind: ports.kind, dialect: NATIVE_DIALECT }] as const;
    return acceptBare(raw, env, keepAlive, offered) ?? unavailable(c);
  }
  return enter(c, ports.kind, entry, keepAlive);
}

/** Who connects, and the ticket that they have used. */
type Entry = {
  readonly hub: string;
  readonly identity: SessionIdentity;
  readonly ticket?: { readonly id: string; readonly expiresAt: number };
};

/** The client of a request with a ticket or a token. A bad ticket does not fall through. @returns null: neither */
async function entryOf(
  c: Context<AppEnv>,
  { masterSecret, tokens }: SyncPorts,
): Promise<Entry | "unauthorized" | null> {
  const about = {
    clientType: c.req.query("clientType") ?? c.req.header("X-Client-Type"),
    sessionId: c.req.query("sessionId") ?? c.req.header("X-Session-Id"),
    machineId: c.req.query("machineId") ?? c.req.header("X-Machine-Id"),
  };
  const now = systemClock();
  const text = c.req.query("ticket");
  if (text !== undefined) {
    const ticket = await openTicket(await ticketSecrets(masterSecret), text, now);
    if (!ticket.ok) return "unauthorized";
    const { hub, id, expiresAt, identity } = ticket.value;
    const { epoch } = TicketScope.parse(identity.scope);
    return {
      hub,
      identity: { ...identity, scope: scopeFrom(about, epoch) },
      ticket: { id, expiresAt },
    };
  }
  const token =
    c.req.query("token") ?? /^Bearer {1,9}(\S+)$/i.exec(c.req.header("Authorization") ?? "")?.[1];
  if (token === undefined)
    return c.req.header("Authorization") === undefined ? null : "unauthorized";
  const owner = await tokens.verify(token, now);
  if (!owner.ok) return "unauthorized";
  const { account, epoch, exp } = owner.value;
  return {
    hub: account,
    identity: { sub: account, grants: [], exp, scope: scopeFrom(about, epoch) },
  };
}

const TicketScope = z.object({ epoch: z.number() });

/** A secret of its own: tickets of guilds are none of ours, even where an operator has one secret for both. */
async function ticketSecrets(masterSecret: string): Promise<{ readonly hubSecrets: [string] }> {
  return { hubSecrets: [hexOf(await derivedSeed(masterSecret, "guildhub: tickets of sync"))] };
}

async function enter(
  c: Context<AppEnv>,
  kind: HubKind,
  { hub, identity, ticket }: Entry,
  keepAlive: (work: Promise<unknown>) => void,
): Promise<Response> {
  const { epoch } = scopeOf({ scope: identity.scope });
  const who = countedAs({ sub: identity.sub, epoch });
  const tooMany = await refuseTooMany(c, SYNC_CONNECTIONS, who);
  if (tooMany !== null) return tooMany;
  const handover = {
    v: 1,
    hub,
    identity,
    batch: false,
    dialect: NATIVE_DIALECT.name,
    ...(ticket === undefined ? {} : { ticket }),
  } as const;
  const taking = handOver(syncEnv(c.env), kind, handover, c.req.raw.signal);
  keepAlive(taking);
  const taken = await taking;
  if (taken.ok) return taken.value;
  return taken.error === "unauthorized"
    ? refuse(c, { code: "unauthorized", detail: "Unauthorized" })
    : unavailable(c);
}

function unavailable(c: Context<AppEnv>): Response {
  return refuse(c, {
    code: "unavailable",
    detail: "Too many clients connect now. Try again shortly.",
    headers: { "Retry-After": "5" },
  });
}
