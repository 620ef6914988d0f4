import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import { Api } from "../../src/client/api.ts";
import { GuildSocket } from "../../src/client/guild-socket.ts";
import {
  applyItems,
  applyRoomDetails,
  EMPTY_VIEW,
  type GuildView,
  type LogEntry,
} from "../../src/client/guild-view.ts";
import type { TokenSource } from "../../src/client/outcome.ts";
import type { ConnectionState, StreamItem } from "../../src/client/stream-item.ts";
import {
  type GatewayNews,
  type GatewayReading,
  type GatewayStatus,
  gatewayStatus,
} from "./gateway-status.ts";
import { count, entryInWords, plain } from "./words.ts";

/** The state of the parts is read this often while the page is seen, milliseconds. */
const READY_INTERVAL_MS = 30_000;
/** A room that was just opened may not be told by REST yet: times to wait, milliseconds. */
const DETAILS_RETRIES_MS = [0, 1_000, 4_000];
/** Screen readers get what happened in this time as one sentence, milliseconds. */
const ANNOUNCE_AFTER_MS = 1_200;

/** One guild on the page: its stream, what the stream told, and the calls that change it. */
export class Guild {
  readonly api: Api;
  readonly view = signal<GuildView>(EMPTY_VIEW);
  readonly connection = signal<ConnectionState>({ kind: "connecting" });
  readonly gateway: ReadonlySignal<GatewayStatus>;
  /** The newest happenings as a sentence for screen readers. */
  readonly announcement = signal("");
  readonly #news = signal<GatewayNews | null>(null);
  readonly #reading = signal<GatewayReading | null>(null);
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
        if (state.kind === "live") void this.#readReadiness();
      },
    });
    this.gateway = computed(() => gatewayStatus(this.#news.value, this.#reading.value));
  }

  /** Connects and stays connected. */
  start(): void {
    const { signal: untilEnded } = this.#ended;
    const listen = { signal: untilEnded };
    window.addEventListener("online", () => this.reconnect(), listen);
    window.addEventListener("offline", () => this.#socket.probe(), listen);
    document.addEventListener("visibilitychange", () => this.#onVisibility(), listen);
    const reading = setInterval(() => {
      if (!document.hidden) void this.#readReadiness();
    }, READY_INTERVAL_MS);
    untilEnded.addEventListener("abort", () => clearInterval(reading));
    void this.#readReadiness();
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
    void this.#readReadiness();
  }

  #onItems(items: readonly StreamItem[]): void {
    const before = this.view.value;
    const after = applyItems(before, items, Date.now());
    batch(() => {
      this.view.value = after;
      if (after.gateway !== null && after.gateway !== before.gateway) {
        this.#news.value = { ...after.gateway, receivedAt: Date.now() };
      }
    });
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

  async #readReadiness(): Promise<void> {
    const ready = await this.api.ready();
    const gateway = ready.ok ? ready.value.checks.gateway : undefined;
    this.#reading.value = gateway === undefined ? null : { ...gateway, readAt: Date.now() };
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
