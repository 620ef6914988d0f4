// `npm run check`: installs what is missing and hands over to dev/check.ts.
import { ensureInstalled, handOver } from "./bootstrap.mjs";
import { offerHelp } from "./usage.mjs";

offerHelp(`Usage: npm run check
  Types, lint, format, migrations that match the tables, and the size of the Worker.`);

ensureInstalled();
handOver("dev/check.ts");
