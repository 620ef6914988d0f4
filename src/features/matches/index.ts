import type { Feature } from "../../hub/feature.ts";
import { MATCH_EVENTS } from "../../protocol/events/matches.ts";
import { presentTroubles } from "./adapters/d1-match-troubles.ts";
import { link, unlink } from "./commands/link.ts";
import { register } from "./commands/register.ts";
import { whois } from "./commands/whois.ts";
import { matchesConfigOf } from "./config.ts";
import { tidyMatches } from "./hourly.ts";
import { matchesHubExtension } from "./hub-extension.ts";
import { mountFaceitWebhook } from "./routes/faceit-webhook.ts";
import { mountLinking } from "./routes/linking.ts";
import { mountMatches } from "./routes/matches.ts";
import { linkSetup, MATCHES_HUB_PORTS } from "./wire.ts";

/** FACEIT matches: a private voice channel for each side, and linked players in it (matches-and-music.md). */
export const matches: Feature = {
  name: "matches",
  events: MATCH_EVENTS,
  hubExtension: matchesHubExtension(MATCHES_HUB_PORTS),
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
    const troubles = webhook ? await presentTroubles(env) : [];
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
