import { type KeyObject, sign } from "node:crypto";
import { InteractionResponseType, MessageFlags } from "discord-api-types/v10";
import { z } from "zod";
import type { Clock } from "../../../src/platform/clock.ts";
import { type Result, err, ok } from "../../../src/platform/result.ts";
import type { LinkButton } from "../model.ts";
import { parseJson } from "../../../src/protocol/outbound.ts";
import { Form } from "../rest/form.ts";
import { readMessage } from "../rest/messages.ts";
import type { RestExchange } from "../rest/recording.ts";

/** How long an endpoint may take to answer, milliseconds. */
export const ANSWER_DEADLINE_MS = 3_000;

/** Discord's text for a user when an endpoint failed. */
const NO_RESPONSE = "The application did not respond";

/** The answer to a command, as the user sees it. */
export interface CommandReply {
  /** The HTTP status of the endpoint's answer. */
  readonly status: number;
  readonly content: string;
  /** Whether only this user sees it. */
  readonly ephemeral: boolean;
  readonly buttons: readonly LinkButton[];
}

const CommandResponse = z.object({
  type: z.literal(InteractionResponseType.ChannelMessageWithSource),
  data: z.record(z.string(), z.unknown()),
});

const Callback = z.object({ id: z.string(), token: z.string() });
const Pong = z.object({ type: z.literal(InteractionResponseType.Pong) });

interface EndpointPorts {
  /** Null: no endpoint is configured. */
  readonly url: string | null;
  /** The application's Ed25519 key. */
  readonly privateKey: KeyObject;
  readonly clock: Clock;
  readonly deadlineMs: number;
  /** Gets every accepted answer as the REST call that it is equivalent to; null: not recorded. */
  readonly onExchange: ((exchange: RestExchange) => void) | null;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Calls the application's interactions endpoint like Discord (contract matches-and-music.md §B). */
export class InteractionsEndpoint {
  readonly #ports: EndpointPorts;

  constructor(ports: EndpointPorts) {
    this.#ports = ports;
  }

  /** Sends a command. @returns the answer as the user sees it, or an error text */
  async send(interaction: unknown): Promise<Result<CommandReply, string>> {
    const answer = await this.#post(interaction, "good");
    if (!answer.ok) return answer;
    const { status, text } = answer.value;
    if (status !== 200) return err(`${NO_RESPONSE}: its endpoint answered ${status}`);
    const reply = readReply(parseJson(text));
    if (reply.ok) this.#record(interaction, text);
    return reply.ok
      ? ok({ status, ...reply.value })
      : err(`${NO_RESPONSE} in a form that Discord accepts: ${reply.error}`);
  }

  /**
   * Discord's check before it saves the address: the endpoint must answer a PING with a valid signature with PONG,
   * and one with an invalid signature with 401.
   */
  async check(ping: unknown): Promise<Result<undefined, string>> {
    const good = await this.#post(ping, "good");
    if (!good.ok) return good;
    if (good.value.status !== 200 || !Pong.safeParse(parseJson(good.value.text)).success) {
      return err(`a PING was not answered with PONG but with ${good.value.status}`);
    }
    const bad = await this.#post(ping, "bad");
    if (!bad.ok) return bad;
    if (bad.value.status === 401) return ok(undefined);
    return err(`a PING with a bad signature was answered with ${bad.value.status}, not 401`);
  }

  /** Reports an answer as a call: it is equivalent to the body of `POST /interactions/:id/:token/callback`. */
  #record(interaction: unknown, text: string): void {
    const { id, token } = Callback.parse(interaction);
    this.#ports.onExchange?.({
      method: "POST",
      path: `/interactions/${id}/${token}/callback`,
      query: {},
      headers: {},
      request: text,
      status: 204,
      answerHeaders: {},
      answer: "",
      invented: false,
    });
  }

  async #post(interaction: unknown, signature: "good" | "bad"): Promise<Result<Answer, string>> {
    const { url, privateKey, clock, deadlineMs } = this.#ports;
    if (url === null) return err("there is no interactions endpoint: set INTERACTIONS_URL");
    const body = JSON.stringify(interaction);
    const timestamp = String(Math.floor(clock() / 1_000));
    const signed = sign(null, Buffer.from(timestamp + body), privateKey);
    if (signature === "bad") signed.writeUInt8(signed.readUInt8(0) ^ 1, 0);
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "user-agent": "Discord-Interactions/1.0 (+https://discord.com)",
          "x-signature-ed25519": signed.toString("hex"),
          "x-signature-timestamp": timestamp,
        },
        body,
        redirect: "manual",
        signal: AbortSignal.timeout(deadlineMs),
      });
      return ok({ status: response.status, text: await response.text() });
    } catch (error) {
      const late = error instanceof Error && error.name === "TimeoutError";
      return err(`${NO_RESPONSE}${late ? " in time" : ": its endpoint cannot be reached"}`);
    }
  }
}

/** Reads the answer to a command, which must be a message. Fails with the reason why Discord would refuse it. */
function readReply(body: unknown): Result<Omit<CommandReply, "status">, string> {
  const response = CommandResponse.safeParse(body);
  if (!response.success) return err("it must be JSON of type 4, a message");
  const form = new Form(response.data.data);
  const { content, buttons } = readMessage(form);
  const flags = form.integer("flags", { min: 0, max: 2 ** 31 - 1 }) ?? 0;
  const invalid = form.failure();
  if (invalid !== null) return err(JSON.stringify(invalid.errors));
  if (content === "") return err("the message is empty");
  return ok({ content, ephemeral: (flags & MessageFlags.Ephemeral) !== 0, buttons });
}
