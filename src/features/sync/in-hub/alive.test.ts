import { describe, expect, it, vi } from "vitest";
import {
  SYNC_ALIVE_EVERY_MS,
  SYNC_ALIVE_QUIET_MS,
  SYNC_INACTIVE_AFTER_MS,
  SYNC_UNHEARD_MS,
} from "../../../protocol/limits.ts";
import { SyncClient } from "../../../testing/sync-client.ts";
import { VirtualAccount } from "../../../testing/virtual-account.ts";
import { NATIVE_PING } from "../dialects/native.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";

/** An account with a session, a machine, and a phone that hears of them. */
class Alive {
  readonly at = new VirtualAccount();
  id = "";
  #phone: SyncClient | null = null;

  async begin(): Promise<{ readonly phone: SyncClient; readonly agent: SyncClient }> {
    this.id = await this.at.session();
    await this.at.machine("m1");
    const phone = await SyncClient.connect(this.at);
    this.#phone = phone;
    const agent = await this.agent();
    const machine = await this.ofMachine();
    await machine.say("anything");
    phone.forget();
    return { phone, agent };
  }

  ofMachine(): Promise<SyncClient> {
    return SyncClient.connect(this.at, { clientType: "machine-scoped", machineId: "m1" });
  }

  agent(): Promise<SyncClient> {
    return SyncClient.connect(this.at, { clientType: "session-scoped", sessionId: this.id });
  }

  /** Sends a beat of the session. @returns what the phone is told of it */
  async beat(from: SyncClient, more: object = {}): Promise<unknown[]> {
    this.#phone?.forget();
    await from.say("session-alive", { sid: this.id, time: this.at.time.now, ...more });
    return this.#phone?.ephemerals("activity") ?? [];
  }

  async machineBeat(from: SyncClient, more: object = {}): Promise<unknown[]> {
    this.#phone?.forget();
    await from.say("machine-alive", { machineId: "m1", time: this.at.time.now, ...more });
    return this.#phone?.ephemerals("machine-activity") ?? [];
  }

  get session() {
    return this.at.run(SYNC_COMMANDS.session, { id: this.id });
  }

  get machine() {
    return this.at.run(SYNC_COMMANDS.machine, { id: "m1" });
  }

  /** Counts the rows of sync and the tasks that are written meanwhile: the engine has metrics and counts besides. */
  rowsWritten(work: () => Promise<void>): Promise<number> {
    return this.#rowsWritten(work, /\bsync_|"?sync\//);
  }

  /** Counts all rows but those of the engine's metrics. */
  allRowsWritten(work: () => Promise<void>): Promise<number> {
    return this.#rowsWritten(work, /^\s*(?:INSERT|UPDATE|DELETE)(?!.*hub\/meter)/s);
  }

  async #rowsWritten(work: () => Promise<void>, counted: RegExp): Promise<number> {
    const { sql } = this.at.hub.storage;
    const exec = sql.exec.bind(sql);
    let rows = 0;
    const spy = vi.spyOn(sql, "exec").mockImplementation(((...given: Parameters<typeof exec>) => {
      const cursor = exec(...given);
      if (counted.test(given.join(" "))) rows += cursor.rowsWritten;
      return cursor;
    }) as typeof exec);
    await work();
    spy.mockRestore();
    return rows;
  }
}

