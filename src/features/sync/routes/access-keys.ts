import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { refuse } from "../../../platform/http/areas.ts";
import { jsonAnswer, jsonBody } from "../../../platform/openapi.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";
import { failures } from "../http-dialect.ts";
import { ACCESS_KEY_REFUSALS, AccessKey, ClientId, OpaqueText, Version } from "../records.ts";
import { ask, CHANGE_FAILURES, FOR_ACCOUNT, ITEM_FAILURES, Success } from "./in-account.ts";

const AT = {
  ...FOR_ACCOUNT,
  path: "/v1/access-keys/{sessionId}/{machineId}",
} as const;
const PlaceParam = z.object({
  sessionId: ClientId.openapi({ param: { name: "sessionId", in: "path" } }),
  machineId: ClientId.openapi({ param: { name: "machineId", in: "path" } }),
});

const getRoute = createRoute({
  ...AT,
  operationId: "sync.accessKey",
  method: "get",
  summary: "The access key of a session on a machine",
  request: { params: PlaceParam },
  responses: {
    200: jsonAnswer("The key; null: there is none", z.object({ accessKey: AccessKey.nullable() })),
    ...ITEM_FAILURES,
  },
});

const createKeyRoute = createRoute({
  ...AT,
  operationId: "sync.createAccessKey",
  method: "post",
  summary: "Create the access key of a session on a machine",
  request: { params: PlaceParam, body: jsonBody(z.object({ data: OpaqueText }), { data: "a2V5" }) },
  responses: {
    200: jsonAnswer("It is created", Success.extend({ accessKey: AccessKey })),
    ...failures(
      "invalid_request",
      "invalid_json",
      "unauthorized",
      "not_found",
      "already_exists",
      "body_too_large",
    ),
  },
});

const Changed = z.union([
  Success.extend({ version: Version }),
  z.object({
    success: z.literal(false),
    error: z.literal("version-mismatch"),
    currentVersion: Version,
    currentData: z.string(),
  }),
]);

const changeRoute = createRoute({
  ...AT,
  operationId: "sync.changeAccessKey",
  method: "put",
  summary: "Replace the data of an access key, if it has the expected version",
  request: {
    params: PlaceParam,
    body: jsonBody(z.object({ data: OpaqueText, expectedVersion: Version }), {
      data: "a2V5",
      expectedVersion: 1,
    }),
  },
  responses: {
    200: jsonAnswer("The new version, or what is there if it has another one", Changed),
    ...CHANGE_FAILURES,
  },
});

/** The access keys of an account: what a session's machine needs to let others in (sync.md §3.6). */
export function mountAccessKeys(app: OpenAPIHono<AppEnv>): void {
  app.openapi(getRoute, async (c) => {
    const found = await ask(c, SYNC_COMMANDS.accessKey, c.req.valid("param"));
    if (!found.ok) return found.error;
    const { value } = found;
    if ("accessKey" in value) return c.json(value, 200);
    return refuse(c, { code: "not_found", detail: ACCESS_KEY_REFUSALS.nowhere });
  });

  app.openapi(createKeyRoute, async (c) => {
    const input = { ...c.req.valid("param"), ...c.req.valid("json") };
    const created = await ask(c, SYNC_COMMANDS.createAccessKey, input);
    if (!created.ok) return created.error;
    const { value } = created;
    if ("accessKey" in value) {
      return c.json({ success: true as const, accessKey: value.accessKey }, 200);
    }
    const code = value.refused === "nowhere" ? "not_found" : "already_exists";
    return refuse(c, { code, detail: ACCESS_KEY_REFUSALS[value.refused] });
  });

  app.openapi(changeRoute, async (c) => {
    const { data, expectedVersion } = c.req.valid("json");
    const input = { ...c.req.valid("param"), value: data, expected: expectedVersion };
    const came = await ask(c, SYNC_COMMANDS.changeAccessKey, input);
    if (!came.ok) return came.error;
    const { value: stored } = came;
    switch (stored.result) {
      case "error":
        return refuse(c, { code: "not_found", detail: stored.message });
      case "success":
        return c.json({ success: true as const, version: stored.version }, 200);
      case "version-mismatch": {
        const { result: error, version: currentVersion, value: currentData } = stored;
        return c.json({ success: false as const, error, currentVersion, currentData }, 200);
      }
    }
  });
}
