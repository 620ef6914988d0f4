import { parsePermissions } from "../permissions.ts";
import { isSnowflake } from "../snowflake.ts";
import { type ErrorTree, type Failure, invalidForm } from "./failure.ts";

/** A JSON object of a request. */
export type Fields = Readonly<Record<string, unknown>>;

/** The fields that are not undefined: present and valid. */
export function present<T extends object>(
  fields: T,
): {
  [K in keyof T]?: Exclude<T[K], undefined>;
} {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as T;
}

/** Whether a parsed JSON value is an object. */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads the fields of a request like Discord, and collects the errors of all fields in the shape of error 50035. A
 * reader returns undefined for a field that is absent, null or invalid.
 */
export class Form {
  readonly #fields: Fields;
  readonly #errors: ErrorTree;

  constructor(fields: Fields, errors: ErrorTree = {}) {
    this.#fields = fields;
    this.#errors = errors;
  }

  /** The refusal when any field is invalid, or null. */
  failure(): Failure | null {
    return Object.keys(this.#errors).length === 0 ? null : invalidForm(this.#errors);
  }

  /** Whether the request has the field; null counts. */
  has(name: string): boolean {
    return this.#fields[name] !== undefined;
  }

  /** Adds an error of one field. */
  refuse(name: string, code: string, message: string): undefined {
    this.#errors[name] = { _errors: [{ code, message }] };
    return undefined;
  }

  /** A text of `min` to `max` code points, without spaces around it. */
  text(
    name: string,
    { min = 0, max, required = false }: { min?: number; max: number; required?: boolean },
  ): string | undefined {
    const value = this.#value(name, required);
    if (value === undefined) return undefined;
    if (typeof value !== "string") {
      return this.refuse(
        name,
        "STRING_TYPE_CONVERT",
        `Could not interpret "${show(value)}" as string.`,
      );
    }
    const text = value.trim();
    const { length } = Array.from(text);
    if (length >= min && length <= max) return text;
    if (min === 0) {
      return this.refuse(name, "BASE_TYPE_MAX_LENGTH", `Must be ${max} or fewer in length.`);
    }
    const range = `Must be between ${min} and ${max} in length.`;
    return this.refuse(name, "BASE_TYPE_BAD_LENGTH", range);
  }

  /** A whole number in a range. */
  integer(name: string, { min, max }: { min: number; max: number }): number | undefined {
    const value = this.#value(name, false);
    if (value === undefined) return undefined;
    const number = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value;
    if (typeof number !== "number" || !Number.isInteger(number)) {
      return this.refuse(name, "NUMBER_TYPE_COERCE", `Value "${show(value)}" is not int.`);
    }
    if (number < min) {
      const message = `int value should be greater than or equal to ${min}.`;
      return this.refuse(name, "NUMBER_TYPE_MIN", message);
    }
    if (number > max) {
      const message = `int value should be less than or equal to ${max}.`;
      return this.refuse(name, "NUMBER_TYPE_MAX", message);
    }
    return number;
  }

  /** One of a list of numbers. */
  choice<T extends number>(
    name: string,
    choices: readonly T[],
    { required = false }: { required?: boolean } = {},
  ): T | undefined {
    const value = this.#value(name, required);
    if (value === undefined) return undefined;
    const found = choices.find((choice) => choice === value);
    if (found !== undefined) return found;
    const message = `Value must be one of {${choices.join(", ")}}.`;
    return this.refuse(name, "BASE_TYPE_CHOICES", message);
  }

  /** True or false. */
  flag(name: string): boolean | undefined {
    const value = this.#value(name, false);
    if (value === undefined || typeof value === "boolean") return value;
    return this.refuse(name, "BOOLEAN_TYPE_CONVERT", "Must be either true or false.");
  }

  /** A Discord id. */
  snowflake(name: string, required = false): string | undefined {
    const value = this.#value(name, required);
    if (value === undefined) return undefined;
    if (typeof value === "string" && isSnowflake(value)) return value;
    return this.refuse(name, "NUMBER_TYPE_COERCE", `Value "${show(value)}" is not snowflake.`);
  }

  /** A bit set as a decimal string. */
  permissions(name: string): string | undefined {
    const value = this.#value(name, false);
    if (value === undefined) return undefined;
    const message = `Value ${JSON.stringify(value)} is not int.`;
    const permissions = parsePermissions(value)?.toString();
    return permissions ?? this.refuse(name, "NUMBER_TYPE_COERCE", message);
  }

  /** Reads each object of a list with its own form. */
  list<T>(name: string, read: (form: Form) => T): readonly T[] | undefined {
    const value = this.#value(name, false);
    if (value === undefined) return undefined;
    const { items, errors } = readList(value, read);
    if (Object.keys(errors).length > 0) this.#errors[name] = errors;
    return items;
  }

  /** The field without any check. */
  raw(name: string): unknown {
    return this.#fields[name];
  }

  #value(name: string, required: boolean): unknown {
    const value = this.#fields[name] ?? undefined;
    if (value === undefined && required) {
      this.refuse(name, "BASE_TYPE_REQUIRED", "This field is required");
    }
    return value;
  }
}

/** Reads each object of a list with its own form. Errors are named by their index. */
export function readList<T>(
  list: unknown,
  read: (form: Form) => T,
): { readonly items: readonly T[]; readonly errors: ErrorTree } {
  if (!Array.isArray(list)) {
    const message = "Only iterables may be used in a ListType.";
    return { items: [], errors: { _errors: [{ code: "LIST_TYPE_CONVERT", message }] } };
  }
  const errors: ErrorTree = {};
  const items = list.map((item: unknown, index) => {
    const ofItem: ErrorTree = {};
    const result = read(new Form(isFields(item) ? item : {}, ofItem));
    if (Object.keys(ofItem).length > 0) errors[index] = ofItem;
    return result;
  });
  return { items, errors };
}

function show(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
