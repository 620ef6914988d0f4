import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Api } from "../../src/client/api.ts";
import {
  applyItems,
  applyRoomDetails,
  EMPTY_VIEW,
  type GatewayView,
  type GuildView,
  type LogEntry,
} from "../../src/client/guild-view.ts";
import { GuildClient } from "../../src/client/index.ts";
import type { TokenSource } from "../../src/client/outcome.ts";
import type { ConnectionState, Presence, StreamItem } from "../../src/client/stream-item.ts";
import { rememberChannels } from "./names.ts";
import { count, entryInWords, plain } from "./words.ts";

/** A room that was just opened may not be told by REST yet: times to wait, milliseconds. */
const DETAILS_RETRIES_MS = [0, 1_000, 4_000];
/** Screen readers get what happened in this time as one sentence, milliseconds. */
const ANNOUNCE_AFTER_MS = 1_200;

/** One guild on the page: its stream, what the stream told, and the calls that change it. */
export class Guild {
  readonly api: Api;
  readonly view = signal<GuildView>(EMPTY_VIEW);
  readonly connection = signal<ConnectionState>({ kind: "connecting" });
  /** The connection to Discord; null: not known yet. */
  readonly gateway: ReadonlySignal<GatewayView | null>;
  /** The newest happenings as a sentence for screen readers. */
  readonly announcement = signal("");
  /** Who has this guild open; null: not told. */
  readonly presence: ReadonlySignal<Presence | null>;
  readonly #client: GuildClient;
  readonly #ended = new AbortController();
  readonly #unannounced: LogEntry[] = [];

  /**
   * @param guildId undefined: the one that the token is for
   */
  constructor(guildId: string | undefined, tokens: TokenSource) {
    this.#client = new GuildClient({ guildId, token: tokens, signals: true });
    this.api = this.#client.api;
    this.#client.on("items", (items) => {
      this.#onItems(items);
    });
    this.#client.on("state", (state) => {
      this.connection.value = state;
    });
    this.gateway = computed(() => this.view.value.gateway);
    this.presence = computed(() => this.view.value.presence);
  }

  /** Connects and stays connected. */
  start(): void {
    this.#client.connect();
  }

  /** Tries now instead of later. */
  reconnect(): void {
    this.#client.connect();
  }

  /** Disconnects for good. */
  stop(): void {
    this.#ended.abort();
    this.#client.close();
  }

  #onItems(items: readonly StreamItem[]): void {
    const before = this.view.value;
    const after = applyItems(before, items, Date.now());
    if (after.matches !== before.matches) rememberChannels(after.matches.values());
    this.view.value = after;
    for (const room of after.rooms.values()) {
      if (room.details === null && !before.rooms.has(room.channelId)) {
        void this.#loadDetails(room.channelId);
      }
    }
    this.#announce(after.log.filter((entry) => entry.kind === "event" && entry.seq > before.seq));
  }

  async #loadDetails(channelId: string): Promise<void> {
    for (const wait of DETAILS_RETRIES_MS) {
      await new Promise((resolve) => {
        setTimeout(resolve, wait);
      });
      if (this.#ended.signal.aborted || !this.view.value.rooms.has(channelId)) return;
      const room = await this.api.room(channelId);
      if (room.ok) {
        this.view.value = applyRoomDetails(this.view.value, room.value);
        return;
      }
    }
  }

  #announce(entries: readonly LogEntry[]): void {
    if (entries.length === 0) return;
    const first = this.#unannounced.length === 0;
    this.#unannounced.push(...entries);
    if (!first) return;
    setTimeout(() => {
      const [only, ...more] = this.#unannounced.splice(0);
      if (only === undefined) return;
      this.announcement.value =
        more.length === 0 ? plain(entryInWords(only)) : count(more.length + 1, "new event");
    }, ANNOUNCE_AFTER_MS);
  }
}
