import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { takeHubFailures } from "../../../testing/hub-failures.ts";
import { SYNC_DIALECTS, SyncClient } from "../../../testing/sync-client.ts";
import { VirtualAccount } from "../../../testing/virtual-account.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";

type Body = Readonly<Record<string, unknown>> & { readonly t: string };
type Versioned = { readonly value: string | null; readonly version: number };

/** Everything that an account's tables say, and its updates as well. */
type State = {
  readonly sessions: Record<string, Record<string, unknown>>;
  readonly machines: Record<string, Record<string, unknown>>;
  readonly artifacts: Record<string, Record<string, unknown>>;
  /** By session, in the order of their seq. */
  readonly messages: Record<string, unknown[]>;
  /** Values and versions of keys. */
  readonly kv: Record<string, Versioned>;
  settings: Versioned | null;
};

/** The state that a client gets who hears every update of the journal. */
function heardIn(at: VirtualAccount): State {
  const state: State = {
    sessions: {},
    machines: {},
    artifacts: {},
    messages: {},
    kv: {},
    settings: null,
  };
  for (const { payload } of at.hub.impl.host.store.readAfter(0, 10_000)) {
    const body = JSON.parse(payload) as Body;
    const sid = String(body["sid"]);
    const machineId = String(body["machineId"]);
    const artifactId = String(body["artifactId"]);
    const { seq, metadata, metadataVersion } = body;
    switch (body.t) {
      case "new-session": {
        const { agentState, agentStateVersion } = body;
        const isDeleted = false;
        const all = { seq, metadata, metadataVersion, agentState, agentStateVersion, isDeleted };
        state.sessions[sid] = all;
        state.messages[sid] ??= [];
        break;
      }
      case "update-session":
        Object.assign(state.sessions[sid] ?? {}, versions(body, ["metadata", "agentState"]));
        break;
      case "delete-session":
        Object.assign(state.sessions[sid] ?? {}, { isDeleted: true });
        break;
      case "new-message": {
        const message = body["message"] as { readonly seq: number };
        state.messages[sid]?.push(message);
        Object.assign(state.sessions[sid] ?? {}, { seq: message.seq });
        break;
      }
      case "new-machine": {
        const { daemonState, daemonStateVersion } = body;
        state.machines[machineId] = { metadata, metadataVersion, daemonState, daemonStateVersion };
        break;
      }
      case "update-machine":
        Object.assign(state.machines[machineId] ?? {}, versions(body, ["metadata", "daemonState"]));
        break;
      case "delete-machine":
        delete state.machines[machineId];
        break;
      case "new-artifact": {
        const { header, headerVersion, body: text, bodyVersion } = body;
        state.artifacts[artifactId] = { header, headerVersion, body: text, bodyVersion };
        break;
      }
      case "update-artifact":
        Object.assign(state.artifacts[artifactId] ?? {}, versions(body, ["header", "body"]));
        break;
      case "delete-artifact":
        delete state.artifacts[artifactId];
        break;
      case "kv-batch-update":
        for (const { key, ...rest } of body["changes"] as ({ key: string } & Versioned)[]) {
          state.kv[key] = rest;
        }
        break;
      case "update-account":
        state.settings = body["settings"] as Versioned;
        break;
      default:
        throw new Error(`nobody knows ${body.t}`);
    }
  }
  return state;
}

function versions(body: Body, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const one = body[name] as Versioned | undefined;
      return one === undefined
        ? []
        : [
            [name, one.value],
            [`${name}Version`, one.version],
          ];
    }),
  );
}

