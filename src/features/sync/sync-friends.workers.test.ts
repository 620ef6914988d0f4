import { applyD1Migrations, env } from "cloudflare:test";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import {
  SYNC_ID_MAX_LENGTH,
  SYNC_NOTIFIED_AGAIN_MS,
  SYNC_OUTBOX_MESSAGES_MAX,
} from "../../protocol/limits.ts";
import { HAPPY, idOf, refused } from "../../testing/sync-records.ts";
import { SyncAccount, type SyncNativeClient } from "../../testing/sync-worker.ts";
import { newsOf } from "./friends.ts";
import { sync } from "./index.ts";
import { FeedPost, UserProfile } from "./records.ts";

beforeAll(() => applyD1Migrations(env.DB, env.TEST_MIGRATIONS));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const Profile = z.strictObject(UserProfile.shape);
const OneUser = z.strictObject({ user: Profile.nullable() });
const Friends = z.strictObject({ friends: z.array(Profile) });
const Feed = z.strictObject({
  items: z.array(z.strictObject({ ...FeedPost.omit({ counter: true }).shape, cursor: z.string() })),
  hasMore: z.boolean(),
});

/** An account with its id. */
type Person = SyncAccount & { readonly id: string };

async function person(): Promise<Person> {
  const account = await SyncAccount.create();
  return Object.assign(account, { id: await idOf(account) });
}

/** Does something to another account. @returns how the caller stands to it afterwards, as it is answered */
async function act(who: SyncAccount, action: "add" | "remove", to: Person) {
  const answer = await who.get(OneUser, "POST", `/v1/friends/${action}`, { uid: to.id });
  expect(answer.user?.id).toBe(to.id);
  return answer.user?.status;
}

async function statusOf(who: SyncAccount, other: Person) {
  return (await who.get(OneUser, "GET", `/v1/users/${other.id}`)).user?.status;
}

/** How two accounts stand to each other. */
async function between(a: Person, b: Person) {
  return [await statusOf(a, b), await statusOf(b, a)];
}

const feedOf = (who: SyncAccount, query = "", headers = {}) =>
  who.get(Feed, "GET", `/v1/feed${query}`, undefined, headers);

/** What the feed of an account tells, the oldest first. */
const toldIn = async (who: SyncAccount) =>
  (await feedOf(who)).items.map(({ body }) => body.kind).toReversed();

/** The bodies of the updates that a client got. */
const bodiesOf = async (client: SyncNativeClient) =>
  (await client.caughtUp()).updates.map(({ body }) => body);

const pendingMessages = () => env.DB.prepare("SELECT COUNT(*) AS n FROM SyncOutbox").first("n");

