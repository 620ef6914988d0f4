// `npm run proof:discord`: installs what is missing and hands over to e2e/proof-discord/run.ts.
import { ensureInstalled, handOver } from "./bootstrap.mjs";

ensureInstalled();
handOver("e2e/proof-discord/run.ts");
