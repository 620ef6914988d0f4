import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { Api } from "../../src/client/api.ts";
import { GuildSocket } from "../../src/client/guild-socket.ts";
import {
  applyItems,
  applyRoomDetails,
  EMPTY_VIEW,
  type GatewayView,
  type GuildView,
  type LogEntry,
} from "../../src/client/guild-view.ts";
import type { TokenSource } from "../../src/client/outcome.ts";
import type { ConnectionState, StreamItem } from "../../src/client/stream-item.ts";
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
  readonly #socket: GuildSocket;
  readonly #ended = new AbortController();
  readonly #unannounced: LogEntry[] = [];

  /**
   * @param guildId undefined: the one that the token is for
   */
  constructor(guildId: string | undefined, tokens: TokenSource) {
    this.api = new Api({ baseUrl: "", tokens });
    this.#socket = new GuildSocket({
      ticket: (stale) => this.api.ticket(guildId, stale),
      tokens,
      onItems: (items) => {
        this.#onItems(items);
      },
      onState: (state) => {
        this.connection.value = state;
      },
    });
    this.gateway = computed(() => this.view.value.gateway);
  }

  /** Connects and stays connected. */
  start(): void {
    const { signal: untilEnded } = this.#ended;
    const listen = { signal: untilEnded };
    window.addEventListener("online", () => this.reconnect(), listen);
    window.addEventListener("offline", () => this.#socket.probe(), listen);
    document.addEventListener("visibilitychange", () => this.#onVisibility(), listen);
    this.#socket.connect();
  }

  /** Tries now instead of later. */
  reconnect(): void {
    if (this.connection.value.kind === "live") this.#socket.probe();
    else this.#socket.connect();
  }

  /** Disconnects for good. */
  stop(): void {
    this.#ended.abort();
    this.#socket.stop();
  }

  #onVisibility(): void {
    if (document.hidden) return;
    if (this.connection.value.kind === "waiting") this.#socket.connect();
    else this.#socket.probe();
  }

  #onItems(items: readonly StreamItem[]): void {
    const before = this.view.value;
    const after = applyItems(before, items, Date.now());
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
