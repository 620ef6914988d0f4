import { execFileSync } from "node:child_process";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";

/** The shape of a value, as read-paths.mjs writes it. */
type Shape =
  | { readonly kind: "schema"; readonly name: string }
  | { readonly kind: "literal"; readonly value: string | number | boolean | null }
  | { readonly kind: "list" | "record"; readonly of: Shape }
  | { readonly kind: "one of"; readonly shapes: readonly Shape[] }
  | {
      readonly kind: "object";
      readonly members: readonly {
        readonly name: string;
        readonly optional: boolean;
        readonly shape: Shape;
      }[];
    }
  | { readonly kind: "string" | "number" | "boolean" | "anything" | "nothing" };

const Shape: z.ZodType<Shape> = z.lazy(() =>
  z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("schema"), name: z.string() }),
    z.object({
      kind: z.literal("literal"),
      value: z.union([z.string(), z.number(), z.boolean(), z.null()]),
    }),
    z.object({ kind: z.enum(["list", "record"]), of: Shape }),
    z.object({ kind: z.literal("one of"), shapes: z.array(Shape) }),
    z.object({
      kind: z.literal("object"),
      members: z.array(z.object({ name: z.string(), optional: z.boolean(), shape: Shape })),
    }),
    z.object({ kind: z.enum(["string", "number", "boolean", "anything", "nothing"]) }),
  ]),
);

const Operations = z.array(
  z.object({
    method: z.string(),
    path: z.string(),
    inPath: Shape,
    query: Shape,
    request: Shape,
    answers: z.array(z.object({ status: z.string(), shape: Shape })),
    schemes: z.array(z.string()),
  }),
);

/** One operation of Discord's REST API as its OpenAPI document describes it. */
export type Operation = z.infer<typeof Operations>[number];

/** Discord's OpenAPI document from npm's `discord-api-spec`. */
export type Specification = {
  readonly operations: readonly Operation[];
  /** What is wrong with a value, in words; empty: nothing. Unknown members count as wrong. */
  readonly problemsOf: (shape: Shape, value: unknown) => readonly string[];
};

const folder = import.meta.dirname;

/** Reads the specification. @throws when `npm run proof:discord` has not installed it */
export async function loadSpecification(): Promise<Specification> {
  const paths = execFileSync(process.execPath, [path.join(folder, "read-paths.mjs")], {
    encoding: "utf8",
    maxBuffer: 16 * 1024 * 1024,
  });
  const operations = Operations.parse(JSON.parse(paths));
  const file = path.join(folder, "node_modules/discord-api-spec/build/discord-api-spec.zod.js");
  // Imported by path, because only this proof has it installed.
  const module: Readonly<Record<string, unknown>> = await import(pathToFileURL(file).href);
  return { operations, problemsOf: (shape, value) => problemsOf(shape, value, module) };
}

function problemsOf(
  shape: Shape,
  value: unknown,
  module: Readonly<Record<string, unknown>>,
): readonly string[] {
  // In a union whose members have only optional fields, the first member accepts anything: check one by
  // one.
  const alternatives = shape.kind === "one of" ? shape.shapes : [shape];
  const verdicts = alternatives.map((one) => {
    const parsed = schemaOf(one, module).safeParse(value);
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

function schemaOf(shape: Shape, module: Readonly<Record<string, unknown>>): z.ZodType {
  const of = (one: Shape): z.ZodType => schemaOf(one, module);
  switch (shape.kind) {
    case "schema": {
      const schema = module[`${shape.name}Schema`];
      if (!isSchema(schema)) throw new Error(`discord-api-spec has no schema ${shape.name}`);
      return schema;
    }
    case "literal":
      return z.literal(shape.value);
    case "list":
      return z.array(of(shape.of));
    case "record":
      return z.record(z.string(), of(shape.of));
    case "one of":
      return z.union(shape.shapes.map(of));
    case "object":
      return z.object(
        Object.fromEntries(
          shape.members.map(({ name, optional, shape: member }) => [
            name,
            optional ? z.optional(of(member)) : of(member),
          ]),
        ),
      );
    case "string":
      return z.string();
    case "number":
      return z.number();
    case "boolean":
      return z.boolean();
    case "anything":
      return z.unknown();
    case "nothing":
      return z.undefined();
  }
}

/** zod handles schemas of `zod/mini` as its own. */
function isSchema(value: unknown): value is z.ZodType {
  return typeof value === "object" && value !== null && "_zod" in value;
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

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
