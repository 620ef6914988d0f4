import { computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Api } from "../../src/client/api.ts";
import {
  applyItems,
  applyPast,
  applyRoomDetails,
  EMPTY_VIEW,
  type GuildView,
  type LogEntry,
} from "../../src/client/guild-view.ts";
import { GuildClient } from "../../src/client/index.ts";
import type { TokenSource } from "../../src/client/outcome.ts";
import type {
  ConnectionState,
  OtherEvent,
  Presence,
  StreamEvent,
  StreamItem,
} from "../../src/client/stream-item.ts";
import { type Backoff, doublingPause } from "../../src/protocol/backoff.ts";
import { PEOPLE_PAGE_MAX } from "../../src/protocol/limits.ts";
import { type Connection, forgetPassed } from "./notices.ts";
import {
  forgetPeople,
  readPerson,
  rememberChannels,
  rememberMatchChannels,
  rememberPeople,
} from "./people.ts";
import { type LostAt, type Standing, standingOf } from "./standing.ts";
import { count } from "./time-words.ts";
import { entryInWords, plain } from "./words.ts";

/** The API may not know a room yet that was just opened, or may be down: pauses between attempts. */
const DETAILS_BACKOFF: Backoff = { firstMs: 1_000, mostMs: 15_000 };
/** Events within this time become one sentence for screen readers, milliseconds. */
const ANNOUNCE_AFTER_MS = 1_200;
/** The activity goes back this many events, or as far as the journal reaches. */
const LOOK_BACK_EVENTS = 250;

/** Whether the activity includes what happened before the page was opened. */
export type PastState = "unread" | "reading" | "read" | "failed";

/** One guild on the page: its stream, the state from it, and the calls that change it. */
export class Guild {
  readonly api: Api;
  readonly view = signal<GuildView>(EMPTY_VIEW);
  readonly connection = signal<ConnectionState>({ kind: "connecting" });
  /** Both connections together. */
  readonly standing: ReadonlySignal<Standing>;
  /** How often each connection was restored: what failed before may work now. */
  readonly recoveries: Readonly<Record<Connection, Signal<number>>> = {
    stream: signal(0),
    discord: signal(0),
  };
  readonly past = signal<PastState>("unread");
  /** The newest events as a sentence for screen readers. */
  readonly announcement = signal("");
  /** Who has this guild open; null: unknown. */
  readonly presence: ReadonlySignal<Presence | null>;
  readonly #lostAt = signal<LostAt>(null);
  readonly #guildId: string | undefined;
  readonly #client: GuildClient;
  readonly #ended = new AbortController();
  readonly #unannounced: LogEntry[] = [];

