import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { jsonAnswer, jsonBody } from "../../../platform/openapi.ts";
import {
  SYNC_PUSH_BODY_MAX_LENGTH,
  SYNC_PUSH_TITLE_MAX_LENGTH,
  SYNC_TOKEN_MAX_LENGTH,
} from "../../../protocol/limits.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";
import { callerOf, failures } from "../http-dialect.ts";
import { textUpTo } from "../records.ts";
import { openText, sealText } from "../sealed-text.ts";
import { portsOf } from "../wire.ts";
import {
  ask,
  askExisting,
  CHANGE_FAILURES,
  CREATE_FAILURES,
  FOR_ACCOUNT,
  LIST_FAILURES,
  Success,
} from "./in-account.ts";
import { SESSION_MISSING, SessionParam } from "./sessions.ts";

/** Vendors of agents whose token an account may keep here (sync.md §3.7). */
const VENDORS = ["openai", "anthropic", "gemini"] as const;

const NewToken = z.object({ token: textUpTo(SYNC_TOKEN_MAX_LENGTH).min(1) });
const VendorParam = z.object({
  vendor: z.enum(VENDORS).openapi({ param: { name: "vendor", in: "path" } }),
});

const addPushTokenRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.addPushToken",
  method: "post",
  path: "/v1/push-tokens",
  summary: "Keep a push token of one of the account's devices",
  request: { body: jsonBody(NewToken, { token: "ExponentPushToken[…]" }) },
  responses: {
    200: jsonAnswer("It is kept", Success),
    ...CREATE_FAILURES,
  },
});

const PushTokens = z.object({
  tokens: z.array(
    z.object({
      id: z.string(),
      token: z.string(),
      createdAt: z.number().int(),
      updatedAt: z.number().int(),
    }),
  ),
});

const pushTokensRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.pushTokens",
  method: "get",
  path: "/v1/push-tokens",
  summary: "The push tokens of the account's devices, newest first",
  responses: { 200: jsonAnswer("The tokens", PushTokens), ...failures("unauthorized") },
});

const keepRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.keepVendorToken",
  method: "post",
  path: "/v1/connect/{vendor}/register",
  summary: "Keep a vendor's token for the account's machines, encrypted",
  request: { params: VendorParam, body: jsonBody(NewToken, { token: "…" }) },
  responses: {
    200: jsonAnswer("It is kept", Success),
    ...CREATE_FAILURES,
  },
});

const vendorTokenRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.vendorToken",
  method: "get",
  path: "/v1/connect/{vendor}/token",
  summary: "The token of a vendor",
  request: { params: VendorParam },
  responses: {
    200: jsonAnswer("The token; null: there is none", z.object({ token: z.string().nullable() })),
    ...LIST_FAILURES,
  },
});

const pushRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.pushEvent",
  method: "post",
  path: "/v1/sessions/{id}/push-event",
  summary: "Tell the account's person that a session wants something",
  description: "Connected devices are told. No push is sent yet.",
  request: {
    params: SessionParam,
    body: jsonBody(
      z.object({
        kind: z.enum(["done", "permission", "question"]),
        title: textUpTo(SYNC_PUSH_TITLE_MAX_LENGTH).min(1),
        body: textUpTo(SYNC_PUSH_BODY_MAX_LENGTH).min(1),
        data: z.unknown().optional(),
      }),
      { kind: "done", title: "Done", body: "The task is finished." },
    ),
  },
  responses: {
    200: jsonAnswer("What came of it", Success.extend({ result: z.enum(["no_tokens"]) })),
    ...CHANGE_FAILURES,
  },
});

/** What an account keeps for its devices and machines (sync.md §3.7, §3.12, §4), as far as clients need it to start. */
export function mountTokens(app: OpenAPIHono<AppEnv>): void {
  app.openapi(addPushTokenRoute, async (c) => {
    const input = c.req.valid("json");
    const kept = await ask(c, SYNC_COMMANDS.addPushToken, input);
    return kept.ok ? c.json({ success: true } as const, 200) : kept.error;
  });

  app.openapi(pushTokensRoute, async (c) => {
    const tokens = await ask(c, SYNC_COMMANDS.pushTokens, {});
    return tokens.ok ? c.json({ tokens: tokens.value }, 200) : tokens.error;
  });

  app.openapi(keepRoute, async (c) => {
    const { masterSecret } = portsOf(c.env);
    const { vendor } = c.req.valid("param");
    const token = await sealText(
      masterSecret,
      vendorPath(callerOf(c.get("principal")).account, vendor),
      c.req.valid("json").token,
    );
    const kept = await ask(c, SYNC_COMMANDS.keepVendorToken, { vendor, token });
    return kept.ok ? c.json({ success: true } as const, 200) : kept.error;
  });

  app.openapi(vendorTokenRoute, async (c) => {
    const { masterSecret } = portsOf(c.env);
    const { vendor } = c.req.valid("param");
    const sealed = await ask(c, SYNC_COMMANDS.vendorToken, { vendor });
    if (!sealed.ok) return sealed.error;
    if (sealed.value === null) return c.json({ token: null }, 200);
    const path = vendorPath(callerOf(c.get("principal")).account, vendor);
    const token = await openText(masterSecret, path, sealed.value);
    // After a change of the secret it cannot be read, and has to be registered again.
    return c.json({ token: token.ok ? token.value : null }, 200);
  });

  app.openapi(pushRoute, async (c) => {
    const { id: sessionId } = c.req.valid("param");
    const { kind, title, body } = c.req.valid("json");
    const input = { sessionId, kind, title, body };
    const result = await askExisting(c, SYNC_COMMANDS.pushEvent, input, SESSION_MISSING);
    if (!result.ok) return result.error;
    return c.json({ success: true, result: result.value } as const, 200);
  });
}

function vendorPath(account: string, vendor: string): readonly string[] {
  return ["user", account, "vendors", vendor, "token"];
}
