import { describe, expect, it } from "vitest";
import type { z } from "zod";
import { ulidGenerator } from "../../../platform/ids.ts";
import {
  SYNC_ALIVE_QUIET_MS,
  SYNC_CONTENT_MAX_LENGTH,
  SYNC_ID_MAX_LENGTH,
  SYNC_INACTIVE_AFTER_MS,
  SYNC_STATE_MAX_BYTES,
  SYNC_STATE_MAX_LENGTH,
} from "../../../protocol/limits.ts";
import {
  SYNC_DIALECTS,
  SyncClient,
  type SyncDialect,
  whoHeard,
} from "../../../testing/sync-client.ts";
import { VirtualAccount } from "../../../testing/virtual-account.ts";
import { type MessageRange, SYNC_COMMANDS } from "../hub-commands.ts";

const NOT_FOUND = { result: "error", message: "Session not found" };
const INVALID = { result: "error", message: "Invalid parameters" };
const TOO_LONG = "s".repeat(SYNC_ID_MAX_LENGTH + 1);
/** Versions that are none. */
const NO_VERSIONS = [-1, 1.5, 1e300, "1", null, undefined, Number.MAX_SAFE_INTEGER + 1];

/** An account with a session and a client of each kind, of which one is for another session. */
class Sessions {
  readonly at = new VirtualAccount();
  id = "";
  other = "";

  async clients(dialect: SyncDialect = "native") {
    const { at } = this;
    this.id = await at.session("one");
    this.other = await at.session("two");
    await at.machine("m1");
    const connect = (about = {}): Promise<SyncClient> => SyncClient.connect(at, about, { dialect });
    const ofSession = (sessionId: string): Promise<SyncClient> =>
      connect({ clientType: "session-scoped", sessionId });
    const phone = await connect();
    const agent = await ofSession(this.id);
    const twin = await ofSession(this.id);
    const stranger = await ofSession(this.other);
    const machine = await connect({ clientType: "machine-scoped", machineId: "m1" });
    const all = { phone, agent, twin, stranger, machine };
    for (const one of Object.values(all)) one.forget();
    return { ...all, all };
  }
}

const types = (client: SyncClient): unknown[] => client.updates.map(({ t }) => t);

