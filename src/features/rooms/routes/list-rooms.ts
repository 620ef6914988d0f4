import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import { guildFor } from "../../../platform/auth/principal.ts";
import { requireAuth } from "../../../platform/auth/require-auth.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { limitUser, REQUESTS } from "../../../platform/http/limit-user.ts";
import { problems } from "../../../platform/http/problem.ts";
import { pageLimit } from "../../../platform/pagination.ts";
import { DiscordId } from "../../../protocol/discord-id.ts";
import { ROOMS_PAGE_DEFAULT, ROOMS_PAGE_MAX } from "../../../protocol/limits.ts";
import { Room } from "../../../protocol/room.ts";
import { roomsConfigOf } from "../config.ts";
import { renderFailure } from "../errors.ts";
import { listRooms } from "../service.ts";
import { portsOf } from "../wire.ts";

/** A ULID: the id of the last room of the page before. Opaque to clients. */
const Cursor = z.string().regex(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/, "take it from nextCursor");

const Query = z.object({
  guildId: DiscordId.optional(),
  state: z.enum(["open", "ended"]).default("open"),
  cursor: Cursor.optional().openapi({ description: "`nextCursor` of the page before" }),
  limit: pageLimit(ROOMS_PAGE_MAX, ROOMS_PAGE_DEFAULT),
});

const RoomsPage = z
  .object({ rooms: z.array(Room), nextCursor: z.string().nullable() })
  .openapi("RoomsPage");

const route = createRoute({
  operationId: "rooms.list",
  method: "get",
  path: "/rooms",
  tags: ["rooms"],
  summary: "The rooms of a guild, newest first",
  security: [{ bearer: [] }],
  middleware: [requireAuth, limitUser(REQUESTS)],
  request: { query: Query },
  responses: {
    200: { description: "One page", content: { "application/json": { schema: RoomsPage } } },
    ...problems("invalid_request", "unauthorized", "forbidden_guild", "rate_limited"),
  },
});

/** `GET /rooms` */
export function mountListRooms(app: OpenAPIHono<AppEnv>): void {
  app.openapi(route, async (c) => {
    const who = c.get("principal");
    const { guildId: asked, state, cursor, limit } = c.req.valid("query");
    const guildId = guildFor(who, asked, roomsConfigOf(c.env).primaryGuildId);
    if (guildId === undefined) return renderFailure(c, { kind: "forbidden_guild" });
    const query = { guildId, state, before: cursor ?? null, limit };
    const { rooms, next } = await listRooms(portsOf(c.env), who, query);
    return c.json({ rooms: [...rooms], nextCursor: next }, 200);
  });
}
