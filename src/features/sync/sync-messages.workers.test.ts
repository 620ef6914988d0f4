import { applyD1Migrations, env } from "cloudflare:test";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { z } from "zod";
import {
  FRAME_DEPTH_MAX,
  SYNC_CONTENT_MAX_BYTES,
  SYNC_CONTENT_MAX_LENGTH,
  SYNC_ID_MAX_LENGTH,
  SYNC_JOURNAL_MAX_AGE_MS,
  SYNC_JOURNAL_MAX_BYTES,
  SYNC_JOURNAL_MAX_EVENTS,
  SYNC_LIST_MAX_LENGTH,
  SYNC_MESSAGES_ADDED_MAX,
  SYNC_NEWEST_MAX,
} from "../../protocol/limits.ts";
import {
  furnished,
  Heads,
  kindsOf,
  MessagePage,
  Messages,
  newMessage,
  newSession,
  noSession,
  OneSession,
  refused,
} from "../../testing/sync-records.ts";
import { SyncAccount } from "../../testing/sync-worker.ts";
import type { Message } from "./records.ts";

beforeAll(() => applyD1Migrations(env.DB, env.TEST_MIGRATIONS));
afterEach(() => {
  vi.useRealTimers();
});

describe("messages of a session (sync.md §3.3, §4)", () => {
  it("are numbered, and returned exactly as they were sent", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    const contents = [
      { t: "encrypted", c: "aGk=" },
      "text",
      null,
      0,
      false,
      [],
      {},
      { b: [1, { a: null }], a: "\u0000\ud83d\u2028" },
      ["x".repeat(10)],
    ];
    const made: Message[] = [];
    for (const content of contents) made.push(await newMessage(account, id, content));
    expect(made.map(({ content }) => content)).toEqual(contents);
    expect(made.map(({ seq }) => seq)).toEqual(contents.map((_, at) => at + 1));
    expect(made[0]).toEqual({
      id: expect.any(String),
      sessionId: id,
      localId: null,
      seq: 1,
      content: contents[0],
      createdAt: made[0]?.createdAt,
      updatedAt: made[0]?.createdAt,
    });
    const { messages } = await account.get(Messages, "GET", `/v1/sessions/${id}/messages`);
    expect(messages.map(({ content }) => content)).toEqual(contents.toReversed());
    const { session } = await account.get(OneSession, "GET", `/v1/sessions/${id}`);
    expect(session.seq).toBe(contents.length);
  });

  it("keep a member that JavaScript takes for a prototype", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    const content = '{"__proto__":{"a":1},"constructor":"c","toString":1}';
    const path = `/v1/sessions/${id}/messages`;
    const added = await account.call("POST", path, `{"content":${content}}`);
    expect(await added.text()).toContain(`"content":${content}`);
    expect(await (await account.call("GET", path)).text()).toContain(`"content":${content}`);
  });

  it("are stored once by their localId, also by both versions and at once", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    const other = await newSession(account);
    const at = await account.connect();
    const first = await newMessage(account, id, { t: "encrypted", c: "a" }, { localId: "1" });
    const again = await Promise.all(
      ["b", "c"].map((content) => newMessage(account, id, content, { localId: "1" })),
    );
    expect(again).toEqual([first, first]);
    const batch = { messages: [{ localId: "1", content: "ZA==" }] };
    const v3 = await account.get(Heads, "POST", `/v3/sessions/${id}/messages`, batch);
    const { sessionId: _, content: __, ...head } = first;
    expect(v3).toEqual({ messages: [head] });
    // Another session has localIds of its own, and messages without one are never the same.
    expect((await newMessage(account, other.id, "x", { localId: "1" })).seq).toBe(1);
    for (const localId of [null, undefined]) {
      await newMessage(account, id, "same", { localId });
      await newMessage(account, id, "same", { localId });
    }
    const { messages } = await account.get(Messages, "GET", `/v1/sessions/${id}/messages`);
    expect(messages.map(({ seq }) => seq)).toEqual([5, 4, 3, 2, 1]);
    expect(kindsOf(await at.caughtUp())).toHaveLength(6);
    at.close();
  });

  it("are told to the account's people and to their session, and to nobody else", async () => {
    const account = await furnished();
    const { id } = account.session;
    const other = await newSession(account);
    const person = await account.connect();
    const io = await account.connectSocketIo({ clientType: "user-scoped" });
    const agent = await account.connect(`?clientType=session-scoped&sessionId=${id}`);
    const otherAgent = await account.connect(`?clientType=session-scoped&sessionId=${other.id}`);
    const machine = await account.connectSocketIo({
      clientType: "machine-scoped",
      machineId: account.machine.id,
    });
    const clients = [person, io, agent, otherAgent, machine];
    // REST skips nobody.
    const message = await newMessage(account, id, { t: "encrypted", c: "aGk=" });
    for (const client of clients) await client.caughtUp();
    expect(clients.map((client) => kindsOf(client))).toEqual([
      ["new-message"],
      ["new-message"],
      ["new-message"],
      [],
      [],
    ]);
    const { sessionId: _, ...told } = message;
    const [update] = person.updates;
    expect(update).toEqual({
      id: expect.any(String),
      seq: expect.any(Number),
      body: { t: "new-message", sid: id, message: told },
      createdAt: expect.any(Number),
    });
    expect([io.updates, agent.updates]).toEqual([[update], [update]]);
    for (const client of clients) client.close();
  });

  it.each([
    ["content", undefined, "content is missing"],
    ["localId", "", "localId"],
    ["localId", 1, "localId"],
    ["localId", "\ud83d", "localId"],
    ["localId", "x".repeat(SYNC_ID_MAX_LENGTH + 1), "localId"],
    ["content", "x".repeat(SYNC_CONTENT_MAX_LENGTH - 1), "content"],
    ["content", "\n".repeat(SYNC_CONTENT_MAX_LENGTH / 2), "content"],
    ["content", "\u4e00".repeat(SYNC_CONTENT_MAX_BYTES / 3), "content"],
  ])("are refused with a %s that is wrong", async (name, value, why) => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    const body = { content: "x", localId: "1", [name]: value };
    const path = `/v1/sessions/${id}/messages`;
    expect(await account.ask("POST", path, body)).toEqual(refused(400, why));
    expect(await account.get(Messages, "GET", path)).toEqual({ messages: [], hasMore: false });
  });

  it.each([
    ["content", "x".repeat(SYNC_CONTENT_MAX_LENGTH - 2)],
    ["content", "\u4e00".repeat(SYNC_CONTENT_MAX_BYTES / 3 - 1)],
    ["localId", "\u{1F600}".repeat(SYNC_ID_MAX_LENGTH / 2)],
  ])("have a %s up to its limit, and clients get them", async (name, value) => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    const [native, io] = [await account.connect(), await account.connectSocketIo()];
    const body = { content: "x", localId: "1", [name]: value };
    const message = await newMessage(account, id, body.content, { localId: body.localId });
    expect(message).toMatchObject(body);
    for (const client of [native, io]) {
      expect((await client.caughtUp()).updates[0]?.body).toMatchObject({ message: body });
      client.close();
    }
  });

  it("have a content of limited depth", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    const path = `/v1/sessions/${id}/messages`;
    const nested = (open: string, close: string, depth: number) =>
      `{"content":${open.repeat(depth)}0${close.repeat(depth)}}`;
    for (const [open, close] of [
      ["[", "]"],
      ['{"a":', "}"],
    ] as const) {
      const fits = nested(open, close, FRAME_DEPTH_MAX);
      expect((await account.ask("POST", path, fits))[0]).toBe(200);
      for (const depth of [FRAME_DEPTH_MAX + 1, 5_000, 150_000]) {
        const said = await account.ask("POST", path, nested(open, close, depth));
        expect(said, String(depth)).toEqual(refused(400, "levels"));
      }
    }
  });

  it("are listed newest first, at most 150", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    for (const first of [1, 101]) {
      const messages = Array.from({ length: first === 1 ? 100 : 60 }, (_, at) => ({
        localId: String(first + at),
        content: "aGk=",
      }));
      await account.get(Heads, "POST", `/v3/sessions/${id}/messages`, { messages });
    }
    const { messages } = await account.get(Messages, "GET", `/v1/sessions/${id}/messages`);
    expect(messages.map(({ seq }) => seq)).toEqual(
      Array.from({ length: SYNC_NEWEST_MAX }, (_, at) => 160 - at),
    );
  });

  it("come in pages, newest first (v2)", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    for (let at = 0; at < 5; at += 1) await newMessage(account, id, at);
    const page = (query: string) =>
      account.get(MessagePage, "GET", `/v2/sessions/${id}/messages${query}`);
    const first = await page("?limit=2");
    expect(first.messages.map(({ content }) => content)).toEqual([4, 3]);
    expect(first.nextCursor).toBe(`cursor_v1_${first.messages[1]?.id}`);
    await newMessage(account, id, 5);
    const second = await page(`?limit=2&cursor=${first.nextCursor}`);
    expect(second.messages.map(({ content }) => content)).toEqual([2, 1]);
    const last = await page(`?limit=2&cursor=${second.nextCursor}`);
    expect([last.messages.map(({ content }) => content), last.nextCursor]).toEqual([[0], null]);
    const all = await page("");
    expect(all.messages.map(({ seq }) => seq)).toEqual([6, 5, 4, 3, 2, 1]);
    // A cursor is compared with ids and not looked up.
    expect((await page("?cursor=cursor_v1_zzz")).messages).toEqual(all.messages);
    expect(await page(`?cursor=cursor_v1_${id}`)).toEqual({ messages: [], nextCursor: null });
  });

  it("are read after or before a number (v3)", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    for (let at = 1; at <= 5; at += 1) await newMessage(account, id, at);
    const path = `/v3/sessions/${id}/messages`;
    const range = async (query: string) => {
      const { messages, hasMore } = await account.get(Messages, "GET", `${path}${query}`);
      return [messages.map(({ seq }) => seq), hasMore];
    };
    expect(await range("")).toEqual([[1, 2, 3, 4, 5], false]);
    expect(await range("?after_seq=0&limit=2")).toEqual([[1, 2], true]);
    expect(await range("?after_seq=2&limit=3")).toEqual([[3, 4, 5], false]);
    expect(await range("?after_seq=5")).toEqual([[], false]);
    expect(await range("?after_seq=999999999999999")).toEqual([[], false]);
    expect(await range("?before_seq=5&limit=2")).toEqual([[4, 3], true]);
    expect(await range("?before_seq=3")).toEqual([[2, 1], false]);
    expect(await range("?before_seq=1")).toEqual([[], false]);
    for (const [query, why] of [
      ["?after_seq=0&before_seq=1", "not both"],
      ["?after_seq=-1", "after_seq must be a whole number from 0 on, of at most 15 digits"],
      ["?after_seq=1.5", "after_seq must be a whole number from 0 on"],
      ["?before_seq=-1", "before_seq must be a whole number from 1 on"],
      ["?after_seq=1&after_seq=2", "after_seq may be given only once"],
      ["?limit=1.5", "limit must be a whole number from 1 to 500"],
      ["?limit=1e2", "limit must be a whole number from 1 to 500"],
      ["?limit=501", "limit must be a whole number from 1 to 500"],
      ["?limit=5&limit=5", "limit may be given only once"],
      ["?after_seq=", "after_seq"],
      ["?after_seq=x", "after_seq"],
      ["?before_seq=0", "before_seq"],
      ["?before_seq=1e3", "before_seq"],
      ["?after_seq=9999999999999999", "after_seq"],
    ] as const) {
      expect(await account.ask("GET", `${path}${query}`)).toEqual(refused(400, why));
    }
  });

  it("are added by the hundred, and answered by number without contents (v3)", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    await newMessage(account, id, "known", { localId: "b" });
    const [native, io] = [await account.connect(), await account.connectSocketIo()];
    const path = `/v3/sessions/${id}/messages`;
    const wanted = ["c", "b", "a", "c"].map((localId) => ({
      localId,
      content: btoa(`of ${localId}`),
    }));
    const { messages } = await account.get(Heads, "POST", path, { messages: wanted });
    expect(messages.map(({ localId, seq }) => [localId, seq])).toEqual([
      ["b", 1],
      ["c", 2],
      ["a", 3],
    ]);
    const read = await account.get(Messages, "GET", `${path}?after_seq=1`);
    expect(read.messages.map(({ content }) => content)).toEqual([
      { t: "encrypted", c: btoa("of c") },
      { t: "encrypted", c: btoa("of a") },
    ]);
    // Only what is new is told.
    for (const client of [native, io]) {
      const told = (await client.caughtUp()).updates.map(({ body }) => body);
      expect(told).toMatchObject([{ message: { seq: 2 } }, { message: { seq: 3 } }]);
      client.close();
    }
    expect(await account.ask("POST", "/v3/sessions/none/messages", { messages: wanted })).toEqual(
      noSession,
    );
    expect(await account.ask("GET", "/v3/sessions/none/messages")).toEqual(noSession);
    expect(await account.ask("GET", "/v2/sessions/none/messages")).toEqual(noSession);
    expect(await account.ask("GET", "/v1/sessions/none/messages")).toEqual(noSession);
  });

  it("are refused together if one of them is wrong (v3)", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    const path = `/v3/sessions/${id}/messages`;
    const good = { localId: "good", content: "aGk=" };
    const wide = "\u4e00".repeat(SYNC_CONTENT_MAX_BYTES / 3);
    for (const messages of [
      undefined,
      [],
      {},
      Array.from({ length: SYNC_MESSAGES_ADDED_MAX + 1 }, (_, at) => ({
        localId: String(at),
        content: "aGk=",
      })),
      [good, { localId: "x" }],
      [good, { content: "aGk=" }],
      [good, { localId: null, content: "aGk=" }],
      [good, { localId: "x", content: "" }],
      [good, { localId: "x", content: { t: "encrypted", c: "x" } }],
      [good, { localId: "x".repeat(SYNC_ID_MAX_LENGTH + 1), content: "aGk=" }],
      [good, { localId: "x", content: "x".repeat(SYNC_CONTENT_MAX_LENGTH + 4) }],
      [good, { localId: "x", content: wide }],
      [good, { localId: "x", content: "\u0001".repeat(SYNC_CONTENT_MAX_LENGTH) }],
      [good, { localId: "x", content: "\ud83d" }],
      ...["not base64 !!", "aGk", "aGl=", "-_-_", " aGk=", "aGk=\n"].map((content) => [
        good,
        { localId: "x", content },
      ]),
    ]) {
      expect(await account.ask("POST", path, { messages })).toEqual(refused(400, "messages"));
    }
    expect(await account.get(Messages, "GET", path)).toEqual({ messages: [], hasMore: false });
  });

  it("of the largest size are read in as many parts as it takes", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    const most = { messages: [{ localId: "0", content: "x".repeat(SYNC_CONTENT_MAX_LENGTH) }] };
    const path = `/v3/sessions/${id}/messages`;
    await account.get(Heads, "POST", path, most);
    const count = Math.ceil((2 * SYNC_LIST_MAX_LENGTH) / SYNC_CONTENT_MAX_LENGTH);
    const content = "x".repeat(SYNC_CONTENT_MAX_LENGTH - 2);
    for (let at = 1; at < count; at += 1) {
      await newMessage(account, id, content, { localId: String(at) });
    }
    const fits = Math.floor(SYNC_LIST_MAX_LENGTH / SYNC_CONTENT_MAX_LENGTH);
    const newest = await account.get(Messages, "GET", `/v1/sessions/${id}/messages`);
    expect(newest.hasMore).toBe(true);
    expect(newest.messages.map(({ seq }) => seq)).toEqual(
      Array.from({ length: fits }, (_, at) => count - at),
    );
    const seen: number[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const query: string = cursor === "" ? "" : `?cursor=${cursor}`;
      const page: z.infer<typeof MessagePage> = await account.get(
        MessagePage,
        "GET",
        `/v2/sessions/${id}/messages${query}`,
      );
      seen.push(...page.messages.map(({ seq }) => seq));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(Array.from({ length: count }, (_, at) => count - at));
    const after: number[] = [];
    for (let isOver = false; !isOver;) {
      const query = `?after_seq=${after.at(-1) ?? 0}&limit=500`;
      const { messages, hasMore } = await account.get(Messages, "GET", `${path}${query}`);
      after.push(...messages.map(({ seq }) => seq));
      isOver = !hasMore;
    }
    expect(after).toEqual(seen.toReversed());
    // What is known already does not come back.
    const again = Array.from({ length: count }, (_, at) => ({
      localId: String(at),
      content: "aGk=",
    }));
    const heads = await account.get(Heads, "POST", path, { messages: again });
    expect(heads.messages.map(({ seq }) => seq)).toEqual(after);
  });
});

