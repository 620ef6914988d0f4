import { z } from "zod";
import { err, ok, type Result } from "../../src/platform/result.ts";
import {
  askOutside,
  type OutboundAnswer,
  parseJson,
  USER_AGENT,
} from "../../src/protocol/outbound.ts";
import { retryAfterMs } from "../../src/protocol/retry-after.ts";

/** What Discord keeps of a command, as far as ours have it. What is absent is Discord's default. */
const Command = z.object({
  type: z.number().default(1),
  name: z.string(),
  description: z.string(),
  default_member_permissions: z.string().nullish(),
  contexts: z.array(z.number()).nullish(),
  options: z
    .array(
      z.object({
        name: z.string(),
        description: z.string(),
        type: z.number(),
        required: z.boolean().default(false),
        max_length: z.number().nullish(),
      }),
    )
    .default([]),
});
const Refusal = z.object({ code: z.number().catch(0), message: z.string().catch("") });

/** Bounds of one call: a hundred commands with all their options are far smaller. */
const BOUNDS = { timeoutMs: 10_000, maxBytes: 4 * 1024 * 1024 };

/** Discord: the application is another one than the bot's. */
const OTHER_APPLICATION: ReadonlySet<number> = new Set([10_002, 20_012]);

/** Where commands are registered, and as whom. */
export type CommandTarget = {
  /** Without a slash at the end. */
  readonly apiUrl: string;
  readonly botToken: string;
  readonly applicationId: string;
  readonly guildId: string;
};

/** What was done. Commands that a guild has are not sent again, because Discord takes 200 new ones a day. */
export type Registered = "same" | "replaced" | "differs";

/**
 * Makes a guild's commands those of `wanted`, all of them at once.
 * @param dryRun only says whether they differ
 * @returns what was done; the error is a sentence that says what to do
 */
export async function registerCommands(
  target: CommandTarget,
  wanted: readonly unknown[],
  dryRun: boolean,
): Promise<Result<Registered, string>> {
  const present = await ask(target, "GET");
  if (!present.ok) return present;
  if (comparable(present.value) === comparable(wanted)) return ok("same");
  if (dryRun) return ok("differs");
  const replaced = await ask(target, "PUT", wanted);
  return replaced.ok ? ok("replaced") : replaced;
}

/** Every guild that this deployment is for: the primary one, and those that organizers name. */
export function servedGuilds(config: {
  readonly primaryGuildId: string;
  readonly faceit: { readonly organizers: readonly { readonly guildId: string | null }[] };
}): readonly string[] {
  const named = config.faceit.organizers.flatMap(({ guildId }) => guildId ?? []);
  return [...new Set([config.primaryGuildId, ...named])];
}

async function ask(
  { apiUrl, botToken, applicationId, guildId }: CommandTarget,
  method: "GET" | "PUT",
  body?: readonly unknown[],
): Promise<Result<readonly unknown[], string>> {
  const url = `${apiUrl}/applications/${applicationId}/guilds/${guildId}/commands`;
  const headers = {
    Authorization: `Bot ${botToken}`,
    "User-Agent": USER_AGENT,
    ...(body === undefined ? {} : { "Content-Type": "application/json" }),
  };
  const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const answer = await askOutside(url, init, BOUNDS).catch(() => null);
  if (answer === null) {
    return err(`Nothing answers at ${apiUrl}. If that is the local Discord: is npm start running?`);
  }
  const json = parseJson(answer.text);
  if (answer.status === 200 && Array.isArray(json)) return ok(json);
  return err(whatToDo(answer, Refusal.safeParse(json).data, { applicationId, guildId }));
}

function whatToDo(
  { status, headers }: OutboundAnswer,
  refusal: z.infer<typeof Refusal> | undefined,
  { applicationId, guildId }: { readonly applicationId: string; readonly guildId: string },
): string {
  const said = refusal === undefined || refusal.message === "" ? "" : ` (${refusal.message})`;
  if (status === 401)
    return `Discord does not accept the bot's token${said}: check DISCORD_BOT_TOKEN.`;
  if (OTHER_APPLICATION.has(refusal?.code ?? 0)) {
    return `DISCORD_APPLICATION_ID ${applicationId} is not the application of this bot${said}: copy the id from General Information.`;
  }
  if (status === 403 || status === 404) {
    return `The application may not have commands in guild ${guildId}${said}: invite it with https://discord.com/oauth2/authorize?client_id=${applicationId}&scope=bot+applications.commands`;
  }
  if (status === 429) {
    const pauseMs = retryAfterMs(headers.get("Retry-After"), Date.now());
    const pause = pauseMs === null ? "" : ` of ${Math.ceil(pauseMs / 1000)} seconds`;
    return `Discord asks for a pause${pause}: run this again after it.`;
  }
  return `Discord answered ${status}${said}: try again. What was sent is in docs/spec/slash-commands.json.`;
}

/** The commands as a text to compare: sorted by name, and with Discord's defaults filled in. */
function comparable(commands: readonly unknown[]): string {
  const known = z
    .array(Command)
    .parse(commands)
    .map(({ default_member_permissions: permissions, contexts, options, ...rest }) => ({
      ...rest,
      permissions: permissions ?? null,
      contexts: (contexts ?? []).toSorted((a, b) => a - b),
      options: options.map((option) => ({ ...option, max_length: option.max_length ?? null })),
    }));
  const byName = known.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return JSON.stringify(byName);
}