/** The state in the tables. */
function storedIn(at: VirtualAccount): State {
  const rows = (query: string): Record<string, SqlStorageValue>[] =>
    at.hub.storage.sql.exec(query).toArray();
  const byId = (query: string): State["sessions"] =>
    Object.fromEntries(rows(query).map(({ id, ...rest }) => [id as string, { ...rest }]));
  const sessions = byId(
    `SELECT id, seq, metadata, metadataVersion, agentState, agentStateVersion,
       deletedAt IS NOT NULL AS isDeleted FROM sync_sessions`,
  );
  for (const session of Object.values(sessions)) session["isDeleted"] = session["isDeleted"] === 1;
  const messages: State["messages"] = Object.fromEntries(
    Object.keys(sessions).map((id) => [id, []]),
  );
  for (const { sessionId, content, ...rest } of rows("SELECT * FROM sync_messages ORDER BY seq")) {
    const message = { ...rest, content: JSON.parse(content as string) as unknown };
    messages[sessionId as string]?.push(message);
  }
  const machines = byId(
    "SELECT id, metadata, metadataVersion, daemonState, daemonStateVersion FROM sync_machines",
  );
  const artifacts = byId("SELECT id, header, headerVersion, body, bodyVersion FROM sync_artifacts");
  const kv = Object.fromEntries(
    rows("SELECT key, value, version FROM sync_kv").map(({ key, ...rest }) => [
      key as string,
      { ...rest } as Versioned,
    ]),
  );
  const [settings] = rows("SELECT value, version FROM sync_settings");
  return {
    sessions,
    machines,
    artifacts,
    messages,
    kv,
    settings: settings === undefined ? null : ({ ...settings } as Versioned),
  };
}

/**
 * Makes a statement of `work` fail that writes, the one after so many others. Where a read fails the storage is gone,
 * and with it the object.
 * @returns whether `work` had so many
 */
async function failing(
  at: VirtualAccount,
  after: number,
  work: () => Promise<unknown>,
): Promise<boolean> {
  const { sql } = at.hub.storage;
  const exec = sql.exec.bind(sql);
  let statements = 0;
  const spy = vi.spyOn(sql, "exec").mockImplementation(((...given: Parameters<typeof exec>) => {
    if (!/^\s*(?:INSERT|UPDATE|DELETE)/.test(given[0])) return exec(...given);
    statements += 1;
    if (statements === after + 1) throw new Error("the disk is full");
    return exec(...given);
  }) as typeof exec);
  try {
    await work();
  } catch {
    // A request is told so.
  } finally {
    spy.mockRestore();
  }
  takeHubFailures();
  return statements > after;
}