  /** @param guildId undefined: the token's own guild */
  constructor(guildId: string | undefined, tokens: TokenSource) {
    this.#guildId = guildId;
    this.#client = new GuildClient({ guildId, token: tokens, signals: true });
    this.api = this.#client.api;
    this.#client.on("items", (items) => {
      this.#onItems(items);
    });
    this.#client.on("state", (state) => {
      this.#onState(state);
    });
    const gateway = computed(() => this.view.value.gateway);
    this.standing = computed(() =>
      standingOf(this.connection.value, gateway.value, this.#lostAt.value),
    );
    this.presence = computed(() => this.view.value.presence);
  }

  /** Connects and stays connected. */
  start(): void {
    this.#client.connect();
    this.#onRecovery("stream", () => this.connection.value.kind === "live");
    this.#onRecovery("discord", () => this.standing.value.discord.tone === "good");
  }

  /** Tries now instead of waiting. */
  reconnect(): void {
    this.#client.connect();
  }

  /** Disconnects for good. */
  stop(): void {
    this.#ended.abort();
    this.#client.close();
    forgetPeople();
  }

  /** Reads what happened before the page was opened, once the stream has a position to read back from. */
  async readPast(): Promise<void> {
    const { epoch, seq, known } = this.view.value;
    if (!known || epoch === null || this.past.value === "reading") return;
    this.past.value = "reading";
    const events = await this.#eventsBefore(epoch, seq);
    if (this.#ended.signal.aborted) return;
    if (events === null) {
      this.past.value = "failed";
      return;
    }
    if (this.view.value.epoch !== epoch) {
      // The journal was recreated in the meantime, and the events are of the old one.
      this.past.value = "unread";
      await this.readPast();
      return;
    }
    this.#learn(events);
    this.view.value = applyPast(this.view.value, events);
    this.past.value = "read";
  }

  /** The newest events up to a position, oldest first; null: they could not be read. */
  async #eventsBefore(
    epoch: string,
    seq: number,
  ): Promise<readonly (StreamEvent | OtherEvent)[] | null> {
    const events: (StreamEvent | OtherEvent)[] = [];
    let after = Math.max(0, seq - LOOK_BACK_EVENTS);
    for (;;) {
      const page = await this.api.pastEvents({ epoch, after }, this.#guildId);
      if (!page.ok || this.#ended.signal.aborted) return null;
      const { reset, oldest, more } = page.value;
      events.push(...page.value.events);
      if (!reset && !more) return events;
      const next = reset ? (oldest ?? 0) - 1 : page.value.seq;
      // Another journal, or a server that does not report its oldest event.
      if (next <= after) return null;
      after = next;
    }
  }

  /**
   * Asks the server for people with a name like this, and remembers them.
   * @param text part of a name; empty: anybody
   */
  async findPeople(text: string): Promise<void> {
    const found = await this.api.people({
      ...(this.#guildId === undefined ? {} : { guildId: this.#guildId }),
      ...(text === "" ? { limit: PEOPLE_PAGE_MAX } : { q: text }),
    });
    if (found.ok) rememberPeople(found.value.people.flatMap((one) => readPerson(one) ?? []));
  }

  #onRecovery(which: Connection, isWell: () => boolean): void {
    const well = computed(isWell);
    const stop = effect(() => {
      if (!well.value) return;
      forgetPassed(which);
      this.recoveries[which].value = this.recoveries[which].peek() + 1;
    });
    this.#ended.signal.addEventListener("abort", stop);
  }

  #onState(state: ConnectionState): void {
    const before = this.connection.value;
    this.connection.value = state;
    if (state.kind === "live") this.#lostAt.value = null;
    else if (before.kind === "live") this.#lostAt.value = Date.now();
    else if (state.kind !== "connecting") this.#lostAt.value ??= "never live";
  }

  #onItems(items: readonly StreamItem[]): void {
    const before = this.view.value;
    this.#learn(items);
    const after = applyItems(before, items, Date.now());
    if (after.matches !== before.matches) rememberMatchChannels(after.matches.values());
    this.view.value = after;
    for (const room of after.rooms.values()) {
      if (room.details === null && !before.rooms.has(room.channelId)) {
        void this.#loadDetails(room.channelId);
      }
    }
    if (!before.known && after.known) void this.findPeople("");
    const { value: past } = this.past;
    const isBack = items.some(({ type }) => type === "snapshot" || type === "resumed");
    if (past === "unread" || (past === "failed" && isBack)) void this.readPast();
    this.#announce(after.log.filter((entry) => entry.kind === "event" && entry.seq > before.seq));
  }

  /** Remembers names of people and channels. */
  #learn(items: readonly (StreamItem | StreamEvent | OtherEvent)[]): void {
    for (const item of items) {
      if (item.type === "snapshot") {
        rememberPeople(
          item.rooms.flatMap(({ members }) => members.flatMap((one) => readPerson(one) ?? [])),
        );
        rememberChannels(item.rooms.map(({ channelId, name }) => [channelId, name]));
      }
      if (item.type !== "event") continue;
      switch (item.event) {
        case "voice.joined": {
          const payload: { readonly userId: string; readonly user?: unknown } = item.payload;
          const person = readPerson(payload.user, payload.userId);
          if (person !== undefined) rememberPeople([person]);
          break;
        }
        case "room.created":
        case "room.updated":
          rememberChannels([[item.payload.channelId, item.payload.name]]);
          break;
        case "match.created":
        case "match.updated":
        case "match.ended":
          rememberMatchChannels([item.payload.match]);
          break;
        default:
      }
    }
  }

  /** Tries as long as the room is open: without its details nobody can end it here. */
  async #loadDetails(channelId: string): Promise<void> {
    const isWanted = (): boolean =>
      !this.#ended.signal.aborted && this.view.value.rooms.get(channelId)?.details === null;
    for (let attempt = 0; isWanted(); attempt += 1) {
      const room = await this.api.room(channelId);
      if (room.ok) this.view.value = applyRoomDetails(this.view.value, room.value);
      else await passed(doublingPause(DETAILS_BACKOFF, attempt));
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

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
