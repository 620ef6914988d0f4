import { beforeEach, describe, expect, it } from "vitest";
import { HubReport } from "../protocol/hub-report.ts";
import {
  CLOSING_SOCKETS_FACTOR,
  HUB_NAME_MAX_LENGTH,
  SIGNAL_MAX_BYTES,
  SOCKETS_PER_USER,
  UNACKNOWLEDGED_BYTES_MAX,
} from "../protocol/limits.ts";
import { MemoryObject, type MemorySocket } from "../testing/memory-platform.ts";
import { COME_BACK_LATER, GUILD, KIND, VirtualGuild } from "../testing/virtual-guild.ts";
import { relayName } from "./env.ts";
import type { BeforeEnd, HubContext, Kept, HubExtension, HubTurn } from "./extension.ts";
import { HubObject, type HubParts } from "./hub-object.ts";
import type { HubKind } from "./kind.ts";

const HOUR_MS = 60 * 60_000;
const SCHEDULE = "plans.schedule";

let done: string[];

/** An area that schedules a task. */
const plans: HubExtension = {
  name: "plans",
  migrate: () => false,
  commands: [
    {
      name: SCHEDULE,
      run: (hub, at) => hub.turn((turn: HubTurn) => turn.schedule("it", Number(at))),
    },
  ],
  snapshot: () => ({ plans: [] }),
  task: async (_, key) => void done.push(key),
};

beforeEach(() => {
  done = [];
});

/** A hub whose areas the test chooses at each wake. */
function setUp(name = GUILD, extensions: readonly HubExtension[] = [plans], kind: HubKind = KIND) {
  const { time, env } = new VirtualGuild();
  const running: HubParts = { extensions, events: new Set(["test.happened"]) };
  let parts: HubParts | { readonly refused: Error } = running;
  const noOne = (): never => {
    throw new Error("this hub calls no other object");
  };
  const hub = new MemoryObject<HubObject>({
    name,
    time,
    reachFrom: () => ({ hub: noOne, relay: noOne, newId: noOne }),
    make: (runtime) => new HubObject(runtime, env, kind, parts),
  });
  return {
    hub,
    time,
    running,
    wakeWith: (now: typeof parts) => {
      parts = now;
      hub.evict();
    },
  };
}

describe("the name of a hub", () => {
  it("has no colon, or it could be that of a relay, and is not too long", () => {
    const longest = "n".repeat(HUB_NAME_MAX_LENGTH);
    for (const name of [relayName(GUILD, 0), `${longest}n`, "", "half of \ud83d"]) {
      expect(() => setUp(name)).toThrow("no hub may have this name");
    }
    expect(setUp(longest).hub.impl.status().seq).toBe(0);
  });
});

describe("HUB-21 a kind with relays", () => {
  const deaf = { takes: () => false, onMessage: () => null, callFailed: () => null };

  it("has no extension that hears clients: it would not hear those at relays", () => {
    expect(() => setUp(GUILD, [plans, { ...plans, name: "ears", sockets: deaf }])).toThrow(
      'the extension "ears" hears clients',
    );
  });

  it("has other extensions, and a kind without relays has both", () => {
    expect(setUp(GUILD, [plans]).hub.impl.status().seq).toBe(0);
    const { relays: _, ...alone } = KIND;
    const { hub } = setUp(GUILD, [plans, { ...plans, name: "ears", sockets: deaf }], alone);
    expect(hub.impl.status().seq).toBe(0);
  });
});

