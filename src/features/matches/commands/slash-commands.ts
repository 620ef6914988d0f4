import type { SlashCommand } from "../../../platform/discord/interactions/slash-command.ts";
import { link, unlink } from "./link.ts";
import { register } from "./register.ts";
import { whois } from "./whois.ts";

/** The slash commands of matches (§B). */
export const MATCH_COMMANDS: readonly SlashCommand[] = [link, unlink, whois, register];
