import { applyD1Migrations, env } from "cloudflare:test";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import {
  SYNC_FRIENDS_LISTED_MAX,
  SYNC_ID_MAX_LENGTH,
  SYNC_USER_QUERY_MAX_LENGTH,
  SYNC_USERS_FOUND_MAX,
} from "../../protocol/limits.ts";
import { idOf, idsOf, refused } from "../../testing/sync-records.ts";
import { SyncAccount } from "../../testing/sync-worker.ts";
import { UserProfile } from "./records.ts";

beforeAll(() => applyD1Migrations(env.DB, env.TEST_MIGRATIONS));
afterEach(() => {
  vi.restoreAllMocks();
});

const Profile = z.strictObject(UserProfile.shape);
const Users = z.strictObject({ users: z.array(Profile) });
const OneUser = z.strictObject({ user: Profile });

/** An account with its id, and with this username. */
async function named(username: string) {
  const account = await SyncAccount.create();
  const id = await idOf(account);
  await env.DB.prepare("UPDATE Account SET username = ? WHERE id = ?").bind(username, id).run();
  return Object.assign(account, { id });
}

/** Creates accounts `<prefix>000000` and so on. */
const crowd = (prefix: string, size: number) =>
  env.DB.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)
     INSERT INTO Account (id, publicKey, username, createdAt, updatedAt)
     SELECT printf('%s%06d', ?1, i), printf('key of %s%06d', ?1, i), printf('%s%06d', ?1, i), 0, 0
     FROM n`,
  )
    .bind(prefix, size)
    .run();

const search = (who: SyncAccount, query: string, path = "/v1/users/search") =>
  who.get(Users, "GET", `${path}?${query}`);

const namesOf = async (who: SyncAccount, query: string) =>
  (await search(who, `query=${encodeURIComponent(query)}`)).users.map(({ username }) => username);

describe("users (sync.md §3.9)", () => {
  it("are seen by everybody, with how one stands to them", async () => {
    const [me, other] = [await SyncAccount.create(), await named("Vera-1")];
    await env.DB.prepare("UPDATE Account SET firstName = 'Vera', lastName = 'L' WHERE id = ?")
      .bind(other.id)
      .run();
    const user = {
      id: other.id,
      firstName: "Vera",
      lastName: "L",
      username: "Vera-1",
      avatar: null,
      bio: null,
      status: "none",
    };
    for (const path of ["/v1/users", "/v1/user"]) {
      expect(await me.get(OneUser, "GET", `${path}/${other.id}`)).toEqual({ user });
      expect(await search(me, "query=vera", `${path}/search`)).toEqual({ users: [user] });
    }
    await me.call("POST", "/v1/friends/add", { uid: other.id });
    for (const path of ["/v1/users", "/v1/user"]) {
      const { users } = await search(me, "query=vera", `${path}/search`);
      expect(users.map(({ status }) => status)).toEqual(["requested"]);
      const seen = await me.get(OneUser, "GET", `${path}/${other.id}`);
      expect(seen.user.status).toBe("requested");
    }
    // How they stand is another thing on the other side, and nobody else's.
    const mine = await idOf(me);
    expect((await other.get(OneUser, "GET", `/v1/users/${mine}`)).user.status).toBe("pending");
    const third = await SyncAccount.create();
    expect((await third.get(OneUser, "GET", `/v1/users/${other.id}`)).user.status).toBe("none");
  });

  it("may be oneself", async () => {
    const me = await named("myself");
    expect((await me.get(OneUser, "GET", `/v1/users/${me.id}`)).user).toMatchObject({
      id: me.id,
      status: "none",
    });
  });

  it("that are not there are missing", async () => {
    const me = await SyncAccount.create();
    for (const path of ["/v1/users", "/v1/user"]) {
      for (const id of ["nobody", "x".repeat(SYNC_ID_MAX_LENGTH), "%25", "a%2Fb"]) {
        const answer = await me.ask("GET", `${path}/${id}`);
        expect(answer).toEqual([404, { error: "User not found" }]);
      }
      const long = `${path}/${"x".repeat(SYNC_ID_MAX_LENGTH + 1)}`;
      expect(await me.ask("GET", long)).toEqual(refused(400, "id"));
    }
  });
});

describe("a search of users (sync.md §3.9)", () => {
  it("finds the beginning of names in any case, in their order, but not the caller", async () => {
    const me = await named("Search_me");
    for (const name of ["search_b", "SEARCH_A", "Search_ab", "searchX", "research_a"]) {
      await named(name);
    }
    expect(await namesOf(me, "search_")).toEqual(["SEARCH_A", "Search_ab", "search_b"]);
    expect(await namesOf(me, "SEARCH_a")).toEqual(["SEARCH_A", "Search_ab"]);
    // The underscore is itself, and so comes before letters.
    expect(await namesOf(me, "search")).toEqual(["SEARCH_A", "Search_ab", "search_b", "searchX"]);
    expect(await namesOf(me, "search_ab")).toEqual(["Search_ab"]);
    expect(await namesOf(me, "search_abc")).toEqual([]);
  });

  it("takes every character for itself", async () => {
    const me = await SyncAccount.create();
    for (const name of ["wild_one", "wildXone", "z"]) await named(name);
    expect(await namesOf(me, "wild_")).toEqual(["wild_one"]);
    for (const query of [
      "%",
      "_",
      "wild%",
      "w_",
      "*",
      "w?",
      "[w]",
      "\\",
      "'",
      '"',
      " wild",
      "wild ",
    ])
      expect(await namesOf(me, query)).toEqual([]);
    for (const query of ["\u0000", "é", "İ", "ſ", "\u{10FFFF}", "\u{1F600}"]) {
      expect(await namesOf(me, query)).toEqual([]);
    }
    expect(await namesOf(me, "x".repeat(SYNC_USER_QUERY_MAX_LENGTH))).toEqual([]);
  });

  it.each([
    ["query", ""],
    ["query", "query="],
    ["query", `query=${"x".repeat(SYNC_USER_QUERY_MAX_LENGTH + 1)}`],
    ["limit", "query=a&limit=0"],
    ["limit", `query=a&limit=${SYNC_USERS_FOUND_MAX + 1}`],
    ["limit", "query=a&limit=-1"],
    ["limit", "query=a&limit=1.5"],
    ["limit", "query=a&limit="],
  ])("is refused with a wrong %s (%s)", async (name, query) => {
    const me = await SyncAccount.create();
    for (const path of ["/v1/users/search", "/v1/user/search"]) {
      expect(await me.ask("GET", `${path}?${query}`)).toEqual(refused(400, name));
    }
  });

  it("gives as many as are asked for", async () => {
    await crowd("limited", 100);
    const me = await SyncAccount.create();
    expect((await search(me, "query=limited")).users).toHaveLength(10);
    const most = await search(me, `query=limited&limit=${SYNC_USERS_FOUND_MAX}`);
    expect(most.users).toHaveLength(SYNC_USERS_FOUND_MAX);
    const [first, ...rest] = (await search(me, "query=limited&limit=1")).users;
    expect([first?.username, rest]).toEqual(["limited000000", []]);
  });

  it("reads as few rows of 100,000 users as of 1,000", async () => {
    const me = await SyncAccount.create();
    /** The rows that D1 has read for a request. */
    const rowsRead = async (path: string): Promise<number> => {
      const batch = vi.spyOn(env.DB, "batch");
      expect((await me.call("GET", path)).status).toBe(200);
      let rows = 0;
      for (const { value } of batch.mock.results) {
        for (const { meta } of (await value) as D1Result[]) rows += meta.rows_read;
      }
      batch.mockRestore();
      return rows;
    };
    const paths = [
      `/v1/users/search?query=few&limit=${SYNC_USERS_FOUND_MAX}`,
      "/v1/users/search?query=few000&limit=10",
      "/v1/users/search?query=few00099",
      "/v1/users/search?query=fewer",
    ];
    const measure = async (): Promise<number[]> => {
      const counts: number[] = [];
      for (const path of paths) counts.push(await rowsRead(path));
      return counts;
    };
    await crowd("few", 1_000);
    const before = await measure();
    await crowd("few1", 99_000);
    expect(await measure()).toEqual(before);
    const count = env.DB.prepare("SELECT COUNT(*) AS n FROM Account WHERE id GLOB 'few*'");
    expect(await count.first("n")).toBe(100_000);
    expect(before[0]).toBeGreaterThan(SYNC_USERS_FOUND_MAX);
    // One for the caller, and for each user that is found at most one in the index, the row, and one more at the end.
    expect(before[0]).toBeLessThanOrEqual(3 + 2 * SYNC_USERS_FOUND_MAX);
    expect(before.at(-1)).toBeLessThanOrEqual(3);
  });
});

describe("the list of friends (sync.md §3.9)", () => {
  it("has an end, and reads no more rows than it has", async () => {
    const me = await SyncAccount.create();
    const id = await idOf(me);
    await crowd("fan", SYNC_FRIENDS_LISTED_MAX + 1);
    await env.DB.prepare(
      `INSERT INTO UserRelationship (fromUserId, toUserId, status, createdAt, updatedAt)
       SELECT ?, id, 'pending', 0, 0 FROM Account WHERE username LIKE 'fan%'`,
    )
      .bind(id)
      .run();
    const last = `fan${String(SYNC_FRIENDS_LISTED_MAX).padStart(6, "0")}`;
    await env.DB.prepare(
      "UPDATE UserRelationship SET status = 'friend' WHERE fromUserId = ? AND toUserId = ?",
    )
      .bind(id, last)
      .run();
    const batch = vi.spyOn(env.DB, "batch");
    const Friends = z.strictObject({ friends: z.array(Profile) });
    const { friends } = await me.get(Friends, "GET", "/v1/friends");
    expect(friends).toHaveLength(SYNC_FRIENDS_LISTED_MAX);
    expect(idsOf(friends).slice(0, 3)).toEqual([last, "fan000000", "fan000001"]);
    const [, list] = ((await batch.mock.results[0]?.value) as D1Result[] | undefined) ?? [];
    expect(list?.meta.rows_read).toBeLessThanOrEqual(3 * SYNC_FRIENDS_LISTED_MAX + 3);
  });
});
