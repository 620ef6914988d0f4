import { applyD1Migrations, env } from "cloudflare:test";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import {
  SYNC_ACTIVE_SESSIONS_DEFAULT,
  SYNC_ACTIVE_SESSIONS_MAX,
  SYNC_DATA_KEY_MAX_LENGTH,
  SYNC_ID_MAX_LENGTH,
  SYNC_INACTIVE_AFTER_MS,
  SYNC_LIST_MAX_LENGTH,
  SYNC_LISTED_ACTIVE_MS,
  SYNC_MESSAGES_ADDED_MAX,
  SYNC_MESSAGES_PAGE_DEFAULT,
  SYNC_MESSAGES_PAGE_MAX,
  SYNC_NEWEST_MAX,
  SYNC_PAGE_DEFAULT,
  SYNC_PAGE_MAX,
  SYNC_PUSH_BODY_MAX_LENGTH,
  SYNC_PUSH_TITLE_MAX_LENGTH,
  SYNC_STATE_MAX_BYTES,
  SYNC_STATE_MAX_LENGTH,
  SYNC_UPDATE_MAX_BYTES,
} from "../../protocol/limits.ts";
import { SOON } from "../../testing/soon.ts";
import {
  furnished,
  HAPPY,
  Heads,
  idsOf,
  kindsOf,
  Machines,
  MessagePage,
  Messages,
  newMachine,
  newMessage,
  newSession,
  noSession,
  OneSession,
  Page,
  pathFor,
  refused,
  Sessions,
  success,
} from "../../testing/sync-records.ts";
import { SyncAccount } from "../../testing/sync-worker.ts";
import { Session } from "./records.ts";

beforeAll(() => applyD1Migrations(env.DB, env.TEST_MIGRATIONS));
afterEach(() => {
  vi.useRealTimers();
});

/** When a session of an account has changed last. */
async function newestChange(account: SyncAccount): Promise<number> {
  const { sessions } = await account.get(Sessions, "GET", "/v1/sessions");
  return Math.max(...sessions.map(({ updatedAt }) => updatedAt));
}