describe("the journal of an account (sync.md §0a)", () => {
  it("keeps so many updates, so many bytes, and for an hour", async () => {
    const account = await furnished();
    const { id } = account.session;
    const journal = async () =>
      (await env.USER_HUB.getByName(account.machine.accountId).inspect()).journal;
    const batch = (at: number) => ({
      messages: Array.from({ length: 100 }, (_, n) => ({ localId: `${at}-${n}`, content: "aGk=" })),
    });
    for (let at = 0; at < SYNC_JOURNAL_MAX_EVENTS / 100 + 1; at += 1) {
      await account.get(Heads, "POST", `/v3/sessions/${id}/messages`, batch(at));
    }
    expect((await journal()).events).toBe(SYNC_JOURNAL_MAX_EVENTS);
    const content = "x".repeat(SYNC_CONTENT_MAX_LENGTH - 2);
    for (let bytes = 0; bytes <= SYNC_JOURNAL_MAX_BYTES; bytes += content.length) {
      await newMessage(account, id, content);
    }
    const { bytes, events } = await journal();
    expect(bytes).toBeLessThanOrEqual(SYNC_JOURNAL_MAX_BYTES);
    expect(events).toBe(Math.floor(SYNC_JOURNAL_MAX_BYTES / SYNC_CONTENT_MAX_LENGTH));
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + SYNC_JOURNAL_MAX_AGE_MS + 1 });
    await newMessage(account, id, "an hour later");
    expect((await journal()).events).toBe(1);
    // The messages themselves are all there.
    const path = `/v3/sessions/${id}/messages?after_seq=0&limit=1`;
    expect((await account.get(Messages, "GET", path)).messages[0]?.seq).toBe(1);
  });
});
