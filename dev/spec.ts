/**
 * Writes the files below docs/ that are made from the code (`npm run spec`). The Workers runtime is
 * stood in for: the documents need the routes, not what they do.
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

// By address: Node's types and those of the Workers runtime do not mix in one TypeScript project.
const { documents } = (await import(new URL("../src/documents.ts", import.meta.url).href)) as {
  documents: () => Readonly<Record<string, string>>;
};

for (const [name, text] of Object.entries(documents())) {
  const file = new URL(`../docs/${name}`, import.meta.url);
  await mkdir(new URL(".", file), { recursive: true });
  await writeFile(file, text);
}
