import type { z } from "zod";

/** One event of the guild stream: the single source for validation, AsyncAPI and types. */
export type EventDefinition<Name extends string = string, Payload extends z.ZodType = z.ZodType> = {
  readonly name: Name;
  readonly payload: Payload;
  readonly summary: string;
};

/** Registers an event of the guild stream. `name` is `area.happened`. */
export function defineEvent<const Name extends string, Payload extends z.ZodType>(
  name: Name,
  payload: Payload,
  summary: string,
): EventDefinition<Name, Payload> {
  return { name, payload, summary };
}
