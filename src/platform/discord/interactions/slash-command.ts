import { shownText } from "../../../protocol/shown-text.ts";
import type { PlatformEnv } from "../../env.ts";

/** A slash command as Discord registers it (`PUT /applications/{app}/guilds/{guild}/commands`). */
export type SlashCommandDefinition = {
  /** 1 to 32 lower-case letters, digits, - or _. */
  readonly name: string;
  /** 1 to 100 characters, shown in Discord. */
  readonly description: string;
  /** Bit set, as a decimal string, that a member needs; absent: everybody may. */
  readonly default_member_permissions?: string;
  /** 0: only in guilds. */
  readonly contexts: readonly [0];
  readonly options?: readonly {
    readonly name: string;
    readonly description: string;
    /** 3 text, 6 user. */
    readonly type: 3 | 6;
    readonly required: boolean;
    readonly max_length?: number;
  }[];
};

/** A verified use of a slash command. */
export type SlashCommandUse = {
  readonly guildId: string;
  /** Who used it. */
  readonly userId: string;
  /** What this member may do in the channel, as Discord computed it. */
  readonly permissions: bigint;
  /** Options by name: text, or the id of a user. */
  readonly options: Readonly<Record<string, string>>;
};

/** What is answered, seen by who used the command only. Mentions in it notify nobody. */
export type SlashCommandReply = {
  /** At most 2000 characters of Discord's Markdown: what others wrote is escaped by `escapeMarkdown`. */
  readonly content: string;
  /** A button that leads to an address. */
  readonly button?: { readonly label: string; readonly url: string };
};

/** Work that goes on after the answer. */
export type Later = (work: Promise<unknown>) => void;

/** A slash command that an area contributes. */
export type SlashCommand = {
  readonly definition: SlashCommandDefinition;
  /** Answers within Discord's 3 seconds; who takes longer is answered for. */
  run(env: PlatformEnv, use: SlashCommandUse, later: Later): Promise<SlashCommandReply>;
};

/** What means something in Discord's Markdown; `@` and `<` also begin mentions. */
const MEANS_SOMETHING = /[\\*_~`|>#[\]()<@:.-]/g;

/**
 * A text that somebody else chose, such as a nickname, as Discord shows it letter for letter: no markup,
 * no mention, no link, no line of its own.
 */
export function escapeMarkdown(text: string): string {
  return shownText(text, Number.POSITIVE_INFINITY).replaceAll(MEANS_SOMETHING, String.raw`\$&`);
}
