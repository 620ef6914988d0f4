// `npm run proof:discord`: installs what is missing and hands over to e2e/proof-discord/run.ts.
import { ensureInstalled, handOver } from "./bootstrap.mjs";
import { offerHelp } from "./usage.mjs";

offerHelp(`Usage: npm run proof:discord
  Discord's own specification and gateway libraries that nobody here wrote judge the local Discord.`);

ensureInstalled();
handOver("e2e/proof-discord/run.ts");
