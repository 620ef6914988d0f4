import { describe, expect, test } from "vitest";
import { PRESENCE_DEBOUNCE_MS } from "../protocol/limits.ts";
import type { MemoryObject, MemorySocket, Served } from "../testing/memory-platform.ts";
import { type VirtualConnect, VirtualGuild } from "../testing/virtual-guild.ts";

async function join(
  guild: VirtualGuild,
  object: MemoryObject<Served>,
  options: VirtualConnect = {},
): Promise<MemorySocket> {
  const socket = await guild.join(object, options);
  if (typeof socket === "number") throw new Error(`refused with ${socket}`);
  return socket;
}

/** So long that relays have reported, and the hub has told everybody. */
const told = (guild: VirtualGuild): Promise<void> => guild.time.pass(3 * PRESENCE_DEBOUNCE_MS);

/** The numbers of users in the signals that a client got. */
const counts = (socket: MemorySocket): unknown[] =>
  socket
    .frames()
    .flatMap((frame) => (frame.type === "signal" ? [frame.payload] : []))
    .map((payload) => (payload as { readonly count: number }).count);

describe("HUB-15 presence with relays", () => {
  test("a user at the hub and at two relays counts once, until the last socket is gone", async () => {
    const guild = new VirtualGuild();
    const watcher = await join(guild, guild.relay(1), { sub: "watcher", signals: true });
    const places = [guild.hub, guild.relay(0), guild.relay(1)];
    const sockets: MemorySocket[] = [];
    for (const place of places) sockets.push(await join(guild, place, { sub: "alice" }));
    await told(guild);
    expect(guild.hub.impl.presence()).toEqual({ count: 2, users: null });
    expect(counts(watcher).at(-1)).toBe(2);
    // The snapshot at a relay says the same.
    const late = await join(guild, guild.relay(1), { sub: "watcher", signals: true });
    expect(late.frames()[1]).toMatchObject({ presence: { count: 2, users: null } });
    for (const [at, place] of places.entries()) {
      const [socket] = sockets.slice(at);
      if (socket !== undefined) place.drop(socket);
      await told(guild);
      expect(guild.hub.impl.presence().count).toBe(at === places.length - 1 ? 1 : 2);
    }
    expect(counts(watcher).at(-1)).toBe(1);
  });

  test("one of two who leaves while another comes changes the number at no relay, but in all", async () => {
    const guild = new VirtualGuild();
    await join(guild, guild.relay(0), { sub: "alice" });
    const again = await join(guild, guild.relay(1), { sub: "alice" });
    await told(guild);
    expect(guild.hub.impl.presence().count).toBe(1);
    guild.relay(1).drop(again);
    await join(guild, guild.relay(1), { sub: "bob" });
    await told(guild);
    expect(guild.hub.impl.presence().count).toBe(2);
  });

  test("a hub that slept or was killed knows who is at two relays", async () => {
    const guild = new VirtualGuild();
    for (const index of [0, 1]) await join(guild, guild.relay(index), { sub: "alice" });
    await told(guild);
    await guild.evict();
    expect(guild.hub.impl.presence().count).toBe(1);
    guild.hub.crash();
    expect(guild.hub.impl.presence().count).toBe(1);
    await join(guild, guild.relay(0), { sub: "bob" });
    await told(guild);
    expect(guild.hub.impl.presence().count).toBe(2);
  });

  test("a user of a relay that was killed is not missing", async () => {
    const guild = new VirtualGuild();
    for (const index of [0, 1]) await join(guild, guild.relay(index), { sub: "alice" });
    await told(guild);
    guild.relay(0).crash();
    guild.publish();
    await guild.time.quiet();
    // Nobody has told the hub yet that alice is at one relay only.
    expect(guild.hub.impl.presence().count).toBe(1);
    await told(guild);
    expect(guild.hub.impl.presence().count).toBe(1);
  });

  test("a relay that does not answer is asked again; its users count as before", async () => {
    const guild = new VirtualGuild();
    const asked = (): number => guild.calls.get("users") ?? 0;
    let known = 0;
    /** Loses the answers about users, and no other. */
    const loseUsers: VirtualGuild["fate"] = () => {
      const isAboutUsers = asked() > known;
      known = asked();
      return isAboutUsers ? { lost: "answer" } : {};
    };
    await join(guild, guild.relay(0), { sub: "alice" });
    await told(guild);
    await join(guild, guild.relay(1), { sub: "alice" });
    guild.fate = loseUsers;
    for (let times = 0; times < 2; times += 1) {
      known = asked();
      const before = known;
      await told(guild);
      expect(asked()).toBeGreaterThan(before);
      // Nobody has told the hub that she is the same at both.
      expect(guild.hub.impl.presence().count).toBe(2);
    }
    guild.fate = () => ({});
    await told(guild);
    await told(guild);
    expect(guild.hub.impl.presence().count).toBe(1);
    await join(guild, guild.relay(1), { sub: "bob" });
    known = asked();
    guild.fate = loseUsers;
    await told(guild);
    // What the relay said before still counts.
    expect(guild.hub.impl.presence().count).toBe(2);
  });

  test("who comes while the relays are told is told as well", async () => {
    const guild = new VirtualGuild();
    const watcher = await join(guild, guild.relay(0), { sub: "watcher", signals: true });
    await told(guild);
    await join(guild, guild.relay(0), { sub: "alice" });
    guild.fate = () => ({ thereMs: 1_500, backMs: 1_500 });
    const tellings = (): number => guild.calls.get("take") ?? 0;
    for (const before = tellings(); tellings() === before;) await guild.time.pass(100);
    await join(guild, guild.hub, { sub: "bob" });
    guild.fate = () => ({});
    await told(guild);
    await told(guild);
    expect(counts(watcher).at(-1)).toBe(3);
  });

  test("users of a relay of the version before count at each object", async () => {
    const guild = new VirtualGuild();
    const old = guild.relay(0);
    Object.defineProperty(old.impl, "users", { value: undefined });
    for (const place of [old, guild.relay(1)]) await join(guild, place, { sub: "alice" });
    await told(guild);
    expect(guild.hub.impl.presence().count).toBe(2);
    await guild.time.pass(60_000);
    // Its object is replaced by one of the present version.
    await guild.evict(old);
    await told(guild);
    expect(guild.hub.impl.presence().count).toBe(1);
  });

  test("only relays whose users may have changed are asked", async () => {
    const guild = new VirtualGuild();
    for (const index of [0, 1, 2]) await join(guild, guild.relay(index), { sub: "alice" });
    await told(guild);
    const asked = guild.calls.get("users") ?? 0;
    guild.publish();
    await guild.time.pass(60_000);
    expect(guild.calls.get("users")).toBe(asked);
    await join(guild, guild.relay(1), { sub: "bob" });
    await told(guild);
    expect(guild.calls.get("users")).toBe(asked + 1);
    await join(guild, guild.hub, { sub: "carol" });
    await told(guild);
    expect(guild.calls.get("users")).toBe(asked + 1);
    expect(guild.hub.impl.presence().count).toBe(3);
  });
});
