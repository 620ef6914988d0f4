import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { limitRawBody } from "../../../platform/http/areas.ts";
import { problem, problems } from "../../../platform/http/problem.ts";
import { isKnownSecret } from "../../../platform/known-secret.ts";
import { log } from "../../../platform/log.ts";
import { jsonAnswer, jsonBody } from "../../../platform/openapi.ts";
import { parseJson } from "../../../protocol/outbound.ts";
import { requestIds } from "../../../platform/request-ids.ts";
import { WEBHOOK_BODY_MAX_BYTES } from "../../../protocol/limits.ts";
import { matchesConfigOf } from "../config.ts";
import { matchRoom } from "../env.ts";
import { readWebhook } from "../webhook.ts";

/** Where FACEIT sends what happens. */
export const WEBHOOK_PATH = "/faceit-webhook";

const Taken = z.object({ ok: z.literal(true), result: z.enum(["taken", "duplicate", "ignored"]) });

const route = createRoute({
  operationId: "matches.webhook",
  method: "post",
  path: WEBHOOK_PATH,
  tags: ["matches"],
  summary: "Take a webhook of FACEIT",
  description:
    "FACEIT does not sign: the configured header carries a secret. The body is only a hint; the match is read again from FACEIT afterwards.",
  security: [{ webhookSecret: [] }],
  request: {
    body: jsonBody(z.looseObject({ event: z.string() }), {
      event: "match_status_ready",
      event_id: "3f1a7c8e-0000-4000-8000-000000000001",
      payload: {
        id: "1-3f1a7c8e-0000-4000-8000-000000000002",
        organizer_id: "your-organizer",
        version: 1,
      },
    }),
  },
  responses: {
    200: jsonAnswer("Stored now or before; the work is done afterwards", Taken),
    202: jsonAnswer("Ignored: an event that is not used, or a match that is not ours", Taken),
    ...problems("invalid_json", "invalid_request", "bad_webhook_secret", "body_too_large"),
  },
});

/** `POST /faceit-webhook` (matches-and-music.md §A3) */
export function mountFaceitWebhook(app: OpenAPIHono<AppEnv>): void {
  app.openAPIRegistry.registerComponent("securitySchemes", "webhookSecret", {
    type: "apiKey",
    in: "header",
    name: "X-Webhook-Secret",
    description: "The secret of `FACEIT_WEBHOOK_SECRET`, in the header of `FACEIT_WEBHOOK_HEADER`",
  });
  app.openAPIRegistry.registerPath(route);
  // Not through the validator: nothing is parsed before the secret is checked.
  app.post(WEBHOOK_PATH, limitRawBody(WEBHOOK_BODY_MAX_BYTES, "A webhook"), async (c) => {
    const refusal = await checkSecret(c);
    if (refusal !== null) return refusal;
    const body = parseJson(await c.req.text());
    if (body === undefined) {
      return problem(c, "invalid_json", "The body of the webhook is not JSON.");
    }
    const { faceit, primaryGuildId } = matchesConfigOf(c.env);
    const webhook = readWebhook(body, faceit, primaryGuildId);
    if (webhook.kind === "invalid") return problem(c, "invalid_request", webhook.detail);
    if (webhook.kind === "ignored") return c.json({ ok: true, result: "ignored" }, 202);
    const { eventId, guildId, hint } = webhook;
    const room = matchRoom(c.env, hint.match.matchId);
    const result = await room.hint({ eventId, guildId, hint }, requestIds());
    log("info", "match.webhook", {
      matchId: hint.match.matchId,
      webhook: hint.event,
      version: hint.match.version,
      result,
    });
    return c.json({ ok: true, result }, 200);
  });
}

async function checkSecret(c: Context<AppEnv>): Promise<Response | null> {
  const { webhookSecrets, webhookHeader, webhookQuery } = matchesConfigOf(c.env).faceit;
  if (webhookSecrets.length === 0) {
    return problem(c, "unavailable", "Webhooks are not set up: FACEIT_WEBHOOK_SECRET is missing.");
  }
  const given =
    c.req.header(webhookHeader) ??
    (webhookQuery === undefined ? undefined : c.req.query(webhookQuery));
  if (given !== undefined && (await isKnownSecret(given, webhookSecrets))) return null;
  return problem(
    c,
    "bad_webhook_secret",
    `Send the secret that is agreed on in the header ${webhookHeader}.`,
  );
}
