// `npm run proof:page`: installs what is missing and hands over to e2e/proof-page/run.ts.
import { ensureInstalled, handOver } from "./bootstrap.mjs";
import { offerHelp } from "./usage.mjs";

offerHelp(`Usage: npm run proof:page
  Lighthouse judges every view of the page: accessible, and made as it should be.`);

ensureInstalled();
handOver("e2e/proof-page/run.ts");
