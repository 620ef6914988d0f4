/** Whether a parsed JSON value is an object, not an array or null. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value is a string; it may be empty. */
export function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** Whether a value is an object with a string under each of these names. */
export function hasTexts<Name extends string>(
  value: unknown,
  names: readonly Name[],
): value is Record<string, unknown> & Record<Name, string> {
  return isRecord(value) && names.every((name) => isText(value[name]));
}
