import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { within } from "../../platform/clock.ts";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { EVENTS, refuseTooMany } from "../../platform/http/limit-user.ts";
import { problem, problems } from "../../platform/http/problem.ts";
import { CLOSE_CODES } from "../../protocol/close-codes.ts";
import { EventFrame, SnapshotFrame, SnapshotReason } from "../../protocol/frames.ts";
import { EVENT_STREAM_KEEP_ALIVE_MS, LONG_POLL_WAIT_MAX_SECONDS } from "../../protocol/limits.ts";
import { HubFeed } from "../edge/hub-feed.ts";
import { pollOnce, waitingBody } from "../edge/long-poll.ts";
import { SSE_TYPE } from "../edge/sse.ts";
import { sseStream } from "../edge/sse-stream.ts";
import { positionOf, StreamHeaders, StreamQuery } from "./stream-query.ts";
import { callHub, decideEntry, hubUnavailable, refuseOrigin } from "./entry.ts";

const PolledEvents = z
  .object({
    v: z.literal(1),
    epoch: z.string(),
    seq: z.number().int().min(0).openapi({ description: "The `after` of the next call" }),
    reset: z
      .object({
        reason: SnapshotReason,
        oldest: SnapshotFrame.shape.oldest,
        snapshot: SnapshotFrame.omit({
          v: true,
          type: true,
          epoch: true,
          seq: true,
          reason: true,
          oldest: true,
        }).loose(),
      })
      .optional()
      .openapi({
        description:
          "The whole state at `seq`: on a first call, or when the position cannot be resumed",
      }),
    events: z.array(
      EventFrame.omit({ v: true, type: true })
        .extend({ payload: z.looseObject({}) })
        .loose(),
    ),
    more: z
      .boolean()
      .openapi({ description: "There are later events already: call again at once" }),
    retryWindowMs: z.number().int().openapi({
      description: "After a failure wait a random time up to this before the first retry",
    }),
  })
  .openapi("PolledEvents");

const route = createRoute({
  method: "get",
  path: "/events",
  operationId: "stream.events",
  tags: ["stream"],
  summary: "The guild's event stream without a WebSocket",
  description: `The same frames, order, audience and resume as on \`/ws\`, for networks that let no WebSocket through.

With \`Accept: text/event-stream\` the answer is a stream of Server-Sent Events: \`data\` is one frame of \`/asyncapi.json\`, \`id\` is the position that \`Last-Event-ID\` resumes from. The first is \`auth.ok\`. Comments keep the connection. When the server ends it, the last message is \`event: close\` with \`{"code","reason","reconnect"}\`: codes as on \`/ws\`. The token cannot be renewed on the stream: come back with a new one after 4401.

Otherwise it is a long poll: the answer comes when there are events, or after \`wait\` seconds without. While it waits, spaces are sent before it. Call again with its \`epoch\` and its \`seq\` as \`after\`.`,
  security: [{ bearer: [] }, {}],
  request: { query: StreamQuery, headers: StreamHeaders },
  responses: {
    200: {
      description: "Events",
      content: {
        "application/json": { schema: PolledEvents },
        [SSE_TYPE]: {
          schema: z.string().openapi({
            example: 'id: 01J…:813\ndata: {"v":1,"type":"event","event":"room.created",…}\n\n',
          }),
        },
      },
    },
    ...problems(
      "invalid_request",
      "unauthorized",
      "forbidden",
      "forbidden_guild",
      "forbidden_origin",
      "method_not_allowed",
      "rate_limited",
    ),
  },
});

/**
 * `GET /events`: the event stream over plain HTTP (hub.md, fallback). Both forms end here: the hub only has a
 * socket, like that of any client, and the Worker writes what comes out of it as a stream, or as one answer.
 */
export function mountEvents(app: OpenAPIHono<AppEnv>): void {
  app.openapi(route, async (c) => {
    // Hono routes HEAD here as well. It would open a session that nobody reads.
    if (c.req.method !== "GET") return refuseMethod(c);
    const answer = await serve(c, c.req.valid("query"), c.req.valid("header"));
    answer.headers.append("Vary", "Accept");
    return answer;
  });
  // Elsewhere a path that takes GET takes HEAD as well, and says so.
  app.all(route.path, refuseMethod);
}

function refuseMethod(c: Context<AppEnv>): Response {
  return problem(c, "method_not_allowed", "This path takes GET.", { headers: { Allow: "GET" } });
}

async function serve(
  c: Context<AppEnv>,
  query: z.infer<typeof StreamQuery>,
  headers: z.infer<typeof StreamHeaders>,
): Promise<Response> {
  const refused = refuseOrigin(c);
  if (refused !== null) return refused;
  const entry = await decideEntry(c);
  if (entry instanceof Response) return entry;
  if (entry === null) {
    return problem(
      c,
      "unauthorized",
      "Send your access token: Authorization: Bearer <token>, or ?ticket= from POST /ws/ticket.",
    );
  }
  const tooMany = await refuseTooMany(c, EVENTS, entry.identity.sub);
  if (tooMany !== null) return tooMany;
  const isStream = c.req.header("Accept")?.toLowerCase().includes(SSE_TYPE) === true;
  const response = await callHub(c, {
    v: 1,
    ...entry,
    batch: !isStream || query.batch === "1",
    edge: isStream ? "sse" : "poll",
    signals: query.signals === "1",
    ...positionOf(query, headers),
  });
  if (response.webSocket === null) return response;
  const feed = new HubFeed(response.webSocket);
  // A body is cancelled only when it is written to, which may be a while from now.
  const { signal } = c.req.raw;
  if (signal.aborted) feed.leave("goingAway");
  signal.addEventListener("abort", () => feed.leave("goingAway"), { once: true });
  if (isStream) {
    const options = { quietMs: EVENT_STREAM_KEEP_ALIVE_MS, random: Math.random };
    return c.body(sseStream(feed, options), 200, {
      "Content-Type": SSE_TYPE,
      "Cache-Control": "no-cache, no-transform",
      // Otherwise nginx buffers the stream.
      "X-Accel-Buffering": "no",
    });
  }
  const waitSeconds = Number(query.wait ?? LONG_POLL_WAIT_MAX_SECONDS);
  const polling = pollOnce(feed, waitSeconds * 1000);
  const outcome = await within(EVENT_STREAM_KEEP_ALIVE_MS, polling, () => null);
  if (outcome?.kind === "closed") return closedPoll(c, outcome.code);
  // From now on the status is decided, so that something can be written while the client waits.
  const body = outcome?.body ?? waitingBody(polling, EVENT_STREAM_KEEP_ALIVE_MS);
  return c.body(body, 200, { "Content-Type": "application/json", "Cache-Control": "no-store" });
}

/** The HTTP answer for a close code. */
function closedPoll(c: Context<AppEnv>, code: number): Response {
  switch (code) {
    case CLOSE_CODES.unauthorized.code:
      return problem(c, "unauthorized", "Your access has ended. Get a new token.");
    case CLOSE_CODES.forbidden.code:
      return problem(c, "forbidden_guild", "You may not see this guild any more.");
    case CLOSE_CODES.tooManySockets.code:
      return problem(
        c,
        "rate_limited",
        "You have too many open connections, and this was the oldest. Close some first.",
        { headers: { "Retry-After": "5" } },
      );
    default:
      return hubUnavailable(c);
  }
}
