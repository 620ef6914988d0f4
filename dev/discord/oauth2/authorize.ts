import { type Context, Hono } from "hono";
import { choicePage, refusalPage } from "../../doubles/card-page.ts";
import type { LocalApplication } from "../application.ts";
import type { Faults } from "../faults.ts";
import type { World } from "../world.ts";
import { type Grants, SCOPE } from "./grants.ts";

/** What the pages of OAuth2 need. */
interface AuthorizePorts {
  readonly world: World;
  readonly application: LocalApplication;
  readonly grants: Grants;
  readonly faults: Faults;
  /** Where a browser may be sent back to, exactly. */
  readonly redirectUris: readonly string[];
}

/** Who asks, and where the browser goes back to. */
interface AuthorizationRequest {
  readonly redirectUri: string;
  readonly state: string | null;
}

const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/**
 * `/oauth2/authorize`: where a browser says who it is. The real one knows by a login; here anybody
 * may be anybody, by a form with `user_id` posted to the same address.
 */
export function createAuthorizePages(ports: AuthorizePorts): Hono {
  const { world, grants, faults } = ports;
  const pages = new Hono();
  pages.use(async (c, next) => {
    if (faults.outage) return c.text("upstream connect error", 503);
    for (const [name, value] of Object.entries(HEADERS)) c.header(name, value);
    return next();
  });

  pages.get("/authorize", (c) => {
    const request = readRequest(c, ports);
    if (request instanceof Response) return request;
    const application = world.bot();
    const page = choicePage({
      title: "Authorize",
      heading: `${application.globalName ?? application.username} asks who you are`,
      whose: "Discord",
      field: "user_id",
      choices: people(world).map(({ id, username, globalName }) => ({
        id,
        name: globalName ?? username,
      })),
    });
    return c.html(page);
  });

  pages.post("/authorize", async (c) => {
    const request = readRequest(c, ports);
    if (request instanceof Response) return request;
    const form = new URLSearchParams(await c.req.text());
    if (form.has("cancel")) {
      const description = "The resource owner or authorization server denied the request";
      return sendBack(c, request, { error: "access_denied", error_description: description });
    }
    const user = people(world).find(({ id }) => id === form.get("user_id"));
    if (user === undefined) return refusePage(c, "There is no such user in this Discord.");
    return sendBack(c, request, { code: grants.issueCode(user.id, request.redirectUri) });
  });
  return pages;
}

function people(world: World) {
  return [...world.users.values()].filter(({ bot }) => !bot);
}

/**
 * What the browser came with, or the answer to it. Nobody is sent to an address that the application
 * has not registered (RFC 6749 §4.1.2.1).
 */
function readRequest(
  c: Context,
  { application, redirectUris }: AuthorizePorts,
): AuthorizationRequest | Response {
  if (c.req.query("client_id") !== application.id) {
    return refusePage(c, "Unknown application: client_id is not the one of the local Discord.");
  }
  const redirectUri = c.req.query("redirect_uri");
  if (redirectUri === undefined || !redirectUris.includes(redirectUri)) {
    return refusePage(c, "Invalid OAuth2 redirect_uri: it is not in OAUTH_REDIRECT_URIS.");
  }
  const request = { redirectUri, state: c.req.query("state") ?? null };
  if (c.req.query("response_type") !== "code") {
    return sendBack(c, request, { error: "unsupported_response_type" });
  }
  if (c.req.query("scope") !== SCOPE) return sendBack(c, request, { error: "invalid_scope" });
  return request;
}

function sendBack(
  c: Context,
  { redirectUri, state }: AuthorizationRequest,
  answer: Readonly<Record<string, string>>,
): Response {
  const target = new URL(redirectUri);
  for (const [name, value] of Object.entries(answer)) target.searchParams.set(name, value);
  if (state !== null) target.searchParams.set("state", state);
  return c.redirect(target.href, 302);
}

function refusePage(c: Context, problem: string): Response {
  return c.html(refusalPage("Discord", problem), 400);
}
