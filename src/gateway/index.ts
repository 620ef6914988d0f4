import type { Area } from "../hub/area.ts";
import { guildConfigOf } from "../hub/guild-config.ts";
import type { HubExtension } from "../hub/extension.ts";
import { mountInteractions } from "../platform/discord/interactions/serve-interactions.ts";
import { pathsBelow } from "../platform/http/areas.ts";
import { PROBLEM_DIALECT } from "../platform/http/problem-dialect.ts";
import { GATEWAY_EVENTS, gatewayState } from "../protocol/events/rooms.ts";
import { gatewayMonitor } from "./env.ts";
import { changesOf, GUILD_EVENTS, GuildChanged } from "./guild-changes.ts";
import { createVoiceTables, sqlGuildVoice } from "./guild-voice.ts";
import { mountTakeEvents } from "./take-events.ts";

/** Keeps who is in which voice channel inside a guild's hub, and passes changes to the areas. */
const gatewayHubExtension: HubExtension = {
  name: "gateway",
  outside: {
    events: GUILD_EVENTS,
    wholeStates: ["guild.snapshot"],
    claims: ["guild.snapshot", gatewayState.name],
    take(hub, event) {
      const turn = { voice: hub.kept(sqlGuildVoice), hub };
      for (const change of changesOf(turn, event)) {
        const heard = hub.tell(new GuildChanged(change));
        if (heard !== "done") return heard;
      }
      return "done";
    },
  },
  migrate: createVoiceTables,
  snapshot({ kept }) {
    const gateway = kept(sqlGuildVoice).standing();
    return gateway === null ? {} : { gateway };
  },
};

/** Accepts Discord's gateway events from the container (rooms.md §4), for every area that uses Discord. */
export const gateway: Area = {
  ...PROBLEM_DIALECT,
  name: "gateway",
  owns: pathsBelow("/internal"),
  // The route has a limit of its own, because it reads the signed bytes.
  bodyLimit: () => null,
  securityScheme: {
    signature: {
      type: "apiKey",
      in: "header",
      name: "X-Hub-Signature",
      description: "HMAC-SHA-256 over `<X-Hub-Timestamp>.<body>` as `sha256=<hex>`",
    },
  },
  tags: [{ name: "gateway", description: "Signed events of the gateway-worker" }],
  hubs: ["guild"],
  events: GATEWAY_EVENTS,
  extension: gatewayHubExtension,
  mount: mountTakeEvents,
  async check(env) {
    const standing = await gatewayMonitor(env).status(guildConfigOf(env).primaryGuildId);
    return {
      ready: standing.state === "connected" && standing.inGuild !== false,
      facts: { gateway: standing },
    };
  },
};

/** Discord's interactions: the slash commands of all areas. */
export const interactions: Area = {
  ...PROBLEM_DIALECT,
  name: "interactions",
  owns: pathsBelow("/interactions"),
  cors: () => null,
  // The route has a limit of its own, because it reads the signed bytes.
  bodyLimit: () => null,
  securityScheme: {
    discord: {
      type: "apiKey",
      in: "header",
      name: "X-Signature-Ed25519",
      description:
        "Discord's Ed25519 signature over `<X-Signature-Timestamp><body>`, in hexadecimal",
    },
  },
  tags: [{ name: "discord", description: "Signed interactions of Discord: slash commands" }],
  hubs: ["guild"],
  events: [],
  mount(app, areas) {
    const commands = areas.flatMap(({ slashCommands }) => slashCommands ?? []);
    if (commands.length > 0) mountInteractions(app, commands);
  },
};