describe("POST /v1/sessions (sync.md §3.3)", () => {
  it("creates a session with its first versions", async () => {
    const account = await SyncAccount.create();
    const before = Date.now();
    const session = await newSession(account, { metadata: "m", agentState: "a" });
    expect(session).toEqual({
      id: expect.any(String),
      seq: 0,
      createdAt: session.createdAt,
      updatedAt: session.createdAt,
      active: true,
      activeAt: session.createdAt,
      metadata: "m",
      metadataVersion: 1,
      agentState: "a",
      agentStateVersion: 1,
      dataEncryptionKey: null,
      lastMessage: null,
    });
    expect(session.createdAt).toBeGreaterThanOrEqual(before);
    expect(session.createdAt).toBeLessThanOrEqual(Date.now());
    const read = await account.get(OneSession, "GET", `/v1/sessions/${session.id}`);
    expect(read).toEqual({ session });
  });

  it.each([
    ["null", null, null],
    ["absent", undefined, null],
    ["a text", "YQ==", "YQ=="],
    ["empty", "", ""],
  ])("takes a state and a key that are %s", async (_, sent, kept) => {
    const account = await SyncAccount.create();
    const session = await newSession(account, { agentState: sent, dataEncryptionKey: sent });
    expect(session).toMatchObject({
      agentState: kept,
      agentStateVersion: kept === null ? 0 : 1,
      dataEncryptionKey: kept,
    });
  });

  it("keeps opaque texts as they came", async () => {
    const account = await SyncAccount.create();
    const text = " \u0000é\u{1F600}e\u0301\r\n\t{}\"'\\\u2028 ";
    const { id } = await newSession(account, { metadata: text, agentState: text });
    const { session } = await account.get(OneSession, "GET", `/v1/sessions/${id}`);
    expect(session).toMatchObject({ metadata: text, agentState: text });
  });

  it("returns the session of a tag unchanged, also to several requests at once", async () => {
    const account = await SyncAccount.create();
    const at = await account.connect();
    const bodies = ["a", "b", "c", "d"].map((metadata) => ({ tag: "same", metadata }));
    const all = await Promise.all(bodies.map((body) => newSession(account, body)));
    expect(new Set(idsOf(all)).size).toBe(1);
    const later = await newSession(account, { tag: "same", metadata: "z", agentState: "z" });
    expect(later).toEqual(all[0]);
    expect(kindsOf(await at.caughtUp())).toEqual(["new-session"]);
    at.close();
  });

  it.each([
    ["tag", undefined, "is missing"],
    ["tag", "", "at least 1"],
    ["tag", 1, "must be a text"],
    ["tag", "\ud83d", "well-formed"],
    ["metadata", undefined, "is missing"],
    ["metadata", null, "must be a text"],
    ["metadata", { a: 1 }, "must be a text"],
    ["metadata", "\udc00", "well-formed"],
    ["agentState", 1, "must be a text"],
    ["agentState", "\ud83d", "well-formed"],
    ["dataEncryptionKey", "a-_b", "base64"],
    ["dataEncryptionKey", "YQ", "base64"],
    ["dataEncryptionKey", "YR==", "base64"],
    ["dataEncryptionKey", 1, "must be a text"],
  ])("refuses a %s that is %j", async (name, value, why) => {
    const account = await SyncAccount.create();
    const body = { tag: "t", metadata: "m", [name]: value };
    expect(await account.ask("POST", "/v1/sessions", body)).toEqual(refused(400, why));
    expect(await account.get(Sessions, "GET", "/v1/sessions")).toEqual({
      sessions: [],
      hasMore: false,
    });
  });

  it.each([
    ["tag", "x", SYNC_ID_MAX_LENGTH],
    ["tag", "\u{1F600}", SYNC_ID_MAX_LENGTH],
    ["metadata", "x", SYNC_STATE_MAX_LENGTH],
    ["metadata", "é", SYNC_STATE_MAX_BYTES / 2 - 1],
    ["agentState", "x", SYNC_STATE_MAX_LENGTH],
    ["agentState", "\u4e00", SYNC_STATE_MAX_BYTES / 3 - 1],
    ["dataEncryptionKey", "xxxx", SYNC_DATA_KEY_MAX_LENGTH],
  ])("takes a %s of %j up to its limit, and no longer", async (name, unit, most) => {
    const account = await SyncAccount.create();
    const text = unit.repeat(Math.floor(most / unit.length));
    const session = await newSession(account, { [name]: text });
    const over = { tag: "over", metadata: "m", [name]: text + unit };
    expect(await account.ask("POST", "/v1/sessions", over)).toEqual(refused(400, name));
    const { session: read } = await account.get(OneSession, "GET", `/v1/sessions/${session.id}`);
    expect(read).toMatchObject(name === "tag" ? {} : { [name]: text });
  });

  it("tells of the largest session", async () => {
    const account = await SyncAccount.create();
    const at = await account.connect();
    // A text of JSON has two quotes.
    const text = "é".repeat(SYNC_STATE_MAX_BYTES / 2 - 1);
    const { id } = await newSession(account, { metadata: text, agentState: text });
    const [told] = (await at.caughtUp()).updates;
    expect(told?.body).toMatchObject({ id, metadata: text, agentState: text });
    const { byteLength } = new TextEncoder().encode(JSON.stringify(told?.body));
    expect(byteLength).toBeGreaterThan(2 * SYNC_STATE_MAX_BYTES);
    expect(byteLength).toBeLessThan(SYNC_UPDATE_MAX_BYTES);
    at.close();
  });
});

