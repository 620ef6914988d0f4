import type { HubExtension } from "../hub/extension.ts";
import { gatewayState } from "../protocol/events/rooms.ts";
import { changesOf, GUILD_EVENTS, GuildChanged } from "./guild-changes.ts";
import { createVoiceTables, sqlGuildVoice } from "./sql-guild-voice.ts";

/** Keeps who is in which voice channel inside a guild's hub, and passes changes to the areas. */
export const gatewayHubExtension: HubExtension = {
  name: "gateway",
  outside: {
    events: GUILD_EVENTS,
    wholeStates: ["guild.snapshot"],
    claims: ["guild.snapshot", gatewayState.name],
    take(hub, event) {
      const turn = { voice: sqlGuildVoice(hub.sql), hub };
      for (const change of changesOf(turn, event)) {
        const heard = hub.tell(new GuildChanged(change));
        if (heard !== "done") return heard;
      }
      return "done";
    },
  },
  migrate: createVoiceTables,
  snapshot({ sql }) {
    const gateway = sqlGuildVoice(sql).standing();
    return gateway === null ? {} : { gateway };
  },
};
