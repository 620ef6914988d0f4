import { z } from "zod";
import type { DiscordFailure } from "./call.ts";

/** Codes that are read of one answer, how deep they are looked for, and how one looks. */
const FORM_ERRORS_MAX = 10;
const DEPTH_MAX = 6;
const FormErrorCode = z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/);

/** Body of Discord's own errors. */
const DiscordErrorBody = z
  .object({
    code: z.number().int().catch(0),
    message: z.string().catch(""),
    errors: z.unknown().optional(),
  })
  .catch({ code: 0, message: "", errors: undefined });

/** What a 4xx says. Its text is for people, its codes are what programs go by. */
export function readRefusal(
  status: number,
  body: unknown,
): Extract<DiscordFailure, { kind: "refused" }> {
  const { code, message, errors } = DiscordErrorBody.parse(body);
  const formErrors: string[] = [];
  for (const found of codesIn(errors, DEPTH_MAX)) {
    if (formErrors.push(found) === FORM_ERRORS_MAX) break;
  }
  return {
    kind: "refused",
    status,
    code,
    message: message.slice(0, 300),
    ...(formErrors.length === 0 ? {} : { formErrors }),
  };
}

/** Discord nests the errors of a form by field, and writes them into lists named `_errors`. */
function* codesIn(errors: unknown, depth: number): Generator<string> {
  if (typeof errors !== "object" || errors === null || depth === 0) return;
  if ("code" in errors) {
    const code = FormErrorCode.safeParse(errors.code);
    if (code.success) yield code.data;
  }
  for (const below of Object.values(errors)) yield* codesIn(below, depth - 1);
}
