import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import { RESTJSONErrorCodes } from "discord-api-types/v10";
import { err, ok, type Result } from "../../../src/platform/result.ts";
import { type Failure, FAILURES, invalidForm } from "./failure.ts";
import { type Fields, isFields } from "./form.ts";

/** What the server gives to the local REST API. */
export type RestBindings = {
  Bindings: HttpBindings;
  /** Whether the answer is one that a test made up, odd as it may be. */
  Variables: { invented?: boolean };
};

/** A call and its answer, as they went over the wire. */
export interface RestExchange {
  readonly method: string;
  /** Below `/api/v10`, without the query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  /** The body as it came. */
  readonly request: string;
  readonly status: number;
  readonly answerHeaders: Readonly<Record<string, string>>;
  readonly answer: string;
  /** Whether a test made the answer up, odd as it may be. */
  readonly invented: boolean;
}

/** What a handler of the local REST API gets. */
export type RestContext = Context<RestBindings>;

/** Characters of an audit log reason, decoded (contract discord.md §2). */
const REASON_MAX_LENGTH = 512;

/** Writes a refusal. */
export function refuse(c: RestContext, failure: Failure): Response {
  const { status, ...body } = failure;
  return c.json(body, status);
}

/** Writes a handler's outcome: an object, or with no object 204. */
export function reply(
  c: RestContext,
  outcome: Result<unknown, Failure>,
  status: 200 | 201 = 200,
): Response {
  if (!outcome.ok) return refuse(c, outcome.error);
  return outcome.value === undefined ? c.body(null, 204) : c.json(outcome.value, status);
}

/** The JSON object of the request; an empty body is an empty one. */
export async function readFields(c: RestContext): Promise<Result<Fields, Failure>> {
  const json = await readJson(c);
  if (!json.ok) return json;
  if (isFields(json.value)) return ok(json.value);
  const error = {
    code: "MODEL_TYPE_CONVERT",
    message: "Only dictionaries may be used in a ModelType",
  };
  return err(invalidForm({ _errors: [error] }));
}

/** The JSON of the request; an empty body is an empty object. */
export async function readJson(c: RestContext): Promise<Result<unknown, Failure>> {
  const text = await c.req.text();
  if (text === "") return ok({});
  const type = c.req.header("content-type")?.split(";")[0]?.trim();
  if (type !== "application/json") {
    return err({
      status: 400,
      code: RESTJSONErrorCodes.InvalidFormBodyOrContentType,
      message: "Expected \"Content-Type\" header to be one of {'application/json'}.",
    });
  }
  try {
    return ok(JSON.parse(text));
  } catch {
    return err(FAILURES.invalidJson);
  }
}

/** The decoded `X-Audit-Log-Reason`, or null. */
export function readReason(c: RestContext): Result<string | null, Failure> {
  const header = c.req.header("x-audit-log-reason");
  if (header === undefined || header === "") return ok(null);
  const reason = decode(header);
  if (reason.length <= REASON_MAX_LENGTH) return ok(reason);
  const message = `Must be ${REASON_MAX_LENGTH} or fewer in length.`;
  return err(invalidForm({ reason: { _errors: [{ code: "BASE_TYPE_MAX_LENGTH", message }] } }));
}

function decode(header: string): string {
  try {
    return decodeURIComponent(header);
  } catch {
    return header;
  }
}
