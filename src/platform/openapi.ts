import type { OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "./http/app-env.ts";
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
  tags: [
    { name: "rooms", description: "Open, list, invite to and end voice rooms" },
    { name: "matches", description: "FACEIT matches and linked accounts" },
    { name: "stream", description: "The guild's event stream" },
    { name: "gateway", description: "Signed events of the gateway-worker" },
    { name: "discord", description: "Signed interactions of Discord: slash commands" },
    { name: "admin", description: "For operators: look into hubs, close connections" },
    { name: "service", description: "Health and documents" },
  ],
};

/** Declares how requests authenticate. */
export function declareSecurity(app: OpenAPIHono<AppEnv>): void {
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "Access token of the configured OpenID provider",
  });
  app.openAPIRegistry.registerComponent("securitySchemes", "signature", {
    type: "apiKey",
    in: "header",
    name: "X-Hub-Signature",
    description: "HMAC-SHA-256 over `<X-Hub-Timestamp>.<body>` as `sha256=<hex>`",
  });
  app.openAPIRegistry.registerComponent("securitySchemes", "discord", {
    type: "apiKey",
    in: "header",
    name: "X-Signature-Ed25519",
    description: "Discord's Ed25519 signature over `<X-Signature-Timestamp><body>`, in hexadecimal",
  });
}

/** The OpenAPI 3.1 document of everything that is mounted. */
export function openApiDocument(app: OpenAPIHono<AppEnv>): object {
  return app.getOpenAPI31Document(DOCUMENT);
}
