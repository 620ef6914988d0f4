// `npm run build`, and the [build] command of wrangler.toml: builds the page for deployment. Wrangler passes its
// own command in a variable; the environment is the first argument.
import { handOver } from "./bootstrap.mjs";
import { offerHelp, stop } from "./usage.mjs";

offerHelp(`Usage: npm run build
  Builds the page into console/dist. A deploy does it by itself.`);

const command = process.env.WRANGLER_COMMAND;
const [environment] = process.argv.slice(2);

// `wrangler dev` serves the existing page; `npm start` builds a page of its own.
if (command === "dev" || command === "types") process.exit(0);
if (command !== undefined && environment === undefined) {
  stop(
    "The top level of wrangler.toml is for this machine only, so nothing was deployed. " +
      "Deploy with: npm run deploy -- production",
  );
}
handOver("dev/build.ts");