describe("sync.md §6.9 a beat of a session", () => {
  it("is told to user-scoped clients, with what it says", async () => {
    const alive = new Alive();
    const { agent } = await alive.begin();
    const { id } = alive;
    const at = { type: "activity", id, sid: id, active: true, activeAt: alive.at.time.now };
    expect(await alive.beat(agent, { thinking: true, mode: "local" })).toEqual([
      { ...at, thinking: true },
    ]);
    expect(agent.ephemerals()).toEqual([]);
    for (const nothing of [{ thinking: null, mode: null }, {}]) {
      expect(await alive.beat(agent, { thinking: true })).toHaveLength(1);
      expect(await alive.beat(agent, nothing)).toEqual([{ ...at, thinking: false }]);
    }
  });

  it("is told when it changes something or is the first after a connect, else once in 30 s", async () => {
    const alive = new Alive();
    const { agent } = await alive.begin();
    const told = async (more = {}): Promise<boolean> => (await alive.beat(agent, more)).length > 0;
    expect(await told()).toBe(true);
    expect(await told()).toBe(false);
    expect([await told({ thinking: true }), await told({ thinking: true })]).toEqual([true, false]);
    expect([await told({ mode: "a" }), await told({ mode: "a" })]).toEqual([true, false]);
    await alive.at.time.pass(SYNC_ALIVE_EVERY_MS - 1);
    expect(await told({ mode: "a" })).toBe(false);
    await alive.at.time.pass(1);
    expect([await told({ mode: "a" }), await told({ mode: "a" })]).toEqual([true, false]);
    // Another connection of the session: over all of them it is judged once, but its first beat counts.
    const twin = await alive.agent();
    expect(await alive.beat(twin, { mode: "a" })).toHaveLength(1);
    expect(await told({ mode: "a" })).toBe(false);
    await alive.at.sleep();
    expect(await told({ mode: "a" })).toBe(true);
  });

  it("writes at most one row in 30 s, whatever changes and however wrong its clock is", async () => {
    for (const late of [0, SYNC_ALIVE_EVERY_MS + 1_000, 5 * 60_000, -60_000]) {
      const alive = new Alive();
      const { agent } = await alive.begin();
      const minutes = 5;
      const rows = await alive.rowsWritten(async () => {
        for (let ms = 0; ms < minutes * 60_000; ms += 2_000) {
          const thinking = ms % 4_000 === 0;
          await alive.beat(agent, { time: alive.at.time.now - late, thinking });
          await alive.at.time.pass(2_000);
          // The hub remembers nothing for ever.
          if (ms % 50_000 === 0) await alive.at.sleep();
        }
      });
      // One for the task that looks for quiet ones.
      expect(rows).toBeLessThanOrEqual(minutes * 2 + 2);
      const session = await alive.session;
      expect(alive.at.time.now - Math.max(0, late) - (session?.activeAt ?? 0)).toBeLessThanOrEqual(
        SYNC_ALIVE_EVERY_MS + 2_000,
      );
    }
  });

  it("of a slow clock takes back nothing that was heard before", async () => {
    const alive = new Alive();
    const { agent } = await alive.begin();
    const before = await alive.session;
    const [told] = await alive.beat(agent, { time: alive.at.time.now - 60_000, thinking: true });
    expect(told).toMatchObject({ activeAt: before?.activeAt });
    expect(await alive.session).toEqual(before);
  });

  it("counts as now if it is of the future, and not at all if it is 10 minutes old", async () => {
    const alive = new Alive();
    const { agent } = await alive.begin();
    await alive.at.time.pass(60_000);
    const { now } = alive.at.time;
    expect(await alive.beat(agent, { time: now + 1e9 })).toMatchObject([{ activeAt: now }]);
    expect(await alive.session).toMatchObject({ activeAt: now });
    for (const time of [now - SYNC_INACTIVE_AFTER_MS, 0, -1, -1e300]) {
      expect(await alive.beat(agent, { time, thinking: true })).toEqual([]);
    }
    expect(await alive.beat(agent, { time: now - 0.5, thinking: true })).toMatchObject([
      { activeAt: now },
    ]);
  });

  it("that is malformed, or of no session of the account, is dropped", async () => {
    const alive = new Alive();
    const { agent } = await alive.begin();
    for (const bad of [
      { sid: "unknown" },
      { sid: "s".repeat(129) },
      { sid: 5 },
      { time: "now" },
      { time: null },
      { thinking: "yes" },
      { mode: "m".repeat(65) },
    ]) {
      expect(await alive.beat(agent, bad)).toEqual([]);
    }
    for (const data of [null, [], "text"]) await agent.say("session-alive", data);
    expect(agent.socket.closedWith).toBeNull();
    expect(await alive.beat(agent)).toHaveLength(1);
  });

  it("with a time that is no whole number is kept as one, and so is an end", async () => {
    const alive = new Alive();
    const { agent } = await alive.begin();
    await alive.at.time.pass(SYNC_ALIVE_EVERY_MS);
    await alive.beat(agent, { time: alive.at.time.now - 0.5 });
    expect(await alive.session).toMatchObject({ activeAt: alive.at.time.now - 1 });
    await agent.say("session-end", { sid: alive.id, time: alive.at.time.now - 0.5 });
    expect(await alive.session).toMatchObject({ active: false, activeAt: alive.at.time.now - 1 });
  });
});

