import { z } from "zod";

/**
 * Has zod say in words what is wrong with a value: its own messages are for the developers of a schema ("Too big:
 * expected number to be <=99"). Modules that show issues to people call this when they are loaded.
 */
export function putIssuesInWords(): void {
  z.config({ customError: issueInWords });
}

const TYPES: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
};

const FORMATS: Readonly<Record<string, string>> = {
  url: "a URL",
  email: "an email address",
  uuid: "a UUID",
  datetime: "a time in ISO 8601",
};

const UNITS: Readonly<Record<string, readonly [one: string, many: string]>> = {
  string: ["character", "characters"],
  array: ["entry", "entries"],
};

/** The end of a sentence that begins with the field's name, for a schema without a message of its own. */
function issueInWords(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case "invalid_type": {
      if (issue.input === undefined) return "is missing";
      return `must be ${TYPES[issue.expected] ?? issue.expected}`;
    }
    case "too_big": {
      return bound(
        issue.inclusive === false ? "less than" : "at most",
        issue.maximum,
        issue.origin,
      );
    }
    case "too_small": {
      return bound(
        issue.inclusive === false ? "more than" : "at least",
        issue.minimum,
        issue.origin,
      );
    }
    case "invalid_value": {
      return oneOf(issue.values);
    }
    case "invalid_union": {
      // Of a union that a member tells apart, it is this member that is wrong.
      const { options } = issue as { readonly options?: readonly unknown[] };
      return options === undefined ? "has none of the accepted forms" : oneOf(options);
    }
    case "invalid_format": {
      const format = FORMATS[issue.format];
      return format === undefined ? "has no accepted form" : `must be ${format}`;
    }
    case "not_multiple_of": {
      return `must be a multiple of ${issue.divisor}`;
    }
    case "unrecognized_keys": {
      return `may not have ${issue.keys.join(", ")}`;
    }
    case "invalid_key": {
      return "has a name that it may not have";
    }
    default: {
      return "is not valid";
    }
  }
}

function oneOf(values: readonly unknown[]): string {
  return `must be ${values.length === 1 ? "" : "one of "}${values.map(String).join(", ")}`;
}

function bound(side: string, value: number | bigint, origin: string): string {
  const verb = side === "at most" ? "may" : "must";
  const units = UNITS[origin];
  if (units === undefined) return `${verb} be ${side} ${value}`;
  return `${verb} have ${side} ${value} ${units[Number(value) === 1 ? 0 : 1]}`;
}
