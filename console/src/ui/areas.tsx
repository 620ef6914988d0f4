import type { JSX } from "preact";
import type { PageConfig } from "../config.ts";
import type { Guild } from "../guild.ts";
import { FACEIT_CONTROL_URL } from "../local-faceit.ts";
import { liveMatches } from "../match-words.ts";
import type { SignedIn } from "../sign-in.ts";
import { ActivityView } from "./activity-view.tsx";
import { ActivityIcon, MatchIcon, VoiceIcon } from "./icons.tsx";
import { MatchesView } from "./matches-view.tsx";
import { RoomsView } from "./rooms-view.tsx";

/** What an area of the page is given. */
export type AreaProps = {
  readonly guild: Guild;
  /** Undefined: the one that the token is for. */
  readonly guildId: string | undefined;
  readonly user: SignedIn;
  readonly config: PageConfig;
  /** What is opened in it, by the address; null: nothing. */
  readonly item: string | null;
};

/** An area of the page: a line in the navigation, and a view. */
export type Area = {
  /** Its part of the address. */
  readonly id: string;
  readonly title: string;
  readonly Icon: () => JSX.Element;
  readonly View: (props: AreaProps) => JSX.Element;
  /** A number beside its name; absent or 0: none. */
  readonly count?: (guild: Guild) => number;
  /** Whether this deployment has it; absent: every one does. */
  readonly exists?: (config: PageConfig, guild: Guild) => boolean;
};

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
