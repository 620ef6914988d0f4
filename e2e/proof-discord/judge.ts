import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { RestExchange } from "../../dev/discord/rest/recording.ts";
import { parseJson, USER_AGENT } from "../../src/protocol/outbound.ts";
import { isObject, problemsOf, type Operation } from "./specification.ts";

/** OAuth2 is in none of Discord's OpenAPI documents, but in RFC 6749 and 7009. */
const OAUTH2: Readonly<Record<string, z.ZodType>> = {
  "POST /oauth2/token": z.union([
    z.strictObject({
      access_token: z.string().min(1),
      token_type: z.literal("Bearer"),
      expires_in: z.int().positive(),
      refresh_token: z.string(),
      scope: z.string(),
    }),
    OAuthError(),
  ]),
  "POST /oauth2/token/revoke": z.union([z.strictObject({}), OAuthError()]),
};

function OAuthError(): z.ZodType {
  return z.strictObject({ error: z.string(), error_description: z.string().optional() });
}

const BUCKET_HEADERS = ["bucket", "limit", "remaining", "reset", "reset-after"].map(
  (name) => `x-ratelimit-${name}`,
);

/** A file for `DISCORD_RECORD_FILE`, in its own folder. */
type RecordFile = {
  readonly path: string;
  /** Everything recorded so far. */
  readonly exchanges: () => readonly RestExchange[];
  readonly remove: () => void;
};

