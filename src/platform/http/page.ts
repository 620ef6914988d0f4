import type { Context } from "hono";
import type { AppEnv } from "./app-env.ts";

/**
 * Where people sign in, and where the page's scripts may call beside the Worker: the areas know. Null: none
 * of them has a part of the page.
 */
export type PagePartners = (
  env: object,
) => { readonly issuer: string; readonly origins: readonly string[] } | null;

/** Files whose names change with their content: Vite writes them. */
const NAMED_BY_CONTENT = "/assets/";

/**
 * The file of the page at this request's path, or null when there is none. Only one that is there may be
 * kept: a name that is missing during a deploy is there a moment later.
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
 * The page runs its own scripts only, frames nothing, and is framed by nobody.
 * @param page where the page is
 */
export function pagePolicy(partners: ReturnType<PagePartners>, page: URL): string {
  // Scalar puts its styles into the API page; nothing of anybody else is shown there.
  const styles = page.pathname.startsWith("/docs") ? "'self' 'unsafe-inline'" : "'self'";
  const stream = `${page.protocol === "https:" ? "wss" : "ws"}://${page.host}`;
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src ${styles}`,
    // Pictures of people are at Discord.
    "img-src 'self' data: https://cdn.discordapp.com",
    "font-src 'self'",
    // A provider may have its token endpoint on another host than its issuer. For some browsers
    // 'self' is not the stream.
    `connect-src 'self' ${stream} https: ${partners?.origins.join(" ") ?? ""}`.trimEnd(),
    partners === null
      ? "form-action 'self'"
      : `form-action 'self' ${new URL(partners.issuer).origin}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
