import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { refuse } from "../../../platform/http/areas.ts";
import { jsonAnswer, jsonBody } from "../../../platform/openapi.ts";
import { pageLimit } from "../../../platform/pagination.ts";
import {
  SYNC_ACTIVE_SESSIONS_DEFAULT,
  SYNC_ACTIVE_SESSIONS_MAX,
  SYNC_ID_MAX_LENGTH,
  SYNC_NEWEST_MAX,
  SYNC_PAGE_DEFAULT,
  SYNC_PAGE_MAX,
} from "../../../protocol/limits.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";
import { failures } from "../http-dialect.ts";
import { ClientId, DataKey, OpaqueText, Session } from "../records.ts";
import {
  ask,
  askExisting,
  CREATE_FAILURES,
  FOR_ACCOUNT,
  HappyHeaders,
  HasMore,
  isHappyClient,
  ITEM_FAILURES,
  LIST_FAILURES,
  Success,
} from "./in-account.ts";

/** The session of a path. */
export const SessionParam = z.object({
  id: ClientId.openapi({ param: { name: "id", in: "path" } }),
});

const CURSOR = new RegExp(`^cursor_v1_(.{1,${SYNC_ID_MAX_LENGTH}})$`);
/** What a request is told for a session that its account does not have. */
export const SESSION_MISSING = "Session not found";
const Sessions = z.object({ sessions: z.array(Session) });
/** The beginning of a list that has no pages. */
const FirstSessions = Sessions.extend({ hasMore: HasMore });

/** How clients call the parameter of a page that goes on from another one. */
export const Cursor = z.string().openapi({ description: "`nextCursor` of the page before" });

/** Reads `cursor_v1_<id>`; null: it is another form. */
export function idInCursor(cursor: string): string | null {
  return CURSOR.exec(cursor)?.[1] ?? null;
}

/** The cursor of the page after this one; null: it is the last. */
export function cursorAfter({
  rows,
  hasMore,
}: {
  readonly rows: readonly { readonly id: string }[];
  readonly hasMore: boolean;
}): string | null {
  const last = rows.at(-1);
  return hasMore && last !== undefined ? `cursor_v1_${last.id}` : null;
}

const recentRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.recentSessions",
  method: "get",
  path: "/v1/sessions",
  summary: "The sessions that changed last",
  description: "`GET /v2/sessions` has all of them, in pages.",
  request: { headers: HappyHeaders },
  responses: {
    200: jsonAnswer(`At most ${SYNC_NEWEST_MAX}, the last change first`, FirstSessions),
    ...failures("unauthorized"),
  },
});

/** Milliseconds, or an ISO 8601 time: clients of different origin send one of them (sync.md §3.3). */
const Since = z
  .union([z.iso.datetime({ offset: true }), z.string().regex(/^[1-9]\d{0,15}$/)], {
    error:
      "must be milliseconds since 1970, or a time in ISO 8601 with its zone, for example 2026-01-31T12:00:00Z",
  })
  .transform((text) => (/^\d+$/.test(text) ? Number(text) : Date.parse(text)))
  .openapi({
    type: "string",
    description: "Only those changed after this: milliseconds or ISO 8601",
  });

const pageRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.pageOfSessions",
  method: "get",
  path: "/v2/sessions",
  summary: "Sessions in pages, newest first",
  request: {
    headers: HappyHeaders,
    query: z.object({
      cursor: Cursor.optional(),
      limit: pageLimit(SYNC_PAGE_MAX, SYNC_PAGE_DEFAULT),
      changedSince: Since.optional(),
    }),
  },
  responses: {
    200: jsonAnswer(
      "One page",
      Sessions.extend({ nextCursor: z.string().nullable(), hasNext: z.boolean() }),
    ),
    ...LIST_FAILURES,
  },
});

const activeRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.activeSessions",
  method: "get",
  path: "/v2/sessions/active",
  summary: "Sessions that were heard of in the last 15 minutes",
  request: {
    query: z.object({ limit: pageLimit(SYNC_ACTIVE_SESSIONS_MAX, SYNC_ACTIVE_SESSIONS_DEFAULT) }),
  },
  responses: {
    200: jsonAnswer("The last heard of first", FirstSessions),
    ...LIST_FAILURES,
  },
});

