import { describe, expect, it } from "vitest";
import { BAD_FRAMES_MAX, SOCKETS_PER_USER } from "../protocol/limits.ts";
import { deskWith } from "../testing/desk-extension.ts";
import { takeHubFailures } from "../testing/hub-failures.ts";
import type { MemorySocket } from "../testing/memory-platform.ts";
import { OPCODE_DIALECT } from "../testing/opcode-dialect.ts";
import { opcodeFrames, VirtualDesk } from "../testing/virtual-desk.ts";
import { GUILD, KIND, VirtualGuild } from "../testing/virtual-guild.ts";
import { memoryStore } from "../testing/memory-storage.ts";
import { entryFor } from "../testing/store-suite.ts";
import type { Dialect } from "./core/dialect.ts";
import { carried } from "./core/carried.ts";
import type { HubExtension } from "./extension.ts";

const seqs = (socket: MemorySocket): number[] => socket.events().map(({ seq }) => seq);
const idOf = (socket: MemorySocket): string =>
  (JSON.parse(socket.sent[0] ?? "") as { readonly connectionId: string }).connectionId;

async function joined(guild: VirtualGuild, at: "hub" | "relay", epoch?: string, seq = 0) {
  const place = at === "hub" ? guild.hub : guild.relay(0);
  const position = epoch === undefined ? {} : { epoch, seq };
  const socket = await guild.join(place, { sub: "alice", ...position });
  if (typeof socket === "number") throw new Error(`refused with ${socket}`);
  return socket;
}

describe("HUB-26 an event that a connection has caused", () => {
  it.each(["hub", "relay"] as const)(
    "goes to the others, also of the same user, and not to it, also after a sleep: at a %s",
    async (place) => {
      const guild = new VirtualGuild();
      const one = await joined(guild, place);
      const other = await joined(guild, place);
      const publish = async (): Promise<void> => {
        guild.publish(null, null, undefined, {}, idOf(one));
        guild.publish();
        await guild.time.quiet();
      };
      await publish();
      await guild.evict(place === "hub" ? guild.hub : guild.relay(0));
      await publish();
      expect(seqs(other)).toEqual([1, 2, 3, 4]);
      // The jump is shown like any other.
      expect(one.events()).toMatchObject([
        { seq: 2, prev: 0 },
        { seq: 4, prev: 2 },
      ]);
      const told = await guild.hub.impl.explain(idOf(one), 3);
      expect(told.code).toBe("caused_it");
      expect((await guild.hub.impl.explain(idOf(other), 3)).code).toBe("delivered");
    },
  );

  it("is not among those that it gets later when it has lagged", async () => {
    const guild = new VirtualGuild();
    const one = await joined(guild, "hub");
    guild.hub.message(one, JSON.stringify({ type: "ack", seq: 0 }));
    const large = { text: "x".repeat(50_000) };
    for (let i = 0; i < 12; i += 1) {
      guild.publish(null, null, undefined, large, i % 2 === 0 ? idOf(one) : "another");
    }
    const before = seqs(one);
    expect(before.length).toBeLessThan(6);
    for (let i = 0; i < 6; i += 1) {
      guild.hub.message(one, JSON.stringify({ type: "ack", seq: seqs(one).at(-1) }));
    }
    expect(seqs(one)).toEqual([2, 4, 6, 8, 10, 12]);
  });

  it("is sent to its client when that comes back on another connection and has not had it", async () => {
    const guild = new VirtualGuild();
    const one = await joined(guild, "hub");
    guild.publish(null, null, undefined, {}, idOf(one));
    guild.hub.drop(one);
    const { epoch } = guild.hub.impl.host.store.extent();
    const again = await joined(guild, "hub", epoch, 0);
    expect(seqs(again)).toEqual([1]);
  });

  it("is not known of the entries of a hub of the version before", () => {
    const store = memoryStore("epoch-1");
    const { except: _, ...old } = entryFor(1);
    store.append(old as never);
    expect(store.readAfter(0, 10)).toEqual([entryFor(1)]);
  });
});

