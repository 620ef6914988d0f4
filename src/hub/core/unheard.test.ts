import { describe, expect, test } from "vitest";
import { PING_FRAME } from "../../protocol/frames.ts";
import { SOCKETS_PER_USER, UNHEARD_GIVES_WAY_MS } from "../../protocol/limits.ts";
import type { MemorySocket } from "../../testing/memory-platform.ts";
import { VirtualHub } from "../../testing/virtual-hub.ts";

/** Opens as many sockets as one user may have, one a millisecond. */
async function fill(bench: VirtualHub): Promise<MemorySocket[]> {
  const sockets: MemorySocket[] = [];
  for (let i = 0; i < SOCKETS_PER_USER; i += 1) {
    sockets.push(bench.connect());
    await bench.pass(1);
  }
  return sockets;
}

/** The indices of those that were closed. */
const closedOf = (sockets: readonly MemorySocket[]): number[] =>
  sockets.flatMap(({ closedWith }, index) => (closedWith === null ? [] : [index]));

describe("HUB-30 at the limit of a user", () => {
  test("the socket that has been silent longest gives way, not the oldest one", async () => {
    const bench = new VirtualHub();
    const sockets = await fill(bench);
    for (const socket of sockets.slice(0, 5)) bench.ack(socket, 0);
    await bench.pass(UNHEARD_GIVES_WAY_MS);
    const more = [bench.connect(), bench.connect()];
    expect(closedOf(sockets)).toEqual([5, 6]);
    expect([sockets[5]?.closedWith, closedOf(more)]).toEqual([4409, []]);
  });

  test("a frame and a ping are signs of life, also before the hub has slept", async () => {
    const bench = new VirtualHub();
    const sockets = await fill(bench);
    sockets.forEach((socket, index) => {
      if (index === 7) return;
      if (index % 3 === 0) bench.hub.message(socket, PING_FRAME);
      // Whatever it says: also what nobody understands.
      else if (index % 3 === 1) bench.hub.message(socket, "{}");
      else bench.ack(socket, 0);
    });
    await bench.pass(UNHEARD_GIVES_WAY_MS);
    await bench.evict();
    bench.connect();
    expect(closedOf(sockets)).toEqual([7]);
    // All others have been heard: as before, the oldest one goes.
    bench.connect();
    expect(closedOf(sockets)).toEqual([0, 7]);
  });

  test.each([
    ["just long enough", 0, [1]],
    ["a moment too short", 1, [0]],
  ])("silence of its time counts: %s", async (_, less, closed) => {
    const bench = new VirtualHub();
    const sockets = await fill(bench);
    for (const [index, socket] of sockets.entries()) if (index !== 1) bench.ack(socket, 0);
    // The first one is one millisecond older for each that came after it.
    const age = SOCKETS_PER_USER - 1;
    await bench.pass(UNHEARD_GIVES_WAY_MS - age - less);
    bench.connect();
    expect(closedOf(sockets)).toEqual(closed);
  });

  test("below it nobody gives way, however long they are silent", async () => {
    const bench = new VirtualHub();
    const sockets = (await fill(bench)).slice(1);
    const [leaves] = bench.sockets;
    if (leaves !== undefined) bench.drop(leaves);
    await bench.pass(100 * UNHEARD_GIVES_WAY_MS);
    bench.connect();
    // Silent sockets of another user are none of theirs.
    for (let i = 0; i <= SOCKETS_PER_USER; i += 1) bench.connect({ sub: "bob" });
    expect(closedOf(sockets)).toEqual([]);
  });

  test("a socket with the Worker behind it does not give way: its end closes", async () => {
    const bench = new VirtualHub();
    const join = async (transport?: "sse"): Promise<MemorySocket> => {
      const socket = await bench.join(bench.hub, { sub: "alice", transport });
      if (typeof socket === "number") throw new Error(`refused with ${socket}`);
      return socket;
    };
    const sockets: MemorySocket[] = [];
    for (let i = 1; i < SOCKETS_PER_USER; i += 1) sockets.push(await join("sse"));
    sockets.push(await join());
    await bench.pass(UNHEARD_GIVES_WAY_MS);
    await join();
    expect(closedOf(sockets)).toEqual([SOCKETS_PER_USER - 1]);
    await join();
    expect(closedOf(sockets)).toEqual([0, SOCKETS_PER_USER - 1]);
  });
});
