import type { Context } from "hono";
import type { Config } from "../../config.ts";
import { configOf } from "../../env.ts";
import type { AppEnv } from "./app-env.ts";

/** A file of the page, or null when there is none at this path. */
export async function serveAsset(c: Context<AppEnv>, path = c.req.path): Promise<Response | null> {
  const asset = await c.env.ASSETS.fetch(new URL(path, c.req.url), { method: c.req.method });
  if (!asset.ok) return null;
  const response = new Response(asset.body, asset);
  if (response.headers.get("Content-Type")?.startsWith("text/html") === true) {
    response.headers.set("Content-Security-Policy", pagePolicy(configOf(c.env)));
    response.headers.set("Cache-Control", "no-cache");
  }
  return response;
}

/** The page runs its own scripts only, and frames nothing but the sign-in. */
function pagePolicy(config: Pick<Config, "jwt" | "discordApiUrl">): string {
  const partners = [config.jwt.issuer, config.discordApiUrl].map((url) => new URL(url).origin);
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    // A provider may have its token endpoint on another host than its issuer.
    `connect-src 'self' https: ${partners.join(" ")}`,
    `frame-src ${partners[0]}`,
    `form-action 'self' ${partners[0]}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
