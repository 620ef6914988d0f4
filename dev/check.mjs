// `npm run check`: installs what is missing and hands over to dev/check.ts.
import { ensureInstalled, handOver } from "./bootstrap.mjs";

ensureInstalled();
handOver("dev/check.ts");
