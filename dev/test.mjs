// `npm test`: installs what is missing and hands over to dev/test.ts.
import { ensureInstalled, handOver } from "./bootstrap.mjs";
import { offerHelp } from "./usage.mjs";

offerHelp(`Usage: npm test [-- FILTER …]
  Runs every test, or those whose file's path contains a filter; a part of the tests that has none says so. More at once: npx vitest run --help`);

ensureInstalled();
handOver("dev/test.ts");
