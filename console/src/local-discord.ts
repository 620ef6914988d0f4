import { signal } from "@preact/signals";
import { hasTexts, isRecord, isText } from "../../src/client/json-shape.ts";

/** Where the local Discord takes orders; undefined in a build for real use. */
export const CONTROL_URL: string | undefined = import.meta.env.VITE_DISCORD_CONTROL_URL;

/** Discord's number for a voice channel. */
const VOICE = 2;

/** What the local Discord holds, as far as the panel shows it. */
export type LocalDiscordState = {
  readonly channels: readonly { readonly id: string; readonly name: string }[];
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
    if (body !== undefined) this.state.value = readState(body, this.#guildId);
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
        : isRecord(answer) && isText(answer["message"])
          ? answer["message"]
          : `The local Discord answered ${response.status}.`;
      return response.ok ? answer : undefined;
    } catch {
      this.problem.value = "The local Discord can't be reached.";
      return undefined;
    }
  }
}

function readState(body: unknown, guildId: string): LocalDiscordState {
  const { channels, voiceStates } = isRecord(body) ? body : {};
  const voice = new Map<string, { channelId: string; muted: boolean }>();
  for (const state of Array.isArray(voiceStates) ? voiceStates : []) {
    if (!hasTexts(state, ["user_id", "channel_id"])) continue;
    voice.set(state.user_id, { channelId: state.channel_id, muted: state["self_mute"] === true });
  }
  return {
    channels: (Array.isArray(channels) ? channels : []).filter(
      (channel): channel is { id: string; name: string } =>
        hasTexts(channel, ["id", "name"]) &&
        channel["type"] === VOICE &&
        channel["guild_id"] === guildId,
    ),
    voice,
  };
}
