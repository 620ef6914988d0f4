import { signal } from "@preact/signals";
import { hasTexts, isRecord, isText } from "../../src/client/json-shape.ts";
import { names } from "./names.ts";

/** Where the local Discord takes orders; undefined in a build for real use. */
export const CONTROL_URL: string | undefined = import.meta.env.VITE_DISCORD_CONTROL_URL;

/** Discord's number for a voice channel. */
const VOICE = 2;

/** What the local Discord holds, as far as the panel shows it. */
export type LocalDiscordState = {
  readonly channels: readonly { readonly id: string; readonly name: string }[];
  /** People other than the guilds' owners, by id, with their names. */
  readonly players: ReadonlyMap<string, string>;
  /** By user id. */
  readonly voice: ReadonlyMap<string, { readonly channelId: string; readonly muted: boolean }>;
};

/** What is done to the bot's gateway connection. */
export type GatewayOrder = {
  readonly action: "drop" | "reconnect" | "invalidate" | "zombie" | "outage" | "restore";
  readonly ms?: number;
};

/** The control side of the local Discord, for the panel. */
export class LocalDiscord {
  /** Null: not read yet. */
  readonly state = signal<LocalDiscordState | null>(null);
  /** Why the last order did not work; empty: it did. */
  readonly problem = signal("");
  readonly #url: string;
  readonly #guildId: string;

  constructor(url: string, guildId: string) {
    this.#url = url.replace(/\/+$/, "");
    this.#guildId = guildId;
  }

  /** Reads what it holds now. */
  async refresh(): Promise<void> {
    const body = await this.#call("/_control/state");
    if (body === undefined) return;
    this.state.value = readState(body, this.#guildId);
    const { players, channels } = this.state.value;
    names.value = new Map([...players, ...channels.map(({ id, name }) => [id, name] as const)]);
  }

  /** Moves a user; null: out of voice. */
  async move(userId: string, channelId: string | null, selfMute = false): Promise<void> {
    await this.#call("/_control/voice", { userId, channelId, selfMute });
    await this.refresh();
  }

  /** Does something to the bot's connection. */
  async gateway(order: GatewayOrder): Promise<void> {
    await this.#call("/_control/gateway", order);
  }

  async #call(path: string, body?: unknown): Promise<unknown> {
    try {
      const response = await fetch(
        `${this.#url}${path}`,
        body === undefined
          ? {}
          : {
              method: "POST",
              headers: { "content-type": "application/json" },
              body: JSON.stringify(body),
            },
      );
      const answer: unknown = await response.json().catch(() => ({}));
      this.problem.value = response.ok
        ? ""
        : isRecord(answer) && isText(answer["error"])
          ? answer["error"]
          : `The local Discord answered ${response.status}.`;
      return response.ok ? answer : undefined;
    } catch {
      this.problem.value = "The local Discord can't be reached.";
      return undefined;
    }
  }
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
