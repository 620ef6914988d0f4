import type { JSX } from "preact";
import type { PageConfig } from "../config.ts";
import type { Guild } from "../guild.ts";
import type { SignedIn } from "../sign-in.ts";

/** Properties of an area's view. */
export type AreaProps = {
  readonly guild: Guild;
  /** Undefined: the token's own guild. */
  readonly guildId: string | undefined;
  readonly user: SignedIn;
  readonly config: PageConfig;
  /** The open item from the URL; null: none. */
  readonly item: string | null;
};

/** An area of the page: an entry in the navigation, and a view. */
export type Area = {
  /** Its part of the URL's fragment. */
  readonly id: string;
  readonly title: string;
  readonly Icon: () => JSX.Element;
  readonly View: (props: AreaProps) => JSX.Element;
  /** A number beside its name; absent or 0: none. */
  readonly count?: (guild: Guild) => number;
  /** Whether this deployment has it; absent: always. */
  readonly exists?: (config: PageConfig, guild: Guild) => boolean;
};
