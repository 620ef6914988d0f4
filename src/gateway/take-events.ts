import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { guildConfigOf } from "../hub/guild-config.ts";
import { hubEnv } from "../hub/env.ts";
import { GUILD_HUBS } from "../hub/guild-kind.ts";
import { hubPublisher } from "../hub/hub-client.ts";
import { systemClock } from "../platform/clock.ts";
import type { PlatformEnv } from "../platform/env.ts";
import type { AppEnv } from "../platform/http/app-env.ts";
import { limitRawBody } from "../platform/http/areas.ts";
import { problem, problems, retryAfter } from "../platform/http/problem.ts";
import { jsonAnswer, jsonBody } from "../platform/openapi.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { SIGNED_BODY_MAX_BYTES } from "../protocol/limits.ts";
import {
  SIGNATURE_HEADER,
  type GatewayHeartbeat,
  SignedEvent,
  SignedEventsResult,
  TIMESTAMP_HEADER,
  verifyBody,
} from "../protocol/signed-events.ts";
import { gatewayMonitor } from "./env.ts";
import {
  takeSignedEvents,
  type SignedEventsFailure,
  type SignedEventsPorts,
} from "./signed-events.ts";

const route = createRoute({
  operationId: "gateway.takeEvents",
  method: "post",
  path: "/internal/events",
  tags: ["gateway"],
  summary: "Take signed events of the gateway-worker",
  description:
    "One event, or `{events: […]}` with up to 100. Signed with HMAC-SHA-256 over `<timestamp>.<body>`.",
  security: [{ signature: [] }],
  request: {
    body: jsonBody(z.union([SignedEvent, z.object({ events: z.array(SignedEvent) })]), {
      event: "voice.joined",
      payload: {
        guildId: "100000000000000001",
        channelId: "100000000000000012",
        userId: "200000000000000001",
      },
    }),
  },
  responses: {
    200: jsonAnswer("How many were accepted, and which were refused", SignedEventsResult),
    ...problems(
      "invalid_json",
      "invalid_event",
      "bad_signature",
      "stale_publisher",
      "gap",
      "future_epoch",
      "body_too_large",
      "unavailable",
    ),
  },
});

/** `POST /internal/events` */
export function mountTakeEvents(app: OpenAPIHono<AppEnv>): void {
  app.openAPIRegistry.registerPath(route);
  // Not through the validator: the signature covers the raw bytes and is checked before any parsing.
  app.post("/internal/events", limitRawBody(SIGNED_BODY_MAX_BYTES, "A signed body"), async (c) => {
    const bytes = new Uint8Array(await c.req.raw.arrayBuffer());
    const headers = {
      timestamp: c.req.header(TIMESTAMP_HEADER) ?? null,
      signature: c.req.header(SIGNATURE_HEADER) ?? null,
    };
    const now = systemClock();
    if (!(await verifyBody(guildConfigOf(c.env).hubSecrets, headers, bytes, now))) {
      return problem(
        c,
        "bad_signature",
        "The signature is missing, wrong or older than a minute. Check HUB_SECRET and the clock.",
      );
    }
    const body = parseJson(bytes);
    if (!body.ok) return problem(c, "invalid_json", "The signed body is not JSON.");
    const taken = await takeSignedEvents(portsOf(c.env), body.value);
    return taken.ok ? c.json(taken.value) : renderRefusal(c, taken.error);
  });
}

function portsOf(env: PlatformEnv): SignedEventsPorts {
  // Look the monitor up only for a heartbeat: most requests bring events.
  const heartbeat = (beat: GatewayHeartbeat): Promise<void> => gatewayMonitor(env).heartbeat(beat);
  return { hub: hubPublisher(GUILD_HUBS, hubEnv(env)), monitor: { heartbeat }, now: systemClock };
}

function renderRefusal(c: Context<AppEnv>, failure: SignedEventsFailure): Response {
  switch (failure.kind) {
    case "invalid":
      return problem(c, "invalid_event", failure.detail);
    case "stale_publisher":
      return problem(c, "stale_publisher", "A newer publisher has taken over. Stop this one.", {
        members: { guildId: failure.guildId },
      });
    case "future_epoch":
      return problem(c, "future_epoch", "Set the publisher's clock, and start it again.", {
        members: { guildId: failure.guildId },
      });
    case "gap":
      return problem(c, "gap", `Resend from ${failure.expected}, or send a guild.snapshot.`, {
        members: { guildId: failure.guildId, expected: failure.expected },
      });
    case "hold":
      return problem(
        c,
        "unavailable",
        "The hub holds too many events that it cannot apply yet. Send the same again later.",
        {
          headers: retryAfter(failure.retryAfterMs),
        },
      );
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

function parseJson(bytes: Uint8Array): Result<unknown, "not_json"> {
  try {
    return ok(JSON.parse(utf8.decode(bytes)));
  } catch {
    return err("not_json");
  }
}
