/**
 * Writes docs/spec/openapi.json and docs/spec/asyncapi.json from the code (`npm run spec`). The Worker's
 * own module is stood in for: the documents need the routes, not the runtime.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { registerHooks } from "node:module";

const RUNTIME = "data:text/javascript,export class DurableObject {}; export const env = {};";

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "cloudflare:workers"
      ? { url: RUNTIME, shortCircuit: true }
      : next(specifier, context),
});

const { createApp } = await import("../src/app.ts");
const { FEATURES } = await import("../src/features.ts");
const { openApiDocument } = await import("../src/platform/openapi.ts");
const { asyncApiDocument } = await import("../src/platform/asyncapi.ts");

const folder = new URL("../docs/spec/", import.meta.url);
const documents = {
  "openapi.json": openApiDocument(createApp()),
  "asyncapi.json": asyncApiDocument(FEATURES.flatMap((feature) => feature.events)),
};
await mkdir(folder, { recursive: true });
for (const [name, document] of Object.entries(documents)) {
  await writeFile(new URL(name, folder), `${JSON.stringify(document, null, 2)}\n`);
}