describe("reading and deleting one session", () => {
  it("hides it from the lists of current clients, and keeps it for who knows its id", async () => {
    const account = await SyncAccount.create();
    const at = await account.connect();
    const [gone, kept] = [await newSession(account), await newSession(account)];
    await newMessage(account, gone.id, "before");
    const path = `/v1/sessions/${gone.id}`;
    expect(await account.ask("DELETE", path)).toEqual(success);
    expect(await account.ask("DELETE", path)).toEqual(success);

    const { session } = await account.get(OneSession, "GET", path);
    expect(session).toMatchObject({ id: gone.id, active: false, seq: 1 });
    for (const list of ["/v1/sessions", "/v2/sessions"]) {
      const all = await account.get(z.looseObject({ sessions: z.array(Session) }), "GET", list);
      expect(new Set(idsOf(all.sessions))).toEqual(new Set([gone.id, kept.id]));
      const [, shown] = await account.ask("GET", list, undefined, HAPPY);
      expect(shown).toMatchObject({ sessions: [{ id: kept.id }] });
    }
    const active = await account.get(Sessions, "GET", "/v2/sessions/active");
    expect(idsOf(active.sessions)).toEqual([kept.id]);
    const { messages } = await account.get(Messages, "GET", `${path}/messages`);
    expect(messages.map(({ content }) => content)).toEqual(["before"]);

    // It is told once.
    expect(kindsOf(await at.caughtUp())).toEqual([
      "new-session",
      "new-session",
      "new-message",
      "delete-session",
    ]);
    expect(at.updates[3]?.body).toEqual({ t: "delete-session", id: gone.id, sid: gone.id });
    at.close();
  });

  it("takes nothing new, as if it were not there", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    await account.call("DELETE", `/v1/sessions/${id}`);
    const at = await account.connect();
    const v3 = { messages: [{ localId: "1", content: "aGk=" }] };
    const push = { kind: "done", title: "t", body: "b" };
    for (const [path, body] of [
      [`/v1/sessions/${id}/messages`, { content: "x" }],
      [`/v3/sessions/${id}/messages`, v3],
      [`/v1/sessions/${id}/archive`, undefined],
      [`/v1/sessions/${id}/push-event`, push],
    ] as const) {
      expect(await account.ask("POST", path, body)).toEqual(noSession);
    }
    expect((await at.caughtUp()).texts).toHaveLength(2);
    at.close();
  });

  it("is there again when it is created with its tag", async () => {
    const account = await SyncAccount.create();
    const at = await account.connect();
    const session = await newSession(account, { tag: "again", metadata: "first" });
    await account.call("DELETE", `/v1/sessions/${session.id}`);
    const again = await newSession(account, { tag: "again", metadata: "second" });
    expect(again).toMatchObject({ id: session.id, metadata: "first", active: true });
    const { sessions } = await account.get(Sessions, "GET", "/v1/sessions", undefined, HAPPY);
    expect(idsOf(sessions)).toEqual([session.id]);
    await newMessage(account, session.id, "x");
    expect(kindsOf(await at.caughtUp())).toEqual([
      "new-session",
      "delete-session",
      "new-session",
      "new-message",
    ]);
    at.close();
  });

  it("is not found by an unknown id, and an id has a limit", async () => {
    const account = await SyncAccount.create();
    const known = "x".repeat(SYNC_ID_MAX_LENGTH);
    for (const method of ["GET", "DELETE"]) {
      expect(await account.ask(method, `/v1/sessions/${known}`)).toEqual(noSession);
      expect(await account.ask(method, `/v1/sessions/${known}x`)).toEqual(refused(400, "id"));
    }
  });
});

describe("POST /v1/sessions/:id/archive (sync.md §4)", () => {
  it("ends a session, and tells it with no update", async () => {
    const account = await SyncAccount.create();
    const { id, updatedAt } = await newSession(account);
    const at = await account.connect();
    expect(await account.ask("POST", `/v1/sessions/${id}/archive`)).toEqual(success);
    const { session } = await account.get(OneSession, "GET", `/v1/sessions/${id}`);
    expect(session.active).toBe(false);
    expect(session.updatedAt).toBeGreaterThanOrEqual(updatedAt);
    expect((await at.caughtUp()).of("ephemeral")).toEqual([
      { type: "activity", id, sid: id, active: false, activeAt: session.activeAt, thinking: false },
    ]);
    expect(at.updates).toEqual([]);
    // Bodies that some clients send are not read.
    const reason = { reason: "user_requested" };
    expect(await account.ask("POST", `/v1/sessions/${id}/archive`, reason)).toEqual(success);
    expect(await account.ask("POST", "/v1/sessions/none/archive")).toEqual(noSession);
    at.close();
  });
});

