import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import { guildFor } from "../../../platform/auth/principal.ts";
import { requireAuth } from "../../../platform/auth/require-auth.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { limitUser, REQUESTS } from "../../../platform/http/limit-user.ts";
import { problems } from "../../../platform/http/problem.ts";
import { jsonAnswer } from "../../../platform/openapi.ts";
import { pageLimit } from "../../../platform/pagination.ts";
import { AskedGuild, DiscordId } from "../../../protocol/discord-id.ts";
import {
  PEOPLE_PAGE_DEFAULT,
  PEOPLE_PAGE_MAX,
  PERSON_NAME_MAX_LENGTH,
} from "../../../protocol/limits.ts";
import { Person, shownPerson } from "../../../protocol/person.ts";
import { shownText } from "../../../protocol/shown-text.ts";
import { roomsConfigOf } from "../config.ts";
import { renderFailure } from "../errors.ts";
import { portsOf } from "../wire.ts";

const Query = z.object({
  guildId: AskedGuild,
  q: z
    .string()
    .max(PERSON_NAME_MAX_LENGTH)
    .default("")
    .openapi({ description: "A part of the name, in any case", examples: ["ad"] }),
  limit: pageLimit(PEOPLE_PAGE_MAX, PEOPLE_PAGE_DEFAULT),
});

const People = z
  .object({ people: z.array(Person.extend({ userId: DiscordId })) })
  .openapi("People");

const route = createRoute({
  operationId: "people.list",
  method: "get",
  path: "/people",
  tags: ["rooms"],
  summary: "People of a guild by name, for a picker",
  description:
    "People whom the hub has seen in the last 90 days in a voice channel that everybody in the guild may see, except bots. Names that begin with `q` come first. People who are not listed can still be named by their Discord id.",
  security: [{ bearer: [] }],
  middleware: [requireAuth, limitUser(REQUESTS)],
  request: { query: Query },
  responses: {
    200: jsonAnswer("At most `limit`", People),
    ...problems("invalid_request", "unauthorized", "forbidden_guild", "rate_limited"),
  },
});

/** `GET /people` */
export function mountPeople(app: OpenAPIHono<AppEnv>): void {
  app.openapi(route, async (c) => {
    const { guildId: asked, q, limit } = c.req.valid("query");
    const guildId = guildFor(c.get("principal"), asked, roomsConfigOf(c.env).primaryGuildId);
    if (guildId === undefined) return renderFailure(c, { kind: "forbidden_guild" });
    const query = { q: shownText(q, PERSON_NAME_MAX_LENGTH), limit };
    const found = await portsOf(c.env).hub.people(guildId, query);
    const people = found.map((user) => ({
      userId: user.userId,
      ...shownPerson(user.userId, user),
    }));
    return c.json({ people }, 200);
  });
}