describe("sync.md §6.8 a session", () => {
  it.each(SYNC_DIALECTS)(
    "is told to user-scoped clients when it is created (%s)",
    async (dialect) => {
      const sessions = new Sessions();
      const { phone, all } = await sessions.clients(dialect);
      const { at } = sessions;
      const wanted = { metadata: "meta", agentState: "state", dataEncryptionKey: "AAAA" };
      const id = await at.session("three", wanted);
      const { now } = at.time;
      expect(phone.updates).toEqual([
        {
          t: "new-session",
          id,
          sid: id,
          seq: 0,
          metadata: "meta",
          metadataVersion: 1,
          agentState: "state",
          agentStateVersion: 1,
          dataEncryptionKey: "AAAA",
          active: true,
          activeAt: now,
          createdAt: now,
          updatedAt: now,
        },
      ]);
      expect(whoHeard(all)).toEqual(["phone"]);
    },
  );

  it("has the versions of the contract, and a repeated create finds it unchanged", async () => {
    const at = new VirtualAccount();
    const wanted = { tag: "t", metadata: "m", agentState: null, dataEncryptionKey: null };
    const session = await at.run(SYNC_COMMANDS.createSession, wanted);
    expect(session).toMatchObject({
      seq: 0,
      metadataVersion: 1,
      agentState: null,
      agentStateVersion: 0,
      dataEncryptionKey: null,
      active: true,
      lastMessage: null,
    });
    const phone = await SyncClient.connect(at);
    await at.time.pass(10);
    const again = { ...wanted, metadata: "other", agentState: "other", dataEncryptionKey: "AAAA" };
    expect(await at.run(SYNC_COMMANDS.createSession, again)).toEqual(session);
    expect(phone.updates).toEqual([]);
  });

  it.each(SYNC_DIALECTS)(
    "is told to all who are interested in it when it changes, its writer included (%s)",
    async (dialect) => {
      const sessions = new Sessions();
      const { phone, agent, twin, all } = await sessions.clients(dialect);
      const { id } = sessions;
      const metadata = { sid: id, metadata: "new", expectedVersion: 1 };
      expect(await agent.ask("update-metadata", metadata)).toEqual({
        result: "success",
        version: 2,
        metadata: "new",
      });
      expect(await agent.ask("update-metadata", { ...metadata, metadata: "late" })).toEqual({
        result: "version-mismatch",
        version: 2,
        metadata: "new",
      });
      const state = { sid: id, agentState: "busy", expectedVersion: 0 };
      expect(await phone.ask("update-state", state)).toEqual({
        result: "success",
        version: 1,
        agentState: "busy",
      });
      expect(await phone.ask("update-state", { ...state, agentState: null })).toEqual({
        result: "version-mismatch",
        version: 1,
        agentState: "busy",
      });
      const none = { sid: id, agentState: null, expectedVersion: 1 };
      expect(await twin.ask("update-state", none)).toEqual({
        result: "success",
        version: 2,
        agentState: null,
      });
      for (const one of [phone, agent, twin]) {
        expect(one.updates).toEqual([
          { t: "update-session", id, sid: id, metadata: { value: "new", version: 2 } },
          { t: "update-session", id, sid: id, agentState: { value: "busy", version: 1 } },
          { t: "update-session", id, sid: id, agentState: { value: null, version: 2 } },
        ]);
      }
      expect(whoHeard(all, "update")).toEqual(["phone", "agent", "twin"]);
      expect(await sessions.at.run(SYNC_COMMANDS.session, { id })).toMatchObject({
        metadata: "new",
        metadataVersion: 2,
        agentState: null,
        agentStateVersion: 2,
      });
    },
  );

  it.each(SYNC_DIALECTS)("has events for its person, which are not kept (%s)", async (dialect) => {
    const sessions = new Sessions();
    const { phone, agent, all } = await sessions.clients(dialect);
    const { at, id } = sessions;
    const event = { sessionId: id, kind: "permission", title: "May I?", body: "rm" };
    expect(await at.run(SYNC_COMMANDS.pushEvent, event)).toBe("no_tokens");
    const told = { type: "session-event", ...event, timestamp: at.time.now };
    expect([phone.ephemerals(), agent.ephemerals()]).toEqual([[told], [told]]);
    expect(whoHeard(all)).toEqual(["phone", "agent", "twin"]);
    const nobodys = { ...event, sessionId: "unknown" };
    expect(await at.run(SYNC_COMMANDS.pushEvent, nobodys)).toBeNull();
  });

  it.each(SYNC_DIALECTS)("that nobody has is answered with an error (%s)", async (dialect) => {
    const sessions = new Sessions();
    const { phone } = await sessions.clients(dialect);
    const at = { sid: "unknown", expectedVersion: 0 };
    expect(await phone.ask("update-metadata", { ...at, metadata: "m" })).toEqual(NOT_FOUND);
    expect(await phone.ask("update-state", { ...at, agentState: null })).toEqual(NOT_FOUND);
    expect(await phone.ask("session-end", { ...at, time: 1 })).toEqual({
      success: false,
      error: "Session not found",
    });
  });

  it("that changes from a version which is not there yet stays as it is", async () => {
    const sessions = new Sessions();
    const { phone, all } = await sessions.clients();
    const { id: sid } = sessions;
    const metadata = { result: "version-mismatch", version: 1, metadata: "m" };
    const state = { result: "version-mismatch", version: 0, agentState: null };
    for (const expectedVersion of [2, 1_000, Number.MAX_SAFE_INTEGER]) {
      const change = { sid, metadata: "n", agentState: "n", expectedVersion };
      expect(await phone.ask("update-metadata", change)).toEqual(metadata);
      expect(await phone.ask("update-state", change)).toEqual(state);
    }
    expect(whoHeard(all, "update")).toEqual([]);
  });

  it("takes only what the contract allows", async () => {
    const sessions = new Sessions();
    const { phone, all } = await sessions.clients();
    const { id } = sessions;
    const longest = "x".repeat(SYNC_STATE_MAX_LENGTH);
    // Few characters, but more bytes than half of a row has.
    const widest = "\u{4e2d}".repeat(SYNC_STATE_MAX_BYTES / 3);
    const good = { sid: id, metadata: "m", agentState: "m", expectedVersion: 1 };
    for (const bad of [
      null,
      "text",
      { ...good, sid: TOO_LONG },
      { ...good, sid: "" },
      { ...good, sid: 5 },
      { ...good, metadata: 5, agentState: 5 },
      { ...good, metadata: null, agentState: {} },
      { ...good, metadata: `${longest}x`, agentState: `${longest}x` },
      { ...good, metadata: widest, agentState: widest },
      ...NO_VERSIONS.map((expectedVersion) => ({ ...good, expectedVersion })),
    ]) {
      expect(await phone.ask("update-metadata", bad)).toEqual(INVALID);
      expect(await phone.ask("update-state", bad)).toEqual(INVALID);
    }
    expect(whoHeard(all, "update")).toEqual([]);
    expect(phone.socket.closedWith).toBeNull();
    for (const value of [longest, widest.slice(1), ""]) {
      const { metadataVersion, agentStateVersion } =
        (await sessions.at.run(SYNC_COMMANDS.session, { id })) ?? {};
      expect(
        await phone.ask("update-metadata", {
          sid: id,
          metadata: value,
          expectedVersion: metadataVersion,
        }),
      ).toMatchObject({ result: "success", metadata: value });
      expect(
        await phone.ask("update-state", {
          sid: id,
          agentState: value,
          expectedVersion: agentStateVersion,
        }),
      ).toMatchObject({ result: "success", agentState: value });
    }
    // Both of its longest states are told together when it is there again.
    await sessions.at.run(SYNC_COMMANDS.deleteSession, { id });
    // It has been sent more than a window, and time stands for its acknowledgement.
    await sessions.at.time.pass(1_000);
    phone.forget();
    expect(await sessions.at.session("one")).toBe(id);
    expect(types(phone)).toEqual(["new-session"]);
  });

  it("of the greatest size is created, and told", async () => {
    const at = new VirtualAccount();
    const phone = await SyncClient.connect(at);
    const widest = "\u{4e2d}".repeat(SYNC_STATE_MAX_BYTES / 3 - 1);
    await at.session("t", { metadata: widest, agentState: widest });
    expect(phone.updates).toMatchObject([{ metadata: widest, agentState: widest }]);
  });

  it("has changed with a message, its metadata, its state, and what is heard of it", async () => {
    const sessions = new Sessions();
    const { agent } = await sessions.clients();
    const { at, id: sid, other } = sessions;
    const beat = (id: string) => agent.say("session-alive", { sid: id, time: at.time.now });
    const messages = [{ localId: null, content: "m" }];
    const changes: readonly (readonly [string, (id: string) => Promise<unknown>])[] = [
      ["a message", (id) => agent.say("message", { sid: id, message: "m" })],
      [
        "a message of a request",
        (id) => at.run(SYNC_COMMANDS.addMessages, { sessionId: id, messages }),
      ],
      [
        "metadata",
        (id) => agent.ask("update-metadata", { sid: id, metadata: "n", expectedVersion: 1 }),
      ],
      [
        "state",
        (id) => agent.ask("update-state", { sid: id, agentState: "n", expectedVersion: 0 }),
      ],
      ["a beat", beat],
      ["its end", (id) => agent.say("session-end", { sid: id, time: at.time.now })],
      ["a beat after its end", beat],
      // The task that ends what was not heard of runs meanwhile.
      ["silence", () => at.time.pass(SYNC_INACTIVE_AFTER_MS)],
    ];
    for (const [what, change] of changes) {
      await at.time.pass(SYNC_ALIVE_QUIET_MS);
      // The other one is in front before.
      await agent.say("message", { sid: other, message: "m" });
      await at.time.pass(1);
      await change(sid);
      const all = { limit: 10, showsDeleted: true };
      const [first] = (await at.run(SYNC_COMMANDS.recentSessions, all)).rows;
      expect([what, first?.id]).toEqual([what, sid]);
    }
    expect(await at.run(SYNC_COMMANDS.session, { id: sid })).toMatchObject({ active: false });
  });

  it("is listed by its last change, in pages by its creation, and as active", async () => {
    const at = new VirtualAccount();
    const ids: string[] = [];
    for (const tag of ["a", "b", "c"]) {
      ids.push(await at.session(tag));
      await at.time.pass(10);
    }
    const [a = "", b = "", c = ""] = ids;
    expect(ids.toSorted()).toEqual(ids);
    const since = at.time.now;
    await at.time.pass(10);
    const phone = await SyncClient.connect(at);
    await phone.say("message", { sid: a, message: "x" });
    const named = (list: readonly { readonly id: string }[]): string[] => list.map(({ id }) => id);
    const all = { limit: 10, showsDeleted: true };
    expect(named((await at.run(SYNC_COMMANDS.recentSessions, all)).rows)).toEqual([a, c, b]);
    const page = { limit: 1, before: null, changedAfter: null, showsDeleted: true };
    const pageOf = async (more: object): Promise<unknown> => {
      const { rows, hasMore } = await at.run(SYNC_COMMANDS.pageOfSessions, { ...page, ...more });
      return [named(rows), hasMore];
    };
    expect(await pageOf({})).toEqual([[c], true]);
    expect(await pageOf({ before: c })).toEqual([[b], true]);
    expect(await pageOf({ before: b })).toEqual([[a], false]);
    expect(await pageOf({ changedAfter: since })).toEqual([[a], false]);
    await at.run(SYNC_COMMANDS.archiveSession, { id: b });
    const active = async (limit: number): Promise<unknown> => {
      const { rows, hasMore } = await at.run(SYNC_COMMANDS.activeSessions, { limit });
      return [named(rows), hasMore];
    };
    expect([await active(2), await active(1)]).toEqual([
      [[c, a], false],
      [[c], true],
    ]);
    const recent = async (limit: number): Promise<unknown> => {
      const { rows, hasMore } = await at.run(SYNC_COMMANDS.recentSessions, { ...all, limit });
      return [rows.length, hasMore];
    };
    expect([await recent(2), await recent(3)]).toEqual([
      [2, true],
      [3, false],
    ]);
  });
});

