import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { acceptBare, acceptSocketIo } from "../../../hub/edge/accept.ts";
import { handOver } from "../../../hub/edge/hand-over.ts";
import { openTicket, sealTicket } from "../../../hub/ticket.ts";
import { systemClock } from "../../../platform/clock.ts";
import { derivedSeed } from "../../../platform/derived-key.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { refuse } from "../../../platform/http/areas.ts";
import { limitUser, refuseTooMany } from "../../../platform/http/limit-user.ts";
import { jsonAnswer, jsonBody } from "../../../platform/openapi.ts";
import { bearerToken, requireAuth } from "../../../platform/auth/require-auth.ts";
import { hexOf } from "../../../protocol/bytes.ts";
import { SYNC_PATHS } from "../channels.ts";
import { HAPPY_MANNERS, HAPPY_SOCKET_IO_DIALECT } from "../dialects/happy-socket-io.ts";
import { NATIVE_DIALECT } from "../dialects/native.ts";
import { syncEnv } from "../env.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";
import { callerOf, failures, UNAUTHORIZED } from "../http-dialect.ts";
import { BroadcastMessage, Filter, fitting, SocketStats } from "../records.ts";
import { CLIENT_TYPES, scopeOf } from "../scope.ts";
import { admitted, SYNC_CONNECTIONS } from "../user-kind.ts";
import { portsOf, USER_KIND } from "../wire.ts";
import { ask, CREATE_FAILURES, FOR_ACCOUNT, forAccount } from "./in-account.ts";
import { withAnyJson } from "./limit-json.ts";

const ticketRoute = createRoute({
  ...FOR_ACCOUNT,
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
  ...FOR_ACCOUNT,
  operationId: "sync.socketStats",
  method: "get",
  path: "/v1/websocket/stats",
  summary: "How many clients of the account are connected",
  responses: { 200: jsonAnswer("The numbers", SocketStats), ...failures("unauthorized") },
});

const broadcastRoute = createRoute({
  ...forAccount(withAnyJson("message")),
  operationId: "sync.broadcast",
  method: "post",
  path: "/v1/websocket/broadcast",
  summary: "Send a message to the account's connections",
  description:
    "Each connection that `delivered` counts gets it, or is closed because it reads too slowly. It is not kept for others.",
  request: {
    body: jsonBody(
      z.object({
        message: fitting(BroadcastMessage),
        filter: Filter.default({ type: "all" }),
      }),
      { message: { type: "hello", payload: {}, timestamp: 1_795_237_483_811 } },
    ),
  },
  responses: {
    200: jsonAnswer("It was sent", z.object({ success: z.literal(true), delivered: z.number() })),
    ...CREATE_FAILURES,
  },
});

/** What AsyncAPI tells in full: here it is found by whoever looks for it among the requests. */
const upgradeRoute = (path: string) =>
  createRoute({
    operationId: path === SYNC_PATHS.native[0] ? "sync.connect" : "sync.connectWebSocket",
    method: "get",
    path,
    tags: ["sync"],
    summary: "Connect with a WebSocket",
    description:
      "The frames are described in `/asyncapi.json`. Without a ticket and a token the first frame is `auth`. The path with a slash at its end, or with `EIO=4`, is for clients of Socket.IO.",
    security: [{ account: [] }, {}],
    request: {
      query: z.object({
        clientType: z
          .enum(CLIENT_TYPES)
          .optional()
          .openapi({ description: "What the connection is for; absent or unknown: the account" }),
        sessionId: z
          .string()
          .optional()
          .openapi({ description: "The session of a session-scoped client" }),
        machineId: z
          .string()
          .optional()
          .openapi({ description: "The machine of a machine-scoped client" }),
        ticket: z
          .string()
          .optional()
          .openapi({ description: "From `POST /v1/websocket/ticket`; works once, for 30 seconds" }),
      }),
    },
    responses: {
      101: { description: "The WebSocket" },
      ...failures("unauthorized", "upgrade_required"),
    },
  });