describe("sync.md §0a each write and its update are one turn", () => {
  const wanted = { metadata: "m", agentState: "a", dataEncryptionKey: null };
  const machine = { metadata: "m", daemonState: "d", dataEncryptionKey: null };
  const artifact = { header: "aA==", body: "Yg==", dataEncryptionKey: "aw==" };

  it.each([
    ["a new session", (at: VirtualAccount) => at.session("new", wanted)],
    ["a session that is there again", (at: VirtualAccount) => at.session("gone", wanted)],
    [
      "a message",
      (at: VirtualAccount, id: string, by: SyncClient) =>
        by.say("message", { sid: id, message: "x", localId: "l" }),
    ],
    [
      "several messages",
      (at: VirtualAccount, id: string) =>
        at.run(SYNC_COMMANDS.addMessages, {
          sessionId: id,
          messages: ["l1", "l2", "l1"].map((localId) => ({ localId, content: localId })),
        }),
    ],
    [
      "a batch of keys",
      (at: VirtualAccount) =>
        at.run(SYNC_COMMANDS.kvChange, {
          mutations: ["a", "b", "c"].map((key) => ({ key, value: "YQ==", version: -1 })),
        }),
    ],
    [
      "settings",
      (at: VirtualAccount) => at.run(SYNC_COMMANDS.changeSettings, { value: "s", expected: 0 }),
    ],
    [
      "metadata",
      (at: VirtualAccount, id: string, by: SyncClient) =>
        by.ask("update-metadata", { sid: id, metadata: "n", expectedVersion: 1 }),
    ],
    [
      "an agent's state",
      (at: VirtualAccount, id: string, by: SyncClient) =>
        by.ask("update-state", { sid: id, agentState: "n", expectedVersion: 0 }),
    ],
    ["a deletion", (at: VirtualAccount, id: string) => at.run(SYNC_COMMANDS.deleteSession, { id })],
    [
      "a new machine",
      (at: VirtualAccount) => at.run(SYNC_COMMANDS.createMachine, { ...machine, id: "m2" }),
    ],
    [
      "a machine's state",
      (at: VirtualAccount, id: string, by: SyncClient) =>
        by.ask("machine-update-state", { machineId: "m1", daemonState: "n", expectedVersion: 0 }),
    ],
    [
      "a machine's status",
      (at: VirtualAccount) =>
        at.run(SYNC_COMMANDS.changeMachine, { id: "m1", metadata: "n", active: true }),
    ],
    [
      "the end of a machine",
      (at: VirtualAccount) => at.run(SYNC_COMMANDS.deleteMachine, { id: "m1" }),
    ],
    [
      "a new artifact",
      (at: VirtualAccount) => at.run(SYNC_COMMANDS.createArtifact, { ...artifact, id: "a2" }),
    ],
    [
      "an artifact's header and body",
      (at: VirtualAccount, _: string, by: SyncClient) => {
        const part = { data: "bmV3", expectedVersion: 1 };
        return by.ask("artifact-update", { artifactId: "a1", header: part, body: part });
      },
    ],
    [
      "the end of an artifact",
      (at: VirtualAccount) => at.run(SYNC_COMMANDS.deleteArtifact, { id: "a1" }),
    ],
  ])("whichever statement fails, and also if the hub dies after it: %s", async (_, work) => {
    let isLong = true;
    for (let after = 0; isLong; after += 1) {
      const at = new VirtualAccount();
      const id = await at.session("one");
      await at.machine("m1");
      await at.run(SYNC_COMMANDS.createArtifact, { ...artifact, id: "a1" });
      const gone = await at.session("gone");
      await at.run(SYNC_COMMANDS.deleteSession, { id: gone });
      const by = await SyncClient.connect(at);
      const phone = await SyncClient.connect(at);
      const before = storedIn(at);
      expect(heardIn(at)).toEqual(before);
      const { head } = at.hub.impl.host.store.extent();
      isLong = await failing(at, after, () => work(at, id, by));
      expect(heardIn(at)).toEqual(storedIn(at));
      // Nobody has heard what was not kept, and the others have heard what was.
      const kept = at.hub.impl.host.store.readAfter(head, 100);
      const seqs = phone.events("update").map(({ seq }) => seq);
      const forPhones = kept.filter(({ audience }) => audience?.includes("user"));
      expect(seqs).toEqual(forPhones.map(({ seq }) => seq));
      if (isLong) continue;
      expect(kept.length).toBeGreaterThan(0);
      // The last one was not disturbed. Now the process dies before it has said anything.
      const dying = new VirtualAccount();
      const sameId = await dying.session("one");
      await dying.machine("m1");
      await dying.run(SYNC_COMMANDS.createArtifact, { ...artifact, id: "a1" });
      await dying.run(SYNC_COMMANDS.deleteSession, { id: await dying.session("gone") });
      const other = await SyncClient.connect(dying);
      dying.hub.isMute = true;
      await work(dying, sameId, other);
      dying.hub.crash();
      expect(heardIn(dying)).toEqual(storedIn(dying));
      expect(Object.keys(storedIn(dying).sessions)).toHaveLength(
        Object.keys(storedIn(at).sessions).length,
      );
    }
  });
});