describe("lists of sessions (sync.md §3.3)", () => {
  it("have at most 150, the last change first", async () => {
    const account = await SyncAccount.create();
    const made: Session[] = [];
    for (let at = 0; at < SYNC_NEWEST_MAX + 2; at += 1) made.push(await newSession(account));
    const first = made[0];
    if (first === undefined) throw new Error("there are sessions");
    // A message moves its session to the front.
    await newMessage(account, first.id, "x");
    const { sessions, hasMore } = await account.get(Sessions, "GET", "/v1/sessions");
    expect(hasMore).toBe(true);
    expect(SYNC_NEWEST_MAX).toBe(150);
    expect(sessions).toHaveLength(SYNC_NEWEST_MAX);
    expect(sessions[0]?.id).toBe(first.id);
    const changes = sessions.map(({ updatedAt }) => updatedAt);
    expect(changes).toEqual(changes.toSorted((a, b) => b - a));
    const { sessions: active } = await account.get(Sessions, "GET", "/v2/sessions/active");
    expect(active).toHaveLength(SYNC_ACTIVE_SESSIONS_DEFAULT);
  });

  it("come in pages, newest first, without a gap and twice nothing", async () => {
    const account = await SyncAccount.create();
    const made: string[] = [];
    for (let at = 0; at < 7; at += 1) made.push((await newSession(account)).id);
    const seen: string[] = [];
    const sizes: number[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? "" : `&cursor=${cursor}`;
      const page: z.infer<typeof Page> = await account.get(
        Page,
        "GET",
        `/v2/sessions?limit=3${query}`,
      );
      seen.push(...idsOf(page.sessions));
      sizes.push(page.sessions.length);
      cursor = page.nextCursor;
      expect(page.hasNext).toBe(cursor !== null);
      // What is new does not move later pages.
      await newSession(account);
    } while (cursor !== null);
    expect(seen).toEqual(made.toReversed());
    expect(sizes).toEqual([3, 3, 1]);
  });

  it("end exactly at a full page", async () => {
    const account = await SyncAccount.create();
    const ids = [(await newSession(account)).id, (await newSession(account)).id];
    const page = await account.get(Page, "GET", "/v2/sessions?limit=2");
    expect([idsOf(page.sessions), page.nextCursor, page.hasNext]).toEqual([
      ids.toReversed(),
      null,
      false,
    ]);
  });

  it("compare a cursor, and look nothing up", async () => {
    const account = await SyncAccount.create();
    const other = await furnished();
    const ids: string[] = [];
    for (let at = 0; at < 3; at += 1) ids.push((await newSession(account)).id);
    const after = async (cursor: string): Promise<string[]> => {
      const path = `/v2/sessions?cursor=${encodeURIComponent(cursor)}`;
      return idsOf((await account.get(Page, "GET", path)).sessions);
    };
    expect(await after("cursor_v1_zzz")).toEqual(ids.toReversed());
    expect(await after("cursor_v1_0")).toEqual([]);
    // Another account's is older than all of these.
    expect(await after(`cursor_v1_${other.session.id}`)).toEqual([]);
    const message = await newMessage(account, ids[0] ?? "", "x");
    expect(await after(`cursor_v1_${message.id}`)).toEqual(ids.toReversed());
    expect(await after(`cursor_v1_${"z".repeat(SYNC_ID_MAX_LENGTH)}`)).toEqual(ids.toReversed());
  });

  it.each([
    "",
    "x",
    "cursor_v1_",
    "cursor_v2_01ABC",
    "cursor_1",
    " cursor_v1_01ABC",
    `cursor_v1_${"z".repeat(SYNC_ID_MAX_LENGTH + 1)}`,
  ])("refuse the cursor %j", async (cursor) => {
    const account = await furnished();
    const query = `?cursor=${encodeURIComponent(cursor)}`;
    const invalid = [400, { error: "Invalid cursor format" }];
    expect(await account.ask("GET", `/v2/sessions${query}`)).toEqual(invalid);
    const messages = `/v2/sessions/${account.session.id}/messages${query}`;
    expect(await account.ask("GET", messages)).toEqual(invalid);
  });

  it("have only what changed after a time, in milliseconds or ISO 8601", async () => {
    const account = await SyncAccount.create();
    const ids = [(await newSession(account)).id, (await newSession(account)).id];
    const since = async (time: string): Promise<string[]> => {
      const path = `/v2/sessions?changedSince=${encodeURIComponent(time)}`;
      return idsOf((await account.get(Page, "GET", path)).sessions);
    };
    await vi.waitUntil(async () => Date.now() > (await newestChange(account)), SOON);
    await newMessage(account, ids[0] ?? "", "x");
    const [{ updatedAt }] = z
      .tuple([Session])
      .parse([(await account.get(OneSession, "GET", `/v1/sessions/${ids[0]}`)).session]);
    expect(await since(String(updatedAt - 1))).toEqual([ids[0]]);
    expect(await since(String(updatedAt))).toEqual([]);
    expect(await since(new Date(updatedAt - 1).toISOString())).toEqual([ids[0]]);
    expect(await since("2020-01-01T01:00:00+01:00")).toEqual(ids.toReversed());
    expect(await since("1")).toEqual(ids.toReversed());
    for (const wrong of ["", "0", "-1", "1.5", "x", "2020-13-01T00:00:00Z", "1e3"]) {
      const path = `/v2/sessions?changedSince=${encodeURIComponent(wrong)}`;
      const why = "changedSince must be milliseconds since 1970, or a time in ISO 8601";
      expect(await account.ask("GET", path)).toEqual(refused(400, why));
    }
  });

  it.each([
    ["/v2/sessions", SYNC_PAGE_MAX, 200],
    ["/v2/sessions/active", SYNC_ACTIVE_SESSIONS_MAX, 500],
    ["/v1/machines", SYNC_PAGE_MAX, 200],
    ["/v2/sessions/{id}/messages", SYNC_PAGE_MAX, 200],
    ["/v3/sessions/{id}/messages", SYNC_MESSAGES_PAGE_MAX, 500],
  ])(
    "of %s have up to %d entries, and no other number is taken",
    async (path, most, inContract) => {
      expect(most).toBe(inContract);
      const account = await furnished();
      const at = pathFor(path, account);
      for (const limit of ["1", String(most)]) {
        const [status] = await account.ask("GET", `${at}?limit=${limit}`);
        expect([limit, status]).toEqual([limit, 200]);
      }
      for (const limit of [
        "0",
        "-1",
        String(most + 1),
        "1.5",
        "1e1",
        "0x1",
        "x",
        "",
        "1&limit=2",
      ]) {
        const said = await account.ask("GET", `${at}?limit=${limit}`);
        expect(said, limit).toEqual(refused(400, "limit"));
      }
    },
  );

  it("have 50 entries, and messages of v3 100, where no number is asked for", async () => {
    expect([SYNC_PAGE_DEFAULT, SYNC_MESSAGES_PAGE_DEFAULT]).toEqual([50, 100]);
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    for (let at = 0; at < SYNC_PAGE_DEFAULT; at += 1) {
      await newSession(account);
      await newMachine(account, { id: `m${at}` });
    }
    await newMachine(account, { id: "one-more" });
    const v3 = `/v3/sessions/${id}/messages`;
    for (const half of ["a", "b"]) {
      const messages = Array.from({ length: SYNC_MESSAGES_ADDED_MAX }, (_, at) => ({
        localId: `${half}${at}`,
        content: "aGk=",
      }));
      await account.get(Heads, "POST", v3, { messages });
    }
    const sessions = await account.get(Page, "GET", "/v2/sessions");
    expect([sessions.sessions.length, sessions.hasNext]).toEqual([SYNC_PAGE_DEFAULT, true]);
    const { machines } = await account.get(Machines, "GET", "/v1/machines");
    expect(machines).toHaveLength(SYNC_PAGE_DEFAULT);
    const page = await account.get(MessagePage, "GET", `/v2/sessions/${id}/messages`);
    expect(page.messages).toHaveLength(SYNC_PAGE_DEFAULT);
    const range = await account.get(Messages, "GET", v3);
    expect([range.messages.length, range.hasMore]).toEqual([SYNC_MESSAGES_PAGE_DEFAULT, true]);
  });

  it("of active ones have those of the last 15 minutes, the last heard of first", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const account = await SyncAccount.create();
    const [old, newer] = [await newSession(account), await newSession(account)];
    const ended = await newSession(account);
    await account.call("POST", `/v1/sessions/${ended.id}/archive`);
    const active = async () =>
      idsOf((await account.get(Sessions, "GET", "/v2/sessions/active")).sessions);
    expect(await active()).toEqual([newer.id, old.id]);
    vi.setSystemTime(old.activeAt + SYNC_INACTIVE_AFTER_MS - 1);
    const at = await account.connect();
    at.say("session-alive", { sid: old.id, time: Date.now(), thinking: false });
    await at.caughtUp();
    expect(await active()).toEqual([old.id, newer.id]);
    vi.setSystemTime(newer.activeAt + SYNC_LISTED_ACTIVE_MS);
    expect(await active()).toEqual([old.id]);
    at.close();
  });
});