describe("sync.md §0b.14 a session that has ended", () => {
  it("is told, answered, and inactive", async () => {
    const alive = new Alive();
    const { phone, agent } = await alive.begin();
    await alive.at.time.pass(1_000);
    const { now } = alive.at.time;
    const activeAt = now - 5;
    const end = { sid: alive.id, time: activeAt };
    expect(await agent.ask("session-end", end)).toEqual({ success: true, activeAt });
    const about = { type: "activity", id: alive.id, sid: alive.id };
    expect(phone.ephemerals()).toEqual([{ ...about, active: false, activeAt, thinking: false }]);
    expect(await alive.session).toMatchObject({ active: false, activeAt, updatedAt: now });
    expect(phone.updates).toEqual([]);
    expect(await agent.ask("session-end", { ...end, time: now + 1e9 })).toMatchObject({
      activeAt: now,
    });
    // What was heard later stays.
    for (const time of [0, -1e300]) {
      expect(await agent.ask("session-end", { ...end, time })).toMatchObject({ activeAt: now });
    }
    for (const bad of [null, {}, { ...end, time: "now" }, { ...end, sid: 5 }]) {
      expect(await agent.ask("session-end", bad)).toMatchObject({ success: false });
    }
  });

  it.each(["session-end", "archive", "delete"])(
    "by %s is not revived by beats of the next 60 s, also after a sleep",
    async (how) => {
      const alive = new Alive();
      const { agent } = await alive.begin();
      const { id } = alive;
      if (how === "session-end") await agent.say(how, { sid: id, time: alive.at.time.now });
      if (how === "archive") await alive.at.run(SYNC_COMMANDS.archiveSession, { id });
      if (how === "delete") await alive.at.run(SYNC_COMMANDS.deleteSession, { id });
      const ended = alive.at.time.now;
      /** A beat so long after the end. */
      const beatAfter = async (ms: number): Promise<unknown[]> => {
        await alive.at.time.pass(ended + ms - alive.at.time.now);
        return alive.beat(agent, { thinking: ms > 10 });
      };
      expect(await beatAfter(0)).toEqual([]);
      await alive.at.sleep();
      expect(await beatAfter(SYNC_ALIVE_QUIET_MS - 1)).toEqual([]);
      expect(await alive.session).toMatchObject({ active: false });
      const revives = how !== "delete";
      expect(await beatAfter(SYNC_ALIVE_QUIET_MS)).toHaveLength(revives ? 1 : 0);
      expect(await alive.session).toMatchObject({ active: revives });
    },
  );

  it("is heard of at once when it is created again with its tag", async () => {
    const alive = new Alive();
    const { agent } = await alive.begin();
    await alive.at.run(SYNC_COMMANDS.archiveSession, { id: alive.id });
    expect(await alive.beat(agent)).toEqual([]);
    expect(await alive.at.session()).toBe(alive.id);
    expect(await alive.session).toMatchObject({ active: false });
    expect(await alive.beat(agent)).toMatchObject([{ active: true }]);
    expect(await alive.session).toMatchObject({ active: true });
  });
});

describe("sync.md §6.9 a beat of a machine", () => {
  it("is told once in 30 s, and when the machine was inactive, and writes as rarely", async () => {
    const alive = new Alive();
    const { agent } = await alive.begin();
    await alive.at.time.pass(1);
    const { now } = alive.at.time;
    expect(await alive.machineBeat(agent)).toEqual([
      { type: "machine-activity", id: "m1", machineId: "m1", active: true, activeAt: now },
    ]);
    expect(await alive.machineBeat(agent)).toEqual([]);
    await alive.at.run(SYNC_COMMANDS.changeMachine, { id: "m1", active: false });
    expect(await alive.machineBeat(agent)).toHaveLength(1);
    expect(await alive.machine).toMatchObject({ active: true });
    const rows = await alive.rowsWritten(async () => {
      for (let ms = 0; ms < 5 * 60_000; ms += 20_000) {
        await alive.machineBeat(agent, { time: alive.at.time.now - 5 * 60_000 });
        await alive.at.time.pass(20_000);
      }
    });
    expect(rows).toBeLessThanOrEqual(1);
    for (const bad of [{ machineId: "unknown" }, { machineId: 5 }, { time: "now" }, { time: 0 }]) {
      expect(await alive.machineBeat(agent, bad)).toEqual([]);
    }
    expect(agent.socket.closedWith).toBeNull();
  });
});

