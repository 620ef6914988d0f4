import type { OpenAPIHono, z } from "@hono/zod-openapi";
import type { AppEnv, HttpArea } from "./http/app-env.ts";

import manifest from "../../package.json" with { type: "json" };

/** Version of this deployment. */
export const VERSION: string = manifest.version;

/** The head of the OpenAPI document. */
const DOCUMENT = {
  openapi: "3.1.0",
  info: {
    title: "GuildHub",
    version: VERSION,
    description:
      "Discord voice rooms and their live events, voice channels for FACEIT matches, and sessions of coding agents in step on all devices. What WebSockets carry is described in `/asyncapi.json`.",
    license: { name: "MIT", identifier: "MIT" },
  },
  servers: [{ url: "/" }],
};

/** Chapters that come last, in this order. The page shows chapters in the order of the document. */
const SHARED_TAGS = ["stream", "gateway", "discord", "admin", "service"];

/** Declares how requests authenticate. */
export function declareSecurity(app: OpenAPIHono<AppEnv>, areas: readonly HttpArea[]): void {
  const schemes = Object.assign({}, ...areas.map(({ securityScheme }) => securityScheme));
  for (const [name, scheme] of Object.entries<HttpArea["securityScheme"][string]>(schemes)) {
    app.openAPIRegistry.registerComponent("securitySchemes", name, scheme);
  }
}

/** An OpenAPI 3.1 document, as Hono types it. */
type Document = ReturnType<OpenAPIHono["getOpenAPI31Document"]>;

/** The OpenAPI 3.1 document of all mounted routes, without empty chapters. */
export function openApiDocument(app: OpenAPIHono<AppEnv>, areas: readonly HttpArea[]): Document {
  const rank = (name: string): number => SHARED_TAGS.indexOf(name);
  const tags = areas.flatMap((area) => area.tags).toSorted((a, b) => rank(a.name) - rank(b.name));
  return documentOf(app.getOpenAPI31Document({ ...DOCUMENT, tags }), () => true);
}

/** The part of a document for some of its paths, with the components that they use. */
export function documentOf(document: Document, owns: (path: string) => boolean): Document {
  const paths = Object.fromEntries(
    Object.entries(document.paths ?? {}).filter(([path]) => owns(path)),
  );
  const used = refsIn(paths, document.components ?? {});
  const operations = Object.values(paths).flatMap((path) => [
    path.get,
    path.put,
    path.post,
    path.delete,
    path.patch,
  ]);
  const chapters = new Set(operations.flatMap((operation) => operation?.tags ?? []));
  const schemes = operations.flatMap((operation) => operation?.security ?? []).flatMap(Object.keys);
  for (const name of schemes) used.add(`#/components/securitySchemes/${name}`);
  const components = Object.entries(document.components ?? {}).map(([kind, all]) => [
    kind,
    Object.fromEntries(
      Object.entries(all).filter(([name]) => used.has(`#/components/${kind}/${name}`)),
    ),
  ]);
  return {
    ...document,
    tags: document.tags?.filter(({ name }) => chapters.has(name)) ?? [],
    components: Object.fromEntries(components),
    paths,
  };
}

/** All references in a value, direct and indirect (RFC 6901). */
function refsIn(value: unknown, components: object, found = new Set<string>()): Set<string> {
  if (typeof value !== "object" || value === null) return found;
  for (const [key, inner] of Object.entries(value)) {
    if (key !== "$ref" || typeof inner !== "string") {
      refsIn(inner, components, found);
    } else if (!found.has(inner)) {
      found.add(inner);
      let target: unknown = components;
      for (const part of inner.split("/").slice(2)) {
        target = (target as Readonly<Record<string, unknown>> | undefined)?.[part];
      }
      refsIn(target, components, found);
    }
  }
  return found;
}

/** An answer in JSON, for `createRoute`. */
export function jsonAnswer<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { description, content: { "application/json": { schema } } };
}

/** A body in JSON that a request must have, for `createRoute`. */
export function jsonBody<Schema extends z.ZodType>(schema: Schema, example: z.input<Schema>) {
  return { required: true, content: { "application/json": { schema, example } } };
}
