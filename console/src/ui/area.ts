import type { JSX } from "preact";
import type { PageConfig } from "../config.ts";
import type { Guild } from "../guild.ts";
import type { SignedIn } from "../sign-in.ts";

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
