import type { Result } from "../../../platform/result.ts";
import type { LinkPorts } from "../linking/ports.ts";
import type { FaceitApi } from "../ports.ts";

/** What the slash commands need. */
export type CommandPorts = Pick<
  LinkPorts,
  "attempts" | "links" | "matches" | "rooms" | "clock" | "newSecret" | "later"
> & {
  readonly faceit: Pick<FaceitApi, "playerByNickname">;
  /** Address of the page that begins a linking, or the variables that are missing for it. */
  readonly linkPage: Result<string, readonly string[]>;
  /** Whether this deployment is for that guild: a bot may be invited anywhere. */
  readonly isServed: (guildId: string) => boolean;
  /** Whether an administrator's word counts here: it counts in every guild, so not from each. */
  readonly mayRegister: (guildId: string) => boolean;
  /** Whether somebody is in a guild; null: Discord does not say. */
  readonly isMember: (guildId: string, discordId: string) => Promise<boolean | null>;
  /** Takes one of somebody's linkings, and of their look-ups at FACEIT. */
  readonly mayBegin: (discordId: string) => Promise<boolean>;
  readonly mayLookUp: (discordId: string) => Promise<boolean>;
};