describe("sync.md §6.9 a message", () => {
  it.each(SYNC_DIALECTS)(
    "is told to all who are interested in its session, and not to its sender (%s)",
    async (dialect) => {
      const sessions = new Sessions();
      const { phone, agent, twin, all } = await sessions.clients(dialect);
      const { at, id } = sessions;
      const answer = await agent.ask("message", { sid: id, message: "aGk=", localId: "l1" });
      expect(answer).toBeUndefined();
      const { now } = at.time;
      const message = {
        id: expect.any(String),
        seq: 1,
        content: { t: "encrypted", c: "aGk=" },
        localId: "l1",
        createdAt: now,
        updatedAt: now,
      };
      for (const one of [phone, twin]) {
        expect(one.updates).toEqual([{ t: "new-message", sid: id, message }]);
      }
      expect(whoHeard(all)).toEqual(["phone", "twin"]);
      await phone.say("message", { sid: id, message: "aGk=" });
      expect(agent.updates).toMatchObject([{ message: { seq: 2, localId: null } }]);
      expect([types(phone), types(twin)]).toEqual([
        ["new-message"],
        ["new-message", "new-message"],
      ]);
    },
  );

  it("of a request is told to everybody, and may be any JSON", async () => {
    const sessions = new Sessions();
    const { agent, all } = await sessions.clients();
    const { at, id } = sessions;
    const contents = [{ a: [1] }, "text", 5, false, [], { t: "encrypted", c: "x" }];
    const messages = contents.map((content, i) => ({ localId: `l${i}`, content }));
    const added = await at.run(SYNC_COMMANDS.addMessages, { sessionId: id, messages });
    expect(whoHeard(all)).toEqual(["phone", "agent", "twin"]);
    const told = agent.updates.map(({ message }) => (message as { content: unknown }).content);
    expect(told).toEqual(contents);
    const range = { kind: "afterSeq", seq: 0 } as const;
    const listed = await at.run(SYNC_COMMANDS.messages, { sessionId: id, range, limit: 10 });
    expect(listed?.rows.map(({ content }) => content)).toEqual(contents);
    expect(listed?.rows.map(({ id: one }) => one)).toEqual(added?.map(({ id: one }) => one));
  });

  it("is added once by its localId, also inside one batch, and in each session for itself", async () => {
    const sessions = new Sessions();
    const { phone, agent } = await sessions.clients();
    const { at, id, other } = sessions;
    for (const message of ["first", "second"]) {
      await agent.say("message", { sid: id, message, localId: "l1" });
    }
    await agent.say("message", { sid: other, message: "elsewhere", localId: "l1" });
    const content = "third";
    const added = await at.run(SYNC_COMMANDS.addMessages, {
      sessionId: id,
      messages: [
        { localId: "l2", content },
        { localId: "l1", content },
        { localId: "l2", content: "again" },
        { localId: null, content },
        { localId: null, content },
      ],
    });
    expect(added?.map(({ seq }) => seq)).toEqual([2, 1, 2, 3, 4]);
    expect(added?.[2]).toEqual(added?.[0]);
    const range = { kind: "newest" } as const;
    const listed = await at.run(SYNC_COMMANDS.messages, { sessionId: id, range, limit: 10 });
    expect(listed?.rows.at(-1)?.content).toEqual({ t: "encrypted", c: "first" });
    expect(types(phone)).toHaveLength(5);
    expect(await at.run(SYNC_COMMANDS.session, { id })).toMatchObject({ seq: 4 });
    expect(await at.run(SYNC_COMMANDS.session, { id: other })).toMatchObject({ seq: 1 });
  });

  it("that is malformed, too long or for no session of the account is dropped", async () => {
    const sessions = new Sessions();
    const { phone, agent, twin } = await sessions.clients();
    const { at, id } = sessions;
    const around = JSON.stringify({ t: "encrypted", c: "" }).length;
    const longest = "x".repeat(SYNC_CONTENT_MAX_LENGTH - around);
    const good = { sid: id, message: "m", localId: "l" };
    for (const bad of [
      null,
      [],
      { ...good, sid: "unknown" },
      { ...good, sid: TOO_LONG },
      { ...good, message: 5 },
      { ...good, message: null },
      { ...good, message: `${longest}x` },
      // As JSON it is twice as long.
      { ...good, message: "\n".repeat(SYNC_CONTENT_MAX_LENGTH / 2) },
      // Few characters, but more bytes than a row has.
      { ...good, message: "\u{4e2d}".repeat(650_000) },
      { ...good, localId: TOO_LONG },
      { ...good, localId: 5 },
    ]) {
      expect(await agent.ask("message", bad)).toBeUndefined();
    }
    expect([agent.socket.closedWith, phone.updates]).toEqual([null, []]);
    await agent.say("message", { sid: id, message: longest, localId: "" });
    await agent.say("message", { sid: id, message: "", localId: "" });
    // An empty name is none: the second one is another message.
    expect(twin.updates.map(({ message }) => message)).toMatchObject([
      { seq: 1, localId: null, content: { c: longest } },
      { seq: 2, localId: null, content: { c: "" } },
    ]);
    expect(await at.run(SYNC_COMMANDS.session, { id })).toMatchObject({ seq: 2 });
  });

  it("is listed from both ends, one more than asked", async () => {
    const at = new VirtualAccount();
    const id = await at.session();
    const messages = [1, 2, 3, 4].map((content) => ({ localId: null, content }));
    const added = (await at.run(SYNC_COMMANDS.addMessages, { sessionId: id, messages })) ?? [];
    const list = async (range: object, limit = 1): Promise<unknown> => {
      const asked = { sessionId: id, range, limit } as never;
      return (await at.run(SYNC_COMMANDS.messages, asked))?.rows.map(({ seq }) => seq);
    };
    expect(await list({ kind: "newest" })).toEqual([4]);
    expect(await list({ kind: "beforeId", id: added[2]?.id }, 2)).toEqual([2, 1]);
    expect(await list({ kind: "afterSeq", seq: 2 }, 2)).toEqual([3, 4]);
    expect(await list({ kind: "beforeSeq", seq: 3 }, 5)).toEqual([2, 1]);
    const nowhere = { sessionId: "unknown", range: { kind: "newest" }, limit: 1 } as const;
    expect(await at.run(SYNC_COMMANDS.messages, nowhere)).toBeNull();
  });
});