describe("lists of large sessions, machines and tokens", () => {
  it("have as many as one answer holds", async () => {
    const account = await SyncAccount.create();
    const text = "x".repeat(SYNC_STATE_MAX_LENGTH);
    const count = Math.ceil((4.5 * SYNC_LIST_MAX_LENGTH) / (2 * SYNC_STATE_MAX_LENGTH));
    for (let at = 0; at < count; at += 1) {
      await newSession(account, { metadata: text, agentState: text });
      await newMachine(account, { id: `m${at}`, metadata: text, daemonState: text });
    }
    const fits = Math.floor(SYNC_LIST_MAX_LENGTH / (2 * SYNC_STATE_MAX_LENGTH));
    for (const path of ["/v1/sessions", "/v2/sessions/active"]) {
      const list = await account.get(Sessions, "GET", path);
      expect([list.sessions.length, list.hasMore]).toEqual([fits, true]);
    }
    const { machines, hasMore } = await account.get(Machines, "GET", "/v1/machines");
    expect([machines.length, hasMore]).toEqual([fits, true]);
    const seen: string[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const query: string = cursor === "" ? "" : `&cursor=${cursor}`;
      const page: z.infer<typeof Page> = await account.get(
        Page,
        "GET",
        `/v2/sessions?limit=200${query}`,
      );
      seen.push(...idsOf(page.sessions));
      cursor = page.nextCursor;
    }
    expect(new Set(seen).size).toBe(count);
    expect(seen).toHaveLength(count);
  });
});

