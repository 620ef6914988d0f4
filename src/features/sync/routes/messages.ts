import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { refuse } from "../../../platform/http/areas.ts";
import { jsonAnswer, jsonBody } from "../../../platform/openapi.ts";
import { pageLimit } from "../../../platform/pagination.ts";
import {
  SYNC_MESSAGES_ADDED_MAX,
  SYNC_MESSAGES_PAGE_DEFAULT,
  SYNC_MESSAGES_PAGE_MAX,
  SYNC_NEWEST_MAX,
  SYNC_PAGE_DEFAULT,
  SYNC_PAGE_MAX,
} from "../../../protocol/limits.ts";
import { type MessageRange, SYNC_COMMANDS } from "../hub-commands.ts";
import { ClientId, Content, EncryptedText, Message } from "../records.ts";
import {
  askExisting,
  CHANGE_FAILURES,
  FOR_ACCOUNT,
  forAccount,
  HasMore,
  ITEM_FAILURES,
} from "./in-account.ts";
import { withAnyJson } from "./limit-json.ts";
import { Cursor, cursorAfter, idInCursor, SESSION_MISSING, SessionParam } from "./sessions.ts";

const addRoute = createRoute({
  ...forAccount(withAnyJson("content")),
  operationId: "sync.addMessage",
  method: "post",
  path: "/v1/sessions/{id}/messages",
  summary: "Add a message to a session, once by its localId",
  request: {
    params: SessionParam,
    body: jsonBody(z.object({ localId: ClientId.nullish(), content: Content }), {
      localId: "1",
      content: { t: "encrypted", c: "bWVzc2FnZQ==" },
    }),
  },
  responses: {
    200: jsonAnswer("The message", z.object({ message: Message })),
    ...CHANGE_FAILURES,
  },
});

/** A message of a list: its session is known. */
const Listed = Message.omit({ sessionId: true }).openapi("SyncListedMessage");

const newestRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.newestMessages",
  method: "get",
  path: "/v1/sessions/{id}/messages",
  summary: "The newest messages of a session",
  request: { params: SessionParam },
  responses: {
    200: jsonAnswer(
      `At most ${SYNC_NEWEST_MAX}, newest first`,
      z.object({ messages: z.array(Listed), hasMore: HasMore }),
    ),
    ...ITEM_FAILURES,
  },
});

const pageRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.pageOfMessages",
  method: "get",
  path: "/v2/sessions/{id}/messages",
  summary: "Messages of a session in pages, newest first",
  request: {
    params: SessionParam,
    query: z.object({
      cursor: Cursor.optional(),
      limit: pageLimit(SYNC_PAGE_MAX, SYNC_PAGE_DEFAULT),
    }),
  },
  responses: {
    200: jsonAnswer(
      "One page",
      z.object({ messages: z.array(Listed), nextCursor: z.string().nullable() }),
    ),
    ...ITEM_FAILURES,
  },
});

/** The number of a message in a query. */
function Seq(least: number, description: string) {
  const words = `must be a whole number from ${least} on, of at most 15 digits`;
  return z
    .string()
    .regex(/^\d{1,15}$/, words)
    .transform(Number)
    .refine((value) => value >= least, words)
    .openapi({ type: "string", description });
}

const rangeRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.messages",
  method: "get",
  path: "/v3/sessions/{id}/messages",
  summary: "Messages after a number, ascending, or before one, descending",
  request: {
    params: SessionParam,
    query: z.object({
      after_seq: Seq(0, "Messages with higher numbers, ascending. 0 is the default").optional(),
      before_seq: Seq(
        1,
        "Messages with lower numbers, descending; not with `after_seq`",
      ).optional(),
      limit: pageLimit(SYNC_MESSAGES_PAGE_MAX, SYNC_MESSAGES_PAGE_DEFAULT),
    }),
  },
  responses: {
    200: jsonAnswer(
      "A part of the messages",
      z.object({ messages: z.array(Listed), hasMore: HasMore }),
    ),
    ...ITEM_FAILURES,
  },
});

const addManyRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.addMessages",
  method: "post",
  path: "/v3/sessions/{id}/messages",
  summary: "Add messages to a session, each once by its localId",
  request: {
    params: SessionParam,
    body: jsonBody(
      z.object({
        messages: z
          .array(
            z.object({
              content: EncryptedText.min(1),
              localId: ClientId,
            }),
          )
          .min(1)
          .max(SYNC_MESSAGES_ADDED_MAX),
      }),
      { messages: [{ content: "bWVzc2FnZQ==", localId: "1" }] },
    ),
  },
  responses: {
    200: jsonAnswer(
      "All of them by number, without contents",
      z.object({ messages: z.array(Listed.omit({ content: true })) }),
    ),
    ...CHANGE_FAILURES,
  },
});

/** The messages of a session (sync.md §3.3, §4). */
export function mountMessages(app: OpenAPIHono<AppEnv>): void {
  app.openapi(addRoute, async (c) => {
    const { id: sessionId } = c.req.valid("param");
    const { localId = null, content } = c.req.valid("json");
    const input = { sessionId, message: { localId, content } };
    const added = await askExisting(c, SYNC_COMMANDS.addMessage, input, SESSION_MISSING);
    if (!added.ok) return added.error;
    return c.json({ message: added.value }, 200);
  });

  app.openapi(newestRoute, async (c) => {
    const { id: sessionId } = c.req.valid("param");
    const input = { sessionId, range: { kind: "newest" as const }, limit: SYNC_NEWEST_MAX };
    const found = await askExisting(c, SYNC_COMMANDS.messages, input, SESSION_MISSING);
    if (!found.ok) return found.error;
    const { rows, hasMore } = found.value;
    return c.json({ messages: rows.map(listed), hasMore }, 200);
  });

  app.openapi(pageRoute, async (c) => {
    const { id: sessionId } = c.req.valid("param");
    const { cursor, limit } = c.req.valid("query");
    const before = cursor === undefined ? null : idInCursor(cursor);
    if (cursor !== undefined && before === null) {
      return refuse(c, { code: "invalid_request", detail: "Invalid cursor format" });
    }
    const range: MessageRange = { kind: "beforeId", id: before };
    const input = { sessionId, range, limit };
    const found = await askExisting(c, SYNC_COMMANDS.messages, input, SESSION_MISSING);
    if (!found.ok) return found.error;
    const messages = found.value.rows.map(listed);
    return c.json({ messages, nextCursor: cursorAfter(found.value) }, 200);
  });

  app.openapi(rangeRoute, async (c) => {
    const { id: sessionId } = c.req.valid("param");
    const { after_seq: after, before_seq: before, limit } = c.req.valid("query");
    if (after !== undefined && before !== undefined) {
      const detail = "Send after_seq or before_seq, not both";
      return refuse(c, { code: "invalid_request", detail });
    }
    const range: MessageRange =
      before === undefined
        ? { kind: "afterSeq", seq: after ?? 0 }
        : { kind: "beforeSeq", seq: before };
    const input = { sessionId, range, limit };
    const found = await askExisting(c, SYNC_COMMANDS.messages, input, SESSION_MISSING);
    if (!found.ok) return found.error;
    const { rows, hasMore } = found.value;
    return c.json({ messages: rows.map(listed), hasMore }, 200);
  });

  app.openapi(addManyRoute, async (c) => {
    const { id: sessionId } = c.req.valid("param");
    const messages = c.req.valid("json").messages.map(({ localId, content }) => ({
      localId,
      content: { t: "encrypted", c: content },
    }));
    const input = { sessionId, messages };
    const added = await askExisting(c, SYNC_COMMANDS.addMessages, input, SESSION_MISSING);
    if (!added.ok) return added.error;
    // One that was asked for twice is there once.
    const once = [...new Map(added.value.map((message) => [message.id, message])).values()];
    const rows = once.toSorted((a, b) => a.seq - b.seq).map(headOf);
    return c.json({ messages: rows }, 200);
  });
}

/** A message in a list: its session is known. */
function listed({ id, localId, seq, content, createdAt, updatedAt }: Message) {
  return { id, localId, seq, content, createdAt, updatedAt };
}

function headOf({ id, localId, seq, createdAt, updatedAt }: Omit<Message, "content">) {
  return { id, localId, seq, createdAt, updatedAt };
}
