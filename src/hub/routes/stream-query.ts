import { z } from "@hono/zod-openapi";
import type { ResumePosition } from "../core/resume.ts";
import { AskedGuild } from "../../protocol/discord-id.ts";
import { EPOCH_MAX_LENGTH, LONG_POLL_WAIT_MAX_SECONDS } from "../../protocol/limits.ts";

/** An epoch is opaque. It is visible ASCII, so that it fits into a header. */
const EPOCH = new RegExp(`^[\\x21-\\x7e]{1,${EPOCH_MAX_LENGTH}}$`);
const WHOLE_NUMBER = /^\d{1,16}$/;

const Seq = z
  .string()
  .refine((text) => isSeq(text), {
    error:
      "`after` is the `seq` of the last event you have, a whole number from 0. Leave it out to get a snapshot",
  })
  .openapi({ description: "Resume: the `seq` of the last answer, or of the last event" });

/** Query of `GET /events`. Its members are text; {@link positionOf} reads them. */
export const StreamQuery = z
  .object({
    ticket: z.string().optional().openapi({
      description: "From `POST /ws/ticket`, for who cannot send `Authorization`; works once",
    }),
    guildId: AskedGuild,
    epoch: z
      .string()
      .regex(EPOCH, "`epoch` is the `epoch` of the last answer. Leave it out to get a snapshot")
      .optional()
      .openapi({ description: "Resume: the `epoch` of the last answer" }),
    after: Seq.optional(),
    wait: z
      .string()
      .refine(
        (text) => WHOLE_NUMBER.test(text) && Number(text) <= LONG_POLL_WAIT_MAX_SECONDS,
        `\`wait\` is a whole number of seconds from 0 to ${LONG_POLL_WAIT_MAX_SECONDS}`,
      )
      .optional()
      .openapi({
        description: `Long poll: seconds to wait for an event, 0 to ${LONG_POLL_WAIT_MAX_SECONDS}; that many when absent`,
      }),
    batch: z.string().optional().openapi({
      description: "`1`: events of a burst may share a message",
    }),
    signals: z.string().optional().openapi({
      description: "`1`: last-value messages as well, such as presence",
    }),
  })
  .refine(({ epoch, after }) => epoch === undefined || after !== undefined, {
    path: ["after"],
    error: "`epoch` needs `after` beside it: send both to resume, or neither to get a snapshot",
  });

/** Headers of `GET /events`. */
export const StreamHeaders = z.object({
  "last-event-id": z
    .string()
    .refine(
      (text) => text === "" || parseEventId(text) !== null,
      "`Last-Event-ID` is the `id` of the last message, `<epoch>:<seq>`. Leave it out to get a snapshot",
    )
    .optional()
    .openapi({ description: "Resume: `<epoch>:<seq>`. Wins over the query" }),
});

/**
 * The position of a request that {@link StreamQuery} and {@link StreamHeaders} have accepted. An `EventSource`
 * that reconnects repeats its URL and adds the header, so the header is newer.
 */
export function positionOf(
  query: z.infer<typeof StreamQuery>,
  headers: z.infer<typeof StreamHeaders>,
): ResumePosition {
  const named = parseEventId(headers["last-event-id"] ?? "");
  if (named !== null) return named;
  const { epoch, after } = query;
  return {
    ...(epoch === undefined ? {} : { epoch }),
    ...(after === undefined ? {} : { seq: Number(after) }),
  };
}

function parseEventId(text: string): { readonly epoch: string; readonly seq: number } | null {
  const colon = text.lastIndexOf(":");
  const epoch = text.slice(0, Math.max(0, colon));
  const seq = text.slice(colon + 1);
  return EPOCH.test(epoch) && isSeq(seq) ? { epoch, seq: Number(seq) } : null;
}

function isSeq(text: string): boolean {
  return WHOLE_NUMBER.test(text) && Number.isSafeInteger(Number(text));
}
