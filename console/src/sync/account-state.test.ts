import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type AccountState,
  applyEphemeral,
  applyLists,
  applyUpdate,
  NOTHING,
  readMachine,
  readSession,
} from "./account-state.ts";

const NOW = 1_800_000_000_000;

/** A machine as the server lists it. */
const machineRow = (id: string, more: object = {}) => ({
  id,
  accountId: "a",
  metadata: `${id}-1`,
  metadataVersion: 1,
  dataEncryptionKey: null,
  daemonState: null,
  daemonStateVersion: 0,
  seq: 0,
  active: false,
  activeAt: NOW,
  lastActiveAt: NOW,
  createdAt: NOW,
  updatedAt: NOW,
  ...more,
});
const sessionRow = (id: string, more: object = {}) => ({
  id,
  seq: 0,
  metadata: `${id}-1`,
  metadataVersion: 1,
  agentState: null,
  agentStateVersion: 0,
  dataEncryptionKey: "a2V5",
  active: true,
  activeAt: NOW,
  createdAt: NOW,
  updatedAt: NOW,
  lastMessage: null,
  ...more,
});

function listed(
  { machines = [], sessions = [] }: { machines?: readonly object[]; sessions?: readonly object[] },
  before: AccountState = NOTHING,
): AccountState {
  return applyLists(
    before,
    machines.flatMap((row) => readMachine(row) ?? []),
    sessions.flatMap((row) => readSession(row) ?? []),
  );
}

const START = listed({ machines: [machineRow("m1")], sessions: [sessionRow("s1", { seq: 4 })] });
const updated = (...bodies: readonly unknown[]): AccountState => bodies.reduce(applyUpdate, START);
const told = (data: unknown): AccountState => applyEphemeral(START, data, NOW);

describe("lists", () => {
  it("are everything there is", () => {
    expect(NOTHING.known).toBe(false);
    expect(START.known).toBe(true);
    expect(START.machines.get("m1")).toEqual({
      id: "m1",
      metadata: "m1-1",
      metadataVersion: 1,
      dataEncryptionKey: null,
      active: false,
      activeAt: NOW,
      createdAt: NOW,
    });
    expect(START.sessions.get("s1")).toMatchObject({ seq: 4, active: true, thinking: false });
    const later = listed({ sessions: [sessionRow("s2")] }, START);
    expect([...later.machines.keys(), ...later.sessions.keys()]).toEqual(["s2"]);
  });

  it("do not say whether an agent works, so what was told before stays until it has ended", () => {
    const busy = told({ type: "activity", id: "s1", active: true, activeAt: NOW, thinking: true });
    const rows = (active: boolean) => ({ sessions: [sessionRow("s1", { active })] });
    expect(listed(rows(true), busy).sessions.get("s1")?.thinking).toBe(true);
    expect(listed(rows(false), busy).sessions.get("s1")?.thinking).toBe(false);
  });

  it.each([
    ["no object", 1],
    ["no id", machineRow("m", { id: 1 })],
    ["no metadata", machineRow("m", { metadata: null })],
    ["no version", machineRow("m", { metadataVersion: "1" })],
    ["no time", machineRow("m", { activeAt: null })],
  ])("leave out what has %s", (_, row) => {
    expect(readMachine(row)).toBeNull();
    expect(readSession(row)).toBeNull();
  });
});

describe("updates", () => {
  it("announce, change and delete machines", () => {
    const { id, ...rest } = machineRow("m2", { active: true });
    const announced = updated({ t: "new-machine", machineId: id, ...rest });
    expect([...announced.machines.keys()]).toEqual(["m1", "m2"]);
    const changed = applyUpdate(announced, {
      t: "update-machine",
      machineId: "m2",
      metadata: { value: "m2-2", version: 2 },
      active: false,
      activeAt: NOW + 5,
    });
    expect(changed.machines.get("m2")).toMatchObject({
      metadata: "m2-2",
      active: false,
      activeAt: NOW + 5,
    });
    const gone = applyUpdate(changed, { t: "delete-machine", machineId: "m2" });
    expect([...gone.machines.keys()]).toEqual(["m1"]);
  });

  it("announce, change and delete sessions, by either name of their id", () => {
    const state = updated({ t: "new-session", ...sessionRow("s2"), sid: "s2" });
    expect([...state.sessions.keys()]).toEqual(["s1", "s2"]);
    const metadata = { value: "s2-2", version: 2 };
    for (const name of ["id", "sid"]) {
      const changed = applyUpdate(state, { t: "update-session", [name]: "s2", metadata });
      expect(changed.sessions.get("s2")?.metadata).toBe("s2-2");
      const gone = applyUpdate(state, { t: "delete-session", [name]: "s2" });
      expect([...gone.sessions.keys()]).toEqual(["s1"]);
    }
  });

  it("count messages", () => {
    const message = (seq: number) => ({ t: "new-message", sid: "s1", message: { id: "x", seq } });
    expect(updated(message(5), message(6)).sessions.get("s1")?.seq).toBe(6);
    expect(updated(message(3)).sessions.get("s1")?.seq).toBe(4);
  });

  it("never go back to an older version", () => {
    const state = updated(
      { t: "update-session", id: "s1", metadata: { value: "s1-3", version: 3 } },
      { t: "update-session", id: "s1", metadata: { value: "s1-2", version: 2 } },
      { t: "new-session", ...sessionRow("s1") },
    );
    expect(state.sessions.get("s1")).toMatchObject({ metadata: "s1-3", seq: 4 });
  });

  it("announce again what has come back, as it is now", () => {
    const row = sessionRow("s1", { metadata: "s1-2", metadataVersion: 2, activeAt: NOW + 9 });
    expect(updated({ t: "new-session", ...row }).sessions.get("s1")).toMatchObject({
      metadata: "s1-2",
      activeAt: NOW + 9,
      seq: 4,
    });
  });

  it.each([
    null,
    "text",
    {},
    { t: "new-artifact", artifactId: "x" },
    { t: "new-session", id: "s9" },
    { t: "update-session", id: "s9", metadata: { value: "x", version: 9 } },
    { t: "update-session", id: "s1", agentState: { value: "x", version: 2 } },
    { t: "update-machine", machineId: "m1", metadata: { value: null, version: 2 } },
    { t: "new-message", sid: "s9", message: { seq: 1 } },
    { t: "new-message", sid: "s1", message: null },
  ])("of %j change nothing that is shown", (body) => {
    expect(updated(body)).toEqual(START);
  });
});

