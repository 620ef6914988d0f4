// The program behind `npm run proof:page` (dev/run.mjs): Lighthouse rates the page.
import { findChromium, installChromium } from "../../dev/chromium.ts";
import { runProof } from "../proof.ts";

const chromium = findChromium() ?? installChromium();
if (chromium === undefined) {
  console.error("No Chromium was found. Install one or set CHROMIUM_PATH.");
  console.log("0 passed, 1 failed");
  process.exit(1);
}
await runProof(import.meta.dirname);
