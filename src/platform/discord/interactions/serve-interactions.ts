import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { INTERACTION_BODY_MAX_BYTES, INTERACTION_DEADLINE_MS } from "../../../protocol/limits.ts";
import { systemClock, within } from "../../clock.ts";
import { platformConfigOf } from "../../config.ts";
import type { PlatformEnv } from "../../env.ts";
import type { AppEnv } from "../../http/app-env.ts";
import { limitRawBody } from "../../http/areas.ts";
import { problem, problems } from "../../http/problem.ts";
import { jsonAnswer, jsonBody } from "../../openapi.ts";
import { log } from "../../log.ts";
import { parseJson } from "../../../protocol/outbound.ts";
import {
  AnyInteraction,
  CommandInteraction,
  INTERACTION_TYPE,
  toInteractionAnswer,
} from "./interaction.ts";
import type { Later, SlashCommand, SlashCommandReply } from "./slash-command.ts";
import {
  INTERACTION_SIGNATURE_HEADER,
  INTERACTION_TIMESTAMP_HEADER,
  verifyInteraction,
} from "./verify.ts";

const PONG = { type: 1 } as const;

const route = createRoute({
  operationId: "discord.interactions",
  method: "post",
  path: "/interactions",
  tags: ["discord"],
  summary: "Take what people do in Discord: slash commands",
  description:
    "For Discord alone: the application's Interactions Endpoint URL. Answers within 3 seconds.",
  security: [{ discord: [] }],
  request: {
    headers: z.object({
      [INTERACTION_TIMESTAMP_HEADER]: z.string().openapi({ description: "Seconds since 1970" }),
    }),
    body: jsonBody(z.union([CommandInteraction, AnyInteraction]), { type: 1 }),
  },
  responses: {
    200: jsonAnswer(
      "Discord's own form of an answer: a pong, or a message for one person",
      z.looseObject({ type: z.number().int() }),
    ),
    ...problems(
      "invalid_json",
      "invalid_request",
      "bad_interaction_signature",
      "body_too_large",
      "unavailable",
    ),
  },
});

/** `POST /interactions` (§B). It checks size, then signature, then JSON. */
export function mountInteractions(
  app: OpenAPIHono<AppEnv>,
  commands: readonly SlashCommand[],
): void {
  app.openAPIRegistry.registerPath(route);
  // Without the validator: the signature covers the raw bytes, and is checked before any parsing.
  app.post(
    "/interactions",
    limitRawBody(INTERACTION_BODY_MAX_BYTES, "An interaction"),
    async (c) => {
      const { publicKey } = platformConfigOf(c.env).discordApp;
      if (publicKey === undefined) {
        return problem(
          c,
          "unavailable",
          "DISCORD_PUBLIC_KEY is not set: it is on the application's page at Discord.",
        );
      }
      const bytes = new Uint8Array(await c.req.raw.arrayBuffer());
      const headers = {
        timestamp: c.req.header(INTERACTION_TIMESTAMP_HEADER) ?? null,
        signature: c.req.header(INTERACTION_SIGNATURE_HEADER) ?? null,
      };
      if (!(await verifyInteraction(publicKey, headers, bytes, systemClock()))) {
        return problem(
          c,
          "bad_interaction_signature",
          "The signature is missing, wrong or too old. Check DISCORD_PUBLIC_KEY and the clock.",
          { headers: { "WWW-Authenticate": "Signature" } },
        );
      }
      return answer(c, commands, parseJson(new TextDecoder().decode(bytes)));
    },
  );
}

async function answer(
  c: Context<AppEnv>,
  commands: readonly SlashCommand[],
  body: unknown,
): Promise<Response> {
  if (body === undefined) return problem(c, "invalid_json", "The signed body is not JSON.");
  const interaction = AnyInteraction.safeParse(body);
  switch (interaction.data?.type) {
    case INTERACTION_TYPE.ping:
      return c.json(PONG);
    case INTERACTION_TYPE.command: {
      const command = CommandInteraction.safeParse(body);
      if (!command.success) break;
      const later = (work: Promise<unknown>): void => c.executionCtx.waitUntil(work);
      return c.json(toInteractionAnswer(await answerCommand(commands, c.env, command.data, later)));
    }
    // We send no messages with components, but an older version may have.
    case INTERACTION_TYPE.component:
    case INTERACTION_TYPE.modal:
      return c.json(toInteractionAnswer(UNKNOWN_COMMAND));
  }
  return problem(c, "invalid_request", "This kind of interaction is not known here.");
}

/** Reply to a command that does not exist here any more, or not yet. */
const UNKNOWN_COMMAND: SlashCommandReply = {
  content: "I do not know this command any more. Reload Discord, and pick it from the list again.",
};

const ONLY_IN_SERVERS: SlashCommandReply = {
  content: "I answer commands in a server only. Use it there: only you will see my answer.",
};

const TRY_AGAIN: SlashCommandReply = {
  content: "Something went wrong on my side. Try again in a moment.",
};

const TOOK_TOO_LONG: SlashCommandReply = {
  content: "This takes longer than usual. Look in a minute whether it is done, or try again.",
};

/**
 * Runs a command in the area that contributed it, and always answers, even when it fails or takes too long.
 * Without an answer, Discord shows "the application did not respond", which does not help the user.
 */
export async function answerCommand(
  commands: readonly SlashCommand[],
  env: PlatformEnv,
  { guild_id: guildId, member, data }: CommandInteraction,
  later: Later,
): Promise<SlashCommandReply> {
  if (guildId === undefined || member === undefined) return ONLY_IN_SERVERS;
  const command = commands.find(({ definition }) => definition.name === data.name);
  if (command === undefined) return UNKNOWN_COMMAND;
  const options = (data.options ?? []).flatMap(({ name, value }) =>
    typeof value === "string" ? [[name, value] as const] : [],
  );
  const use = {
    guildId,
    userId: member.user.id,
    permissions: BigInt(member.permissions),
    options: Object.fromEntries(options),
  };
  const answered = run(command, env, use, later);
  later(answered);
  return within(INTERACTION_DEADLINE_MS, answered, () => TOOK_TOO_LONG);
}

async function run(
  command: SlashCommand,
  ...use: Parameters<SlashCommand["run"]>
): Promise<SlashCommandReply> {
  try {
    return await command.run(...use);
  } catch (error) {
    log("error", "interaction.failed", { command: command.definition.name, error });
    return TRY_AGAIN;
  }
}
