import type {
  Explanation,
  HubConnection,
  HubReport,
  RevocationResult,
  RevocationTarget,
} from "../protocol/hub-report.ts";
import type { PublisherPosition } from "./core/journal.ts";
import type { HubEnv } from "./env.ts";
import { callHub } from "./guild-hub-client.ts";

/** What an operator may ask a guild's hub, and do to its connections. */
export interface HubInspection {
  /** How the hub does. */
  report(guildId: string): Promise<HubReport>;
  /** The connections of a user, at the hub and its relays, the oldest first. */
  connections(guildId: string, sub: string): Promise<readonly HubConnection[]>;
  /** Why a connection did or did not get the event with this seq. */
  explain(guildId: string, connectionId: string, seq: number): Promise<Explanation>;
  /**
   * Where the gateway-worker stands as the guild's publisher; null: nobody has published, or
   * not since it was reset.
   */
  publisher(guildId: string): Promise<PublisherPosition | null>;
  /** Forgets that: the next publisher may be any. @returns where it stood */
  resetPublisher(guildId: string): Promise<PublisherPosition | null>;
  /** Closes connections with 4401. */
  revoke(guildId: string, target: RevocationTarget): Promise<RevocationResult>;
}

/** {@link HubInspection} over the Durable Object binding. */
export function hubInspection(env: Pick<HubEnv, "HUB">): HubInspection {
  return {
    report: async (guildId) => callHub(env, guildId, (hub) => hub.inspect(), true),
    connections: async (guildId, sub) => callHub(env, guildId, (hub) => hub.connections(sub), true),
    explain: async (guildId, connectionId, seq) =>
      callHub(env, guildId, (hub) => hub.explain(connectionId, seq), true),
    publisher: async (guildId) => callHub(env, guildId, (hub) => hub.publisher(), true),
    resetPublisher: async (guildId) => callHub(env, guildId, (hub) => hub.resetPublisher(), true),
    revoke: async (guildId, target) => callHub(env, guildId, (hub) => hub.revoke(target), true),
  };
}
