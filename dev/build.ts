// What dev/build.mjs runs: builds console/dist, unless nothing that it is made of has changed.
import path from "node:path";
import { buildPage, DEPLOYED_PAGE } from "./stack/prepare.ts";

const root = path.dirname(import.meta.dirname);
try {
  await buildPage(root, path.join(root, DEPLOYED_PAGE), undefined);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
// The channel to dev/build.mjs would keep this process.
process.disconnect?.();
