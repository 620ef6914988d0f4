import type { Env } from "../env.ts";
import type {
  Explanation,
  HubConnection,
  HubReport,
  RevocationResult,
  RevocationTarget,
} from "../protocol/hub-report.ts";

/** What an operator may ask a guild's hub, and do to its connections. */
export interface HubInspection {
  /** How the hub does. */
  report(guildId: string): Promise<HubReport>;
  /** The connections of a user, at the hub and its relays, the oldest first. */
  connections(guildId: string, sub: string): Promise<readonly HubConnection[]>;
  /** Why a connection did or did not get the event with this seq. */
  explain(guildId: string, connectionId: string, seq: number): Promise<Explanation>;
  /** Closes connections with 4401. */
  revoke(guildId: string, target: RevocationTarget): Promise<RevocationResult>;
}

/** The methods of a hub that this calls. */
type InspectedHub = {
  inspect(): Promise<HubReport>;
  connections(sub: string): Promise<HubConnection[]>;
  explain(connectionId: string, seq: number): Promise<Explanation>;
  revoke(target: RevocationTarget): Promise<RevocationResult>;
};

/** {@link HubInspection} over the Durable Object binding. */
export function hubInspection(env: Pick<Env, "HUB">): HubInspection {
  const hubOf = (guildId: string): InspectedHub => env.HUB.get(env.HUB.idFromName(guildId));
  return {
    report: async (guildId) => hubOf(guildId).inspect(),
    connections: async (guildId, sub) => hubOf(guildId).connections(sub),
    explain: async (guildId, connectionId, seq) => hubOf(guildId).explain(connectionId, seq),
    revoke: async (guildId, target) => hubOf(guildId).revoke(target),
  };
}
