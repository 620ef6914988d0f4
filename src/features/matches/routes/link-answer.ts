import type { Context } from "hono";
import { clientNetwork } from "../../../platform/client-network.ts";
import type { Later } from "../../../platform/discord/interactions/slash-command.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { log } from "../../../platform/log.ts";
import { rateLimitHeaders, takeToken } from "../../../platform/rate-limit.ts";
import { LINK_STEPS_PER_MINUTE_PER_ADDRESS } from "../../../protocol/limits.ts";
import { matchesConfigOf } from "../config.ts";
import type { LinkOutcome } from "../linking/link-outcome.ts";
import { linkPage, statusOf } from "../linking/link-page.ts";
import type { LinkPorts } from "../linking/ports.ts";
import { linkPortsOf } from "../wire.ts";

/** What a step of a linking gets. */
export type LinkStepInput = {
  readonly ports: LinkPorts;
  /** Whether the browser's address of this server is https. */
  readonly isHttps: boolean;
};

/**
 * Answers a step. People look at these answers, so whatever happens they get a page, and nothing of
 * what their browser sent stands on it.
 * @param step what this step does: the next address, or how it ended
 */
export async function answerLinkStep(
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

/** A page runs nothing and loads nothing; the address that led here is told to nobody. */
async function page(c: Context<AppEnv>, outcome: LinkOutcome): Promise<Response> {
  const nonce = crypto.randomUUID();
  const body = await linkPage(outcome, nonce);
  const pauseMs = outcome.kind === "busy" ? outcome.retryAfterMs : null;
  return c.html(body, statusOf(outcome), {
    "Content-Security-Policy": `default-src 'none'; style-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    ...(pauseMs === null ? {} : { "Retry-After": String(Math.max(1, Math.ceil(pauseMs / 1000))) }),
  });
}
