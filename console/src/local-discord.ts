import { signal } from "@preact/signals";
import { hasTexts, isRecord, isText } from "../../src/client/json-shape.ts";
import { callControl } from "./control-call.ts";
import { localLink } from "./safe-link.ts";

/** Control URL of the local Discord; undefined in a production build. */
export const CONTROL_URL: string | undefined = import.meta.env.VITE_DISCORD_CONTROL_URL;

const SERVICE = "local Discord";
/** Discord's channel type of a voice channel. */
const VOICE = 2;

/** The state of the local Discord that the panel shows. */
export type LocalDiscordState = {
  readonly channels: readonly { readonly id: string; readonly name: string }[];
  /** Everybody but the guilds' owners: user id to name. */
  readonly players: ReadonlyMap<string, string>;
  /** By user id. */
  readonly voice: ReadonlyMap<string, { readonly channelId: string; readonly muted: boolean }>;
};

/** A fault for the bot's gateway connection. */
export type GatewayOrder = {
  readonly action: "drop" | "reconnect" | "invalidate" | "zombie" | "outage" | "restore";
  readonly ms?: number;
};

/** The bot's answer to a slash command. */
export type CommandReply = {
  /** False: the bot did not answer; `content` says why. */
  readonly ok: boolean;
  readonly content: string;
  /** Their URLs are safe to link to. */
  readonly buttons: readonly { readonly label: string; readonly url: string }[];
};

/** The control endpoints of the local Discord, for the panel. */
export class LocalDiscord {
  /** Null: not read yet. */
  readonly state = signal<LocalDiscordState | null>(null);
  /** Why the last call failed; empty if it worked. */
  readonly problem = signal("");
  readonly #url: string;
  readonly #guildId: string;

  constructor(url: string, guildId: string) {
    this.#url = url.replace(/\/{1,9}$/, "");
    this.#guildId = guildId;
  }

  /** Reads the current state. */
  async refresh(): Promise<void> {
    const body = await this.#call("/_control/state");
    if (body === undefined) return;
    this.state.value = readState(body, this.#guildId);
  }

  /** The name of a test user. */
  nameOf(userId: string): string {
    return this.state.value?.players.get(userId) ?? userId;
  }

  /** Moves a user; null: out of voice. */
  async move(userId: string, channelId: string | null, selfMute = false): Promise<void> {
    await this.#call("/_control/voice", { userId, channelId, selfMute });
    await this.refresh();
  }

  /** Applies a fault to the bot's connection. */
  async gateway(order: GatewayOrder): Promise<void> {
    await this.#call("/_control/gateway", order);
  }

  /**
   * Uses a slash command as a test user.
   * @param options by name
   * @returns the bot's answer, or why there was none
   */
  async command(
    userId: string,
    command: string,
    options: Readonly<Record<string, string>> = {},
  ): Promise<CommandReply> {
    const url = `${this.#url}/_control/interactions`;
    const outcome = await callControl(SERVICE, url, { userId, command, options });
    return outcome.ok
      ? readReply(outcome.value)
      : { ok: false, content: outcome.problem, buttons: [] };
  }

  /** The bot's answer about a user's FACEIT account; null: it does not know yet, or does not say. */
  async linkOf(userId: string): Promise<CommandReply | null> {
    const reply = await this.command(userId, "whois", { user: userId });
    return reply.ok && reply.content.includes(" at FACEIT") ? reply : null;
  }

  async #call(path: string, body?: unknown): Promise<unknown> {
    const outcome = await callControl(SERVICE, `${this.#url}${path}`, body);
    this.problem.value = outcome.ok ? "" : outcome.problem;
    return outcome.ok ? outcome.value : undefined;
  }
}

function readReply(body: unknown): CommandReply {
  const { status, content, buttons } = isRecord(body) ? body : {};
  if (!isText(content)) {
    const answered = typeof status === "number" ? ` It got ${status} from the Worker.` : "";
    return { ok: false, content: `The bot did not answer.${answered}`, buttons: [] };
  }
  return {
    ok: true,
    content,
    buttons: listOf(buttons).flatMap((button) => {
      if (!hasTexts(button, ["label", "url"])) return [];
      const url = localLink(button.url);
      return url === null ? [] : [{ label: button.label, url }];
    }),
  };
}

function readState(body: unknown, guildId: string): LocalDiscordState {
  const { guilds, channels, users, voiceStates } = isRecord(body) ? body : {};
  const owners = new Set(
    listOf(guilds).flatMap((guild) => (hasTexts(guild, ["owner_id"]) ? [guild.owner_id] : [])),
  );
  const voice = new Map<string, { channelId: string; muted: boolean }>();
  for (const state of listOf(voiceStates)) {
    if (!hasTexts(state, ["userId", "channelId"])) continue;
    voice.set(state.userId, { channelId: state.channelId, muted: state["selfMute"] === true });
  }
  const players = new Map<string, string>();
  for (const user of listOf(users)) {
    if (!hasTexts(user, ["id", "username"]) || owners.has(user.id)) continue;
    players.set(user.id, isText(user["globalName"]) ? user["globalName"] : user.username);
  }
  return {
    channels: listOf(channels).filter(
      (channel): channel is { id: string; name: string } =>
        hasTexts(channel, ["id", "name"]) &&
        channel["type"] === VOICE &&
        channel["guild_id"] === guildId,
    ),
    players,
    voice,
  };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