const NewSession = z.object({
  tag: ClientId,
  metadata: OpaqueText,
  agentState: OpaqueText.nullish(),
  dataEncryptionKey: DataKey.nullish(),
});
const OneSession = z.object({ session: Session });

const createSessionRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.createSession",
  method: "post",
  path: "/v1/sessions",
  summary: "Create a session, or find the one with this tag",
  request: {
    body: jsonBody(NewSession, { tag: "terminal-1", metadata: "bWV0YWRhdGE=", agentState: null }),
  },
  responses: {
    200: jsonAnswer("The session; one that was there is unchanged", OneSession),
    ...CREATE_FAILURES,
  },
});

const getRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.session",
  method: "get",
  path: "/v1/sessions/{id}",
  summary: "One session",
  request: { params: SessionParam },
  responses: {
    200: jsonAnswer("The session", OneSession),
    ...ITEM_FAILURES,
  },
});

const deleteRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.deleteSession",
  method: "delete",
  path: "/v1/sessions/{id}",
  summary: "Hide a session from lists",
  description: "Its messages stay. A session that is created with its tag brings it back.",
  request: { params: SessionParam },
  responses: {
    200: jsonAnswer("It is hidden", Success),
    ...ITEM_FAILURES,
  },
});

const archiveRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.archiveSession",
  method: "post",
  path: "/v1/sessions/{id}/archive",
  summary: "End a session: it is not active any more",
  request: { params: SessionParam },
  responses: {
    200: jsonAnswer("It has ended", Success),
    ...ITEM_FAILURES,
  },
});

/** The sessions of an account (sync.md §3.3). */
export function mountSessions(app: OpenAPIHono<AppEnv>): void {
  app.openapi(recentRoute, async (c) => {
    const input = { limit: SYNC_NEWEST_MAX, showsDeleted: !isHappyClient(c) };
    const sessions = await ask(c, SYNC_COMMANDS.recentSessions, input);
    return sessions.ok ? c.json(firstOf(sessions.value), 200) : sessions.error;
  });

  app.openapi(pageRoute, async (c) => {
    const { cursor, limit, changedSince = null } = c.req.valid("query");
    const before = cursor === undefined ? null : idInCursor(cursor);
    if (cursor !== undefined && before === null) {
      return refuse(c, { code: "invalid_request", detail: "Invalid cursor format" });
    }
    const found = await ask(c, SYNC_COMMANDS.pageOfSessions, {
      limit,
      before,
      changedAfter: changedSince,
      showsDeleted: !isHappyClient(c),
    });
    if (!found.ok) return found.error;
    const { rows: sessions, hasMore: hasNext } = found.value;
    return c.json({ sessions, nextCursor: cursorAfter(found.value), hasNext }, 200);
  });

  app.openapi(activeRoute, async (c) => {
    const input = c.req.valid("query");
    const sessions = await ask(c, SYNC_COMMANDS.activeSessions, input);
    return sessions.ok ? c.json(firstOf(sessions.value), 200) : sessions.error;
  });

  app.openapi(createSessionRoute, async (c) => {
    const { agentState = null, dataEncryptionKey = null, ...wanted } = c.req.valid("json");
    const input = { ...wanted, agentState, dataEncryptionKey };
    const session = await ask(c, SYNC_COMMANDS.createSession, input);
    return session.ok ? c.json({ session: session.value }, 200) : session.error;
  });

  app.openapi(getRoute, async (c) => {
    const session = await askExisting(
      c,
      SYNC_COMMANDS.session,
      c.req.valid("param"),
      SESSION_MISSING,
    );
    if (!session.ok) return session.error;
    return c.json({ session: session.value }, 200);
  });

  app.openapi(deleteRoute, async (c) => {
    const had = await askExisting(
      c,
      SYNC_COMMANDS.deleteSession,
      c.req.valid("param"),
      SESSION_MISSING,
    );
    return had.ok ? c.json({ success: true } as const, 200) : had.error;
  });

  app.openapi(archiveRoute, async (c) => {
    const had = await askExisting(
      c,
      SYNC_COMMANDS.archiveSession,
      c.req.valid("param"),
      SESSION_MISSING,
    );
    return had.ok ? c.json({ success: true } as const, 200) : had.error;
  });
}

function firstOf({ rows, hasMore }: { readonly rows: Session[]; readonly hasMore: boolean }) {
  return { sessions: rows, hasMore };
}
