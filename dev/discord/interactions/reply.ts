import { InteractionResponseType, MessageFlags } from "discord-api-types/v10";
import { z } from "zod";
import { err, ok, type Result } from "../../../src/platform/result.ts";
import type { LinkButton } from "../model.ts";
import { Form } from "../rest/form.ts";
import { readMessage } from "../rest/message-form.ts";

/** What a person sees of the answer to a command. */
export interface CommandReply {
  /** The HTTP status of the endpoint. */
  readonly status: number;
  readonly content: string;
  /** Whether nobody else sees it. */
  readonly ephemeral: boolean;
  readonly buttons: readonly LinkButton[];
}

const Response = z.object({
  type: z.literal(InteractionResponseType.ChannelMessageWithSource),
  data: z.record(z.string(), z.unknown()),
});

/** Reads the answer to a command: a message at once. Fails with what Discord would not take. */
export function readReply(body: unknown): Result<Omit<CommandReply, "status">, string> {
  const response = Response.safeParse(body);
  if (!response.success) return err("it must be JSON of type 4, a message");
  const form = new Form(response.data.data);
  const { content, buttons } = readMessage(form);
  const flags = form.integer("flags", { min: 0, max: 2 ** 31 - 1 }) ?? 0;
  const invalid = form.failure();
  if (invalid !== null) return err(JSON.stringify(invalid.errors));
  if (content === "") return err("the message is empty");
  return ok({ content, ephemeral: (flags & MessageFlags.Ephemeral) !== 0, buttons });
}
