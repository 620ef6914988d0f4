import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import type { Context, TypedResponse } from "hono";
import { guildFor, type Principal } from "../../../platform/auth/principal.ts";
import { requireAuth } from "../../../platform/auth/require-auth.ts";
import { clientNetwork } from "../../../platform/client-network.ts";
import { systemClock } from "../../../platform/clock.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { invalidFields } from "../../../platform/http/failures.ts";
import { limitUser, REQUESTS } from "../../../platform/http/limit-user.ts";
import {
  problem,
  problems,
  type ProblemAnswer,
  retryAfter,
} from "../../../platform/http/problem.ts";
import {
  begin,
  complete,
  fingerprintOf,
  readIdempotencyKey,
  release,
} from "../../../platform/idempotency.ts";
import { ulidGenerator } from "../../../platform/ids.ts";
import { jsonAnswer, jsonBody } from "../../../platform/openapi.ts";
import { rateLimitHeaders, takeToken } from "../../../platform/rate-limit.ts";
import { DiscordId } from "../../../protocol/discord-id.ts";
import {
  ROOMS_PER_MINUTE_PER_ADDRESS,
  ROOMS_PER_MINUTE_PER_USER,
  ROOM_ALLOWED_USERS_MAX,
  ROOM_NAME_INPUT_MAX,
  ROOM_USER_LIMIT_DEFAULT,
  ROOM_USER_LIMIT_MAX,
} from "../../../protocol/limits.ts";
import { roomsConfigOf } from "../config.ts";
import { createRoom, type CreateRoomInput } from "../create-room.ts";
import { renderFailure } from "../errors.ts";
import { CreatedRoom, createdRoomAnswer } from "../room-record.ts";
import { portsOf } from "../wire.ts";

const MINUTE_MS = 60_000;

const newId = ulidGenerator();

type Answer = ProblemAnswer | (Response & TypedResponse<CreatedRoom, 200, "json">);

/** Body of `POST /create-room`. */
const CreateRoomBody = z
  .object({
    name: z
      .string()
      .max(ROOM_NAME_INPUT_MAX)
      .optional()
      .openapi({ description: "Cut to 100 characters; absent or blank: one is made" }),
    userLimit: z
      .number()
      .int()
      .min(0)
      .max(ROOM_USER_LIMIT_MAX)
      .default(ROOM_USER_LIMIT_DEFAULT)
      .openapi({ description: "0 is no limit" }),
    parentId: DiscordId.nullish().openapi({ description: "The category to put the channel in" }),
    guildId: DiscordId.optional(),
    private: z.boolean().default(false).openapi({
      description:
        "Only for its creator and `allowedUserIds`; the token needs the claim discord_id",
    }),
    allowedUserIds: z.array(DiscordId).max(ROOM_ALLOWED_USERS_MAX).default([]).openapi({
      description: "Discord users who may see and enter a private room; never the guild's own id",
    }),
  })
  .openapi("CreateRoom");

const route = createRoute({
  operationId: "rooms.create",
  method: "post",
  path: "/create-room",
  tags: ["rooms"],
  summary: "Open a voice room",
  security: [{ bearer: [] }],
  // Replays do not count towards the limits of opening rooms (rooms.md §1), but they read D1 too.
  middleware: [requireAuth, limitUser(REQUESTS)],
  request: {
    headers: z.object({
      "idempotency-key": z.string().optional().openapi({
        description: "1 to 255 characters; X-Idempotency-Key is the same. Kept for 24 hours",
      }),
    }),
    body: jsonBody(CreateRoomBody, { name: "Friday raid", userLimit: 5 }),
  },
  responses: {
    200: jsonAnswer("The room is open", CreatedRoom),
    ...problems(
      "invalid_request",
      "invalid_json",
      "invalid_idempotency_key",
      "unauthorized",
      "forbidden_guild",
      "discord_account_needed",
      "idempotency_in_flight",
      "body_too_large",
      "idempotency_mismatch",
      "rate_limited",
      "discord_refused",
      "discord_failed",
      "discord_rate_limited",
    ),
  },
});

