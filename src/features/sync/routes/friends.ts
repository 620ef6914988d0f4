import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { systemClock } from "../../../platform/clock.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { refuse } from "../../../platform/http/areas.ts";
import { jsonAnswer, jsonBody } from "../../../platform/openapi.ts";
import { SYNC_FRIENDS_LISTED_MAX } from "../../../protocol/limits.ts";
import type { FriendAction } from "../friends.ts";
import { callerOf, failures, UNAUTHORIZED } from "../http-dialect.ts";
import { tellHubs } from "../outbox.ts";
import { ClientId, UserProfile } from "../records.ts";
import { portsOf } from "../wire.ts";
import { CREATE_FAILURES, FOR_ACCOUNT } from "./in-account.ts";

const friendsRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.friends",
  method: "get",
  path: "/v1/friends",
  summary: "Friends, and those with whom a request is open",
  responses: {
    200: jsonAnswer(
      `Friends, then those who ask, then those who were asked: at most ${SYNC_FRIENDS_LISTED_MAX}`,
      z.object({ friends: z.array(UserProfile) }),
    ),
    ...failures("unauthorized"),
  },
});

const changeRoute = (action: FriendAction, summary: string, description: string) =>
  createRoute({
    ...FOR_ACCOUNT,
    operationId: `sync.${action}Friend`,
    method: "post",
    path: `/v1/friends/${action}`,
    summary,
    description,
    request: {
      body: jsonBody(z.object({ uid: ClientId }), { uid: "01JZ3K5Q0000000000000000FR" }),
    },
    responses: {
      200: jsonAnswer(
        "The user as the caller now sees it; null: there is none, or it is the caller",
        z.object({ user: UserProfile.nullable() }),
      ),
      ...CREATE_FAILURES,
    },
  });

const CHANGES = {
  add: changeRoute(
    "add",
    "Ask a user to be a friend, or accept its request",
    "Two that ask each other are friends, whoever was first.",
  ),
  remove: changeRoute(
    "remove",
    "End a friendship, decline a request, or take one back",
    "The former friend stays one that asks: adding it makes both friends again.",
  ),
} as const;

/** Friends (sync.md §3.9). */
export function mountFriends(app: OpenAPIHono<AppEnv>): void {
  app.openapi(friendsRoute, async (c) => {
    const found = await portsOf(c.env).users.friends(callerOf(c.get("principal")));
    return found.ok ? c.json({ friends: found.value }, 200) : refuse(c, UNAUTHORIZED);
  });

  for (const action of ["add", "remove"] as const) {
    app.openapi(CHANGES[action], async (c) => {
      const { friends, outbox, hubs } = portsOf(c.env);
      const caller = callerOf(c.get("principal"));
      const { uid } = c.req.valid("json");
      const changed = await friends.change(action, caller, uid, systemClock());
      if (!changed.ok) return refuse(c, UNAUTHORIZED);
      const { value: user } = changed;
      // Also if nothing has changed: an earlier request may have died before both hubs were told of what it did.
      if (user !== null) await tellHubs({ outbox, hubs }, [caller.account, uid]);
      return c.json({ user }, 200);
    });
  }
}
