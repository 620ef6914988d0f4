import { liveMatches } from "../match-words.ts";
import { ActivityView } from "./activity-view.tsx";
import type { Area, Tab } from "./area.ts";
import { ActivityIcon, MatchIcon, SyncIcon, VoiceIcon } from "./icons.tsx";
import { hasMatches, MatchesView } from "./matches-view.tsx";
import { RoomsView } from "./rooms-view.tsx";

/** The areas of a guild, in the order of the navigation. A new one is an entry here. */
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
    exists: hasMatches,
  },
  { id: "activity", title: "Activity", Icon: ActivityIcon, View: ActivityView },
];

/** The area with accounts of its own. It comes last, and needs no guild. */
export const SYNC_TAB: Tab = { id: "sync", title: "Sync", Icon: SyncIcon };
