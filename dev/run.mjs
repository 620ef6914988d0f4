// Scripts of package.json that may run before anything is installed: installs missing packages, then runs the
// program.
import { ensureInstalled, handOver } from "./bootstrap.mjs";
import { offerHelp, stop } from "./usage.mjs";

/** @type {Readonly<Record<string, readonly [program: string, usage: string]>>} */
const SCRIPTS = {
  check: [
    "dev/check.ts",
    `Usage: npm run check
  Types, lint, format, who may import whom, migrations that match the tables, and the size of the Worker.`,
  ],
  test: [
    "dev/test.ts",
    `Usage: npm test [-- FILTER …]
  Runs every test, or those whose file's path contains a filter; a part of the tests that has none says so. More at once: npx vitest run --help`,
  ],
  "proof:discord": [
    "e2e/proof.ts",
    `Usage: npm run proof:discord
  Discord's own specification and gateway libraries that nobody here wrote judge the local Discord.`,
  ],
  "proof:page": [
    "e2e/proof.ts",
    `Usage: npm run proof:page
  Lighthouse judges every view of the page: accessible, and made as it should be.`,
  ],
  "proof:socket-io": [
    "e2e/proof.ts",
    `Usage: npm run proof:socket-io
  Clients of Socket.IO that nobody here wrote use a hub: in Node, in a browser, and in Python.`,
  ],
  "proof:sync": [
    "e2e/proof.ts",
    `Usage: npm run proof:sync
  The two published Happy clients use the Worker, unchanged: they are paired, called, cut off and killed.`,
  ],
};

const [name = ""] = process.argv.splice(2, 1);
const script = SCRIPTS[name];
if (script === undefined) stop(`dev/run.mjs knows ${Object.keys(SCRIPTS).join(", ")}`);
offerHelp(script[1]);
// The proofs are one program, which gets the name of the proof as an argument.
if (name.startsWith("proof:")) process.argv.splice(2, 0, name.slice("proof:".length));
ensureInstalled();
handOver(script[0]);
