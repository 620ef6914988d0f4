import { describe, expect, it } from "vitest";
import { SYNC_FEED_POSTS_MAX, SYNC_OUTBOX_REMEMBERED_MS } from "../../../protocol/limits.ts";
import { VirtualAccount } from "../../../testing/virtual-account.ts";
import type { RelationshipNews } from "../friends.ts";
import { type OutboxMessage, SYNC_COMMANDS } from "../hub-commands.ts";

const message = (id: string, news: Partial<RelationshipNews> = {}): OutboxMessage => ({
  id,
  news: {
    kind: "relationship",
    uid: "other",
    status: "pending",
    action: "created",
    post: null,
    at: 1,
    ...news,
  },
});

const hear = (at: VirtualAccount, messages: OutboxMessage[]) =>
  at.run(SYNC_COMMANDS.hearOfOthers, { messages });

/** Bodies of the updates in the journal. */
const journal = (at: VirtualAccount) =>
  at.hub.impl.host.store
    .readAfter(0, 100_000)
    .map(({ payload }) => JSON.parse(payload) as Record<string, unknown>);

const everything = (at: VirtualAccount) =>
  at.run(SYNC_COMMANDS.feed, { before: null, after: null, limit: 200 });

describe("what a hub is told from the outbox (sync.md §0b.3)", () => {
  it("is taken once, and in order, however it is told", async () => {
    const at = new VirtualAccount();
    const [one, two, three] = [
      message("1", { status: "pending", post: "friend_request" }),
      message("2", { status: "friend", action: "updated", post: "friend_accepted" }),
      message("3", { status: "none", action: "deleted" }),
    ] as const;
    expect(await hear(at, [one])).toEqual({ feedSeq: 1 });
    expect(await hear(at, [one, two])).toEqual({ feedSeq: 2 });
    expect(await hear(at, [one, two, two, three])).toEqual({ feedSeq: 2 });
    await at.sleep();
    // A delivery that was slow comes last.
    expect(await hear(at, [one])).toEqual({ feedSeq: 2 });
    const heard = journal(at);
    expect(heard.map(({ t, status }) => status ?? t)).toEqual([
      "pending",
      "new-feed-post",
      "friend",
      "new-feed-post",
      "none",
    ]);
    expect(heard[0]).toEqual({
      t: "relationship-updated",
      uid: "other",
      fromUserId: at.caller.account,
      toUserId: "other",
      status: "pending",
      action: "created",
      timestamp: 1,
    });
  });

  it("is forgotten when no delivery can be under way any more", async () => {
    const at = new VirtualAccount();
    const rows = () => at.hub.storage.sql.exec("SELECT id FROM sync_heard").toArray();
    await hear(at, [message("1")]);
    await at.time.pass(SYNC_OUTBOX_REMEMBERED_MS - 1);
    await hear(at, [message("2")]);
    expect(rows()).toEqual([{ id: "1" }, { id: "2" }]);
    await at.time.pass(1);
    await hear(at, [message("3")]);
    expect(rows()).toEqual([{ id: "2" }, { id: "3" }]);
  });

  it("is all or nothing: a message that the hub does not understand leaves no trace", async () => {
    const at = new VirtualAccount();
    const unknown = { id: "2", news: { kind: "of tomorrow" } } as unknown as OutboxMessage;
    await expect(hear(at, [message("1"), unknown])).rejects.toThrow();
    expect(journal(at)).toEqual([]);
    await hear(at, [message("1")]);
    expect(journal(at)).toHaveLength(1);
  });
});

describe("the feed of an account (sync.md §3.9)", () => {
  it("keeps its newest posts, and goes on counting", async () => {
    const at = new VirtualAccount();
    const post = (uid: string) => message(uid, { uid, post: "friend_request" });
    const first = SYNC_FEED_POSTS_MAX - 1;
    // A feed that has nearly reached its limit.
    await hear(at, [post("early")]);
    at.hub.storage.sql.exec("UPDATE sync_feed_posts SET counter = ?", 1);
    await hear(at, [post("late")]);
    at.hub.storage.sql.exec("UPDATE sync_feed_posts SET counter = ? WHERE counter = 2", first);
    const uids = async () => (await everything(at)).rows.map(({ body }) => body.uid);
    expect(await hear(at, [post("full")])).toEqual({ feedSeq: SYNC_FEED_POSTS_MAX });
    expect(await uids()).toEqual(["full", "late", "early"]);
    expect(await hear(at, [post("over")])).toEqual({ feedSeq: SYNC_FEED_POSTS_MAX + 1 });
    expect(await uids()).toEqual(["over", "full", "late"]);
  });
});
