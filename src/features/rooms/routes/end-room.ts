import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import { requireAuth } from "../../../platform/auth/require-auth.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { limitUser } from "../../../platform/http/limit-user.ts";
import { problems } from "../../../platform/http/problem.ts";
import { ROOM_ENDS_PER_MINUTE } from "../../../protocol/limits.ts";
import { renderFailure } from "../errors.ts";
import { endRoom } from "../service.ts";
import { portsOf } from "../wire.ts";
import { ChannelParam } from "./channel-param.ts";

const route = createRoute({
  operationId: "rooms.end",
  method: "delete",
  path: "/end-room/{channelId}",
  tags: ["rooms"],
  summary: "End a voice room",
  description: "Ends it in Discord too. A room that is over already is answered the same.",
  security: [{ bearer: [] }],
  middleware: [requireAuth, limitUser({ name: "end-room", perMinute: ROOM_ENDS_PER_MINUTE })],
  request: { params: ChannelParam },
  responses: {
    200: {
      description: "The room is over",
      content: { "application/json": { schema: z.object({ ok: z.literal(true) }) } },
    },
    ...problems(
      "invalid_request",
      "unauthorized",
      "forbidden",
      "room_not_found",
      "rate_limited",
      "discord_refused",
      "discord_failed",
      "discord_rate_limited",
    ),
  },
});

/** `DELETE /end-room/:channelId` */
export function mountEndRoom(app: OpenAPIHono<AppEnv>): void {
  app.openapi(route, async (c) => {
    const { channelId } = c.req.valid("param");
    const ended = await endRoom(portsOf(c.env), c.get("principal"), channelId);
    return ended.ok ? c.json({ ok: true } as const, 200) : renderFailure(c, ended.error);
  });
}