describe("what is told and not kept", () => {
  it("says whether machines are online", () => {
    const event = { type: "machine-activity", id: "m1", machineId: "m1", active: true };
    const state = told({ ...event, activeAt: NOW + 1 });
    expect(state.machines.get("m1")).toMatchObject({ active: true, activeAt: NOW + 1 });
  });

  it("is heard now, however slow the clock is that it names, and an end was when it was", () => {
    const beat = { type: "activity", id: "s1", active: true, activeAt: NOW - 90_000 };
    expect(told(beat).sessions.get("s1")?.activeAt).toBe(NOW);
    const end = { ...beat, active: false };
    expect(told(end).sessions.get("s1")?.activeAt).toBe(NOW - 90_000);
  });

  it("says whether agents run, and whether they work", () => {
    const activity = { type: "activity", id: "s1", activeAt: NOW + 1 };
    const busy = told({ ...activity, active: true, thinking: true });
    expect(busy.sessions.get("s1")).toMatchObject({ active: true, thinking: true });
    const ended = applyEphemeral(busy, { ...activity, active: false, thinking: true }, NOW);
    expect(ended.sessions.get("s1")).toMatchObject({ active: false, thinking: false });
  });

  it.each([
    1,
    { type: "usage", id: "s1" },
    { type: "activity", id: "s9", active: true, activeAt: 1 },
    { type: "machine-activity", id: "m9", active: true, activeAt: 1 },
    { type: "machine-activity", id: "m1", active: "yes", activeAt: "now" },
  ])("as %j changes nothing that is shown", (data) => {
    expect(told(data)).toEqual(START);
  });
});

it("events that the lists contain already change nothing in the end", () => {
  // The page reads the lists after it has connected, so it hears some things twice.
  const id = fc.constantFrom("s1", "s2", "s3");
  const event = fc.oneof(
    fc.record({ what: fc.constant("message" as const), id }),
    fc.record({ what: fc.constant("metadata" as const), id }),
    fc.record({ what: fc.constant("activity" as const), id, active: fc.boolean() }),
    fc.record({ what: fc.constant("delete" as const), id }),
    fc.record({ what: fc.constant("create" as const), id }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), fc.nat({ max: 30 }), (script, readAfter) => {
      const server = new FakeAccount();
      const events: (readonly ["update" | "ephemeral", object])[] = [];
      let rows: readonly object[] = [];
      script.forEach((step, n) => {
        if (n === readAfter) rows = server.rows();
        events.push(...server.run(step));
      });
      if (readAfter >= script.length) rows = server.rows();
      const shown = events.reduce(
        (state, [kind, data]) =>
          kind === "update" ? applyUpdate(state, data) : applyEphemeral(state, data, NOW),
        listed({ sessions: rows }),
      );
      const { sessions } = listed({ sessions: server.rows() });
      expect(Object.fromEntries(shown.sessions)).toEqual(Object.fromEntries(sessions));
    }),
  );
});

type Step =
  | { readonly what: "message" | "metadata" | "delete" | "create"; readonly id: string }
  | { readonly what: "activity"; readonly id: string; readonly active: boolean };

/** What the hub of an account does with sessions, and tells. */
class FakeAccount {
  readonly #sessions = new Map<string, ReturnType<typeof sessionRow> & { deleted: boolean }>();
  #now = NOW;

  rows(): readonly object[] {
    return [...this.#sessions.values()]
      .filter(({ deleted }) => !deleted)
      .map((row) => ({ ...row }));
  }

  run(step: Step): (readonly ["update" | "ephemeral", object])[] {
    const { id } = step;
    this.#now += 1;
    const session = this.#sessions.get(id);
    if (step.what === "create") {
      if (session?.deleted === false) return [];
      const row = {
        ...sessionRow(id, { activeAt: this.#now }),
        ...session,
        active: true,
        activeAt: this.#now,
        deleted: false,
      };
      this.#sessions.set(id, row);
      return [["update", { t: "new-session", ...row }]];
    }
    if (session === undefined || session.deleted) return [];
    switch (step.what) {
      case "message":
        session.seq += 1;
        return [["update", { t: "new-message", sid: id, message: { seq: session.seq } }]];
      case "metadata": {
        session.metadataVersion += 1;
        session.metadata = `${id}-${session.metadataVersion}`;
        const metadata = { value: session.metadata, version: session.metadataVersion };
        return [["update", { t: "update-session", id, metadata }]];
      }
      case "activity": {
        session.active = step.active;
        session.activeAt = this.#now;
        const { active, activeAt } = session;
        return [["ephemeral", { type: "activity", id, active, activeAt, thinking: false }]];
      }
      case "delete":
        session.deleted = true;
        session.active = false;
        return [["update", { t: "delete-session", id }]];
    }
  }
}
