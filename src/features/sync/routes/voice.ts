import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { requireAuth } from "../../../platform/auth/require-auth.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { limitUser } from "../../../platform/http/limit-user.ts";
import { jsonAnswer, jsonBody } from "../../../platform/openapi.ts";
import {
  SYNC_DATA_KEY_MAX_LENGTH,
  SYNC_VOICE_TOKENS_PER_MINUTE,
} from "../../../protocol/limits.ts";
import { httpVoice } from "../adapters/http-voice.ts";
import { syncConfigOf } from "../config.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";
import { callerOf } from "../http-dialect.ts";
import { ClientId } from "../records.ts";
import { ask, CREATE_FAILURES, FOR_ACCOUNT } from "./in-account.ts";
import { FEW_PARTS, limitJson } from "./limit-json.ts";

const NotAllowed = z.object({ allowed: z.literal(false), error: z.string() });

const tokenRoute = createRoute({
  ...FOR_ACCOUNT,
  // Each costs the operator of the server money.
  middleware: [
    requireAuth,
    limitUser({ name: "sync-voice", perMinute: SYNC_VOICE_TOKENS_PER_MINUTE }),
    limitJson(FEW_PARTS),
  ],
  operationId: "sync.voiceToken",
  method: "post",
  path: "/v1/voice/token",
  summary: "A token to speak with an agent at ElevenLabs",
  description:
    "Where the server is deployed to production, RevenueCat is asked whether the account has paid for it.",
  request: {
    body: jsonBody(
      z.object({
        agentId: ClientId,
        revenueCatPublicKey: z
          .string()
          .max(SYNC_DATA_KEY_MAX_LENGTH)
          .regex(/^[\x21-\x7e]+$/, "must be printable ASCII")
          .optional(),
      }),
      { agentId: "agent_1", revenueCatPublicKey: "appl_key" },
    ),
  },
  responses: {
    ...CREATE_FAILURES,
    200: jsonAnswer(
      "The token; or that the account may not speak",
      z.union([
        z.object({ allowed: z.literal(true), token: z.string(), agentId: z.string() }),
        z.object({ allowed: z.literal(false), agentId: z.string() }),
      ]),
    ),
    400: jsonAnswer(
      "The request is wrong, or there is no token to be had",
      z.union([NotAllowed, z.object({ error: z.string() })]),
    ),
  },
});

/** `POST /v1/voice/token` (sync.md §3.10) */
export function mountVoice(app: OpenAPIHono<AppEnv>): void {
  app.openapi(tokenRoute, async (c) => {
    const { agentId, revenueCatPublicKey: publicKey } = c.req.valid("json");
    const { voice, isProduction } = syncConfigOf(c.env);
    const services = httpVoice(voice);
    const refused = (error: string) => c.json({ allowed: false, error } as const, 400);
    // Only the hub knows at once whether the token was revoked.
    const present = await ask(c, SYNC_COMMANDS.verify, {});
    if (!present.ok) return present.error;
    if (isProduction) {
      if (publicKey === undefined) return refused("revenueCatPublicKey is missing.");
      const { account } = callerOf(c.get("principal"));
      if (!(await services.isEntitled(account, publicKey))) {
        return c.json({ allowed: false, agentId } as const, 200);
      }
    }
    if (voice.elevenLabs.apiKey === undefined) return refused("Voice is not set up here.");
    const token = await services.conversationToken(agentId);
    if (token === null) return refused("There is no token for this agent now.");
    return c.json({ allowed: true, token, agentId } as const, 200);
  });
}