describe("sync.md §0a a beat that wakes the hub", () => {
  it("writes one row, and nothing for the wake or the task that is scheduled already", async () => {
    const alive = new Alive();
    const { agent } = await alive.begin();
    await alive.beat(agent);
    for (let beats = 1; beats <= 5; beats += 1) {
      await alive.at.time.pass(SYNC_ALIVE_EVERY_MS);
      const isOfSession = beats % 2 === 0;
      const rows = await alive.allRowsWritten(async () => {
        await alive.at.sleep();
        await (isOfSession ? alive.beat(agent) : alive.machineBeat(agent));
      });
      expect(rows).toBe(1);
    }
  });
});

describe("HUB-30 a machine whose client has sent nothing since it connected", () => {
  /** An account with a phone and a machine that is connected, and what the phone is told of the machine. */
  async function begin() {
    const alive = new Alive();
    await alive.at.machine("m1");
    await alive.at.run(SYNC_COMMANDS.changeMachine, { id: "m1", active: false });
    const phone = await SyncClient.connect(alive.at);
    const told = (): unknown[] => phone.ephemerals("machine-activity").map(({ active }) => active);
    const machine = await alive.ofMachine();
    expect(told()).toEqual([true]);
    return { alive, at: alive.at, phone, machine, told };
  }

  it.each(["", ", also after a sleep"])(
    "is inactive a minute later, and that is told%s",
    async (how) => {
      const { alive, at, machine, told } = await begin();
      if (how !== "") await at.sleep();
      await at.time.pass(SYNC_UNHEARD_MS - 500);
      expect(told()).toEqual([true]);
      await at.time.pass(1_000);
      expect(told()).toEqual([true, false]);
      expect(await alive.machine).toMatchObject({ active: false });
      // It was there: it is served on, and its beat counts.
      await alive.machineBeat(machine);
      expect(told()).toEqual([true, false, true]);
      // Nothing is left to look at.
      await at.time.pass(5 * SYNC_UNHEARD_MS);
      expect(told()).toEqual([true, false, true]);
      await machine.leave("lost");
      expect(told()).toEqual([true, false, true, false]);
    },
  );

  it.each([
    ["its client pings", ({ machine }) => machine.frame(NATIVE_PING.request)],
    ["its client says anything", ({ machine }) => machine.say("anything")],
    ["another client of it is heard", async ({ alive }) => (await alive.ofMachine()).say("hello")],
    [
      "somebody else beats for it",
      async ({ alive, at, phone }) => {
        await at.time.pass(SYNC_ALIVE_EVERY_MS);
        await alive.machineBeat(phone);
      },
    ],
  ] satisfies [string, (world: Awaited<ReturnType<typeof begin>>) => Promise<void>][])(
    "stays active if %s",
    async (_, does) => {
      const world = await begin();
      await does(world);
      await world.at.time.pass(2 * SYNC_UNHEARD_MS);
      expect(await world.alive.machine).toMatchObject({ active: true });
      expect(world.told()).not.toContain(false);
    },
  );

  it("is inactive as soon, however many of its clients have connected one after another", async () => {
    const { alive, at, told } = await begin();
    for (let i = 0; i < 10; i += 1) {
      await at.time.pass(500);
      await alive.ofMachine();
    }
    await at.time.pass(SYNC_UNHEARD_MS + 2_000);
    expect(told().filter((active) => active === false)).toHaveLength(1);
    expect(await alive.machine).toMatchObject({ active: false });
  });

  it("is looked at, too, if it connected while others were waiting to be looked at", async () => {
    const { alive, at, told } = await begin();
    await at.machine("m2");
    await at.run(SYNC_COMMANDS.changeMachine, { id: "m2", active: false });
    await at.time.pass(SYNC_UNHEARD_MS / 2);
    await SyncClient.connect(at, { clientType: "machine-scoped", machineId: "m2" });
    await at.time.pass(2 * SYNC_UNHEARD_MS);
    expect(told().filter((active) => active === false)).toHaveLength(2);
    expect(await alive.machine).toMatchObject({ active: false });
  });

  it("wakes the hub once, and not at all if the Worker is behind its socket", async () => {
    const { at } = await begin();
    await at.time.pass(SYNC_UNHEARD_MS + 1_000);
    expect(at.hub.impl.host.store.readTask("sync/unheard")).toBeNull();
    await at.connect({ clientType: "machine-scoped", machineId: "m1" }, { edge: "pre-auth" });
    expect(at.hub.impl.host.store.readTask("sync/unheard")).toBeNull();
  });
});