describe("HUB-27 a client that an extension turns away", () => {
  const AWAY = { code: 4001, reason: "not you" };
  /** Says by a frame why a client is turned away. */
  const SAYING: Dialect = {
    ...OPCODE_DIALECT,
    name: "saying",
    turnedAway: (why) => JSON.stringify({ op: 9, d: why }),
  };
  const dialects = [OPCODE_DIALECT, SAYING] as const;
  /** Lets in whom nobody names `mallory`. */
  const guarded = deskWith({
    grantsOf: (_, { sub, scope }) => (sub === "mallory" ? AWAY : [`role:${String(scope)}`]),
  });

  it("is closed with the extension's code, after the frame of its dialect, and has no session", async () => {
    const at = new VirtualDesk([guarded], { dialects });
    const watcher = await at.connect("watcher");
    const before = watcher.sent.length;
    const silent = await at.connect("mallory");
    const saying = await at.connect("mallory", undefined, { dialect: SAYING.name });
    const behind = await at.connect("mallory", undefined, {
      dialect: SAYING.name,
      edge: "pre-auth",
    });
    expect([silent.sent, silent.closedWith]).toEqual([[], AWAY.code]);
    const frame = SAYING.turnedAway?.(AWAY) ?? "";
    expect([saying.sent, saying.closedWith]).toEqual([[frame], AWAY.code]);
    expect(behind.sent).toEqual([carried(SAYING).turnedAway?.(AWAY)]);
    // Nobody hears of it, and what it says is for nobody.
    at.hub.message(saying, JSON.stringify({ op: 20, d: { name: "desk.shout", data: 1 } }));
    await at.time.pass(10);
    expect(watcher.sent.length).toBe(before);
    expect(at.hub.impl.presence().count).toBe(1);
    expect(await at.hub.impl.connections("mallory")).toEqual([]);
    expect((await at.hub.impl.inspect()).closes).toEqual({ [AWAY.code]: 3 });
    // Neither does a hub that has slept or died meanwhile take it for lost.
    await at.sleep();
    at.hub.crash();
    const again = await at.connect("watcher");
    await at.time.pass(2_000);
    expect(opcodeFrames(again).filter(({ t }) => t === "desk.left")).toHaveLength(1);
  });

  it("takes no place of another one of its user", async () => {
    let isOpen = true;
    const at = new VirtualDesk([deskWith({ grantsOf: () => (isOpen ? [] : AWAY) })]);
    const sockets: MemorySocket[] = [];
    for (let i = 0; i < SOCKETS_PER_USER; i += 1) sockets.push(await at.connect("alice"));
    isOpen = false;
    expect((await at.connect("alice")).closedWith).toBe(AWAY.code);
    expect(sockets.filter(({ closedWith }) => closedWith !== null)).toEqual([]);
  });

  it("is turned away by the first extension that does, and what was done until then is kept", async () => {
    const told: string[] = [];
    const named = (name: string, grants: readonly string[] | typeof AWAY): HubExtension => ({
      ...deskWith({
        takes: () => false,
        grantsOf: (hub) => {
          told.push(name);
          hub.publish({ event: "desk.shouted", payload: {}, audience: null, topic: null });
          return grants;
        },
        onOpen: () => void told.push(`${name} opened`),
      }),
      name,
    });
    const at = new VirtualDesk([named("one", []), named("two", AWAY), named("three", [])]);
    expect((await at.connect("alice")).closedWith).toBe(AWAY.code);
    expect(told).toEqual(["one", "two"]);
    expect(at.hub.impl.host.store.extent().head).toBe(2);
  });

  it("because the extension has failed may come again", async () => {
    const at = new VirtualDesk([
      deskWith({
        grantsOf: () => {
          throw new Error("it fails");
        },
      }),
    ]);
    await expect(at.connect("alice")).rejects.toThrow("refused with 503");
    expect(takeHubFailures()).toHaveLength(1);
  });

  it("later is closed in the same way, in its turn's order, and its extension hears of it", async () => {
    const closing: HubExtension = {
      ...deskWith({}),
      commands: [
        {
          name: "desk.do",
          run: (hub) =>
            hub.turn((turn) => {
              const tell = (event: string): void => {
                turn.publish({ event, payload: {}, audience: null, topic: null });
              };
              tell("desk.before");
              turn.sockets.close({ grant: "sub:mallory" }, AWAY);
              tell("desk.after");
            }),
        },
      ],
    };
    const at = new VirtualDesk([closing], { dialects });
    const watcher = await at.connect("watcher");
    const silent = await at.connect("mallory");
    const saying = await at.connect("mallory", undefined, { dialect: SAYING.name });
    const names = (socket: MemorySocket): string[] =>
      opcodeFrames(socket).flatMap(({ op, t = "" }) => (op === 0 ? [t] : []));
    await at.hub.event((impl) => impl.command("desk.do", null));
    expect([silent.closedWith, saying.closedWith]).toEqual([AWAY.code, AWAY.code]);
    expect(names(silent).at(-1)).toBe("desk.before");
    expect(saying.sent.at(-1)).toBe(SAYING.turnedAway?.(AWAY));
    expect(names(watcher).slice(-4)).toEqual([
      "desk.before",
      "desk.after",
      "desk.left",
      "desk.left",
    ]);
    expect(opcodeFrames(watcher).at(-1)?.d).toEqual({ sub: "mallory", code: AWAY.code });
  });
});

