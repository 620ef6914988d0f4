import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { SOCKET_IO_DIALECT } from "../dialects/socket-io.ts";
import { acceptSocketIo } from "../edge/accept.ts";
import { hubEnv } from "../env.ts";
import { GUILD_KIND } from "../kinds.ts";
import { hubUnavailable, keepAliveIn, refuseOrigin } from "./entry.ts";

/**
 * `GET /socket.io/`: the stream of a guild for clients of Socket.IO (docs/socket-io.md). The token is in the
 * CONNECT packet.
 */
export function mountSocketIo(app: OpenAPIHono<AppEnv>): void {
  const serve = (c: Context<AppEnv>): Response =>
    refuseOrigin(c) ??
    acceptSocketIo(c.req.raw, hubEnv(c.env), keepAliveIn(c), GUILD_KIND, SOCKET_IO_DIALECT) ??
    hubUnavailable(c);
  app.all("/socket.io", serve);
  app.all("/socket.io/", serve);
}
