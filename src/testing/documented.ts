import { z } from "zod";

/**
 * A schema of a document, in which every member must be described. Readers accept more; what we send is described.
 * @param schemas the document's components
 */
export function strictSchema(
  payload: object,
  schemas: Readonly<Record<string, object>>,
): z.ZodType {
  const text = JSON.stringify({ ...payload, definitions: schemas }, (_, value: unknown) =>
    typeof value === "object" && value !== null && "properties" in value && "type" in value
      ? { ...value, additionalProperties: false }
      : value,
  ).replaceAll("#/components/schemas/", "#/definitions/");
  return z.fromJSONSchema({
    $schema: "http://json-schema.org/draft-07/schema#",
    ...(JSON.parse(text) as object),
  });
}
