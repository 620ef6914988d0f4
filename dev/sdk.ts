// The program behind `npm run sdk`: builds the package `guildhub-client` in dist/client.
import path from "node:path";
import { buildSdk } from "./sdk/build-sdk.ts";
import { offerHelp } from "./usage.mjs";

offerHelp(`Usage: npm run sdk
  Makes the package guildhub-client in dist/client.`);

const bytes = await buildSdk(path.resolve(import.meta.dirname, "../dist/client"));
console.log(`dist/client: ${bytes} bytes gzip. Pack it with: npm pack ./dist/client`);
