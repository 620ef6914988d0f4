import { describe, expect, test } from "vitest";
import { JOURNAL_MAX_EVENTS } from "../../protocol/limits.ts";
import type { ExplanationCode } from "../../protocol/hub-report.ts";
import { type MemorySocket } from "../../testing/memory-platform.ts";
import { VirtualHub } from "../../testing/virtual-hub.ts";
import { explain } from "./explain.ts";

/** Explains like `inspection.ts`, for one socket of a virtual hub. */
function ask(bench: VirtualHub, socket: MemorySocket, seq: number): ExplanationCode {
  const session = bench.server.sessions.live(socket);
  if (session === null) throw new Error("no session");
  const extent = bench.store.extent();
  const entry = bench.store.readAfter(seq - 1, 1).find((one) => one.seq === seq);
  const sent = session.sentBefore(extent.head + 1, bench.store);
  return explain(session, sent, { seq, entry, extent, now: bench.now });
}

describe("HUB-20 why a connection did or did not get an event", () => {
  test("a sent event is delivered, also after a wake", async () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    bench.publish();
    expect(ask(bench, socket, 1)).toBe("delivered");
    await bench.evict();
    expect(ask(bench, socket, 1)).toBe("delivered");
  });

  test("an event that does not exist yet, and a trimmed event", () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    bench.publish();
    expect(ask(bench, socket, 2)).toBe("not_yet");
    for (let i = 0; i < JOURNAL_MAX_EVENTS; i += 1) bench.publish();
    expect(ask(bench, socket, 1)).toBe("trimmed");
    expect(ask(bench, socket, 2)).toBe("delivered");
  });

  test("an event before the snapshot, or before the position of a resume", async () => {
    const bench = new VirtualHub();
    for (let i = 0; i < 4; i += 1) bench.publish();
    const fresh = bench.connect();
    expect(ask(bench, fresh, 4)).toBe("before_connection");
    const resumed = bench.connect({ epoch: "epoch-1", seq: 2, sub: "bob" });
    expect([2, 3].map((seq) => ask(bench, resumed, seq))).toEqual([
      "before_connection",
      "delivered",
    ]);
    await bench.evict();
    expect([2, 3].map((seq) => ask(bench, resumed, seq))).toEqual([
      "before_connection",
      "delivered",
    ]);
  });

  test("an event outside its audience, and outside its subscription: the audience comes first", () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    const channelIds = ["100000000000000001"];
    bench.server.message(socket, JSON.stringify({ type: "subscribe", channelIds }));
    bench.publish(["sub:bob"], "100000000000000002");
    bench.publish(null, "100000000000000002");
    bench.publish(null, "100000000000000001");
    expect([1, 2, 3].map((seq) => ask(bench, socket, seq))).toEqual([
      "not_in_audience",
      "not_subscribed",
      "delivered",
    ]);
  });

  test("an event that waits for the next shared frame", async () => {
    const bench = new VirtualHub();
    const socket = bench.connect({ batch: true });
    bench.publish();
    bench.publish();
    expect([1, 2].map((seq) => ask(bench, socket, seq))).toEqual(["delivered", "pending"]);
    await bench.pass(10);
    expect(ask(bench, socket, 2)).toBe("delivered");
  });

  test("an event that waits for a lagging client, and one after its token has expired", () => {
    const bench = new VirtualHub();
    const exp = Math.floor(bench.now / 1000) + 10;
    const socket = bench.connect({ exp });
    bench.ack(socket, 0);
    for (let i = 0; i < 7; i += 1) {
      bench.publish(null, null, undefined, { text: "x".repeat(32 * 1024) });
    }
    expect([5, 6].map((seq) => ask(bench, socket, seq))).toEqual(["delivered", "lagging"]);
    bench.clock.now = exp * 1000 - 1;
    expect(ask(bench, socket, 6)).toBe("lagging");
    bench.clock.now += 1;
    expect([5, 6].map((seq) => ask(bench, socket, seq))).toEqual(["delivered", "expired"]);
  });
});
