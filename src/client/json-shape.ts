/** Whether parsed JSON is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether it is text; the empty one too. */
export function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** Whether it is an object whose members of these names are texts. */
export function hasTexts<Name extends string>(
  value: unknown,
  names: readonly Name[],
): value is Record<string, unknown> & Record<Name, string> {
  return isRecord(value) && names.every((name) => isText(value[name]));
}