describe("sync.md §4 pages of messages", () => {
  it("lose and repeat none, also where the clock has stepped back between two of them", async () => {
    const at = new VirtualAccount();
    const id = await at.session();
    const other = await at.session("other");
    const { sql } = at.hub.storage;
    for (const [seq, ms] of [5_000, 3_000, 4_000, 1_000, 6_000, 2_000].entries()) {
      for (const sessionId of [id, other]) {
        const messages = [{ localId: null, content: seq }];
        const added = await at.run(SYNC_COMMANDS.addMessages, { sessionId, messages });
        // As where the hub has woken in another process, with another clock.
        const made = ulidGenerator()(ms);
        sql.exec("UPDATE sync_messages SET id = ? WHERE id = ?", made, added?.[0]?.id ?? null);
      }
    }
    const seen: unknown[] = [];
    for (let before: string | null = null, hasMore = true; hasMore;) {
      const range: MessageRange = { kind: "beforeId", id: before };
      const page: z.output<typeof SYNC_COMMANDS.messages.output> = await at.run(
        SYNC_COMMANDS.messages,
        { sessionId: id, range, limit: 2 },
      );
      seen.push(...(page?.rows.map(({ content }) => content) ?? []));
      before = page?.rows.at(-1)?.id ?? null;
      hasMore = page?.hasMore === true;
    }
    expect(seen).toEqual([4, 0, 2, 1, 5, 3]);
    const plan = sql.exec(
      "EXPLAIN QUERY PLAN SELECT * FROM sync_messages WHERE sessionId = ? AND id < ? ORDER BY id DESC",
      id,
      "z",
    );
    expect(JSON.stringify(plan.toArray())).toMatch(
      /SEARCH .*PRIMARY KEY \(sessionId=\? AND id<\?\)/,
    );
  });
});