describe("sync.md §4 what was not heard of for 10 minutes", () => {
  const inactive = async (alive: Alive): Promise<unknown> => [
    !(await alive.session)?.active,
    !(await alive.machine)?.active,
  ];

  it.each(["nothing", "a sleep", "a crash"])(
    "is inactive by an alarm, and that is told, also after %s",
    async (what) => {
      const alive = new Alive();
      const { phone } = await alive.begin();
      const { at, id } = alive;
      const created = (await alive.session)?.activeAt ?? 0;
      if (what === "a sleep") await at.sleep();
      if (what === "a crash") at.hub.crash();
      let heard = phone;
      if (what === "a crash") {
        await at.time.pass(2_000);
        heard = await SyncClient.connect(at);
      }
      await at.time.pass(created + SYNC_INACTIVE_AFTER_MS - 1 - at.time.now);
      heard.forget();
      expect((await alive.session)?.active).toBe(true);
      await at.time.pass(1);
      expect((await alive.session)?.active).toBe(false);
      const about = { type: "activity", id, sid: id, active: false, activeAt: created };
      expect(heard.ephemerals("activity")).toEqual([{ ...about, thinking: false }]);
      await at.time.pass(1_000);
      expect(await inactive(alive)).toEqual([true, true]);
      expect(heard.ephemerals("activity")).toHaveLength(1);
      const machines = heard.ephemerals("machine-activity");
      // After the crash its connection was found to be lost.
      expect(machines).toHaveLength(what === "a crash" ? 0 : 1);
    },
  );

  it("is active as long as beats come, also of a slow clock, and ends 10 minutes after the last", async () => {
    for (const late of [0, 5 * 60_000]) {
      const alive = new Alive();
      const { agent } = await alive.begin();
      const { at } = alive;
      const time = (): number => at.time.now - late;
      for (let ms = 0; ms < 30 * 60_000; ms += 20_000) {
        await alive.beat(agent, { time: time() });
        await alive.machineBeat(agent, { time: time() });
        await at.time.pass(20_000);
        expect(await inactive(alive)).toEqual([false, false]);
      }
      await at.sleep();
      await at.time.pass(SYNC_INACTIVE_AFTER_MS - late);
      expect(await inactive(alive)).toEqual([true, true]);
    }
  });

  it("is inactive in time also if a slow clock has revived it after others were heard of", async () => {
    const alive = new Alive();
    const { agent } = await alive.begin();
    const { at, id } = alive;
    await agent.say("session-end", { sid: id, time: at.time.now });
    await at.time.pass(3 * SYNC_INACTIVE_AFTER_MS);
    await at.session("another");
    const late = SYNC_INACTIVE_AFTER_MS - 60_000;
    await alive.beat(agent, { time: at.time.now - late });
    expect(await alive.session).toMatchObject({ active: true });
    await at.time.pass(60_000);
    expect(await alive.session).toMatchObject({ active: false });
  });

  it.each([
    ["machine-update-state", { machineId: "m1", daemonState: "d", expectedVersion: 0 }],
    ["machine-alive", { machineId: "m1", time: 2e12 }],
  ])("is inactive again when only %s was heard", async (event, data) => {
    const alive = new Alive();
    const { phone, agent } = await alive.begin();
    await alive.at.time.pass(SYNC_INACTIVE_AFTER_MS);
    expect(await inactive(alive)).toEqual([true, true]);
    phone.forget();
    await agent.say(event, data);
    expect(await alive.machine).toMatchObject({ active: true, activeAt: alive.at.time.now });
    expect(phone.ephemerals("machine-activity")).toMatchObject([{ active: true }]);
    await alive.at.time.pass(SYNC_INACTIVE_AFTER_MS);
    expect(await alive.machine).toMatchObject({ active: false });
    expect(phone.ephemerals("machine-activity")).toMatchObject([
      { active: true },
      { active: false },
    ]);
  });

  it("costs no alarm once nothing is active", async () => {
    const alive = new Alive();
    await alive.begin();
    await alive.at.time.pass(SYNC_INACTIVE_AFTER_MS + 1_000);
    expect(alive.at.hub.impl.host.store.readTask("sync/quiet")).toBeNull();
  });
});
