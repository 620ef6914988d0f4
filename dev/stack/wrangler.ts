import path from "node:path";

/** Variables that keep wrangler quiet and offline: no metrics, no error reports, no version check. */
export const QUIET_WRANGLER = {
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_WRITE_LOGS: "false",
} as const;

/** Arguments for Node that run the installed wrangler. */
export function wranglerArgs(root: string, args: readonly string[]): string[] {
  return [path.join(root, "node_modules/wrangler/bin/wrangler.js"), ...args];
}
