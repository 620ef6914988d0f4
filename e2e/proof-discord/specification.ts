import path from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { readOperations } from "./read-paths.mjs";

/** One operation of Discord's REST API as its OpenAPI document describes it. */
export type Operation = {
  readonly method: string;
  readonly path: string;
  readonly inPath: z.ZodType;
  readonly query: z.ZodType;
  readonly request: z.ZodType;
  readonly answers: readonly { readonly status: string; readonly schema: z.ZodType }[];
  readonly schemes: readonly string[];
};

/**
 * The operations of Discord's OpenAPI document from npm's `discord-api-spec`.
 * @throws when `npm run proof:discord` has not installed it
 */
export async function loadOperations(): Promise<readonly Operation[]> {
  const folder = path.join(import.meta.dirname, "node_modules/discord-api-spec/build");
  const file = path.join(folder, "discord-api-spec.zod.js");
  // Imported by path, because only this proof has it installed.
  const schemas: Readonly<Record<string, unknown>> = await import(pathToFileURL(file).href);
  return readOperations(folder, schemas);
}

/** The problems of a value, in words. Unknown members are problems. */
export function problemsOf(schema: z.ZodType, value: unknown): readonly string[] {
  // In a union whose members have only optional fields, the first member accepts anything: check one by
  // one.
  const alternatives = schema instanceof z.ZodUnion ? schema.options : [schema];
  const verdicts = alternatives.map((one) => {
    const parsed = z.safeParse(one, value);
    return parsed.success
      ? { fits: true, problems: surplus(value, parsed.data, "") }
      : { fits: false, problems: parsed.error.issues.map(sentence) };
  });
  const [nearest] = verdicts.toSorted(
    (one, other) =>
      Number(other.fits) - Number(one.fits) || one.problems.length - other.problems.length,
  );
  return nearest?.problems ?? [];
}

function sentence(issue: z.core.$ZodIssue): string {
  return `${issue.path.join(".") || "value"}: ${describe(issue)}`;
}

function describe(issue: z.core.$ZodIssue): string {
  if (issue.code !== "invalid_union") return issue.message;
  const inner = issue.errors.map((issues) =>
    issues.map((one) => `${one.path.join(".")} ${describe(one)}`).join(", "),
  );
  return inner.join(" | or | ");
}

/** Members of a value that its schema does not have. */
function surplus(value: unknown, read: unknown, where: string): string[] {
  if (Array.isArray(value) && Array.isArray(read)) {
    return value.flatMap((item, index) => surplus(item, read[index], `${where}.${index}`));
  }
  if (!isObject(value) || !isObject(read)) return [];
  return Object.entries(value).flatMap(([name, member]) => {
    const at = where === "" ? name : `${where}.${name}`;
    return Object.hasOwn(read, name) ? surplus(member, read[name], at) : [`${at}: no such member`];
  });
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
