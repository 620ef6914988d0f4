// Prints the paths of Discord's specification as JSON. `discord-api-spec` has the schemas as code, but
// their operations only as a TypeScript interface. This is plain JavaScript, because its parser is
// installed for this proof alone.
import { readFileSync } from "node:fs";
import { parse } from "@babel/parser";

const file = new URL("./discord-api-spec.ts", import.meta.resolve("discord-api-spec"));
const { program } = parse(readFileSync(file, "utf8"), {
  sourceType: "module",
  plugins: ["typescript"],
});

const nameOf = (key) => key.name ?? key.value;
const membersOf = (node) =>
  node.type === "TSTypeLiteral"
    ? Object.fromEntries(
        node.members.map(({ key, typeAnnotation }) => [nameOf(key), typeAnnotation.typeAnnotation]),
      )
    : {};

/** A type as data: see `Shape` in specification.ts. */
function shapeOf(node) {
  switch (node.type) {
    case "TSTypeReference":
      return { kind: "schema", name: node.typeName.name };
    case "TSArrayType":
      return { kind: "list", of: shapeOf(node.elementType) };
    case "TSUnionType":
      return { kind: "one of", shapes: node.types.map(shapeOf) };
    case "TSParenthesizedType":
      return shapeOf(node.typeAnnotation);
    case "TSLiteralType":
      return { kind: "literal", value: node.literal.value };
    case "TSTypeLiteral":
      if (node.members[0]?.type === "TSIndexSignature") {
        return { kind: "record", of: shapeOf(node.members[0].typeAnnotation.typeAnnotation) };
      }
      return {
        kind: "object",
        members: node.members.map(({ key, optional, typeAnnotation }) => ({
          name: nameOf(key),
          optional: optional === true,
          shape: shapeOf(typeAnnotation.typeAnnotation),
        })),
      };
    case "TSNullKeyword":
      return { kind: "literal", value: null };
    case "TSStringKeyword":
    case "TSNumberKeyword":
    case "TSBooleanKeyword":
      return { kind: node.type.slice(2, -"Keyword".length).toLowerCase() };
    case "TSUnknownKeyword":
      return { kind: "anything" };
    case "TSUndefinedKeyword":
    case "TSNeverKeyword":
      return { kind: "nothing" };
    default:
      throw new Error(`${node.type} of ${file} is not understood`);
  }
}

const operations = [];
const paths = program.body
  .map((statement) => statement.declaration ?? statement)
  .find(({ type, id }) => type === "TSInterfaceDeclaration" && id.name === "Paths");
for (const { key, typeAnnotation } of paths.body.body) {
  for (const [method, operation] of Object.entries(membersOf(typeAnnotation.typeAnnotation))) {
    const { parameters, requestBody, responses, security } = membersOf(operation);
    const { path: inPath, query } = membersOf(parameters);
    operations.push({
      method: method.toUpperCase(),
      path: key.value,
      inPath: shapeOf(inPath),
      query: shapeOf(query),
      request: shapeOf(requestBody),
      answers: Object.entries(membersOf(responses)).map(([status, node]) => ({
        status,
        shape: shapeOf(node),
      })),
      schemes:
        security === undefined
          ? []
          : security.elementTypes.flatMap((it) => Object.keys(membersOf(it))),
    });
  }
}
process.stdout.write(JSON.stringify(operations));
