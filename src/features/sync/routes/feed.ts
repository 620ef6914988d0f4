import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { refuse } from "../../../platform/http/areas.ts";
import { jsonAnswer } from "../../../platform/openapi.ts";
import { pageLimit } from "../../../platform/pagination.ts";
import { SYNC_PAGE_DEFAULT, SYNC_PAGE_MAX } from "../../../protocol/limits.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";
import { FeedPost } from "../records.ts";
import { ask, FOR_ACCOUNT, isHappyClient, LIST_FAILURES } from "./in-account.ts";

/** Both forms of a cursor: the seed's, and that of current clients (sync.md §9). No number is too large for SQLite. */
const CURSOR = /^(?:cursor_|0-)(\d{1,15})$/;

const FeedItem = FeedPost.omit({ counter: true })
  .extend({ cursor: z.string().openapi({ example: "cursor_42" }) })
  .openapi("SyncFeedItem");

const feedRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.feed",
  method: "get",
  path: "/v1/feed",
  summary: "What the account should know of others, newest first",
  request: {
    query: z.object({
      before: z.string().optional().openapi({ description: "Only older items than this cursor" }),
      after: z.string().optional().openapi({
        description: "Only newer items than this cursor, those that are nearest to it",
      }),
      limit: pageLimit(SYNC_PAGE_MAX, SYNC_PAGE_DEFAULT),
    }),
  },
  responses: {
    200: jsonAnswer(
      "A part of the feed",
      z.object({
        items: z.array(FeedItem),
        hasMore: z.boolean().openapi({ description: "Whether there are more in this direction" }),
      }),
    ),
    ...LIST_FAILURES,
  },
});

/** The feed of an account (sync.md §3.9). */
export function mountFeed(app: OpenAPIHono<AppEnv>): void {
  app.openapi(feedRoute, async (c) => {
    const { before, after, limit } = c.req.valid("query");
    const range = { before: counterIn(before), after: counterIn(after) };
    if (range.before === undefined || range.after === undefined) {
      return refuse(c, { code: "invalid_request", detail: "Invalid cursor format" });
    }
    const { before: upTo, after: from } = range;
    const found = await ask(c, SYNC_COMMANDS.feed, { before: upTo, after: from, limit });
    if (!found.ok) return found.error;
    const form = isHappyClient(c) ? "0-" : "cursor_";
    const items = found.value.rows.map(({ counter, ...post }) => ({
      ...post,
      cursor: `${form}${counter}`,
    }));
    return c.json({ items, hasMore: found.value.hasMore }, 200);
  });
}

/** The number of a cursor; null: there is no cursor, undefined: it has another form. */
function counterIn(cursor: string | undefined): number | null | undefined {
  if (cursor === undefined) return null;
  const digits = CURSOR.exec(cursor)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