describe("closes", () => {
  it("are counted, also those of a hub that sleeps right after", async () => {
    const guild = new VirtualGuild();
    // Metrics would wake the hub and write the counts along.
    Reflect.deleteProperty(guild.env, "METRICS");
    await guild.evict();
    const exp = guild.time.now / 1000 + 30;
    const sockets = await Promise.all(
      Array.from({ length: 5 }, (_, n) => guild.join(guild.hub, { sub: `user-${n}`, exp })),
    );
    await guild.time.pass(30_000);
    expect(sockets.map((one) => typeof one === "object" && one.closed)).toEqual(
      sockets.map(() => "unauthorized"),
    );
    await guild.time.pass(2_000);
    await guild.evict();
    expect((await guild.hub.impl.inspect()).closes).toEqual({ "4401": 5 });
  });

  it("of clients with codes that are not ours are counted together", async () => {
    const guild = new VirtualGuild();
    for (const code of [3000, 4000, 4777, 4999, 1000, 1006, 1005]) {
      const socket = await guild.join(guild.hub);
      if (typeof socket === "object") guild.hub.drop(socket, code);
    }
    await guild.time.pass(2_000);
    await guild.evict();
    const { closes } = await guild.hub.impl.inspect();
    expect(closes).toEqual({ "1000": 1, "1005": 1, "1006": 1, other: 4 });
    expect(HubReport.shape.closes.parse(closes)).toEqual(closes);
    const labels = [...guild.counts.keys()].filter((name) => name.startsWith("closed"));
    expect(labels.toSorted()).toEqual([
      "closed 1000",
      "closed 1005",
      "closed 1006",
      "closed other",
    ]);
  });
});

describe("HUB-10 sockets that we have closed and that are not gone", () => {
  const MOST = CLOSING_SOCKETS_FACTOR * SOCKETS_PER_USER;

  /** A user opens so many sockets and answers no close. @returns those that were opened */
  async function pileUp(guild: VirtualGuild, count: number): Promise<MemorySocket[]> {
    const sockets: MemorySocket[] = [];
    for (let i = 0; i < count; i += 1) {
      const socket = await guild.join(guild.hub, { sub: "mallory" });
      if (typeof socket === "number") continue;
      socket.ignoresClose = true;
      sockets.push(socket);
    }
    return sockets;
  }

  it("refuse their user another one, and nobody else", async () => {
    const guild = new VirtualGuild();
    const sockets = await pileUp(guild, SOCKETS_PER_USER + MOST + 5);
    expect(sockets).toHaveLength(SOCKETS_PER_USER + MOST + 1);
    expect(sockets.filter(({ closed }) => closed !== null)).toHaveLength(MOST + 1);
    expect(await guild.join(guild.hub, { sub: "mallory" })).toBe(COME_BACK_LATER);
    expect(typeof (await guild.join(guild.hub, { sub: "alice" }))).toBe("object");
    // One is gone: there is room for one.
    const [oldest] = sockets;
    if (oldest !== undefined) guild.hub.drop(oldest);
    expect(await pileUp(guild, 2)).toHaveLength(1);
  });

  it("count only once, and only while they are there", async () => {
    const guild = new VirtualGuild();
    for (let i = 0; i < 3; i += 1) {
      const sockets = await pileUp(guild, SOCKETS_PER_USER + MOST);
      expect(sockets).toHaveLength(SOCKETS_PER_USER + MOST);
      for (const socket of sockets) guild.hub.drop(socket);
    }
  });

  it("are not known after a wake", async () => {
    const guild = new VirtualGuild();
    await pileUp(guild, SOCKETS_PER_USER + MOST + 1);
    await guild.evict();
    expect(await pileUp(guild, MOST + 2)).toHaveLength(MOST + 1);
  });
});

describe("a signal that closes a client", () => {
  it("sets the alarm for what follows from the close, even if the client never answers it", async () => {
    const guild = new VirtualGuild();
    let alarm: number | null = null;
    const hub = new MemoryObject<HubObject>({
      name: GUILD,
      time: guild.time,
      reachFrom: (from) => guild.reachFrom(from),
      make: (runtime) => {
        const setAlarm = (at: number | null): void => {
          alarm = at;
          runtime.setAlarm(at);
        };
        return new HubObject({ ...runtime, setAlarm }, guild.env, KIND, {
          extensions: [plans],
          events: new Set(),
        });
      },
    });
    // It says nothing, so what it may be sent without a sign of life is limited.
    const silent = await guild.join(hub, { sub: "silent", signals: true });
    if (typeof silent === "number") throw new Error(`refused with ${silent}`);
    await guild.time.pass(10_000);
    const before = alarm;
    const payload = JSON.stringify("x".repeat(SIGNAL_MAX_BYTES - 2));
    const signal = { event: "typing", key: "k", payload, audience: null, topic: null, ts: 0 };
    for (let sent = 0; silent.closed === null; sent += SIGNAL_MAX_BYTES) {
      if (sent > 2 * UNACKNOWLEDGED_BYTES_MAX) throw new Error("the client was never closed");
      hub.impl.signal(signal);
    }
    expect(silent.closed).toBe("overloaded");
    expect(alarm).toBe(hub.impl.host.store.nextTaskAt());
    expect(alarm).not.toBe(before);
  });
});