/** The sockets of an account (sync.md §6): connect, tickets, numbers, broadcasts. */
export function mountSockets(app: OpenAPIHono<AppEnv>): void {
  app.openapi(ticketRoute, async (c) => {
    const { masterSecret } = portsOf(c.env);
    const valid = await ask(c, SYNC_COMMANDS.verify, {});
    if (!valid.ok) return valid.error;
    const owner = { ...callerOf(c.get("principal")), exp: c.get("principal").exp };
    const { hub, identity } = admitted(owner, null);
    const { text } = await sealTicket(
      await ticketSecrets(masterSecret),
      { id: crypto.randomUUID(), hub, origin: null, identity },
      systemClock(),
    );
    return c.json({ ticket: text }, 200);
  });

  app.openapi(statsRoute, async (c) => {
    const stats = await ask(c, SYNC_COMMANDS.socketStats, {});
    return stats.ok ? c.json(stats.value, 200) : stats.error;
  });

  app.openapi(broadcastRoute, async (c) => {
    const input = c.req.valid("json");
    const sent = await ask(c, SYNC_COMMANDS.broadcast, input);
    return sent.ok ? c.json({ success: true, delivered: sent.value } as const, 200) : sent.error;
  });

  for (const path of SYNC_PATHS.native) app.openAPIRegistry.registerPath(upgradeRoute(path));
  for (const path of [...SYNC_PATHS.native, ...SYNC_PATHS.slash]) {
    app.all(path, (c) => connect(c));
  }
}

/** Answers an upgrade. A client of Socket.IO is known by the path's slash or by `EIO`. */
async function connect(c: Context<AppEnv>): Promise<Response> {
  const { raw } = c.req;
  const keepAlive = (work: Promise<unknown>): void => c.executionCtx.waitUntil(work);
  const env = syncEnv(c.env);
  if (c.req.path.endsWith("/") || c.req.query("EIO") !== undefined) {
    return (
      acceptSocketIo(raw, env, keepAlive, USER_KIND, HAPPY_SOCKET_IO_DIALECT, HAPPY_MANNERS) ??
      unavailable(c)
    );
  }
  if (c.req.header("Upgrade")?.toLowerCase() !== "websocket") {
    // RFC 9110 §15.5.22: a 426 must have this field.
    const headers = { Upgrade: "websocket" };
    return refuse(c, { code: "upgrade_required", detail: "Expected Upgrade: websocket", headers });
  }
  const entry = await entryOf(c);
  if (entry === "unauthorized") return refuse(c, UNAUTHORIZED);
  if (entry === null) {
    const offered = [{ kind: USER_KIND, dialect: NATIVE_DIALECT }] as const;
    return acceptBare(raw, env, keepAlive, offered) ?? unavailable(c);
  }
  return enter(c, entry, keepAlive);
}

/** Who connects, and the ticket that they have used. */
type Entry = ReturnType<typeof admitted> & {
  readonly ticket?: { readonly id: string; readonly expiresAt: number };
};

/** The client of a request with a ticket or a token. A bad ticket does not fall through. @returns null: neither */
async function entryOf(c: Context<AppEnv>): Promise<Entry | "unauthorized" | null> {
  const { masterSecret, tokens } = portsOf(c.env);
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
    const owner = {
      account: hub,
      epoch: scopeOf({ scope: identity.scope }).epoch,
      exp: identity.exp,
    };
    return { ...admitted(owner, about), ticket: { id, expiresAt } };
  }
  const authorization = c.req.header("Authorization");
  const token = c.req.query("token") ?? bearerToken(authorization);
  if (token === undefined) return authorization === undefined ? null : "unauthorized";
  const owner = await tokens.verify(token, now);
  return owner.ok ? admitted(owner.value, about) : "unauthorized";
}

/** A secret of its own: tickets of guilds are none of ours, even where an operator has one secret for both. */
async function ticketSecrets(masterSecret: string): Promise<{ readonly hubSecrets: [string] }> {
  return { hubSecrets: [hexOf(await derivedSeed(masterSecret, "guildhub: tickets of sync"))] };
}

async function enter(
  c: Context<AppEnv>,
  { hub, identity, countedAs, ticket }: Entry,
  keepAlive: (work: Promise<unknown>) => void,
): Promise<Response> {
  const tooMany = await refuseTooMany(c, SYNC_CONNECTIONS, countedAs);
  if (tooMany !== null) return tooMany;
  const handover = {
    v: 1,
    hub,
    identity,
    batch: false,
    dialect: NATIVE_DIALECT.name,
    ...(ticket === undefined ? {} : { ticket }),
  } as const;
  const taking = handOver(syncEnv(c.env), USER_KIND, handover, c.req.raw.signal);
  keepAlive(taking);
  const taken = await taking;
  if (taken.ok) return taken.value;
  return taken.error === "unauthorized" ? refuse(c, UNAUTHORIZED) : unavailable(c);
}

function unavailable(c: Context<AppEnv>): Response {
  return refuse(c, {
    code: "unavailable",
    detail: "Too many clients connect now. Try again shortly.",
    headers: { "Retry-After": "5" },
  });
}