describe("friends (sync.md §3.9)", () => {
  it("are two that ask each other, and both are told", async () => {
    const [a, b] = [await person(), await person()];
    const [atA, atB] = [await a.connect(), await b.connect()];
    expect(await between(a, b)).toEqual(["none", "none"]);
    expect(await act(a, "add", b)).toBe("requested");
    expect(await between(a, b)).toEqual(["requested", "pending"]);
    expect([await toldIn(a), await toldIn(b)]).toEqual([[], ["friend_request"]]);
    expect(await act(b, "add", a)).toBe("friend");
    expect(await between(a, b)).toEqual(["friend", "friend"]);
    expect([await toldIn(a), await toldIn(b)]).toEqual([
      ["friend_accepted"],
      ["friend_request", "friend_accepted"],
    ]);
    const heard = (me: Person, uid: string, status: string, action: string) => ({
      t: "relationship-updated",
      uid,
      fromUserId: me.id,
      toUserId: uid,
      status,
      action,
      timestamp: expect.any(Number) as number,
    });
    const posted = (kind: string, uid: string, counter: number) => ({
      t: "new-feed-post",
      id: expect.any(String) as string,
      body: { type: kind, kind, uid },
      repeatKey: `${kind}_${uid}`,
      cursor: `0-${counter}`,
      counter,
      createdAt: expect.any(Number) as number,
    });
    expect(await bodiesOf(atA)).toEqual([
      heard(a, b.id, "requested", "created"),
      heard(a, b.id, "friend", "updated"),
      posted("friend_accepted", b.id, 1),
    ]);
    expect(await bodiesOf(atB)).toEqual([
      heard(b, a.id, "pending", "created"),
      posted("friend_request", a.id, 1),
      heard(b, a.id, "friend", "updated"),
      posted("friend_accepted", a.id, 2),
    ]);
    for (const client of [atA, atB]) client.close();
    // The numbers are the account's own, one for each update.
    expect(atA.updates.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(await pendingMessages()).toBe(0);
    const rows = await env.DB.prepare(
      "SELECT acceptedAt FROM UserRelationship WHERE fromUserId IN (?, ?)",
    )
      .bind(a.id, b.id)
      .all();
    expect(rows.results).toEqual([
      { acceptedAt: expect.any(Number) },
      { acceptedAt: expect.any(Number) },
    ]);
    const copy = env.DB.prepare("SELECT feedSeq FROM Account WHERE id = ?");
    expect(await copy.bind(b.id).first("feedSeq")).toBe(2);
  });

  it("are listed with open requests, friends first", async () => {
    const [me, asked, asking, friend, declined] = (await Promise.all(
      Array.from({ length: 5 }, person),
    )) as [Person, Person, Person, Person, Person];
    await act(me, "add", asked);
    await act(asking, "add", me);
    await act(me, "add", friend);
    await act(friend, "add", me);
    await act(declined, "add", me);
    await act(me, "remove", declined);
    const { friends } = await me.get(Friends, "GET", "/v1/friends");
    expect(friends.map(({ id, status }) => [id, status])).toEqual([
      [friend.id, "friend"],
      [asking.id, "pending"],
      [asked.id, "requested"],
    ]);
    expect(friends[0]).toEqual({
      id: friend.id,
      firstName: "",
      lastName: null,
      username: "",
      avatar: null,
      bio: null,
      status: "friend",
    });
  });

  /** What to do, by whom, and how both stand to each other then. */
  type Step = readonly ["a" | "b", "add" | "remove", string, string];
  const STORIES: Readonly<Record<string, readonly Step[]>> = {
    "a request twice": [
      ["a", "add", "requested", "pending"],
      ["a", "add", "requested", "pending"],
    ],
    "a friend is added again": [
      ["a", "add", "requested", "pending"],
      ["b", "add", "friend", "friend"],
      ["b", "add", "friend", "friend"],
      ["a", "add", "friend", "friend"],
    ],
    "a request is declined, and made again": [
      ["a", "add", "requested", "pending"],
      ["b", "remove", "none", "none"],
      ["b", "remove", "none", "none"],
      ["a", "add", "requested", "pending"],
    ],
    "a request is taken back, which declines the other one's as well": [
      ["a", "add", "requested", "pending"],
      ["a", "remove", "rejected", "pending"],
      ["a", "remove", "rejected", "pending"],
      ["b", "add", "rejected", "pending"],
      ["b", "remove", "rejected", "none"],
      ["b", "add", "rejected", "requested"],
      ["a", "add", "friend", "friend"],
    ],
    "a request is taken back, and made again": [
      ["a", "add", "requested", "pending"],
      ["a", "remove", "rejected", "pending"],
      ["a", "add", "requested", "pending"],
      ["b", "add", "friend", "friend"],
    ],
    "a friendship ends, and is renewed": [
      ["a", "add", "requested", "pending"],
      ["b", "add", "friend", "friend"],
      ["a", "remove", "pending", "requested"],
      ["b", "add", "pending", "requested"],
      ["a", "add", "friend", "friend"],
    ],
    "a friendship ends, from both sides": [
      ["a", "add", "requested", "pending"],
      ["b", "add", "friend", "friend"],
      ["a", "remove", "pending", "requested"],
      ["b", "remove", "pending", "rejected"],
      ["a", "remove", "none", "rejected"],
      ["a", "add", "requested", "rejected"],
      ["b", "add", "friend", "friend"],
    ],
    "a stranger is removed": [["a", "remove", "none", "none"]],
  };
  it.each(Object.entries(STORIES))("change as they want: %s", async (_, steps) => {
    const [a, b] = [await person(), await person()];
    for (const [who, action, statusA, statusB] of steps) {
      const answered = await (who === "a" ? act(a, action, b) : act(b, action, a));
      expect(answered).toBe(who === "a" ? statusA : statusB);
      expect(await between(a, b)).toEqual([statusA, statusB]);
    }
    expect(await pendingMessages()).toBe(0);
  });

  it("end as friends when both ask at the same instant", async () => {
    for (let times = 0; times < 5; times += 1) {
      const [a, b] = [await person(), await person()];
      const [atA, atB] = [await a.connect(), await b.connect()];
      await Promise.all([act(a, "add", b), act(b, "add", a)]);
      expect(await between(a, b)).toEqual(["friend", "friend"]);
      for (const client of [atA, atB]) {
        const statuses = (await bodiesOf(client)).flatMap((body) => body["status"] ?? []);
        expect(statuses).toHaveLength(2);
        expect(statuses[1]).toBe("friend");
        client.close();
      }
    }
  });

  it("are asked once, however often one asks at the same instant", async () => {
    const [a, b] = [await person(), await person()];
    const at = await b.connect();
    await Promise.all(Array.from({ length: 8 }, () => act(a, "add", b)));
    expect((await bodiesOf(at)).map(({ t }) => t)).toEqual([
      "relationship-updated",
      "new-feed-post",
    ]);
    at.close();
  });

  /** Has something happen between a request's look at a pair and its change of it. */
  function meanwhile(happens: () => Promise<unknown>): void {
    const batch = env.DB.batch.bind(env.DB);
    let batches = 0;
    const spy = vi.spyOn(env.DB, "batch").mockImplementation(async (statements) => {
      batches += 1;
      if (batches === 2) {
        spy.mockRestore();
        await happens();
      }
      return batch(statements);
    });
  }

  it("do not come of a request that is taken back while it is accepted", async () => {
    const [a, b] = [await person(), await person()];
    await act(a, "add", b);
    meanwhile(() => act(a, "remove", b));
    expect(await act(b, "add", a)).toBe("pending");
    expect(await between(a, b)).toEqual(["rejected", "pending"]);
    expect(await toldIn(b)).toEqual(["friend_request"]);
  });

  it("are asked by no token that is revoked while it asks", async () => {
    const [a, b] = [await person(), await person()];
    meanwhile(() => a.call("POST", "/v1/auth/revoke"));
    expect(await a.ask("POST", "/v1/friends/add", { uid: b.id })).toEqual(refused(401));
    expect(await statusOf(b, a)).toBe("none");
  });

  it("are nobody when the account goes while it is asked", async () => {
    const [a, b] = [await person(), await person()];
    meanwhile(() => env.DB.prepare("DELETE FROM Account WHERE id = ?").bind(b.id).run());
    expect(await a.ask("POST", "/v1/friends/add", { uid: b.id })).toEqual([200, { user: null }]);
    expect((await a.get(Friends, "GET", "/v1/friends")).friends).toEqual([]);
    expect(await pendingMessages()).toBe(0);
  });

  it.each(["add", "remove"] as const)("cannot be oneself, or nobody (%s)", async (action) => {
    const me = await person();
    for (const uid of [me.id, "nobody", "x".repeat(SYNC_ID_MAX_LENGTH)]) {
      const answer = await me.ask("POST", `/v1/friends/${action}`, { uid });
      expect(answer).toEqual([200, { user: null }]);
    }
    expect((await me.get(Friends, "GET", "/v1/friends")).friends).toEqual([]);
    const rows = env.DB.prepare("SELECT COUNT(*) AS n FROM UserRelationship WHERE fromUserId = ?");
    expect(await rows.bind(me.id).first("n")).toBe(0);
  });

  it.each([undefined, null, "", 1, ["x"], "x".repeat(SYNC_ID_MAX_LENGTH + 1), "\ud800"])(
    "are named by an id: not %j",
    async (uid) => {
      const me = await person();
      for (const action of ["add", "remove"]) {
        expect(await me.ask("POST", `/v1/friends/${action}`, { uid })).toEqual(refused(400, "uid"));
      }
    },
  );

  it("are not told of to a third account", async () => {
    const [a, b, c] = [await person(), await person(), await person()];
    const at = await c.connect();
    await act(a, "add", b);
    await act(b, "add", a);
    expect(await bodiesOf(at)).toEqual([]);
    expect(await statusOf(c, a)).toBe("none");
    expect((await c.get(Friends, "GET", "/v1/friends")).friends).toEqual([]);
    at.close();
  });

  it("are changed by no token that was revoked", async () => {
    const [a, b] = [await person(), await person()];
    await a.call("POST", "/v1/auth/revoke");
    expect(await a.ask("POST", "/v1/friends/add", { uid: b.id })).toEqual(refused(401));
    expect(await statusOf(b, a)).toBe("none");
    expect(await pendingMessages()).toBe(0);
  });

  it("are told of each other although all tokens of one were revoked meanwhile", async () => {
    const [a, b] = [await person(), await person()];
    await b.call("POST", "/v1/auth/revoke");
    await act(a, "add", b);
    expect(await toldIn(await SyncAccount.signIn(b.key))).toEqual(["friend_request"]);
  });
});

describe("the outbox (sync.md §0b.3)", () => {
  it("is emptied by the next request of either one, and by the hourly work", async () => {
    for (const settle of ["request", "hourly"] as const) {
      const [a, b] = [await person(), await person()];
      const at = await b.connect();
      vi.spyOn(console, "error").mockImplementation(() => {});
      const lost = vi.spyOn(env.USER_HUB, "getByName").mockImplementation(() => {
        throw new Error("the hub cannot be reached");
      });
      expect(await act(a, "add", b)).toBe("requested");
      lost.mockRestore();
      expect(await pendingMessages()).toBe(2);
      expect(await toldIn(b)).toEqual([]);
      await (settle === "hourly" ? sync.hourly?.(env) : act(a, "add", b));
      expect(await pendingMessages()).toBe(0);
      expect(await toldIn(b)).toEqual(["friend_request"]);
      expect((await bodiesOf(at)).map(({ t }) => t)).toEqual([
        "relationship-updated",
        "new-feed-post",
      ]);
      at.close();
    }
  });
});

describe("a full outbox (sync.md §0b.3)", () => {
  it("is told in parts, and in the order in which it was written", async () => {
    const me = await person();
    const at = await me.connect();
    const uids = Array.from(
      { length: 2 * SYNC_OUTBOX_MESSAGES_MAX + 1 },
      (_, index) => `u${index}`,
    );
    await env.DB.batch(
      uids.map((uid, index) =>
        env.DB.prepare("INSERT INTO SyncOutbox VALUES (?, ?, ?, 0)").bind(
          // Written by machines whose clocks differ: the order of ids is another one.
          `${(index * 7) % uids.length}`.padStart(4, "0"),
          me.id,
          JSON.stringify(newsOf(uid, "none", { status: "pending", post: null }, 0)),
        ),
      ),
    );
    const calls = vi.spyOn(env.USER_HUB, "getByName");
    await sync.hourly?.(env);
    expect(calls).toHaveBeenCalledTimes(3);
    calls.mockRestore();
    expect((await bodiesOf(at)).map(({ uid }) => uid)).toEqual(uids);
    at.close();
  });

  it("of a hub that cannot be told keeps no other one waiting", async () => {
    const people = await Promise.all(Array.from({ length: 3 }, person));
    const [broken] = people;
    for (const { id } of people) {
      const message =
        id === broken?.id
          ? { kind: "of tomorrow" }
          : newsOf("u", "none", { status: "pending", post: "friend_request" }, 0);
      await env.DB.prepare("INSERT INTO SyncOutbox VALUES (?, ?, ?, 0)")
        .bind(`to ${id}`, id, JSON.stringify(message))
        .run();
    }
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    await sync.hourly?.(env);
    expect(logged).toHaveBeenCalledOnce();
    expect(String(logged.mock.calls[0]?.[0])).toContain("sync.outbox_failed");
    expect(await pendingMessages()).toBe(1);
    for (const one of people.slice(1)) expect(await toldIn(one)).toEqual(["friend_request"]);
    await env.DB.exec("DELETE FROM SyncOutbox");
  });
});

describe("the feed (sync.md §3.9)", () => {
  it("tells of a request again after a day, in place of the one before, with a new number", async () => {
    const [a, b] = [await person(), await person()];
    const renew = async (): Promise<void> => {
      await act(b, "remove", a);
      await act(a, "add", b);
    };
    vi.useFakeTimers({ toFake: ["Date"] });
    const start = Date.now();
    await act(a, "add", b);
    const [first] = (await feedOf(b)).items;
    vi.setSystemTime(start + SYNC_NOTIFIED_AGAIN_MS - 1);
    await renew();
    expect((await feedOf(b)).items).toEqual([first]);
    vi.setSystemTime(start + SYNC_NOTIFIED_AGAIN_MS);
    await renew();
    const { items } = await feedOf(b);
    expect(items).toEqual([
      {
        id: expect.any(String) as string,
        body: { type: "friend_request", kind: "friend_request", uid: a.id },
        repeatKey: `friend_request_${a.id}`,
        cursor: "cursor_2",
        createdAt: start + SYNC_NOTIFIED_AGAIN_MS,
      },
    ]);
    expect(items[0]?.id).not.toBe(first?.id);
    // It counts from the last one that was told.
    await renew();
    expect((await feedOf(b)).items).toEqual(items);
  });

  it("does not tell of a request that was made to somebody who has taken its own one back", async () => {
    const [a, b] = [await person(), await person()];
    await act(b, "add", a);
    await act(b, "remove", a);
    await act(a, "remove", b);
    expect(await act(a, "add", b)).toBe("requested");
    expect(await toldIn(b)).toEqual([]);
  });

  it("tells of a renewed friendship again after a day", async () => {
    const [a, b] = [await person(), await person()];
    vi.useFakeTimers({ toFake: ["Date"] });
    const start = Date.now();
    await act(a, "add", b);
    await act(b, "add", a);
    const told = [await feedOf(a), await feedOf(b)];
    vi.setSystemTime(start + SYNC_NOTIFIED_AGAIN_MS - 1);
    await act(a, "remove", b);
    await act(a, "add", b);
    expect([await feedOf(a), await feedOf(b)]).toEqual(told);
    vi.setSystemTime(start + SYNC_NOTIFIED_AGAIN_MS);
    await act(a, "remove", b);
    await act(a, "add", b);
    expect((await feedOf(a)).items.map(({ cursor }) => cursor)).toEqual(["cursor_2"]);
    expect((await feedOf(b)).items.map(({ cursor }) => cursor)).toEqual(["cursor_3", "cursor_1"]);
  });

  it("comes in pages, in both directions and with both forms of a cursor", async () => {
    const me = await person();
    const others = await Promise.all(Array.from({ length: 7 }, person));
    for (const other of others) await act(other, "add", me);
    for (const [form, headers] of [
      ["cursor_", {}],
      ["0-", HAPPY],
    ] as const) {
      const page = async (query: string) => {
        const { items, hasMore } = await feedOf(me, query, headers);
        for (const { cursor } of items) expect(cursor.startsWith(form)).toBe(true);
        return [items.map(({ cursor }) => Number(cursor.slice(form.length))), hasMore];
      };
      expect(await page("")).toEqual([[7, 6, 5, 4, 3, 2, 1], false]);
      expect(await page("?limit=3")).toEqual([[7, 6, 5], true]);
      expect(await page("?limit=7")).toEqual([[7, 6, 5, 4, 3, 2, 1], false]);
      for (const sent of ["cursor_", "0-"]) {
        expect(await page(`?before=${sent}5&limit=3`)).toEqual([[4, 3, 2], true]);
        expect(await page(`?before=${sent}3&limit=3`)).toEqual([[2, 1], false]);
        expect(await page(`?after=${sent}2&limit=3`)).toEqual([[5, 4, 3], true]);
        expect(await page(`?after=${sent}4&limit=3`)).toEqual([[7, 6, 5], false]);
        expect(await page(`?after=${sent}7`)).toEqual([[], false]);
        expect(await page(`?after=${sent}0&before=${sent}3`)).toEqual([[2, 1], false]);
        expect(await page(`?after=${sent}1&before=${sent}7&limit=2`)).toEqual([[3, 2], true]);
        // One that nobody has is compared as well.
        expect(await page(`?before=${sent}99&limit=1`)).toEqual([[7], true]);
        expect(await page(`?before=${sent}999999999999999&limit=1`)).toEqual([[7], true]);
      }
    }
  });

  it.each([
    "cursor_x",
    "cursor_",
    "cursor_-1",
    "cursor_1.5",
    "cursor_1e3",
    "cursor_ 1",
    "cursor_0x1",
    "cursor_v1_1",
    "CURSOR_1",
    "0--1",
    "0-",
    "1-1",
    "1",
    "",
    "cursor_1%0A",
    `cursor_${"1".repeat(16)}`,
  ])("takes no cursor like %j", async (cursor) => {
    const me = await SyncAccount.create();
    for (const name of ["before", "after"]) {
      const answer = await me.ask("GET", `/v1/feed?${name}=${cursor}`);
      expect(answer).toEqual([400, { error: "Invalid cursor format" }]);
    }
  });

  it.each(["0", "201", "-1", "1.5", "x", "", "0x10", "1e1"])(
    "takes no limit of %j",
    async (limit) => {
      const me = await SyncAccount.create();
      expect(await me.ask("GET", `/v1/feed?limit=${limit}`)).toEqual(refused(400, "limit"));
    },
  );

  it("takes limits up to the largest", async () => {
    const me = await SyncAccount.create();
    for (const limit of [1, 200]) {
      expect(await feedOf(me, `?limit=${limit}`)).toEqual({ items: [], hasMore: false });
    }
  });
});
