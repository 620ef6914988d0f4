import { configOf, type Env } from "../../env.ts";
import { hubPublisher } from "../../hub/guild-hub-client.ts";
import { d1Matches } from "./adapters/d1-matches.ts";
import { hubMatches } from "./adapters/hub-matches.ts";
import type { ReadPorts } from "./read-matches.ts";

/** What the routes that only read need, in the Worker. */
export function readPortsOf(env: Env): ReadPorts {
  return {
    store: d1Matches(env.DB),
    hub: hubMatches(hubPublisher(env)),
    primaryGuildId: configOf(env).primaryGuildId,
  };
}
