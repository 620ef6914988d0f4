// `npm test`: installs what is missing and hands over to dev/test.ts.
import { ensureInstalled, handOver } from "./bootstrap.mjs";

ensureInstalled();
handOver("dev/test.ts");
