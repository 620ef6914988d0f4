import { FACEIT_CONTROL_URL } from "../local-faceit.ts";
import { liveMatches } from "../match-words.ts";
import { ActivityView } from "./activity-view.tsx";
import type { Area } from "./area.ts";
import { ActivityIcon, MatchIcon, VoiceIcon } from "./icons.tsx";
import { MatchesView } from "./matches-view.tsx";
import { RoomsView } from "./rooms-view.tsx";

/** All areas, in the order of the navigation. A new one is an entry here. */
export const AREAS: readonly Area[] = [
  {
    id: "rooms",
    title: "Rooms",
    Icon: VoiceIcon,
    View: RoomsView,
    count: (guild) => guild.view.value.rooms.size,
  },
  {
    id: "matches",
    title: "Matches",
    Icon: MatchIcon,
    View: MatchesView,
    count: (guild) => liveMatches(guild.view.value.matches.values()).length,
    exists: (config, guild) =>
      config.matches || FACEIT_CONTROL_URL !== undefined || guild.view.value.matches.size > 0,
  },
  { id: "activity", title: "Activity", Icon: ActivityIcon, View: ActivityView },
];
