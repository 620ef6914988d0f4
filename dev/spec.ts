/**
 * Writes the files below docs/ that are generated from the code (`npm run spec`), or writes them into the given
 * folder. The Workers runtime is replaced by stubs, because the documents need only the declarations of the
 * routes.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { registerHooks } from "node:module";
import path from "node:path";
import { offerHelp } from "./usage.mjs";

offerHelp(`Usage: npm run spec [-- FOLDER]
  Writes what is made from the code below docs/, or into a folder.`);

const RUNTIME =
  "data:text/javascript,export class DurableObject {}; export const env = {}; export const waitUntil = () => {};";

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "cloudflare:workers"
      ? { url: RUNTIME, shortCircuit: true }
      : next(specifier, context),
});

// Imported by URL, because Node's types and those of the Workers runtime do not mix in one TypeScript project.
const { documents } = (await import(new URL("../src/documents.ts", import.meta.url).href)) as {
  documents: () => Readonly<Record<string, string>>;
};

const folder = process.argv[2] ?? path.resolve(import.meta.dirname, "../docs");
for (const [name, text] of Object.entries(documents())) {
  const file = path.join(folder, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
}
