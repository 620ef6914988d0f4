/** `npm run simulate`: the tables of docs/scale.md, and the run that checks them. */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { fillDocument } from "./document.ts";
import { arithmeticTables } from "./tables.ts";

const DOCUMENT = fileURLToPath(new URL("../../docs/scale.md", import.meta.url));

const tables = arithmeticTables();
for (const [name, content] of Object.entries(tables)) console.log(`${name}\n\n${content}\n`);
await writeFile(DOCUMENT, fillDocument(await readFile(DOCUMENT, "utf8"), tables));
