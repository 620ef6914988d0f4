import type { OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv, HttpArea } from "./http/app-env.ts";
import { VERSION } from "./version.ts";

/** What stands at the head of the OpenAPI document. */
const DOCUMENT = {
  openapi: "3.1.0",
  info: {
    title: "GuildHub",
    version: VERSION,
    description:
      "Discord voice rooms and their live events. The event stream on `/ws` is described in `/asyncapi.json`.",
    license: { name: "MIT", identifier: "MIT" },
  },
  servers: [{ url: "/" }],
};

/** Chapters that come last, in this order: the page shows them as the document has them. */
const SHARED_TAGS = ["stream", "gateway", "discord", "admin", "service"];

/** Declares how requests authenticate. */
export function declareSecurity(app: OpenAPIHono<AppEnv>, areas: readonly HttpArea[]): void {
  const schemes = Object.assign({}, ...areas.map(({ securityScheme }) => securityScheme));
  for (const [name, scheme] of Object.entries<HttpArea["securityScheme"][string]>(schemes)) {
    app.openAPIRegistry.registerComponent("securitySchemes", name, scheme);
  }
}

/** The OpenAPI 3.1 document of everything that is mounted. */
export function openApiDocument(app: OpenAPIHono<AppEnv>, areas: readonly HttpArea[]): object {
  const rank = (name: string): number => SHARED_TAGS.indexOf(name);
  const tags = areas.flatMap((area) => area.tags).toSorted((a, b) => rank(a.name) - rank(b.name));
  return app.getOpenAPI31Document({ ...DOCUMENT, tags });
}