describe("sync.md §0b.6 a deleted session", () => {
  const LIST = { limit: 10, before: null, changedAfter: null };

  it("is told once, is hidden from lists, and can be read by its id", async () => {
    const sessions = new Sessions();
    const { phone, agent, all } = await sessions.clients();
    const { at, id, other } = sessions;
    await agent.say("message", { sid: id, message: "m" });
    for (const one of Object.values(all)) one.forget();
    for (let i = 0; i < 2; i += 1) {
      expect(await at.run(SYNC_COMMANDS.deleteSession, { id })).toBe(true);
    }
    expect(phone.updates).toEqual([{ t: "delete-session", id, sid: id }]);
    expect(whoHeard(all)).toEqual(["phone"]);
    expect(await at.run(SYNC_COMMANDS.deleteSession, { id: "unknown" })).toBe(false);
    const lists = async (showsDeleted: boolean): Promise<unknown[]> => {
      const recent = await at.run(SYNC_COMMANDS.recentSessions, { limit: 10, showsDeleted });
      const page = await at.run(SYNC_COMMANDS.pageOfSessions, { ...LIST, showsDeleted });
      return [recent.rows, page.rows].map((list) => list.map((one) => one.id).toSorted());
    };
    expect(await lists(false)).toEqual([[other], [other]]);
    expect(await lists(true)).toEqual([[id, other].toSorted(), [id, other].toSorted()]);
    const active = await at.run(SYNC_COMMANDS.activeSessions, { limit: 10 });
    expect(active.rows.map((one) => one.id)).toEqual([other]);
    expect(await at.run(SYNC_COMMANDS.session, { id })).toMatchObject({ id, active: false });
    const range = { kind: "newest" } as const;
    const messages = await at.run(SYNC_COMMANDS.messages, { sessionId: id, range, limit: 10 });
    expect(messages?.rows).toHaveLength(1);
  });

  it.each(SYNC_DIALECTS)("refuses whatever is written to it (%s)", async (dialect) => {
    const sessions = new Sessions();
    const { agent, all } = await sessions.clients(dialect);
    const { at, id } = sessions;
    await at.run(SYNC_COMMANDS.deleteSession, { id });
    const before = await at.run(SYNC_COMMANDS.session, { id });
    await at.time.pass(120_000);
    for (const one of Object.values(all)) one.forget();
    await agent.say("message", { sid: id, message: "m" });
    await agent.say("session-alive", { sid: id, time: at.time.now });
    const change = { sid: id, metadata: "n", agentState: "n", expectedVersion: 1 };
    expect(await agent.ask("update-metadata", change)).toEqual(NOT_FOUND);
    expect(await agent.ask("update-state", change)).toEqual(NOT_FOUND);
    expect(await agent.ask("session-end", { sid: id, time: 1 })).toMatchObject({ success: false });
    const content = "m";
    const messages = [{ localId: null, content }];
    expect(await at.run(SYNC_COMMANDS.addMessages, { sessionId: id, messages })).toBeNull();
    expect(await at.run(SYNC_COMMANDS.archiveSession, { id })).toBe(false);
    expect(whoHeard(all)).toEqual([]);
    expect(await at.run(SYNC_COMMANDS.session, { id })).toEqual(before);
  });

  it("is there again when it is created with its tag, as it was, active and told", async () => {
    const sessions = new Sessions();
    const { phone, agent } = await sessions.clients();
    const { at, id } = sessions;
    await agent.say("message", { sid: id, message: "m", localId: "l" });
    await agent.ask("update-metadata", { sid: id, metadata: "mine", expectedVersion: 1 });
    await at.run(SYNC_COMMANDS.deleteSession, { id });
    await at.time.pass(1_000);
    phone.forget();
    expect(await at.session("one", { metadata: "another" })).toBe(id);
    const { now } = at.time;
    expect(phone.updates).toMatchObject([
      {
        t: "new-session",
        id,
        seq: 1,
        metadata: "mine",
        metadataVersion: 2,
        active: true,
        activeAt: now,
        updatedAt: now,
      },
    ]);
    // Its beats count at once, and its messages go on.
    await agent.say("session-alive", { sid: id, time: now, thinking: true });
    expect(phone.ephemerals("activity")).toMatchObject([{ id, active: true, thinking: true }]);
    await agent.say("message", { sid: id, message: "m", localId: "l" });
    await agent.say("message", { sid: id, message: "m", localId: "l2" });
    expect(phone.updates.slice(1)).toMatchObject([{ message: { seq: 2 } }]);
  });
});