/** Creates the folder of a recording; the local Discord creates the file. */
export function recordFile(): RecordFile {
  const folder = mkdtempSync(join(tmpdir(), "guildhub-proof-"));
  const file = join(folder, "exchanges.ndjson");
  return {
    path: file,
    exchanges: () => {
      if (!existsSync(file)) return [];
      const lines = readFileSync(file, "utf8").split("\n");
      // The local Discord of this repository wrote the file; its last line is empty.
      return lines.filter(Boolean).map((line): RestExchange => JSON.parse(line));
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The operation of one exchange, and its problems. */
export type Verdict = {
  /** The operation's name in the specification; null: it has no such operation. */
  readonly operation: string | null;
  readonly ours: boolean;
  readonly problems: readonly string[];
};

/**
 * Checks an exchange against the specification. Our own requests are always checked, others if the local
 * Discord accepted them. Answers are checked unless a test invented them or they are 5xx, which the
 * specification does not describe.
 */
export function judge(exchange: RestExchange, operations: readonly Operation[]): Verdict {
  const ours = exchange.headers["user-agent"] === USER_AGENT;
  const name = `${exchange.method} ${exchange.path}`;
  const oauth2 = OAUTH2[name];
  if (oauth2 !== undefined) {
    return { operation: name, ours, problems: judgeOAuth2(exchange, oauth2) };
  }
  const operation = operationOf(exchange, operations);
  if (operation === undefined) {
    const refused = exchange.status >= 400;
    const problems = ours || !refused ? [`${name}: Discord has no such operation`] : [];
    return { operation: null, ours, problems };
  }
  const sound = ours || exchange.status < 400;
  const problems = [
    ...(sound ? judgeRequest(exchange, operation, ours) : []),
    ...(exchange.invented || exchange.status >= 500 ? [] : judgeAnswer(exchange, operation)),
  ];
  const title = `${operation.method} ${operation.path}`;
  return { operation: title, ours, problems: problems.map((it) => `${title}: ${it}`) };
}

function operationOf(
  exchange: RestExchange,
  operations: readonly Operation[],
): Operation | undefined {
  const fitting = operations.filter(
    ({ method, path }) => method === exchange.method && parametersIn(exchange.path, path) !== null,
  );
  // A literal part takes precedence over a parameter.
  return fitting.toSorted((one, other) => parameters(one) - parameters(other))[0];
}

function parameters({ path }: Operation): number {
  return path.split("{").length;
}

/** The parameters of a path that fits a pattern; null: it does not. */
function parametersIn(path: string, pattern: string): Readonly<Record<string, string>> | null {
  const parts = path.split("/").map((part) => decodeURIComponent(part));
  const wanted = pattern.split("/");
  if (parts.length !== wanted.length) return null;
  const found: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const actual = parts[index] ?? "";
    if (part.startsWith("{")) found[part.slice(1, -1)] = actual;
    else if (part !== actual) return null;
  }
  return found;
}

function judgeRequest(
  exchange: RestExchange,
  operation: Operation,
  ours: boolean,
): readonly string[] {
  const inPath = parametersIn(exchange.path, operation.path) ?? {};
  const ofPath =
    operation.inPath instanceof z.ZodUndefined ? [] : problemsOf(operation.inPath, inPath);
  const query = Object.keys(exchange.query).length === 0 ? undefined : readQuery(exchange.query);
  const body = requestAsSpecified(parseJson(exchange.request));
  const label = (kind: string, problems: readonly string[]) =>
    problems.map((it) => `request, ${kind}: ${it}`);
  return [
    ...label("path", ofPath),
    // Discord ignores an unknown name in a query, but we must not send one.
    ...label("query", !ours || query === undefined ? [] : problemsOf(operation.query, query)),
    ...label("body", exchange.request === "" ? [] : problemsOf(operation.request, body)),
    ...label("headers", ours ? headerProblems(exchange, operation) : []),
  ];
}

/** The JSON values of a query, whose numbers and booleans are text on the wire. */
function readQuery(query: Readonly<Record<string, string>>): Readonly<Record<string, unknown>> {
  const read = (text: string): unknown => {
    if (text === "true" || text === "false") return text === "true";
    // An id is text, however many digits it has.
    return /^\d{1,10}$/.test(text) ? Number(text) : text;
  };
  return Object.fromEntries(Object.entries(query).map(([name, text]) => [name, read(text)]));
}

function headerProblems({ headers, request }: RestExchange, { schemes }: Operation): string[] {
  const [scheme = ""] = (headers["authorization"] ?? "").split(" ");
  const wanted: readonly string[] = schemes.map((it) => (it === "BotToken" ? "Bot" : "Bearer"));
  const reason = headers["x-audit-log-reason"];
  const isJson = /^application\/json\b/.test(headers["content-type"] ?? "");
  return [
    ...(wanted.length === 0 || wanted.includes(scheme) ? [] : [`authorization by "${scheme}"`]),
    ...(request === "" || isJson ? [] : ["a body without the JSON content type"]),
    ...(reason === undefined || isReason(reason) ? [] : ["x-audit-log-reason"]),
  ];
}

/** 1 to 512 characters, URL-encoded UTF-8. */
function isReason(header: string): boolean {
  return /^[!-~]+$/.test(header) && decodeURIComponent(header).length <= 512;
}

function judgeAnswer(
  { status, answer, answerHeaders: headers }: RestExchange,
  { answers }: Operation,
): readonly string[] {
  const range = `${Math.floor(status / 100)}XX`;
  const known =
    answers.find((it) => it.status === String(status)) ?? answers.find((it) => it.status === range);
  if (known === undefined) return [`answer: no such status ${status}`];
  const isJson = /^application\/json\b/.test(headers["content-type"] ?? "");
  if (status === 204) return answer === "" ? [] : ["answer: 204 with a body"];
  // Cloudflare, in front of Discord, answers in plain text to a request without a User-Agent.
  if (status === 403 && answer === "error code: 1010") return [];
  if (!isJson) return [`answer: ${status} has no JSON content type`];
  const present = BUCKET_HEADERS.filter((name) => headers[name] !== undefined);
  const half = present.length > 0 && present.length < BUCKET_HEADERS.length;
  const unsaid = status === 429 && headers["retry-after"] === undefined;
  const body = parseJson(answer);
  const specified = status < 400 ? body : refusalAsSpecified(body, status);
  return [
    ...problemsOf(known.schema, specified).map((it) => `answer ${status}: ${it}`),
    ...(half ? [`answer ${status}: only ${present.join(", ")} of the limit's headers`] : []),
    ...(unsaid ? ["answer 429: no Retry-After"] : []),
  ];
}

function judgeOAuth2({ request, status, answer }: RestExchange, schema: z.ZodType): string[] {
  if (status >= 500) return [];
  const form = new URLSearchParams(request);
  const known = ["grant_type", "code", "redirect_uri", "client_id", "client_secret", "token"];
  const odd = [...form.keys()].filter((name) => ![...known, "token_type_hint"].includes(name));
  const read = schema.safeParse(parseJson(answer));
  return [
    ...(status < 400 ? odd.map((it) => `request: ${it} is in neither RFC`) : []),
    ...(read.success ? [] : [`answer ${status}: ${read.error.message}`]),
  ];
}

/**
 * Discord's reference and its specification differ, and the reference is right: bit sets are text ("Permissions"),
 * and those of overwrites and commands are sent as text.
 */
function requestAsSpecified(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(requestAsSpecified);
  if (!isObject(value)) return value;
  const isOverwrite = typeof value["type"] === "number";
  const entries = Object.entries(value).map(([name, member]) => {
    const isBits =
      name === "default_member_permissions" ||
      (isOverwrite && (name === "allow" || name === "deny"));
    return [name, isBits && isBitSet(member) ? 0 : requestAsSpecified(member)];
  });
  return Object.fromEntries(entries);
}

/**
 * The same for refusals: the codes of form errors are words ("Error Messages"), and a 429 has a `code` only for
 * some limits ("Rate Limits").
 */
function refusalAsSpecified(value: unknown, status: number): unknown {
  if (Array.isArray(value) || !isObject(value)) return value;
  const entries = Object.entries(value).map(([name, member]) => {
    if (name !== "_errors" || !Array.isArray(member)) return [name, refusalAsSpecified(member, 0)];
    return [name, member.map((it) => (isWord(Object(it).code) ? { ...it, code: 0 } : it))];
  });
  const rewritten: Readonly<Record<string, unknown>> = Object.fromEntries(entries);
  return status === 429 ? { code: 0, ...rewritten } : rewritten;
}

function isBitSet(value: unknown): boolean {
  return typeof value === "string" && /^\d{1,20}$/.test(value);
}

function isWord(value: unknown): boolean {
  return typeof value === "string" && /^[A-Z][A-Z0-9_]+$/.test(value);
}
