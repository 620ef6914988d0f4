import { shownText } from "../../../protocol/shown-text.ts";
import type { PlatformEnv } from "../../env.ts";

/** A slash command as Discord registers it (`PUT /applications/{app}/guilds/{guild}/commands`). */
export type SlashCommandDefinition = {
  /** 1 to 32 lower-case letters, digits, - or _. */
  readonly name: string;
  /** 1 to 100 characters, shown in Discord. */
  readonly description: string;
  /** Bit set of the required permissions, as a decimal string; absent: every member may use the command. */
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
  /** The user of the command. */
  readonly userId: string;
  /** This member's permissions in the channel, as Discord computed them. */
  readonly permissions: bigint;
  /** Options by name: text, or the id of a user. */
  readonly options: Readonly<Record<string, string>>;
};

/** A reply that only the user of the command sees. Its mentions notify nobody. */
export type SlashCommandReply = {
  /** At most 2000 characters of Discord's Markdown. Texts of other people are escaped by `escapeMarkdown`. */
  readonly content: string;
  /** A link button. */
  readonly button?: { readonly label: string; readonly url: string };
};

/** Keeps work running after the answer. */
export type Later = (work: Promise<unknown>) => void;

/** A slash command that an area contributes. */
export type SlashCommand = {
  readonly definition: SlashCommandDefinition;
  /** Should answer within Discord's 3 seconds. When it takes longer, `answerCommand` answers instead. */
  run(env: PlatformEnv, use: SlashCommandUse, later: Later): Promise<SlashCommandReply>;
};

/** Characters with a meaning in Discord's Markdown; `@` and `<` also begin mentions. */
const MARKUP = /[\\*_~`|>#[\]()<@:.-]/g;

/**
 * Escapes a text that another person chose, such as a nickname, so that Discord shows it literally: no markup, no
 * mention, no link, no line break.
 */
export function escapeMarkdown(text: string): string {
  return shownText(text, Number.POSITIVE_INFINITY).replaceAll(MARKUP, String.raw`\$&`);
}
