import { describe, expect, test } from "vitest";
import { REVOCATION_TTL_MS } from "../../protocol/limits.ts";
import { VirtualHub } from "../../testing/virtual-hub.ts";
import { VirtualGuild } from "../../testing/virtual-guild.ts";

describe("HUB-14 revocation of a user", () => {
  test("closes tokens that were issued until then or do not say when, and leaves newer ones", () => {
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

  test("finds who is connected after an eviction, and nobody who only waits", () => {
    const bench = new VirtualHub();
    const socket = bench.connect({ iat: 5 });
    const waiting = bench.wait();
    bench.evict();
    expect(bench.server.revoke({ sub: "alice" }, bench.now)).toBe(1);
    expect([socket.closed, waiting.closed]).toEqual(["unauthorized", null]);
  });

  test("a token that `reauth` brought is judged by its own age", () => {
    const bench = new VirtualHub();
    const second = Math.floor(bench.now / 1000);
    const socket = bench.connect({ iat: second - 100 });
    const exp = second + 7_200;
    bench.server.renew(socket, { sub: "alice", grants: [], exp, iat: second + 5 });
    expect(bench.server.revoke({ sub: "alice" }, bench.now)).toBe(0);
    // One that does not say keeps the age that is known.
    bench.server.renew(socket, { sub: "alice", grants: [], exp });
    expect(bench.server.revoke({ sub: "alice" }, bench.now)).toBe(0);
    expect(socket.closed).toBeNull();
  });

  test("refuses older tokens for a day, and newer ones never", () => {
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
  const joined = async (guild: VirtualGuild, index: number, sub: string) => {
    const socket = await guild.relays[index]?.join({ sub, iat: 1 });
    if (socket === undefined || socket === null) throw new Error("nobody was let in");
    return socket;
  };

  test("reaches all of them, is told back how many it closed, and is taken once", async () => {
    const guild = new VirtualGuild(2);
    const sockets = [
      await joined(guild, 0, "alice"),
      await joined(guild, 0, "alice"),
      await joined(guild, 1, "alice"),
      await joined(guild, 1, "bob"),
    ];
    expect(guild.revoke({ sub: "alice" })).toBe(0);
    await guild.quiet();
    expect(sockets.map((socket) => socket.closed)).toEqual([
      "unauthorized",
      "unauthorized",
      "unauthorized",
      null,
    ]);
    expect(guild.closedAtRelays).toBe(3);
    expect(guild.relays.map(({ relay }) => relay.revision)).toEqual([1, 1]);
    expect(guild.relays[1]?.server.isRevoked({ sub: "alice", iat: 1 })).toBe(true);
    const later = await guild.relays[0]?.join({ sub: "alice", iat: 2_000_000_000 });
    guild.publish();
    await guild.quiet();
    expect(later?.closed).toBeNull();
  });

  test("a relay that was not reached learns of all it missed when it is called again", async () => {
    const guild = new VirtualGuild(1);
    const [alice, bob] = [await joined(guild, 0, "alice"), await joined(guild, 0, "bob")];
    guild.wire.fate = () => "request lost";
    guild.revoke({ sub: "alice" });
    await guild.quiet();
    guild.revoke({ sub: "bob" });
    await guild.quiet();
    expect([alice.closed, bob.closed]).toEqual([null, null]);
    guild.wire.fate = () => "arrives";
    await guild.pass(1_000);
    expect([alice.closed, bob.closed]).toEqual(["unauthorized", "unauthorized"]);
    expect(guild.relays[0]?.relay.revision).toBe(2);
  });

  test("a new relay knows those that are in force, and its revision survives its eviction", async () => {
    const guild = new VirtualGuild(1);
    guild.revoke({ sub: "alice" });
    await joined(guild, 0, "bob");
    expect(guild.relays[0]?.server.isRevoked({ sub: "alice", iat: 1 })).toBe(true);
    await guild.evictRelay(0);
    expect(guild.relays[0]?.relay.revision).toBe(1);
  });
});