describe("HUB-2 a turn of an extension", () => {
  it("is rolled back when it publishes what the hub refuses", async () => {
    const large = { text: "x".repeat(KIND.limits.payloadBytes) };
    const loud: HubExtension = {
      ...plans,
      name: "loud",
      commands: [
        {
          name: "loud.publish",
          run: (hub, event) =>
            hub.turn((turn) => {
              turn.schedule("it", 1);
              const payload = event === "test.happened" ? large : {};
              turn.publish({ event: String(event), payload, audience: null, topic: null });
            }),
        },
      ],
    };
    const { hub } = setUp(GUILD, [loud]);
    for (const [event, why] of [
      ["test.unknown", "unknown_event"],
      ["test.happened", "too_large"],
    ]) {
      await expect(hub.event((impl) => impl.command("loud.publish", event))).rejects.toThrow(
        `${event} cannot be published: ${why}`,
      );
    }
    expect(hub.impl.status().seq).toBe(0);
    expect(hub.impl.host.store.readTask("loud/it")).toBeNull();
  });
});

describe("the alarm", () => {
  /** A hub, and the times that its alarm was set for. */
  function counted() {
    const { time, env } = new VirtualGuild();
    const set: (number | null)[] = [];
    const noOne = (): never => {
      throw new Error("this hub calls no other object");
    };
    const hub = new MemoryObject<HubObject>({
      name: GUILD,
      time,
      reachFrom: () => ({ hub: noOne, relay: noOne, newId: noOne }),
      make: (runtime) => {
        const setAlarm = (at: number | null): void => {
          set.push(at);
          runtime.setAlarm(at);
        };
        const parts = { extensions: [plans], events: new Set<string>() };
        return new HubObject({ ...runtime, setAlarm }, env, KIND, parts);
      },
    });
    const schedule = (at: number): Promise<unknown> =>
      hub.event((impl) => impl.command(SCHEDULE, at));
    return { hub, time, set, schedule };
  }

  it("is set when its time changes, and not again after a wake", async () => {
    const { hub, time, set, schedule } = counted();
    const at = time.now + HOUR_MS;
    await schedule(at);
    expect(set).toEqual([at]);
    hub.evict();
    await schedule(at);
    expect(set).toEqual([at]);
    hub.evict();
    await schedule(at - 1);
    expect(set).toEqual([at, at - 1]);
  });

  it("that has come is set again for a task of the same time", async () => {
    const { hub, time, set, schedule } = counted();
    const at = time.now + HOUR_MS;
    await schedule(at);
    hub.evict();
    await time.pass(HOUR_MS);
    expect(done).toEqual(["it"]);
    await schedule(at);
    expect(set).toEqual([at, at]);
    await time.pass(1);
    expect(done).toEqual(["it", "it"]);
  });
});

describe("a token that expires later than an alarm may be set", () => {
  it("opens a session, and other tasks still run", async () => {
    const guild = new VirtualGuild();
    const socket = await guild.join(guild.hub, { sub: "eternal", exp: 9_999_999_999 });
    expect(typeof socket === "object" && socket.closed).toBeNull();
    await guild.time.pass(100_000);
    const mortal = await guild.join(guild.hub, { exp: guild.time.now / 1000 + 100 });
    await guild.time.pass(100_000);
    expect(typeof mortal === "object" && mortal.closed).toBe("unauthorized");
    expect(typeof socket === "object" && socket.closed).toBeNull();
  });
});

describe("a task of an area", () => {
  it.each([
    ["does not run", { extensions: [], events: new Set<string>() }],
    ["has an invalid configuration", { refused: new Error("AREAS: there is no area") }],
  ])("waits while the area %s, and runs when the area is back", async (_, without) => {
    const { hub, time, running, wakeWith } = setUp();
    await hub.event((impl) => impl.command(SCHEDULE, time.now + 1_000));
    wakeWith(without);
    await time.pass(3 * HOUR_MS);
    expect(done).toEqual([]);
    wakeWith(running);
    await time.pass(HOUR_MS);
    expect(done).toEqual(["it"]);
    await time.pass(2 * HOUR_MS);
    expect(done).toEqual(["it"]);
  });
});

