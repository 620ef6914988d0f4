// `npm run deploy -- production`: checks wrangler.toml, applies the migrations, and deploys the Worker with its
// page (whose build is the [build] command of wrangler.toml).
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parseConfig } from "../src/config.ts";
import { ConfigError } from "../src/platform/variables.ts";
import { freshSecret, parseTomlVars, parseVariables, type Variables } from "./stack/variables.ts";
import { wranglerCommand } from "./stack/wrangler.ts";
import { readArguments, stop } from "./usage.mjs";

const USAGE = `Usage: npm run deploy -- ENVIRONMENT [--dry-run]
  Applies the migrations of D1, then deploys the Worker and the page. docs/deploy.md has the steps before.
  ENVIRONMENT   production or staging, as wrangler.toml has them
  --dry-run     checks and builds, and uploads nothing`;

const { positionals, values } = readArguments(USAGE, {
  allowPositionals: true,
  options: { "dry-run": { type: "boolean", default: false } },
});
const [environment, ...others] = positionals;
if (environment === undefined || others.length > 0) stop(USAGE);
// Without `--` before it, npm reads the flag as its own.
const dryRun = values["dry-run"] || process.env["npm_config_dry_run"] === "true";

/** Values for the secrets that its areas need. By the one of sync, sync would also run where nobody has named it. */
function secretsOf({ AREAS = "" }: Variables): Variables {
  const names = ["HUB_SECRET", "DISCORD_BOT_TOKEN"];
  if (AREAS.split(",").some((name) => name.trim() === "sync")) names.push("HAPPY_MASTER_SECRET");
  return Object.fromEntries(names.map((name) => [name, freshSecret()]));
}

/** The missing values of an environment. Secrets are at Cloudflare and cannot be checked here. */
function problemsOf(toml: string, name: string, vars: Variables): readonly string[] {
  const problems: string[] = [];
  try {
    parseConfig({ ...vars, ...secretsOf(vars) });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(`[env.${name}.vars]: ${error.message}`);
  }
  const section = toml.split(`[[env.${name}.d1_databases]]`)[1]?.split("\n[")[0] ?? "";
  const { database_id: id = "", database_name: database = "" } = parseVariables(section);
  if (/^[0-]*$/.test(id)) {
    problems.push(
      `[[env.${name}.d1_databases]]: database_id is missing. ` +
        `\`npx wrangler d1 create ${database}\` prints it.`,
    );
  }
  return problems;
}

const root = path.dirname(import.meta.dirname);
const toml = readFileSync(path.join(root, "wrangler.toml"), "utf8");
const vars = parseTomlVars(toml, `env.${environment}.vars`);
if (Object.keys(vars).length === 0)
  stop(`wrangler.toml has no [env.${environment}.vars].\n${USAGE}`);
const problems = problemsOf(toml, environment, vars);
if (problems.length > 0) stop(`wrangler.toml is not filled in yet:\n  ${problems.join("\n  ")}`);

const wrangler = (...args: readonly string[]): void => {
  const command = wranglerCommand(root, [...args, "--env", environment]);
  // Without `QUIET_WRANGLER`, because wrangler's messages matter in a deployment.
  const { status } = spawnSync(process.execPath, command.args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};

if (dryRun) {
  wrangler("deploy", "--dry-run");
} else {
  // Migrations only add, so the Worker that still runs works with the new tables.
  wrangler("d1", "migrations", "apply", "DB", "--remote");
  wrangler("deploy");
}
