import path from "node:path";
import type { Command } from "./process-group.ts";

/** Variables that keep wrangler quiet and offline: no metrics, no error reports, no version check. */
export const QUIET_WRANGLER = {
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_WRITE_LOGS: "false",
} as const;

/**
 * How wrangler's line begins when workerd has ended. It starts workerd again, but when that was the workerd in front of
 * the Worker, it then takes requests and never answers one.
 */
export const RUNTIME_CRASHED = "[wrangler:warn] The Workers runtime crashed unexpectedly";

/** The command that runs the installed wrangler of a checkout, without its messages. */
export function wranglerCommand(
  root: string,
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Command {
  return {
    args: [path.join(root, "node_modules/wrangler/bin/wrangler.js"), ...args],
    cwd: root,
    env: { ...process.env, ...QUIET_WRANGLER, ...variables },
  };
}
