import type { JSX } from "preact";
import type { GuildConfig } from "../config.ts";
import type { Guild } from "../guild.ts";
import type { SignedIn } from "../sign-in.ts";

/** Properties of an area's view. */
export type AreaProps = {
  readonly guild: Guild;
  /** Undefined: the token's own guild. */
  readonly guildId: string | undefined;
  readonly user: SignedIn;
  readonly config: GuildConfig;
  /** The open item from the URL; null: none. */
  readonly item: string | null;
};

/** An entry in the navigation. */
export type Tab = {
  /** Its part of the URL's fragment. */
  readonly id: string;
  readonly title: string;
  readonly Icon: () => JSX.Element;
  /** A number beside its name; absent or 0: none. */
  readonly number?: number;
};

/** An area of a guild: an entry in the navigation, and a view. */
export type Area = Omit<Tab, "number"> & {
  readonly View: (props: AreaProps) => JSX.Element;
  /** A number beside its name; absent or 0: none. */
  readonly count?: (guild: Guild) => number;
  /** Whether this deployment has it; absent: always. */
  readonly exists?: (config: GuildConfig, guild: Guild) => boolean;
};
