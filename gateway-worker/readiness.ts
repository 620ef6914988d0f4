import type { GatewayState } from "../src/protocol/events/rooms.ts";
import type { Phase } from "./discord/machine-state.ts";
import type { HubStatus } from "./hub/hub-client.ts";

/** If an event waits longer than this, the hub does not keep up, milliseconds. */
export const BEHIND_AFTER_MS = 60_000;

/** The facts that decide readiness. */
export type Situation = {
  readonly discord: {
    readonly phase: Phase;
    readonly obstacle: string | null;
    /** When the next attempt is due, milliseconds since 1970; null if none is planned. */
    readonly retryAt: number | null;
  };
  /** The state of the connection that was last sent to the hubs. */
  readonly gateway: { readonly state: GatewayState; readonly since: number };
  readonly hub: HubStatus;
  readonly primaryGuildId: string;
  /** absent: the bot is not in the guild. */
  readonly primaryGuild: "available" | "unavailable" | "absent";
  readonly outbox: {
    readonly events: number;
    readonly bytes: number;
    readonly oldestAgeMs: number;
  };
  readonly stopping: boolean;
};

/** Why the process is not ready. README.md explains what to do about each code. */
export type Reason = {
  readonly code:
    | "stopping"
    | "superseded"
    | "discord_refused"
    | "discord_connecting"
    | "not_in_primary_guild"
    | "primary_guild_unavailable"
    | "hub_unknown"
    | "hub_unreachable"
    | "hub_refuses"
    | "hub_behind";
  readonly message: string;
};

/** What each connecting phase waits for. */
const AWAITED: Readonly<Partial<Record<Phase, string>>> = {
  discovering: "the answer to GET /gateway/bot",
  connecting: "HELLO",
  identifying: "READY",
  resuming: "RESUMED",
};

function discordReason(situation: Situation): Reason | null {
  const { phase, obstacle, retryAt } = situation.discord;
  if (phase === "fatal") return { code: "discord_refused", message: obstacle ?? "" };
  if (phase !== "ready") {
    const awaited = AWAITED[phase];
    const now = awaited === undefined ? "" : `, waiting for ${awaited}`;
    const next = retryAt === null ? "" : `, trying again at ${new Date(retryAt).toISOString()}`;
    const why = obstacle === null ? "" : ` Last: ${obstacle}.`;
    const message = `Not connected to Discord${now}${next}.${why}`;
    return { code: "discord_connecting", message };
  }
  const { primaryGuildId } = situation;
  switch (situation.primaryGuild) {
    case "available":
      return null;
    case "absent":
      return {
        code: "not_in_primary_guild",
        message: `The bot is not in the guild ${primaryGuildId}. Invite it, or correct PRIMARY_GUILD_ID.`,
      };
    case "unavailable":
      return {
        code: "primary_guild_unavailable",
        message: `Discord does not serve the guild ${primaryGuildId} right now. It comes back by itself; after 15 minutes a new session is tried.`,
      };
  }
}

function hubReason({ hub, outbox }: Situation): Reason | null {
  switch (hub.state) {
    case "unknown":
      return { code: "hub_unknown", message: `Not ready yet: ${hub.reason}.` };
    case "unreachable":
      return {
        code: "hub_unreachable",
        message: `Events are kept: ${hub.reason}. They are sent when the Worker is back.`,
      };
    case "misconfigured":
      return { code: "hub_refuses", message: `Events are kept: ${hub.reason}.` };
    case "stale":
      return null;
    case "accepting": {
      if (outbox.oldestAgeMs <= BEHIND_AFTER_MS) return null;
      const seconds = Math.round(outbox.oldestAgeMs / 1000);
      return {
        code: "hub_behind",
        message: `${outbox.events} events wait for the hub, the oldest for ${seconds} s. The log says what the hub answers.`,
      };
    }
  }
}

/** Why the process is not ready; empty if it is ready. Pure. */
export function reasonsNotReady(situation: Situation): readonly Reason[] {
  if (situation.hub.state === "stale") {
    return [
      {
        code: "superseded",
        message:
          "A newer gateway-worker publishes to the hub, so this one has left Discord. Stop one of the two.",
      },
    ];
  }
  if (situation.stopping) return [{ code: "stopping", message: "The process is ending." }];
  return [discordReason(situation), hubReason(situation)].filter((reason) => reason !== null);
}
