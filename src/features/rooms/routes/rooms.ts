import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { guildFor } from "../../../platform/auth/principal.ts";
import { requireAuth } from "../../../platform/auth/require-auth.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { limitUser, REQUESTS } from "../../../platform/http/limit-user.ts";
import { problems } from "../../../platform/http/problem.ts";
import { jsonAnswer } from "../../../platform/openapi.ts";
import { pageQuery } from "../../../platform/pagination.ts";
import { AskedGuild, DiscordId } from "../../../protocol/discord-id.ts";
import {
  ROOM_ENDS_PER_MINUTE,
  ROOMS_PAGE_DEFAULT,
  ROOMS_PAGE_MAX,
} from "../../../protocol/limits.ts";
import { Room } from "../../../protocol/room.ts";
import { roomsConfigOf } from "../config.ts";
import { renderFailure } from "../errors.ts";
import { endRoom, getRoom, listRooms } from "../service.ts";
import { portsOf } from "../wire.ts";

/** The room's channel in a path. */
export const ChannelParam = z.object({
  channelId: DiscordId.openapi({ param: { name: "channelId", in: "path" } }),
});

const endRoute = createRoute({
  operationId: "rooms.end",
  method: "delete",
  path: "/end-room/{channelId}",
  tags: ["rooms"],
  summary: "End a voice room",
  description:
    "Deletes the channel in Discord too. A room that has ended already gets the same answer.",
  security: [{ bearer: [] }],
  middleware: [requireAuth, limitUser({ name: "end-room", perMinute: ROOM_ENDS_PER_MINUTE })],
  request: { params: ChannelParam },
  responses: {
    200: jsonAnswer("The room is over", z.object({ ok: z.literal(true) })),
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

/** The rooms of a guild (rooms.md §1): end one, list them, look at one. */
export function mountRooms(app: OpenAPIHono<AppEnv>): void {
  mountEndRoom(app);
  mountListRooms(app);
  mountGetRoom(app);
}

/** `DELETE /end-room/:channelId` */
function mountEndRoom(app: OpenAPIHono<AppEnv>): void {
  app.openapi(endRoute, async (c) => {
    const { channelId } = c.req.valid("param");
    const ended = await endRoom(portsOf(c.env), c.get("principal"), channelId);
    return ended.ok ? c.json({ ok: true } as const, 200) : renderFailure(c, ended.error);
  });
}

/** The id of the previous page's last room, a ULID. Opaque to clients. */
const CURSOR = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

const Query = z.object({
  guildId: AskedGuild,
  state: z.enum(["open", "ended"]).default("open"),
  ...pageQuery(CURSOR, ROOMS_PAGE_MAX, ROOMS_PAGE_DEFAULT),
});

const RoomsPage = z
  .object({ rooms: z.array(Room), nextCursor: z.string().nullable() })
  .openapi("RoomsPage");

const listRoute = createRoute({
  operationId: "rooms.list",
  method: "get",
  path: "/rooms",
  tags: ["rooms"],
  summary: "The rooms of a guild, newest first",
  security: [{ bearer: [] }],
  middleware: [requireAuth, limitUser(REQUESTS)],
  request: { query: Query },
  responses: {
    200: jsonAnswer("One page", RoomsPage),
    ...problems("invalid_request", "unauthorized", "forbidden_guild", "rate_limited"),
  },
});

/** `GET /rooms` */
function mountListRooms(app: OpenAPIHono<AppEnv>): void {
  app.openapi(listRoute, async (c) => {
    const who = c.get("principal");
    const { guildId: asked, state, cursor, limit } = c.req.valid("query");
    const guildId = guildFor(who, asked, roomsConfigOf(c.env).primaryGuildId);
    if (guildId === undefined) return renderFailure(c, { kind: "forbidden_guild" });
    const query = { guildId, state, before: cursor ?? null, limit };
    const { rooms, next } = await listRooms(portsOf(c.env), who, query);
    return c.json({ rooms: [...rooms], nextCursor: next }, 200);
  });
}

const getRoute = createRoute({
  operationId: "rooms.get",
  method: "get",
  path: "/rooms/{channelId}",
  tags: ["rooms"],
  summary: "One room with who is in it",
  security: [{ bearer: [] }],
  middleware: [requireAuth, limitUser(REQUESTS)],
  request: { params: ChannelParam },
  responses: {
    200: jsonAnswer("The room", Room),
    ...problems("invalid_request", "unauthorized", "room_not_found", "rate_limited"),
  },
});

/** `GET /rooms/:channelId` */
function mountGetRoom(app: OpenAPIHono<AppEnv>): void {
  app.openapi(getRoute, async (c) => {
    const { channelId } = c.req.valid("param");
    const room = await getRoom(portsOf(c.env), c.get("principal"), channelId);
    return room.ok ? c.json(room.value, 200) : renderFailure(c, room.error);
  });
}
