import { describe, expect, test, vi } from "vitest";
import type { HubRuntime } from "../hub/runtime.ts";
import { takeHubFailures } from "./hub-failures.ts";
import { type Caller, MemoryObject, type MemorySocket, type Served } from "./memory-platform.ts";
import { COME_BACK_LATER, GUILD, VirtualGuild } from "./virtual-guild.ts";

/** Another object, which is alive. */
const ALIVE: Caller = { isGone: false, isMute: false };

/** A hub with one client at a relay. */
async function guildWithRelay(): Promise<{ guild: VirtualGuild; socket: MemorySocket }> {
  const guild = new VirtualGuild();
  const socket = await guild.join(guild.relay(0));
  if (typeof socket === "number") throw new Error(`refused with ${socket}`);
  return { guild, socket };
}

describe("a client that connects", () => {
  test("gets 503 when the object dies meanwhile", async () => {
    const guild = new VirtualGuild();
    const answer = guild.enter(guild.hub);
    guild.hub.crash();
    expect(await answer).toBe(COME_BACK_LATER);
  });

  test("gets errors of our own code, and the status of a refusal", async () => {
    const guild = new VirtualGuild();
    await guild.hub.impl.revoke({ sub: "alice" });
    expect(await guild.join(guild.hub, { sub: "alice", iat: 1 })).toBe(401);
    vi.spyOn(guild.hub.impl.host, "connect").mockRejectedValue(new TypeError("a slip"));
    await expect(guild.enter(guild.hub)).rejects.toThrow("a slip");
  });
});

describe("a failure that a hub recovers from", () => {
  test("is found in its log: of a frame, of an alarm and of a task", async () => {
    const { guild, socket } = await guildWithRelay();
    const { host } = guild.relay(0).impl;
    vi.spyOn(host, "message").mockRejectedValueOnce(new TypeError("a slip in a frame"));
    guild.relay(0).message(socket, "{}");
    await guild.time.quiet();
    expect(takeHubFailures()).toEqual([expect.stringContaining("a slip in a frame")]);
    vi.spyOn(host, "alarm").mockRejectedValueOnce(new TypeError("a slip in an alarm"));
    host.store.writeTask("x", guild.time.now);
    host.arm();
    await guild.time.pass(10_000);
    expect(takeHubFailures()).toEqual([expect.stringContaining("a slip in an alarm")]);
    vi.spyOn(host.server, "checkDeadlines").mockImplementationOnce(() => {
      throw new TypeError("a slip in a task");
    });
    await guild.time.pass(3_600_000);
    expect(takeHubFailures()).toEqual([expect.stringContaining("a slip in a task")]);
  });

  test("is not reported for a call that the network lost", async () => {
    const { guild } = await guildWithRelay();
    const logged = vi.spyOn(console, "error");
    guild.fate = () => ({ lost: "request" });
    await guild.time.pass(10_000);
    expect(logged.mock.calls.join()).toContain("hub.task_failed");
    logged.mockRestore();
    expect(takeHubFailures()).toEqual([]);
  });
});

describe("a stub", () => {
  test.each(["request", "answer"] as const)("stays broken after its %s was lost", async (lost) => {
    const { guild } = await guildWithRelay();
    const stub = guild.reachFrom(ALIVE).hub(GUILD);
    guild.fate = () => ({ lost });
    await expect(stub.presence()).rejects.toThrow("the call was lost");
    guild.fate = () => ({});
    await expect(stub.presence()).rejects.toThrow("broken stub");
    expect(await guild.reachFrom(ALIVE).hub(GUILD).presence()).toMatchObject({ count: 0 });
  });

  test("stays broken after its object died during a call, but not after an error", async () => {
    const { guild } = await guildWithRelay();
    const stub = guild.reachFrom(ALIVE).hub(GUILD);
    const presence = vi.spyOn(guild.hub.impl, "presence");
    presence.mockImplementationOnce(() => {
      throw new Error("not now");
    });
    await expect(stub.presence()).rejects.toThrow("not now");
    expect(await stub.presence()).toMatchObject({ count: 0 });
    presence.mockReturnValueOnce(new Promise<never>(() => {}) as never);
    const answer = stub.presence();
    await guild.time.quiet();
    guild.hub.crash();
    await expect(answer).rejects.toThrow("died");
    await expect(stub.presence()).rejects.toThrow("broken stub");
  });
});

describe("a life that has ended", () => {
  test("sends no calls and lists no sockets", async () => {
    const guild = new VirtualGuild();
    const lives: HubRuntime[] = [];
    const object = new MemoryObject<Served>({
      name: GUILD,
      time: guild.time,
      reachFrom: (from) => guild.reachFrom(from),
      make: (runtime) => {
        lives.push(runtime);
        return guild.hub.impl;
      },
    });
    object.accept();
    expect(lives[0]?.sockets()).toHaveLength(1);
    object.evict();
    const attach = vi.spyOn(guild.hub.impl, "attachRelay");
    guild.fate = () => ({ thereMs: 10 });
    // A call of the turn in which the object dies has not left yet, so it is not sent either.
    void lives[0]?.hub(GUILD).attachRelay(0);
    void lives[1]?.hub(GUILD).attachRelay(1);
    object.crash();
    void lives[2]?.hub(GUILD).attachRelay(2);
    object.accept();
    await guild.time.pass(10);
    expect(attach.mock.calls).toEqual([[2]]);
    expect(lives.map((life) => life.sockets().length)).toEqual([0, 0, 1]);
  });
});

test("a closing socket is listed until its object has handled the close", async () => {
  const { guild, socket } = await guildWithRelay();
  const relay = guild.relay(0);
  const closed = vi.spyOn(relay.impl.host, "closed");
  const listed: boolean[] = [];
  closed.mockImplementationOnce(() => {
    listed.push(relay.sockets.has(socket));
    relay.drop(socket);
  });
  relay.drop(socket);
  expect(closed).toHaveBeenCalledTimes(1);
  expect([...listed, relay.sockets.has(socket)]).toEqual([true, false]);
});