describe("what an extension keeps in memory", () => {
  it("lasts over turns, and is made anew after a rollback and after a wake", async () => {
    let made = 0;
    const make = (): { readonly number: number } => ({ number: (made += 1) });
    const turnOf =
      (fails: boolean) =>
      async (hub: HubContext): Promise<number> =>
        hub.turn((turn) => {
          if (fails) throw new Error("undone");
          return turn.kept(make).number;
        });
    const { hub, running, wakeWith } = setUp();
    const commands = [
      { name: "plans.look", run: turnOf(false) },
      { name: "plans.fail", run: turnOf(true) },
    ];
    wakeWith({ ...running, extensions: [{ ...plans, commands }] });
    const look = async (): Promise<unknown> => hub.event((impl) => impl.command("plans.look", {}));
    expect([await look(), await look()]).toEqual([1, 1]);
    await expect(hub.event((impl) => impl.command("plans.fail", {}))).rejects.toThrow("undone");
    expect([await look(), await look()]).toEqual([2, 2]);
    hub.evict();
    expect(await look()).toBe(3);
  });
});

describe("what an extension writes at the end of a turn", () => {
  it("is stored with the turn, also if a turn inside of it is rolled back, and not when it fails", async () => {
    const noted = (sql: SqlStorage, _: Kept, beforeEnd: BeforeEnd): string[] => {
      const notes: string[] = [];
      beforeEnd(() => {
        for (const note of notes.splice(0)) sql.exec("INSERT INTO plans_note VALUES (?)", note);
      });
      return notes;
    };
    const note = async (hub: HubContext, input: unknown): Promise<unknown> =>
      hub.turn((turn) => {
        turn.kept(noted).push("outer");
        if (input === "with an inner one") {
          expect(() =>
            hub.turn((inner) => {
              inner.kept(noted).push("inner");
              throw new Error("undone");
            }),
          ).toThrow("undone");
        }
        if (input === "failing") throw new Error("undone");
        return null;
      });
    const read = async (hub: HubContext): Promise<unknown> =>
      hub.turn(({ sql }) => sql.exec("SELECT note FROM plans_note").toArray());
    const { hub, running, wakeWith } = setUp();
    const commands = [
      { name: "plans.note", run: note },
      { name: "plans.read", run: read },
    ];
    const migrate = (sql: SqlStorage): boolean => {
      sql.exec("CREATE TABLE IF NOT EXISTS plans_note (note TEXT NOT NULL)");
      return false;
    };
    wakeWith({ ...running, extensions: [{ ...plans, migrate, commands }] });
    const call = async (name: string, input: unknown): Promise<unknown> =>
      hub.event((impl) => impl.command(name, input));
    await expect(call("plans.note", "failing")).rejects.toThrow("undone");
    expect(await call("plans.read", {})).toEqual([]);
    await call("plans.note", "with an inner one");
    expect(await call("plans.read", {})).toEqual([{ note: "outer" }]);
    await call("plans.note", "alone");
    hub.evict();
    expect(await call("plans.read", {})).toEqual([{ note: "outer" }, { note: "outer" }]);
  });
});

describe("a hub with an invalid configuration of areas", () => {
  it("fails every call that needs areas, and does not work without them", async () => {
    const { hub, wakeWith } = setUp();
    const why = "AREAS: there is no area";
    wakeWith({ refused: new Error(why) });
    const { impl } = hub;
    const event = { event: "test.happened", payload: {}, audience: null, topic: null };
    expect(() => impl.publish([event])).toThrow(why);
    expect(() => impl.ingest([{ event: "voice.joined", payload: {} }])).toThrow(why);
    expect(() => impl.snapshotsFor([["sub:alice"]])).toThrow(why);
    await expect(impl.command(SCHEDULE, 1)).rejects.toThrow(why);
    expect(impl.status().seq).toBe(0);
  });
});
