import type { Context } from "hono";
import type { AppEnv } from "./app-env.ts";

/**
 * The issuer where people sign in (null: no area needs one), and the origins that the page's scripts may call besides
 * the Worker. The areas provide both; null: no area has a part of the page.
 */
export type PagePartners = (
  env: object,
) => { readonly issuer: string | null; readonly origins: readonly string[] } | null;

/** Files of Vite, whose names change with their content. */
const NAMED_BY_CONTENT = "/assets/";

/**
 * The file of the page at this request's path, or null when there is none. Caches may store only files that
 * exist: a name that is missing during a deploy may exist a moment later.
 */
export async function serveAsset(
  c: Context<AppEnv>,
  partnersOf: PagePartners,
): Promise<Response | null> {
  const { method, path, url } = c.req;
  const asset = await c.env.ASSETS.fetch(url, { method });
  if (!asset.ok) return null;
  const response = new Response(asset.body, asset);
  const isKept = path.startsWith(NAMED_BY_CONTENT);
  response.headers.set(
    "Cache-Control",
    isKept ? "public, max-age=31536000, immutable" : "no-cache",
  );
  if (response.headers.get("Content-Type")?.startsWith("text/html") === true) {
    response.headers.set("Content-Security-Policy", pagePolicy(partnersOf(c.env), new URL(url)));
  }
  return response;
}

/**
 * The Content-Security-Policy of the page: only its own scripts, no frames, and no other page may frame it.
 * @param page address of the page
 */
export function pagePolicy(partners: ReturnType<PagePartners>, page: URL): string {
  // Scalar adds inline styles to the API page, which shows no content of other people.
  const styles = page.pathname.startsWith("/docs") ? "'self' 'unsafe-inline'" : "'self'";
  const stream = `${page.protocol === "https:" ? "wss" : "ws"}://${page.host}`;
  const issuer = partners?.issuer ?? null;
  // A provider may have its token endpoint on another host than its issuer. Without a provider the page, which may
  // hold keys, can send nothing elsewhere.
  const others = issuer === null ? [] : ["https:", ...(partners?.origins ?? [])];
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src ${styles}`,
    // Avatars come from Discord.
    "img-src 'self' data: https://cdn.discordapp.com",
    "font-src 'self'",
    // In some browsers 'self' does not cover the WebSocket.
    ["connect-src 'self'", stream, ...others].join(" "),
    issuer === null ? "form-action 'self'" : `form-action 'self' ${new URL(issuer).origin}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
