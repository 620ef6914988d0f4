import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { refuse } from "../../../platform/http/areas.ts";
import { jsonAnswer } from "../../../platform/openapi.ts";
import { pageLimit } from "../../../platform/pagination.ts";
import {
  SYNC_USER_QUERY_MAX_LENGTH,
  SYNC_USERS_FOUND_DEFAULT,
  SYNC_USERS_FOUND_MAX,
} from "../../../protocol/limits.ts";
import { callerOf, UNAUTHORIZED } from "../http-dialect.ts";
import { ClientId, textUpTo, UserProfile } from "../records.ts";
import { portsOf } from "../wire.ts";
import { FOR_ACCOUNT, ITEM_FAILURES, LIST_FAILURES } from "./in-account.ts";

/** Of these two paths current clients call the second one (sync.md §9). */
const PATHS = [
  { path: "/v1/users", ending: "", says: "" },
  { path: "/v1/user", ending: "ForApp", says: ", at the path of current clients" },
] as const;
type At = (typeof PATHS)[number];

const searchRoute = ({ path, ending, says }: At) =>
  createRoute({
    ...FOR_ACCOUNT,
    operationId: `sync.searchUsers${ending}`,
    method: "get",
    path: `${path}/search`,
    summary: `Find users by the beginning of their username${says}`,
    request: {
      query: z.object({
        query: textUpTo(SYNC_USER_QUERY_MAX_LENGTH)
          .min(1)
          .openapi({ example: "jane", description: "In any case. Every character is itself" }),
        limit: pageLimit(SYNC_USERS_FOUND_MAX, SYNC_USERS_FOUND_DEFAULT),
      }),
    },
    responses: {
      200: jsonAnswer(
        "Others, in the order of their names",
        z.object({ users: z.array(UserProfile) }),
      ),
      ...LIST_FAILURES,
    },
  });

const userRoute = ({ path, ending, says }: At) =>
  createRoute({
    ...FOR_ACCOUNT,
    operationId: `sync.user${ending}`,
    method: "get",
    path: `${path}/{id}`,
    summary: `What everybody may know of a user${says}`,
    request: {
      params: z.object({ id: ClientId.openapi({ param: { name: "id", in: "path" } }) }),
    },
    responses: {
      200: jsonAnswer("The user", z.object({ user: UserProfile })),
      ...ITEM_FAILURES,
    },
  });

/** Users as others see them (sync.md §3.9). */
export function mountUsers(app: OpenAPIHono<AppEnv>): void {
  for (const at of PATHS) {
    app.openapi(searchRoute(at), async (c) => {
      const { query, limit } = c.req.valid("query");
      const { users } = portsOf(c.env);
      const found = await users.search(callerOf(c.get("principal")), query, limit);
      return found.ok ? c.json({ users: found.value }, 200) : refuse(c, UNAUTHORIZED);
    });

    app.openapi(userRoute(at), async (c) => {
      const { users } = portsOf(c.env);
      const found = await users.profile(callerOf(c.get("principal")), c.req.valid("param").id);
      if (!found.ok) return refuse(c, UNAUTHORIZED);
      const { value: user } = found;
      if (user === null) return refuse(c, { code: "not_found", detail: "User not found" });
      return c.json({ user }, 200);
    });
  }
}
