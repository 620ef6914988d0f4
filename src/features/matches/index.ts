import type { Area } from "../../hub/area.ts";
import { pathsBelow } from "../../platform/http/areas.ts";
import { PROBLEM_DIALECT } from "../../platform/http/problem-dialect.ts";
import { MATCH_EVENTS } from "../../protocol/events/matches.ts";
import { presentTroubles } from "./adapters/d1-match-troubles.ts";
import { link, unlink } from "./commands/link.ts";
import { register } from "./commands/register.ts";
import { whois } from "./commands/whois.ts";
import { matchesConfigOf, matchesVariables } from "./config.ts";
import { tidyMatches } from "./hourly.ts";
import { matchesHubExtension } from "./hub-extension.ts";
import { mountFaceitWebhook, WEBHOOK_PATH } from "./routes/faceit-webhook.ts";
import { mountLinking } from "./routes/linking.ts";
import { mountMatches } from "./routes/matches.ts";
import { linkSetup, MATCHES_HUB_PORTS } from "./wire.ts";

/** FACEIT matches: a private voice channel for each side, and linked players in it (matches-and-music.md). */
export const matches: Area = {
  ...PROBLEM_DIALECT,
  name: "matches",
  owns: pathsBelow("/matches", "/faceit", WEBHOOK_PATH),
  // The steps of linking change state by a GET, because a browser is redirected to them.
  changesByGet: pathsBelow("/faceit"),
  // Webhooks and the pages of linking are no API for other origins.
  cors: (path) =>
    path === "/matches" || path.startsWith("/matches/") ? PROBLEM_DIALECT.cors(path) : null,
  // The webhook's route has its own limit (matches-and-music.md §A3).
  bodyLimit: (path) => (path === WEBHOOK_PATH ? null : PROBLEM_DIALECT.bodyLimit(path)),
  config: matchesVariables,
  hubs: ["guild"],
  tags: [{ name: "matches", description: "FACEIT matches and linked accounts" }],
  events: MATCH_EVENTS,
  extension: matchesHubExtension(MATCHES_HUB_PORTS),
  slashCommands: [link, unlink, whois, register],
  mount(app) {
    mountFaceitWebhook(app);
    mountMatches(app);
    mountLinking(app);
  },
  hourly: tidyMatches,
  // A deployment without FACEIT is ready too, so this only reports what is set up.
  async check(env) {
    const config = matchesConfigOf(env);
    const { faceit } = config;
    const webhook = faceit.webhookSecrets.length > 0;
    const troubles = webhook ? await presentTroubles(env.DB, config) : [];
    const facts = {
      matches: {
        webhook,
        dataApi: faceit.apiKey !== undefined,
        linking: linkSetup(config).ok,
        ...(troubles.length === 0 ? {} : { troubles }),
      },
    };
    return { ready: true, facts };
  },
};
