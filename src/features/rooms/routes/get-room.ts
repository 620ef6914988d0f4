import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { requireAuth } from "../../../platform/auth/require-auth.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { limitUser, REQUESTS } from "../../../platform/http/limit-user.ts";
import { problems } from "../../../platform/http/problem.ts";
import { Room } from "../../../protocol/room.ts";
import { renderFailure } from "../errors.ts";
import { getRoom } from "../service.ts";
import { portsOf } from "../wire.ts";
import { ChannelParam } from "./channel-param.ts";

const route = createRoute({
  operationId: "rooms.get",
  method: "get",
  path: "/rooms/{channelId}",
  tags: ["rooms"],
  summary: "One room with who is in it",
  security: [{ bearer: [] }],
  middleware: [requireAuth, limitUser(REQUESTS)],
  request: { params: ChannelParam },
  responses: {
    200: { description: "The room", content: { "application/json": { schema: Room } } },
    ...problems("invalid_request", "unauthorized", "room_not_found", "rate_limited"),
  },
});

/** `GET /rooms/:channelId` */
export function mountGetRoom(app: OpenAPIHono<AppEnv>): void {
  app.openapi(route, async (c) => {
    const { channelId } = c.req.valid("param");
    const room = await getRoom(portsOf(c.env), c.get("principal"), channelId);
    return room.ok ? c.json(room.value, 200) : renderFailure(c, room.error);
  });
}
