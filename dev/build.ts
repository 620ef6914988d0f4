// The program behind dev/build.mjs: builds console/dist, unless none of its sources has changed.
import path from "node:path";
import { buildPage, DEPLOYED_PAGE } from "./stack/prepare.ts";

const root = path.dirname(import.meta.dirname);
try {
  await buildPage(root, path.join(root, DEPLOYED_PAGE), undefined);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
// The open channel to dev/build.mjs would keep this process alive.
process.disconnect?.();