describe("sync.md §1 optimistic updates", () => {
  it("of 50 writers lose none, however they interleave", async () => {
    const WRITERS = 50;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(WRITERS - 1), { minLength: 50, maxLength: 200, size: "max" }),
        fc.nat(40),
        async (turns, sleepsEvery) => {
          const at = new VirtualAccount();
          const id = await at.session();
          await at.machine("m1");
          const phone = await SyncClient.connect(at);
          const writers = await Promise.all(
            Array.from({ length: WRITERS }, async (_, i) => ({
              mark: `${i},`,
              client: await SyncClient.connect(
                at,
                {},
                { dialect: SYNC_DIALECTS[i % 2] ?? "native" },
              ),
              /** What it knows of each value. Everybody begins with the first version. */
              known: new Map([
                ["update-metadata", { version: 1, value: "m" }],
                ["update-state", { version: 0, value: "" }],
                ["machine-update-metadata", { version: 1, value: "m" }],
                ["machine-update-state", { version: 0, value: "" }],
              ]),
            })),
          );
          /** One try of a writer with what it knows, which others may have changed since. */
          const write = async (i: number, event: string): Promise<boolean> => {
            const writer = writers[i];
            const known = writer?.known.get(event);
            if (writer === undefined || known === undefined) return true;
            const member = event.endsWith("metadata")
              ? "metadata"
              : event.startsWith("machine")
                ? "daemonState"
                : "agentState";
            const value = known.value + writer.mark;
            const about = event.startsWith("machine") ? { machineId: "m1" } : { sid: id };
            const data = { ...about, [member]: value, expectedVersion: known.version };
            const came = (await writer.client.ask(event, data)) as {
              readonly result: string;
              readonly version: number;
              readonly [member: string]: string | number | null;
            };
            if (came.result === "success") {
              writer.known.delete(event);
              return true;
            }
            expect(came.result).toBe("version-mismatch");
            const now = `${came[member] ?? ""}`;
            writer.known.set(event, { version: came.version, value: now });
            return false;
          };
          const events = ["update-metadata", "update-state", "machine-update-state"];
          let count = 0;
          for (const turn of turns) {
            count += 1;
            await write(turn, events[count % events.length] ?? "");
            if (sleepsEvery > 0 && count % sleepsEvery === 0) await at.sleep();
          }
          for (const event of [...events, "machine-update-metadata"]) {
            for (let i = 0; i < WRITERS; i += 1) {
              while (!(await write(i, event))) {
                // It knows the newest version now.
              }
            }
          }
          const marks = (text: string | null | undefined): string[] =>
            (text ?? "")
              .replace(/^m/, "")
              .split(",")
              .slice(0, -1)
              .toSorted((a, b) => +a - +b);
          const all = Array.from({ length: WRITERS }, (_, i) => String(i));
          const session = await at.run(SYNC_COMMANDS.session, { id });
          const machine = await at.run(SYNC_COMMANDS.machine, { id: "m1" });
          expect(marks(session?.metadata)).toEqual(all);
          expect(marks(session?.agentState)).toEqual(all);
          expect(marks(machine?.daemonState)).toEqual(all);
          expect(marks(machine?.metadata)).toEqual(all);
          expect(session).toMatchObject({ metadataVersion: 51, agentStateVersion: 50 });
          expect(machine).toMatchObject({ metadataVersion: 51, daemonStateVersion: 50 });
          // Each was told once, in order.
          const told = phone.updates.flatMap(({ metadata }) =>
            metadata === undefined ? [] : [(metadata as Versioned).version],
          );
          expect(told).toHaveLength(2 * WRITERS);
          const seqs = phone.events("update").map(({ seq }) => Number(seq));
          expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
          expect(new Set(seqs).size).toBe(4 * WRITERS);
          expect(heardIn(at)).toEqual(storedIn(at));
        },
      ),
      { numRuns: 10 },
    );
  });
});