describe("POST /v1/sessions/:id/push-event (sync.md §4)", () => {
  it("tells the account's people and the session, and keeps nothing", async () => {
    const account = await furnished();
    const { id } = account.session;
    const person = await account.connect();
    const agent = await account.connect(`?clientType=session-scoped&sessionId=${id}`);
    const machine = await account.connect(
      `?clientType=machine-scoped&machineId=${account.machine.id}`,
    );
    const heard = (await person.caughtUp()).of("ephemeral").length;
    const body = {
      kind: "permission",
      title: "t".repeat(SYNC_PUSH_TITLE_MAX_LENGTH),
      body: "b".repeat(SYNC_PUSH_BODY_MAX_LENGTH),
    };
    const path = `/v1/sessions/${id}/push-event`;
    expect(await account.ask("POST", path, { ...body, data: { any: [1] } })).toEqual([
      200,
      { success: true, result: "no_tokens" },
    ]);
    const told = { type: "session-event", sessionId: id, ...body, timestamp: expect.any(Number) };
    expect((await person.caughtUp()).of("ephemeral").slice(heard)).toEqual([told]);
    expect((await agent.caughtUp()).of("ephemeral")).toEqual([told]);
    expect((await machine.caughtUp()).of("ephemeral")).toEqual([]);
    for (const wrong of [
      { kind: "other" },
      { kind: undefined },
      { title: "" },
      { title: `${body.title}t` },
      { body: "" },
      { body: `${body.body}b` },
      { body: 1 },
    ]) {
      const [name = ""] = Object.keys(wrong);
      expect(await account.ask("POST", path, { ...body, ...wrong })).toEqual(refused(400, name));
    }
    expect(await account.ask("POST", "/v1/sessions/none/push-event", body)).toEqual(noSession);
    expect((await agent.caughtUp()).of("ephemeral")).toHaveLength(1);
    for (const client of [person, agent, machine]) client.close();
  });
});