describe("HUB-28 a kind of hubs", () => {
  it("has a ping of its own, which wakes no hub", async () => {
    const ping = { request: "are you there", answer: "I am" };
    const at = new VirtualDesk(undefined, { ping });
    const client = await at.connect("alice");
    const { impl } = at.hub;
    at.hub.message(client, ping.request);
    expect(client.sent.at(-1)).toBe(ping.answer);
    await at.sleep();
    expect(at.hub.impl).not.toBe(impl);
    at.hub.message(client, ping.request);
    expect(client.sent.at(-1)).toBe(ping.answer);
    // Another kind's is a frame like any other.
    at.hub.message(client, KIND.ping.request);
    const refused = JSON.stringify({ op: 9, d: { code: "invalid_frame" } });
    expect(client.sent.at(-1)).toBe(refused);
  });

  it.each([1, BAD_FRAMES_MAX + 2, Number.POSITIVE_INFINITY])(
    "says how many unusable frames close a client, also over a sleep: %d",
    async (badFrames) => {
      const at = new VirtualDesk(undefined, { limits: { ...KIND.limits, badFrames } });
      const client = await at.connect("alice");
      const most = Math.min(badFrames, 50);
      for (let i = 1; i <= most; i += 1) {
        expect(client.closedWith).toBeNull();
        at.hub.message(client, "{");
        if (i % 3 === 0) {
          await at.time.pass(1_000);
          await at.sleep();
        }
      }
      const { code } = OPCODE_DIALECT.farewell("protocolError");
      expect(client.closedWith).toBe(Number.isFinite(badFrames) ? code : null);
    },
  );

  it("says how large an event may be, in bytes of its payload as JSON", async () => {
    const payloadBytes = 200_000;
    const limits = { ...KIND.limits, payloadBytes };
    const guild = new VirtualGuild(undefined, {}, { ...KIND, limits });
    const around = JSON.stringify({ guildId: GUILD, n: 1, text: "" }).length;
    const text = "x".repeat(payloadBytes - around);
    expect(guild.publish(null, null, undefined, { text }).kind).toBe("published");
    expect(guild.publish(null, null, undefined, { text: `${text}x` })).toEqual({
      kind: "refused",
      why: "too_large",
    });
    expect(guild.publish(null, null, undefined, { text: `${text.slice(1)}ä` }).kind).toBe(
      "refused",
    );
  });

  it("may have a dialect without a whole state: its clients begin with the next event", async () => {
    const { snapshot: _, ...rest } = OPCODE_DIALECT;
    const stateless: Dialect = { ...rest, name: "stateless" };
    const at = new VirtualDesk(undefined, { dialects: [stateless] });
    const one = await at.connect("alice");
    // Only that it has come itself.
    expect(opcodeFrames(one).map(({ t }) => t)).toEqual(["desk.came"]);
    await at.sleep();
    await at.connect("bob");
    expect(opcodeFrames(one).map(({ t }) => t)).toEqual(["desk.came", "desk.came"]);
    const behind = await at.connect("carol", undefined, { edge: "pre-auth" });
    expect(behind.sent).toHaveLength(1);
  });

  it("is told what a client said of itself, when its session opens", async () => {
    const told: unknown[] = [];
    const telling: Dialect = {
      ...OPCODE_DIALECT,
      opened: ({ scope, now }) => {
        told.push(scope);
        return JSON.stringify({ op: 0, t: "TIME", s: 0, d: { now } });
      },
    };
    const at = new VirtualDesk(undefined, { dialects: [telling] });
    const client = await at.connect("alice", { type: "machine" });
    await at.connect("bob");
    expect(told).toEqual([{ type: "machine" }, null]);
    expect(opcodeFrames(client)[0]?.d).toEqual({ now: expect.any(Number) });
  });
});
