import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { clientNetwork } from "../../../platform/client-network.ts";
import type { Later } from "../../../platform/discord/interactions/slash-command.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { retryAfter } from "../../../platform/http/problem.ts";
import { log } from "../../../platform/log.ts";
import { rateLimitHeaders, takeToken } from "../../../platform/rate-limit.ts";
import { LINK_STEPS_PER_MINUTE_PER_ADDRESS } from "../../../protocol/limits.ts";
import { matchesConfigOf } from "../config.ts";
import { readLinkCookie, setLinkCookie } from "../linking/browser-cookie.ts";
import { linkPage, statusOf } from "../linking/link-page.ts";
import {
  type LinkOutcome,
  openLink,
  returnFromDiscord,
  returnFromFaceit,
} from "../linking/link-steps.ts";
import type { LinkPorts } from "../ports.ts";
import { LINK_PATH, linkPortsOf } from "../wire.ts";

const content = { "text/html": { schema: z.string() } };

/** The answers of the linking steps, for the OpenAPI document. */
const PAGES = {
  200: { description: "Linked, or the person said no", content },
  302: { description: "Redirects to Discord or to FACEIT" },
  403: {
    description: "Another Discord user than the one who used `/link`, or another browser",
    content,
  },
  410: { description: "The link is used, older than ten minutes, or made up", content },
  429: { description: "Too many steps from this address", content },
  500: { description: "A bug", content },
  502: {
    description: "Discord or FACEIT does not answer, or does not accept this server",
    content,
  },
  503: { description: "Linking is not set up", content },
};

/** What a provider sends back with the browser (RFC 6749 §4.1.2). */
const Query = z.object({
  state: z.string().optional(),
  code: z.string().optional(),
  error: z.string().optional(),
});

const linkRoute = createRoute({
  operationId: "matches.link",
  method: "get",
  path: LINK_PATH,
  tags: ["matches"],
  summary: "For people: link FACEIT, the first two steps",
  description:
    "With `state` alone: the address that `/link` gives in Discord; it redirects to Discord. With `code` or `error` too: Discord's redirect back; it redirects to FACEIT. Errors are pages.",
  request: {
    query: Query,
  },
  responses: PAGES,
});

/** The pages that a browser opens while somebody links FACEIT (matches-and-music.md §A7). */
export function mountLinking(app: OpenAPIHono<AppEnv>): void {
  mountFaceitLink(app);
  mountFaceitCallback(app);
}

/** `GET /faceit/link` */
function mountFaceitLink(app: OpenAPIHono<AppEnv>): void {
  app.openAPIRegistry.registerPath(linkRoute);
  // Not through the validator: people must get errors as a page.
  app.get(LINK_PATH, (c) =>
    answerLinkStep(c, async ({ ports, isHttps }) => {
      const cookie = readLinkCookie(c, isHttps);
      const { state, code, error } = c.req.query();
      if (code === undefined && error === undefined) {
        const opened = await openLink(ports, state, cookie?.browser);
        if (opened.kind !== "go") return opened;
        setLinkCookie(c, isHttps, { browser: opened.browser, discord: null });
        return c.redirect(opened.url);
      }
      const returned = await returnFromDiscord(ports, { state, code, error }, cookie?.browser);
      if (returned.kind !== "go") return returned;
      setLinkCookie(c, isHttps, {
        browser: returned.browser,
        discord: returned.discord,
      });
      return c.redirect(returned.url);
    }),
  );
}

const CALLBACK_PATH = "/faceit/callback";

const callbackRoute = createRoute({
  operationId: "matches.linkCallback",
  method: "get",
  path: CALLBACK_PATH,
  tags: ["matches"],
  summary: "For people: link FACEIT, the last step",
  description: "FACEIT redirects here. The result is a page.",
  request: {
    query: Query,
  },
  responses: PAGES,
});

/** `GET /faceit/callback` */
function mountFaceitCallback(app: OpenAPIHono<AppEnv>): void {
  app.openAPIRegistry.registerPath(callbackRoute);
  // Not through the validator: people must get errors as a page.
  app.get(CALLBACK_PATH, (c) =>
    answerLinkStep(c, async ({ ports, isHttps }) => {
      const cookie = readLinkCookie(c, isHttps);
      const { state, code, error } = c.req.query();
      return returnFromFaceit(
        ports,
        { state, code, error },
        cookie?.browser,
        cookie?.discord ?? null,
      );
    }),
  );
}

/** The input of a linking step. */
type LinkStepInput = {
  readonly ports: LinkPorts;
  /** Whether browsers reach this server over https. */
  readonly isHttps: boolean;
};

/**
 * Answers a step. People see these answers, so even a failure becomes a page. The page repeats nothing that the
 * browser sent.
 * @param step answers with a redirect, or with the outcome to show
 */
async function answerLinkStep(
  c: Context<AppEnv>,
  step: (input: LinkStepInput) => Promise<Response | LinkOutcome>,
): Promise<Response> {
  try {
    const limit = await takeToken(c.env, {
      name: "link-steps",
      key: clientNetwork(c.req.header("CF-Connecting-IP")),
      quota: LINK_STEPS_PER_MINUTE_PER_ADDRESS,
      windowMs: 60_000,
    });
    if (!limit.allowed) {
      for (const [name, value] of Object.entries(rateLimitHeaders([limit]))) c.header(name, value);
      return await page(c, { kind: "too_many" });
    }
    const later: Later = (work) => c.executionCtx.waitUntil(work);
    const ports = linkPortsOf(c.env, later);
    if (!ports.ok) return await page(c, { kind: "not_set_up", missing: ports.error });
    const { oauth } = matchesConfigOf(c.env).faceit;
    const isHttps = oauth?.redirectUri.startsWith("https:") === true;
    const done = await step({ ports: ports.value, isHttps });
    return done instanceof Response ? done : await page(c, done);
  } catch (error) {
    log("error", "link.failed", { path: c.req.path, error });
    return page(c, { kind: "broken" });
  }
}

/** Shows an outcome. The page runs and loads nothing, and sends no referrer: its address contains the OAuth state. */
async function page(c: Context<AppEnv>, outcome: LinkOutcome): Promise<Response> {
  const nonce = crypto.randomUUID();
  const body = await linkPage(outcome, nonce);
  const pauseMs = outcome.kind === "busy" ? outcome.retryAfterMs : null;
  return c.html(body, statusOf(outcome), {
    "Content-Security-Policy": `default-src 'none'; style-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    ...(pauseMs === null ? {} : retryAfter(pauseMs)),
  });
}
