import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import { RESTJSONErrorCodes } from "discord-api-types/v10";
import type { Clock } from "../../../src/platform/clock.ts";
import { err, ok, type Result } from "../../../src/platform/result.ts";
import type { World } from "../world.ts";
import { type Failure, FAILURES, invalidForm } from "./failure.ts";
import { parseJson } from "../../../src/protocol/outbound.ts";
import { type Fields, Form, isFields } from "./form.ts";

/** The Hono bindings of the local REST API. */
export type RestBindings = {
  Bindings: HttpBindings;
  /** Whether a fault of a test replaced the answer, so that it may not have Discord's form. */
  Variables: { invented?: boolean };
};
export type RestContext = Context<RestBindings>;

const VERSION_PATH = "/api/v10";

/** A request's path as in Discord's documentation: without `/api/v10`. */
export function pathInVersion(path: string): string {
  return path.startsWith(VERSION_PATH) ? path.slice(VERSION_PATH.length) : path;
}

/** Tools for every call. */
export interface RestTools {
  readonly world: World;
  readonly clock: Clock;
  readonly newId: () => string;
}

/** The parameters of a path. Those that a route does not have are empty. */
const NO_PARTS = { guildId: "", channelId: "", userId: "", overwriteId: "", applicationId: "" };

/** A call of the local REST API. */
export interface RestCall extends RestTools, Readonly<typeof NO_PARTS> {
  /** The fields of the body, or of the query where a call has no body. */
  readonly form: Form;
  /** The decoded `X-Audit-Log-Reason`. */
  readonly reason: string | null;
}

/** The answer to a call: an object, nothing (204), or a refusal. */
export type Outcome = Result<unknown, Failure>;

/** Maximum of characters in a decoded audit log reason (contract discord.md §2). */
const REASON_MAX_LENGTH = 512;

/** Answers with a refusal. */
export function refuse(c: RestContext, failure: Failure): Response {
  const { status, ...body } = failure;
  return c.json(body, status);
}

/** Answers with a call's outcome. */
export function reply(c: RestContext, outcome: Outcome, status: 200 | 201 = 200): Response {
  if (!outcome.ok) return refuse(c, outcome.error);
  return outcome.value === undefined ? c.body(null, 204) : c.json(outcome.value, status);
}

/** The parameters of a call's path. */
export function partsOf(c: RestContext): typeof NO_PARTS {
  return { ...NO_PARTS, ...c.req.param() };
}

/** Reads a call. Fails with the problem of its body or its reason. */
export async function readCall(
  c: RestContext,
  tools: RestTools,
): Promise<Result<RestCall, Failure>> {
  const parts = { ...tools, ...partsOf(c) };
  if (c.req.method === "GET") return ok({ ...parts, form: new Form(c.req.query()), reason: null });
  const fields = await readFields(c);
  if (!fields.ok) return fields;
  const reason = readReason(c);
  return reason.ok ? ok({ ...parts, form: new Form(fields.value), reason: reason.value }) : reason;
}

async function readFields(c: RestContext): Promise<Result<Fields, Failure>> {
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
  const json = parseJson(text);
  return json === undefined ? err(FAILURES.invalidJson) : ok(json);
}

function readReason(c: RestContext): Result<string | null, Failure> {
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
