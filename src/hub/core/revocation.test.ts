import { describe, expect, test } from "vitest";
import { REVOCATION_TTL_MS } from "../../protocol/limits.ts";
import type { MemorySocket } from "../../testing/memory-platform.ts";
import { VirtualHub } from "../../testing/virtual-hub.ts";
import { VirtualGuild } from "../../testing/virtual-guild.ts";

describe("HUB-14 revocation of a user", () => {
  test("closes sessions whose token was issued before or has no `iat`, and leaves newer ones", () => {
    const bench = new VirtualHub();
    const second = Math.floor(bench.now / 1000);
    const older = bench.connect({ iat: second - 10 });
    const same = bench.connect({ iat: second });
    const unknown = bench.connect();
    const newer = bench.connect({ iat: second + 1 });
    const bob = bench.connect({ sub: "bob", iat: second - 10 });
    expect(bench.server.revoke({ sub: "alice" }, second * 1000)).toBe(3);
    expect([older, same, unknown, newer, bob].map((socket) => socket.closed)).toEqual([
      "unauthorized",
      "unauthorized",
      "unauthorized",
      null,
      null,
    ]);
    expect(bench.ended).toEqual(["unauthorized", "unauthorized", "unauthorized"]);
    expect(bench.server.revoke({ sub: "alice" }, second * 1000)).toBe(0);
    bench.publish();
    expect(older.events()).toEqual([]);
    expect(newer.events()).toHaveLength(1);
  });

  test("finds connected users after an eviction", async () => {
    const bench = new VirtualHub();
    const socket = bench.connect({ iat: 5 });
    await bench.evict();
    expect(bench.server.revoke({ sub: "alice" }, bench.now)).toBe(1);
    expect(socket.closed).toBe("unauthorized");
  });

  test("a token that `reauth` brought is judged by its own age", () => {
    const bench = new VirtualHub();
    const second = Math.floor(bench.now / 1000);
    const socket = bench.connect({ iat: second - 100 });
    const exp = second + 7_200;
    bench.server.renew(socket, { sub: "alice", grants: [], exp, iat: second + 5 });
    expect(bench.server.revoke({ sub: "alice" }, bench.now)).toBe(0);
    // A token without `iat` keeps the age that is known.
    bench.server.renew(socket, { sub: "alice", grants: [], exp });
    expect(bench.server.revoke({ sub: "alice" }, bench.now)).toBe(0);
    expect(socket.closed).toBeNull();
  });

  test("refuses older tokens for a day, and never newer ones", () => {
    const bench = new VirtualHub();
    const at = bench.now;
    const second = Math.floor(at / 1000);
    const expiresAt = at + REVOCATION_TTL_MS;
    expect(bench.server.isRevoked({ sub: "alice", iat: 1 })).toBe(false);
    expect(bench.server.isRevoked({ sub: "alice" })).toBe(false);
    bench.store.writeRevocation({ revision: 1, target: { sub: "alice" }, at, expiresAt });
    const revoked = (sub: string, iat?: number): boolean => bench.server.isRevoked({ sub, iat });
    expect(revoked("alice", second)).toBe(true);
    expect(revoked("alice", second + 1)).toBe(false);
    expect(revoked("alice")).toBe(true);
    expect(revoked("bob", second)).toBe(false);
    bench.clock.now = expiresAt - 1;
    expect(revoked("alice", second)).toBe(true);
    bench.clock.now = expiresAt;
    expect(revoked("alice", second)).toBe(false);
  });
});

test("HUB-14 revocation of one connection closes that one and refuses no token", () => {
  const bench = new VirtualHub();
  const [first, second] = [bench.connect(), bench.connect()];
  const id = bench.server.sessions.live(second)?.record.id ?? "";
  bench.store.writeRevocation({
    revision: 1,
    target: { connectionId: id },
    at: bench.now,
    expiresAt: bench.now + REVOCATION_TTL_MS,
  });
  expect(bench.server.revoke({ connectionId: id }, bench.now)).toBe(1);
  expect([first.closed, second.closed]).toEqual([null, "unauthorized"]);
  expect(bench.server.isRevoked({ sub: "alice", iat: 1 })).toBe(false);
});

describe("HUB-14 HUB-16 revocation at relays", () => {
  const joined = async (
    guild: VirtualGuild,
    index: number,
    sub: string,
    iat = 1,
  ): Promise<MemorySocket> => {
    const socket = await guild.join(guild.relay(index), { sub, iat });
    if (typeof socket === "number") throw new Error(`refused with ${socket}`);
    return socket;
  };
  const revisions = (guild: VirtualGuild): number[] =>
    [...guild.relays.values()].map(({ impl }) => impl.copy.revision);
  const revisionOf = (guild: VirtualGuild): number =>
    Number(guild.hub.impl.host.store.readFact("revision"));

  test("reaches all relays, returns how many sockets it closed, and is applied once", async () => {
    const guild = new VirtualGuild();
    const sockets = [
      await joined(guild, 0, "alice"),
      await joined(guild, 0, "alice"),
      await joined(guild, 1, "alice"),
      await joined(guild, 1, "bob"),
    ];
    expect(await guild.hub.impl.revoke({ sub: "alice" })).toEqual({ closed: 3 });
    expect(sockets.map((socket) => socket.closed)).toEqual([
      "unauthorized",
      "unauthorized",
      "unauthorized",
      null,
    ]);
    expect(revisions(guild)).toEqual([revisionOf(guild), revisionOf(guild)]);
    expect(await guild.join(guild.relay(1), { sub: "alice", iat: 1 })).toBe(401);
    const later = await joined(guild, 0, "alice", 2_000_000_000);
    guild.publish();
    await guild.time.quiet();
    expect(later.closed).toBeNull();
  });

  test("a relay that was not reached gets all missed revocations with the next call", async () => {
    const guild = new VirtualGuild();
    const [alice, bob] = [await joined(guild, 0, "alice"), await joined(guild, 0, "bob")];
    guild.fate = () => ({ lost: "request" });
    expect(await guild.hub.impl.revoke({ sub: "alice" })).toEqual({ closed: 0 });
    expect(await guild.hub.impl.revoke({ sub: "bob" })).toEqual({ closed: 0 });
    expect([alice.closed, bob.closed]).toEqual([null, null]);
    guild.fate = () => ({});
    await guild.time.pass(1_000);
    expect([alice.closed, bob.closed]).toEqual(["unauthorized", "unauthorized"]);
    expect(revisions(guild)).toEqual([revisionOf(guild)]);
  });

  test("a new relay knows all revocations in force, and its revision survives an eviction", async () => {
    const guild = new VirtualGuild();
    await guild.hub.impl.revoke({ sub: "alice" });
    await joined(guild, 0, "bob");
    expect(await guild.join(guild.relay(0), { sub: "alice", iat: 1 })).toBe(401);
    await guild.evict(guild.relay(0));
    expect(revisions(guild)).toEqual([revisionOf(guild)]);
  });
});
