// Reads the operations of Discord's specification. `discord-api-spec` has the schemas as code, but their
// operations only as a TypeScript interface. This is plain JavaScript, because its parser is installed for
// this proof alone, and has no types here.
import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "@babel/parser";
import { z } from "zod";

const nameOf = (key) => key.name ?? key.value;
const membersOf = (node) =>
  node.type === "TSTypeLiteral"
    ? Object.fromEntries(
        node.members.map(({ key, typeAnnotation }) => [nameOf(key), typeAnnotation.typeAnnotation]),
      )
    : {};

/**
 * @param {string} folder of the installed `discord-api-spec`
 * @param {Readonly<Record<string, unknown>>} schemas its schemas, by the names of its module
 * @returns {import("./specification.ts").Operation[]}
 */
export function readOperations(folder, schemas) {
  const { program } = parse(readFileSync(path.join(folder, "discord-api-spec.ts"), "utf8"), {
    sourceType: "module",
    plugins: ["typescript"],
  });
  const paths = program.body
    .map((statement) => statement.declaration ?? statement)
    .find(({ type, id }) => type === "TSInterfaceDeclaration" && id.name === "Paths");
  const read = (node) => schemaOf(node, schemas);
  return paths.body.body.flatMap(({ key, typeAnnotation }) =>
    Object.entries(membersOf(typeAnnotation.typeAnnotation)).map(([method, operation]) => {
      const { parameters, requestBody, responses, security } = membersOf(operation);
      const { path: inPath, query } = membersOf(parameters);
      return {
        method: method.toUpperCase(),
        path: key.value,
        inPath: read(inPath),
        query: read(query),
        request: read(requestBody),
        answers: Object.entries(membersOf(responses)).map(([status, node]) => ({
          status,
          schema: read(node),
        })),
        schemes: (security?.elementTypes ?? []).flatMap((it) => Object.keys(membersOf(it))),
      };
    }),
  );
}

/** The schema of a type. */
function schemaOf(node, schemas) {
  const of = (one) => schemaOf(one, schemas);
  switch (node.type) {
    case "TSTypeReference": {
      // zod handles schemas of `zod/mini` as its own.
      const schema = schemas[`${node.typeName.name}Schema`];
      if (schema === undefined) throw new Error(`there is no schema ${node.typeName.name}`);
      return schema;
    }
    case "TSArrayType":
      return z.array(of(node.elementType));
    case "TSUnionType":
      return z.union(node.types.map(of));
    case "TSParenthesizedType":
      return of(node.typeAnnotation);
    case "TSLiteralType":
      return z.literal(node.literal.value);
    case "TSTypeLiteral": {
      const member = ({ optional, typeAnnotation }) => {
        const schema = of(typeAnnotation.typeAnnotation);
        return optional === true ? z.optional(schema) : schema;
      };
      const [first] = node.members;
      return first?.type === "TSIndexSignature"
        ? z.record(z.string(), member(first))
        : z.object(Object.fromEntries(node.members.map((it) => [nameOf(it.key), member(it)])));
    }
    case "TSNullKeyword":
      return z.null();
    case "TSStringKeyword":
      return z.string();
    case "TSNumberKeyword":
      return z.number();
    case "TSBooleanKeyword":
      return z.boolean();
    case "TSUnknownKeyword":
      return z.unknown();
    case "TSUndefinedKeyword":
    case "TSNeverKeyword":
      return z.undefined();
    default:
      throw new Error(`${node.type} of the specification is not understood`);
  }
}
