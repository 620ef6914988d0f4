import { describe, expect, it } from "vitest";
import type { DiscordFailure } from "../../platform/discord/call.ts";
import type { GuildChannel } from "../../platform/discord/operations.ts";
import { err, ok } from "../../platform/result.ts";
import { DEFAULT_MATCH_SETTINGS } from "../../testing/virtual-match.ts";
import type { MatchSettings } from "./config.ts";
import type { ActiveRoom } from "./ports.ts";
import { sweepOrphans } from "./sweep.ts";

const BOT = "42";
/** The permissions that the bot gives itself (matches-and-music.md §A4). */
const ALLOW = 17_826_832n;
const ADMINISTRATOR_ADDED = 1n << 11n;

/** A guild whose channels are all old, and its matches. */
class Guild {
  readonly channels = new Map<string, GuildChannel>();
  readonly failures = new Map<string, DiscordFailure>();
  /** Threads are not in the list of channels. */
  readonly threads = new Set<string>();
  rows: ActiveRoom[] = [];
  asked = 0;
  settings: MatchSettings = {
    ...DEFAULT_MATCH_SETTINGS,
    categoryId: undefined,
    lobbyId: undefined,
    noticeChannelId: undefined,
  };
  readonly troubles = new Map<string, string>();
  readonly messages: string[] = [];
  /** Channels that were reported to the hub as deleted. */
  readonly gone: string[] = [];
  look: (matchId: string) => Promise<"looks" | "unknown"> = async () => "looks";

  add(id: string, name: string, allow = ALLOW): void {
    const overwrites = [{ id: BOT, kind: "member", allow, deny: 0n } as const];
    this.channels.set(id, { id, name, type: 2, parentId: null, overwrites });
  }

  row(matchId: string, channelId: string | null, more: Partial<ActiveRoom> = {}): void {
    const row = { matchId, faction: "faction1", guildId: "100", channelName: "" } as const;
    this.rows.push({ ...row, channelId, ...more });
  }

  sweep(): Promise<void> {
    return sweepOrphans(
      {
        discord: {
          botUserId: async () => ok(BOT),
          listChannels: async () => ok([...this.channels.values()]),
          deleteChannel: async (id) => {
            this.asked += 1;
            const failure = this.failures.get(id);
            if (failure !== undefined) return err(failure);
            this.channels.delete(id);
            return ok(undefined);
          },
          getChannel: async (id) => {
            const failure = this.failures.get(id);
            if (failure !== undefined) return err(failure);
            return ok(this.threads.has(id) ? { id, name: id } : null);
          },
          sendMessage: async (_, { content }) => {
            const failure = this.failures.get("message");
            if (failure !== undefined) return err(failure);
            this.messages.push(content);
            return ok(undefined);
          },
        },
        settings: this.settings,
        troubles: {
          add: async ({ kind, subject }) => {
            const isNews = this.troubles.get(kind) !== subject;
            this.troubles.set(kind, subject);
            return isNews;
          },
          remove: async (_, ...kinds) => {
            for (const kind of kinds) this.troubles.delete(kind);
          },
        },
        store: {
          roomsOf: async () => this.rows,
          released: async (matchId, faction) => {
            this.rows = this.rows.filter(
              (row) => row.matchId !== matchId || row.faction !== faction,
            );
          },
        },
        look: (matchId) => this.look(matchId),
        hub: { channelGone: async (_, channelId) => void this.gone.push(channelId) },
        clock: () => Date.UTC(2026, 10, 20),
      },
      "100",
    );
  }
}

const FORBIDDEN: DiscordFailure = { kind: "refused", status: 403, code: 50_013, message: "" };
const orphan = (n: number): string => `match-0000000${n}-faction1`;

