import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { acceptedAt, HubEnd } from "../../testing/hub-end.ts";
import { HubFeed, type Portion } from "./hub-feed.ts";

const WINDOW = { windowBytes: 16_000, windowEvents: 160 };
/** Length of a frame's text, characters: a thirty-second of the window. */
const LENGTH = 500;

const signal = { type: "signal", event: "presence", key: "presence", payload: {}, ts: 1 };

/** An event whose frame is so long. */
function event(seq: number, length = LENGTH): object {
  const bare = { type: "event", event: "x", payload: "", ts: 1, seq, id: "i" };
  const missing = length - JSON.stringify({ v: 1, ...bare }).length;
  return { ...bare, payload: "x".repeat(Math.max(0, missing)) };
}

const events = (from: number, to: number, length?: number): object[] =>
  Array.from({ length: to - from + 1 }, (_, i) => event(from + i, length));

const seqsOf = (portion: Portion): (number | undefined)[] =>
  portion.kind === "frames" ? portion.frames.map(({ mark }) => mark.seq) : [];

let hub: HubEnd;
let feed: HubFeed;

beforeEach(async () => {
  vi.useFakeTimers();
  hub = new HubEnd().frames(acceptedAt(0, WINDOW));
  feed = new HubFeed(hub);
  await feed.take();
});

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** What `take` has given so far; null: it waits. */
function pending(taking: Promise<Portion>): () => Portion | null {
  let given: Portion | null = null;
  void (async () => {
    given = await taking;
  })();
  return () => given;
}

describe("what a client takes", () => {
  it("is what has arrived, in order, and then what comes", async () => {
    hub.frames(event(1), signal, event(2));
    expect(seqsOf(await feed.take())).toEqual([1, undefined, 2]);
    const given = pending(feed.take());
    await vi.advanceTimersByTimeAsync(600_000);
    expect(given()).toBeNull();
    hub.frames(event(3));
    await vi.advanceTimersByTimeAsync(0);
    expect(seqsOf(given() ?? { kind: "quiet" })).toEqual([3]);
  });

  it("is quiet after the time, and not before", async () => {
    const given = pending(feed.take(10_000));
    await vi.advanceTimersByTimeAsync(9_999);
    expect(given()).toBeNull();
    await vi.advanceTimersByTimeAsync(1);
    expect(given()).toEqual({ kind: "quiet" });
    expect([hub.acks, hub.closedWith]).toEqual([[], null]);
  });

  it("comes in portions, so that one write is never the whole window", async () => {
    const large = { windowBytes: 1_000_000, windowEvents: 1_000 };
    hub = new HubEnd().frames(acceptedAt(0, large), ...events(1, 300, 1_000));
    feed = new HubFeed(hub);
    const seqs: (number | undefined)[] = [];
    let portions = 0;
    while (seqs.length < 301) {
      seqs.push(...seqsOf(await feed.take()));
      portions += 1;
    }
    expect(seqs.slice(1)).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
    expect([portions > 3, portions < 10]).toEqual([true, true]);
    // A frame that is larger than a portion is one.
    hub.frames(event(301, 200_000));
    expect(seqsOf(await feed.take())).toEqual([301]);
  });
});

describe("HUB-10 what is acknowledged", () => {
  it("is what the client took before, once it is a sixteenth of the window, and nothing sooner", async () => {
    hub.frames(event(1));
    await feed.take();
    hub.frames(event(2));
    await feed.take();
    // It was handed out, and nothing shows that the client has it.
    expect(hub.acks).toEqual([]);
    const given = pending(feed.take());
    await vi.advanceTimersByTimeAsync(0);
    expect([hub.acks, given()]).toEqual([[2], null]);
    hub.frames(event(3));
    await vi.advanceTimersByTimeAsync(0);
    pending(feed.take());
    expect(hub.acks).toEqual([2]);
  });

  it("is counted in frames as well, and signals count like the hub counts them", async () => {
    hub.frames(...events(1, 10, 0));
    await feed.take();
    pending(feed.take());
    expect(hub.acks).toEqual([10]);
    const signals = Array.from({ length: 10 }, () => signal);
    hub.frames(...signals);
    await vi.advanceTimersByTimeAsync(0);
    pending(feed.take());
    expect(hub.acks).toEqual([10, 10]);
  });

  it("is nothing while the client stalls, whatever arrives", async () => {
    hub.frames(...events(1, 32));
    await vi.advanceTimersByTimeAsync(600_000);
    expect([hub.acks, hub.closedWith]).toEqual([[], null]);
    expect(seqsOf(await feed.take())).toHaveLength(32);
    pending(feed.take());
    expect(hub.acks).toEqual([32]);
  });

  it("is a whole state of any size, so that events follow it", async () => {
    hub.frames({ type: "snapshot", epoch: "E", seq: 7, reason: "x", rooms: ["x".repeat(50_000)] });
    hub.frames({ type: "auth.expiring", exp: 1 });
    await feed.take();
    pending(feed.take());
    expect([hub.acks, hub.closedWith]).toEqual([[7], null]);
  });
});

describe("a window is all that waits here", () => {
  it("a hub that slept begins a new one: the client that stalls is sent away, and can resume", async () => {
    hub.frames(...events(1, 32));
    expect(hub.closedWith).toBeNull();
    hub.frames(event(33));
    expect(hub.closedWith).toBe(1013);
    expect(await feed.take()).toMatchObject({ kind: "ended", code: 1013 });
  });

  it("also when its frames are small", async () => {
    hub.frames(...events(1, 160, 0));
    expect(hub.closedWith).toBeNull();
    hub.frames(event(161, 0));
    expect(hub.closedWith).toBe(1013);
  });

  it("a single frame may be larger, and so may the state before the events", async () => {
    hub.frames(event(1, 20_000));
    expect(seqsOf(await feed.take())).toEqual([1]);
    hub.frames({ type: "snapshot", epoch: "E", seq: 7, reason: "x", rooms: ["x".repeat(50_000)] });
    hub.frames({ type: "auth.expiring", exp: 1 }, signal);
    expect(hub.closedWith).toBeNull();
  });
});

describe("the end", () => {
  it("of the hub is what comes next, and frees what waited", async () => {
    hub.frames(event(1)).end(4401, "the token is expired");
    const end = { kind: "ended", code: 4401, reason: "the token is expired" };
    expect(await feed.take()).toEqual(end);
    hub.frames(event(2));
    feed.leave("goingAway");
    expect(await feed.take(10_000)).toEqual(end);
    expect(hub.closedWith).toBeNull();
  });

  it("ends a wait", async () => {
    const given = pending(feed.take(10_000));
    hub.breakOff();
    await vi.advanceTimersByTimeAsync(0);
    expect(given()).toEqual({ kind: "ended", code: 1006, reason: "" });
  });

  it("is followed by no acknowledgement", async () => {
    hub.frames(...events(1, 10));
    await feed.take();
    hub.end(1012);
    await feed.take();
    expect(hub.acks).toEqual([]);
  });

  it("of the client closes the socket at the hub at once, once", async () => {
    const given = pending(feed.take(10_000));
    feed.leave("goingAway");
    expect(hub.closedWith).toBe(1001);
    await vi.advanceTimersByTimeAsync(0);
    expect(given()).toEqual({ kind: "left" });
    feed.leave("normal");
    hub.frames(event(1)).end(1000);
    expect([hub.closedWith, await feed.take()]).toEqual([1001, { kind: "left" }]);
  });
});