/** `POST /create-room` */
export function mountCreateRoom(app: OpenAPIHono<AppEnv>): void {
  app.openapi(route, async (c) => {
    const who = c.get("principal");
    // An empty body has no Content-Type, so the validator skips it.
    if (c.req.raw.body === null) {
      return problem(c, "invalid_json", "Send a JSON body: {} opens a room with all defaults.");
    }
    const body = c.req.valid("json");
    const guildId = guildFor(who, body.guildId, roomsConfigOf(c.env).primaryGuildId);
    if (guildId === undefined) return renderFailure(c, { kind: "forbidden_guild" });
    // The @everyone role has the guild's id.
    const everybody = body.allowedUserIds.indexOf(guildId);
    if (everybody >= 0) {
      const message = "must be a user's id, but this is the guild's id";
      return invalidFields(c, [{ path: ["allowedUserIds", everybody], message }]);
    }
    // A claim with the guild's id is no user either: it would open the channel to everybody.
    if (body.private && (who.discordId === undefined || who.discordId === guildId)) {
      return renderFailure(c, { kind: "discord_account_needed" });
    }
    const key = readIdempotencyKey(c.req.raw.headers);
    if (!key.ok) {
      return problem(c, "invalid_idempotency_key", "An idempotency key has 1 to 255 characters.");
    }
    const input = {
      guildId,
      name: body.name,
      userLimit: body.userLimit,
      parentId: body.parentId ?? null,
      private: body.private,
      allowedUserIds: body.allowedUserIds,
      idempotencyKey: key.value,
    };
    return key.value === null ? create(c, who, input) : createOnce(c, who, input, key.value, body);
  });
}

/** Creates a room at most once per key, and repeats the earlier answer (rooms.md §1, Idempotency). */
async function createOnce(
  c: Context<AppEnv>,
  who: Principal,
  input: CreateRoomInput,
  key: string,
  body: unknown,
): Promise<Answer> {
  const request = {
    sub: who.sub,
    key,
    fingerprint: await fingerprintOf(c.req.method, c.req.path, body),
  };
  const claim = await begin(c.env.DB, request, systemClock());
  switch (claim.kind) {
    case "replay":
      return c.json(CreatedRoom.parse(claim.body), 200);
    case "in_flight":
      return inFlight(c);
    case "mismatch":
      return problem(
        c,
        "idempotency_mismatch",
        "This idempotency key was used for another request. Use a new one.",
      );
    case "stale": {
      const recovered = await portsOf(c.env).hub.recover(input.guildId, who.sub, key);
      if (recovered.kind === "undecided") return inFlight(c);
      const answer = recovered.kind === "opened" ? createdRoomAnswer(recovered.room) : null;
      if (answer === null) return create(c, who, input);
      await complete(c.env.DB, request, answer);
      return c.json(answer.body, answer.status);
    }
    case "new":
      return create(c, who, input);
  }
}

/** Creates a room for a request that is known to be the only one with its key. */
async function create(c: Context<AppEnv>, who: Principal, input: CreateRoomInput): Promise<Answer> {
  const key = input.idempotencyKey === null ? null : { sub: who.sub, key: input.idempotencyKey };
  const limits = await Promise.all([
    takeToken(c.env, {
      name: "create-room",
      key: who.sub,
      quota: ROOMS_PER_MINUTE_PER_USER,
      windowMs: MINUTE_MS,
    }),
    takeToken(c.env, {
      name: "create-room-address",
      key: clientNetwork(c.req.header("CF-Connecting-IP")),
      quota: ROOMS_PER_MINUTE_PER_ADDRESS,
      windowMs: MINUTE_MS,
    }),
  ]);
  const headers = rateLimitHeaders(limits);
  if (limits.some(({ allowed }) => !allowed)) {
    if (key !== null) await release(c.env.DB, key, systemClock());
    const detail = "You open rooms too quickly. Try again after the time in Retry-After.";
    return problem(c, "rate_limited", detail, { headers });
  }
  const config = roomsConfigOf(c.env);
  const created = await createRoom(
    {
      ...portsOf(c.env),
      clock: systemClock,
      newId,
      sleep: (ms) => scheduler.wait(ms),
      namePrefix: config.roomNamePrefix,
      idleMs: config.roomIdleMs,
    },
    who,
    input,
  );
  if (!created.ok) {
    // While Discord may still create a channel, the key stays taken: the hub completes or frees it.
    if (key !== null && created.error.kind !== "undecided") {
      await release(c.env.DB, key, systemClock());
    }
    return renderFailure(c, created.error);
  }
  const answer = { status: 200, body: created.value } as const;
  if (key !== null) await complete(c.env.DB, key, answer);
  return c.json(answer.body, answer.status, headers);
}

function inFlight(c: Context<AppEnv>): ProblemAnswer {
  const detail = "The first request with this idempotency key is still being worked on.";
  return problem(c, "idempotency_in_flight", detail, { headers: retryAfter(1_000) });
}
