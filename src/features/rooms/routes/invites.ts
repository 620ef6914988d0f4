import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import { requireAuth } from "../../../platform/auth/require-auth.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { limitUser } from "../../../platform/http/limit-user.ts";
import { problems } from "../../../platform/http/problem.ts";
import { jsonAnswer, jsonBody } from "../../../platform/openapi.ts";
import {
  INVITES_PER_MINUTE,
  INVITE_MAX_AGE_SECONDS,
  INVITE_MAX_USES,
} from "../../../protocol/limits.ts";
import { renderFailure } from "../errors.ts";
import { inviteToRoom } from "../service.ts";
import { portsOf } from "../wire.ts";
import { ChannelParam } from "./rooms.ts";

const InviteBody = z
  .object({
    maxAge: z.number().int().min(0).max(INVITE_MAX_AGE_SECONDS).optional().openapi({
      description: "Seconds; 0 is for ever; absent: a day",
    }),
    maxUses: z.number().int().min(0).max(INVITE_MAX_USES).optional().openapi({
      description: "0 or absent: no bound",
    }),
  })
  .openapi("CreateInvite");

const Invite = z
  .object({ url: z.url(), code: z.string(), expiresAt: z.iso.datetime().nullable() })
  .openapi("Invite");

const route = createRoute({
  operationId: "rooms.invite",
  method: "post",
  path: "/rooms/{channelId}/invite",
  tags: ["rooms"],
  summary: "Make a Discord invite to a room",
  security: [{ bearer: [] }],
  middleware: [requireAuth, limitUser({ name: "invites", perMinute: INVITES_PER_MINUTE })],
  request: {
    params: ChannelParam,
    body: jsonBody(InviteBody, { maxAge: 3_600, maxUses: 1 }),
  },
  responses: {
    201: jsonAnswer("The invite", Invite),
    ...problems(
      "invalid_request",
      "invalid_json",
      "unauthorized",
      "room_not_found",
      "body_too_large",
      "rate_limited",
      "discord_refused",
      "discord_failed",
      "discord_rate_limited",
    ),
  },
});

/** `POST /rooms/:channelId/invite` */
export function mountInvites(app: OpenAPIHono<AppEnv>): void {
  app.openapi(route, async (c) => {
    const { channelId } = c.req.valid("param");
    const who = c.get("principal");
    const invite = await inviteToRoom(portsOf(c.env), who, channelId, c.req.valid("json"));
    if (!invite.ok) return renderFailure(c, invite.error);
    const { code, expiresAt } = invite.value;
    return c.json({ url: `https://discord.gg/${encodeURIComponent(code)}`, code, expiresAt }, 201);
  });
}