describe("the sweep", () => {
  it("posts once that a category, lobby or notice channel does not exist or is of another type", async () => {
    const guild = new Guild();
    const place = (id: string, type: number): void => {
      guild.channels.set(id, { id, name: id, type, parentId: null, overwrites: [] });
    };
    place("a voice channel", 2);
    place("text", 0);
    guild.settings = {
      ...guild.settings,
      categoryId: "a voice channel",
      lobbyId: "gone",
      noticeChannelId: "text",
    };
    await guild.sweep();
    await guild.sweep();
    expect([...guild.troubles]).toEqual([
      ["category", "a voice channel"],
      ["lobby", "gone"],
    ]);
    expect(guild.messages).toEqual([
      expect.stringMatching(/`VC_CATEGORY_ID`.*`a voice channel`/),
      expect.stringMatching(/`LOBBY_VC_ID`.*`gone`/),
    ]);
    place("category", 4);
    guild.settings = { ...guild.settings, categoryId: "category", lobbyId: "a voice channel" };
    await guild.sweep();
    expect([guild.troubles.size, guild.messages.length]).toEqual([0, 2]);
    // Without the notice channel nothing can be posted.
    guild.settings = { ...guild.settings, noticeChannelId: "gone" };
    await guild.sweep();
    expect([[...guild.troubles.keys()], guild.messages.length]).toEqual([["noticeChannel"], 2]);
  });

  it.each(["rate_limited", "unauthorized"] as const)(
    "posts it at the next sweep when Discord did not process the message: %s",
    async (kind) => {
      const guild = new Guild();
      guild.channels.set("text", { id: "text", name: "", type: 0, parentId: null, overwrites: [] });
      guild.settings = { ...guild.settings, lobbyId: "gone", noticeChannelId: "text" };
      guild.failures.set("message", { kind, retryAfterMs: 5 });
      await guild.sweep();
      guild.failures.clear();
      await guild.sweep();
      expect(guild.messages).toHaveLength(1);
    },
  );

  it("accepts any channel with messages as the notice channel: a voice channel's chat, a thread", async () => {
    const guild = new Guild();
    guild.threads.add("thread");
    for (const [id, type] of Object.entries({ voice: 2, stage: 13, news: 5, text: 0 })) {
      guild.channels.set(id, { id, name: id, type, parentId: null, overwrites: [] });
    }
    for (const noticeChannelId of ["voice", "stage", "news", "text", "thread"]) {
      guild.settings = { ...guild.settings, noticeChannelId };
      await guild.sweep();
      expect([...guild.troubles.keys()]).toEqual([]);
    }
    guild.threads.clear();
    await guild.sweep();
    expect([...guild.troubles]).toEqual([["noticeChannel", "thread"]]);
    // Without an answer from Discord a trouble is neither added nor removed.
    guild.failures.set("thread", { kind: "failed", status: 500 });
    guild.failures.set("hidden", FORBIDDEN);
    await guild.sweep();
    expect([...guild.troubles]).toEqual([["noticeChannel", "thread"]]);
    guild.settings = { ...guild.settings, noticeChannelId: "hidden" };
    await guild.sweep();
    expect([...guild.troubles]).toEqual([["noticeChannel", "thread"]]);
  });

  it("also deletes a channel to which an administrator added permissions", async () => {
    const guild = new Guild();
    guild.add("1", orphan(1), ALLOW | ADMINISTRATOR_ADDED);
    guild.add("2", orphan(2), ADMINISTRATOR_ADDED);
    await guild.sweep();
    expect([...guild.channels.keys()]).toEqual(["2"]);
  });

  it("continues after a channel that it may not delete, and stops after a few refusals", async () => {
    const guild = new Guild();
    guild.add("1", orphan(1));
    guild.failures.set("1", FORBIDDEN);
    guild.add("2", orphan(2));
    await guild.sweep();
    expect([...guild.channels.keys()]).toEqual(["1"]);
    expect(guild.gone).toEqual(["2"]);
    for (let n = 3; n < 50; n += 1) {
      guild.add(`${n}`, orphan(n % 10));
      guild.failures.set(`${n}`, FORBIDDEN);
    }
    guild.asked = 0;
    await guild.sweep();
    expect(guild.asked).toBeLessThan(10);
  });

  it("stops at Discord's limits", async () => {
    const guild = new Guild();
    for (let n = 1; n < 9; n += 1) {
      guild.add(`${n}`, orphan(n));
      guild.failures.set(`${n}`, { kind: "rate_limited", retryAfterMs: 1_000 });
    }
    await guild.sweep();
    expect(guild.asked).toBe(1);
  });

  it("keeps a channel that its match is still looking for, and deletes a duplicate", async () => {
    const guild = new Guild();
    guild.add("1", orphan(1));
    guild.row("m1", null, { channelName: orphan(1) });
    guild.add("2", orphan(2));
    guild.add("3", orphan(2));
    guild.row("m2", "3", { channelName: orphan(2) });
    await guild.sweep();
    expect([...guild.channels.keys()]).toEqual(["1", "3"]);
  });

  it("keeps the rows of a match whose object fails", async () => {
    const guild = new Guild();
    guild.add("1", orphan(1));
    guild.row("m1", "1", { channelName: orphan(1) });
    guild.add("2", orphan(2));
    guild.look = async () => {
      throw new Error("the room broke");
    };
    await guild.sweep();
    expect([[...guild.channels.keys()], guild.rows.length]).toEqual([["1"], 1]);
  });

  it("keeps rows that were inserted by hand, also of a forgotten match", async () => {
    const guild = new Guild();
    guild.look = async () => "unknown";
    guild.add("1", orphan(1));
    guild.row("m1", "1", { guildId: null });
    guild.add("2", orphan(2));
    guild.row("m1", "2", { faction: "faction2" });
    await guild.sweep();
    expect([...guild.channels.keys()]).toEqual(["1"]);
    expect(guild.rows).toMatchObject([{ matchId: "m1", channelId: "1" }]);
  });

  it("keeps the row of a match that becomes known again during the sweep", async () => {
    const guild = new Guild();
    guild.row("m1", null, { channelName: orphan(1) });
    let looks = 0;
    guild.look = async () => {
      looks += 1;
      return looks === 1 ? "unknown" : "looks";
    };
    await guild.sweep();
    expect(guild.rows).toHaveLength(1);
    guild.look = async () => "unknown";
    await guild.sweep();
    expect(guild.rows).toEqual([]);
  });
});