describe("sync.md §0a the numbers of an account", () => {
  const localId = fc.option(fc.constantFrom("a", "b", "c"), { nil: null });
  const step = fc.oneof(
    fc.record({ do: fc.constant("say" as const), session: fc.nat(1), by: fc.nat(2), localId }),
    fc.record({
      do: fc.constant("add" as const),
      session: fc.nat(1),
      localIds: fc.array(localId, { maxLength: 5 }),
    }),
    fc.record({ do: fc.constant("delete" as const), session: fc.nat(1) }),
    fc.record({ do: fc.constant("create" as const), session: fc.nat(1) }),
    fc.record({ do: fc.constant("change" as const), session: fc.nat(1), version: fc.nat(3) }),
    fc.record({ do: fc.constant("sleep" as const) }),
    fc.record({ do: fc.constant("crash" as const) }),
    fc.record({ do: fc.constant("fail" as const), session: fc.nat(1), after: fc.nat(12) }),
  );

  it("have no gap in a session and rise in the account, whatever fails, sleeps or dies", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: "max" }), async (steps) => {
        const at = new VirtualAccount();
        const tags = ["one", "two"] as const;
        const ids = [await at.session("one"), await at.session("two")];
        const id = (session: number): string => ids[session] ?? "";
        /** Two phones that write, and one that only hears. They come back when they are closed. */
        const phones: SyncClient[] = [];
        const phone = async (by: number): Promise<SyncClient> => {
          const known = phones[by];
          if (known !== undefined && known.socket.closedWith === null) return known;
          const came = await SyncClient.connect(
            at,
            {},
            { dialect: SYNC_DIALECTS[by % 2] ?? "native" },
          );
          phones[by] = came;
          return came;
        };
        let since = at.hub.impl.host.store.extent().head;
        let listener = await SyncClient.connect(at);
        /** It has heard everything since it has come, once and in order. */
        const checkListener = (): void => {
          const expected = at.hub.impl.host.store.readAfter(since, 1_000);
          expect(listener.events("update")).toEqual(
            expected.map(({ id: entry, seq, payload, ts }) => ({
              id: entry,
              seq,
              body: JSON.parse(payload) as unknown,
              createdAt: ts,
            })),
          );
        };
        for (const one of steps) {
          switch (one.do) {
            case "say": {
              const by = await phone(one.by);
              const data = { sid: id(one.session), message: "x", localId: one.localId };
              await by.say("message", data);
              break;
            }
            case "add": {
              const messages = one.localIds.map((local) => ({ localId: local, content: local }));
              const sessionId = id(one.session);
              const added = await at.run(SYNC_COMMANDS.addMessages, { sessionId, messages });
              if (added === null) break;
              expect(added.map((message) => message.localId)).toEqual(one.localIds);
              break;
            }
            case "delete":
              await at.run(SYNC_COMMANDS.deleteSession, { id: id(one.session) });
              break;
            case "create":
              expect(await at.session(tags[one.session])).toBe(id(one.session));
              break;
            case "change": {
              const by = await phone(0);
              const about = { sid: id(one.session), expectedVersion: one.version };
              await by.ask("update-metadata", { ...about, metadata: "n" });
              break;
            }
            case "sleep":
              await at.sleep();
              break;
            case "crash":
              checkListener();
              at.hub.crash();
              since = at.hub.impl.host.store.extent().head;
              listener = await SyncClient.connect(at);
              break;
            case "fail": {
              const messages = ["a", "f", null].map((local) => ({ localId: local, content: 1 }));
              const sessionId = id(one.session);
              await failing(at, one.after, () =>
                at.run(SYNC_COMMANDS.addMessages, { sessionId, messages }),
              );
            }
          }
          const stored = storedIn(at);
          expect(heardIn(at)).toEqual(stored);
          for (const [sid, messages] of Object.entries(stored.messages)) {
            const seqs = messages.map((message) => (message as { seq: number }).seq);
            expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, i) => i + 1));
            expect(stored.sessions[sid]?.["seq"]).toBe(seqs.length);
            const names = messages.flatMap(
              (message) => (message as { localId: unknown }).localId ?? [],
            );
            expect(new Set(names).size).toBe(names.length);
          }
        }
        checkListener();
      }),
      { numRuns: 60 },
    );
  });
});
