/** The parts of JSON Schema that our two documents use. */
export type Schema = {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly default?: unknown;
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly example?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly format?: string;
};

/** Finds what a `$ref` names. */
export type Lookup = (ref: string) => Schema;

/** Looks references of a document up. An unknown one is anything. */
export function lookupIn(schemas: Readonly<Record<string, Schema>>): Lookup {
  return (ref) => schemas[ref.slice(ref.lastIndexOf("/") + 1)] ?? {};
}

/** A schema in the notation that programmers read: a TypeScript type with comments. */
export function notation(schema: Schema, lookup: Lookup, indent = ""): string {
  if (schema.$ref !== undefined) return notation(lookup(schema.$ref), lookup, indent);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) {
    return choices.map((choice) => notation(choice, lookup, indent)).join(" | ");
  }
  if (schema.allOf !== undefined) return intersection(schema.allOf, lookup, indent);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  const shape = structure(schema, lookup, indent);
  if (shape !== undefined) return mayBeNull(schema) ? `${shape} | null` : shape;
  if (typeof schema.type === "object") return schema.type.map(word).join(" | ");
  return schema.type === undefined ? "unknown" : word(schema.type);
}

/** What an object or a list is made of; undefined: the schema does not say. */
function structure(schema: Schema, lookup: Lookup, indent: string): string | undefined {
  if (schema.properties !== undefined) return objectNotation(schema, lookup, indent);
  if (schema.items !== undefined) {
    const item = notation(schema.items, lookup, indent);
    return item.includes(" | ") ? `(${item})[]` : `${item}[]`;
  }
  return typeof schema.additionalProperties === "object"
    ? `Record<string, ${notation(schema.additionalProperties, lookup, indent)}>`
    : undefined;
}

/** A part that is only a type says whether null is allowed: the generator's way to write that. */
function intersection(parts: readonly Schema[], lookup: Lookup, indent: string): string {
  const isBare = (part: Schema): boolean => Object.keys(part).join("") === "type";
  const named = parts.filter((part) => !isBare(part));
  const whole = named.map((part) => notation(part, lookup, indent)).join(" & ");
  return parts.some((part) => isBare(part) && mayBeNull(part)) ? `${whole} | null` : whole;
}

function mayBeNull({ type }: Schema): boolean {
  return typeof type === "object" && type.includes("null");
}

function objectNotation(schema: Schema, lookup: Lookup, indent: string): string {
  const inner = `${indent}  `;
  const rows = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const optional = schema.required?.includes(name) === true ? "" : "?";
    const about = remarks(property);
    const comment = about === "" ? "" : ` // ${about}`;
    return `${inner}${name}${optional}: ${notation(property, lookup, inner)};${comment}`;
  });
  return rows.length === 0 ? "{}" : `{\n${rows.join("\n")}\n${indent}}`;
}

function remarks(schema: Schema): string {
  const { minimum, maximum, maxItems } = schema;
  const range =
    maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER
      ? `${minimum ?? ""}–${maximum}`
      : undefined;
  const notes = [
    range,
    maxItems === undefined ? undefined : `at most ${maxItems}`,
    schema.default === undefined ? undefined : `default ${JSON.stringify(schema.default)}`,
    schema.format === "date-time" ? "RFC 3339" : undefined,
    schema.description,
  ];
  return notes.filter((note) => note !== undefined).join("; ");
}

function word(type: string): string {
  return type === "integer" ? "number" : type;
}

/** A value to begin with: what is required, and nothing else. */
export function sample(schema: Schema, lookup: Lookup): unknown {
  if (schema.$ref !== undefined) return sample(lookup(schema.$ref), lookup);
  const given = schema.const ?? schema.default ?? schema.example ?? schema.examples?.[0];
  if (given !== undefined) return given;
  if (schema.enum !== undefined) return schema.enum[0];
  const [choice] = schema.anyOf ?? schema.oneOf ?? [];
  if (choice !== undefined) return sample(choice, lookup);
  if (schema.properties !== undefined) {
    const required = Object.entries(schema.properties).filter(
      ([name]) => schema.required?.includes(name) === true,
    );
    return Object.fromEntries(required.map(([name, property]) => [name, sample(property, lookup)]));
  }
  if (schema.type === "array") return [];
  if (schema.type === "integer" || schema.type === "number") return schema.minimum ?? 0;
  if (schema.type === "boolean") return false;
  return schema.type === "string" ? "" : null;
}
