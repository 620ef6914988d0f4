import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LONG_POLL_BYTES_MAX, LONG_POLL_EVENTS_MAX } from "../../protocol/limits.ts";
import { pollOnce, type PollOutcome } from "./long-poll.ts";
import { sseMessage } from "./sse.ts";

const encoder = new TextEncoder();
const WAIT_MS = 25_000;

/** A hub's event stream that the test writes. */
class FakeHub {
  readonly body: ReadableStream<Uint8Array>;
  cancelled = 0;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor() {
    this.body = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => {
        this.cancelled += 1;
      },
    });
  }

  /** Sends frames of one turn, which arrive together. */
  send(...frames: readonly object[]): this {
    const text = frames.map((frame) => sseMessage({ data: JSON.stringify({ v: 1, ...frame }) }));
    this.#controller?.enqueue(encoder.encode(text.join("")));
    return this;
  }

  end(code: number): this {
    const data = JSON.stringify({ code, reason: "because", reconnect: "yes" });
    this.#controller?.enqueue(encoder.encode(sseMessage({ event: "close", data })));
    this.#controller?.close();
    return this;
  }

  breakOff(): this {
    this.#controller?.error(new Error("restarted"));
    return this;
  }
}

const ack = (seq: number): object => ({
  type: "ack",
  event: "auth.ok",
  epoch: "E",
  seq,
  retryWindowMs: 700,
});
const entry = (
  seq: number,
  payload: unknown = { n: seq },
): {
  readonly seq: number;
  readonly id: string;
  readonly event: string;
  readonly payload: unknown;
  readonly ts: number;
} => ({
  event: "x",
  payload,
  ts: 1,
  seq,
  id: `i${seq}`,
});
const event = (seq: number, payload?: unknown): object => ({
  type: "event",
  ...entry(seq, payload),
});
const resumed = (from: number, to: number): object => ({ type: "resumed", epoch: "E", from, to });

type Answer = {
  epoch: string;
  seq: number;
  more: boolean;
  events: { seq: number }[];
  reset?: unknown;
};

function answerOf(outcome: PollOutcome): Answer {
  if (outcome.kind !== "answer") throw new Error(`no answer but ${outcome.kind}`);
  return JSON.parse(outcome.body) as Answer;
}

let hub: FakeHub;

beforeEach(() => {
  vi.useFakeTimers();
  hub = new FakeHub();
});

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe("a long poll", () => {
  it("answers at once with everything that was missed", async () => {
    hub.send(ack(9), event(5), { type: "batch", events: [entry(7), entry(9)] }, resumed(4, 9));
    const answer = answerOf(await pollOnce(hub.body, WAIT_MS));
    expect(answer).toEqual({
      v: 1,
      epoch: "E",
      seq: 9,
      events: [entry(5), entry(7), entry(9)],
      more: false,
      retryWindowMs: 700,
    });
    expect(hub.cancelled).toBe(1);
  });

  it("waits for the first event, and returns the events that arrive with it", async () => {
    hub.send(ack(4), resumed(4, 4));
    const polling = pollOnce(hub.body, WAIT_MS);
    await vi.advanceTimersByTimeAsync(WAIT_MS - 1);
    hub.send(
      { type: "signal", event: "presence", key: "presence", payload: {}, ts: 1 },
      event(5),
      event(6),
    );
    expect(answerOf(await polling)).toMatchObject({ seq: 6, events: [entry(5), entry(6)] });
    expect(hub.cancelled).toBe(1);
  });

  it("answers without events when the time is up, and only an event ends it sooner", async () => {
    hub.send(ack(4), resumed(4, 4));
    let isDone = false;
    const polling = pollOnce(hub.body, WAIT_MS).finally(() => {
      isDone = true;
    });
    hub.send({ type: "auth.expiring", exp: 1 });
    await vi.advanceTimersByTimeAsync(WAIT_MS - 1);
    expect(isDone).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(isDone).toBe(true);
    expect(answerOf(await polling)).toMatchObject({ seq: 4, events: [], more: false });
    expect(hub.cancelled).toBe(1);
  });

  it("with a wait of 0 answers at once", async () => {
    hub.send(ack(4), resumed(4, 4));
    expect(answerOf(await pollOnce(hub.body, 0))).toMatchObject({ seq: 4, events: [] });
  });

  it("starts the wait only when everything missed has arrived, so a slow hub has its time", async () => {
    const polling = pollOnce(hub.body, 0);
    await vi.advanceTimersByTimeAsync(WAIT_MS);
    hub.send(ack(5), event(5), resumed(4, 5));
    expect(answerOf(await polling)).toMatchObject({ seq: 5, events: [entry(5)], more: false });
  });

  it("moves past events that are not for this client, or its position would be trimmed", async () => {
    hub.send(ack(900), resumed(4, 4));
    expect(answerOf(await pollOnce(hub.body, 0)).seq).toBe(900);
    hub = new FakeHub().send(ack(900), event(7), resumed(4, 7));
    expect(answerOf(await pollOnce(hub.body, WAIT_MS)).seq).toBe(900);
  });

  it("answers a position that cannot be resumed with the whole state, at once", async () => {
    const state = { rooms: [{ channelId: "1" }], gateway: { state: "down" }, presence: {} };
    const snapshot = { type: "snapshot", epoch: "E", seq: 9, reason: "too_old", ...state };
    hub.send(ack(9), { ...snapshot, oldest: 8 });
    expect(answerOf(await pollOnce(hub.body, WAIT_MS))).toEqual({
      v: 1,
      epoch: "E",
      seq: 9,
      reset: { reason: "too_old", oldest: 8, snapshot: state },
      events: [],
      more: false,
      retryWindowMs: 700,
    });
    expect(hub.cancelled).toBe(1);
    // A hub of an older version does not send `oldest`.
    hub = new FakeHub().send(ack(9), snapshot);
    expect(answerOf(await pollOnce(hub.body, WAIT_MS)).reset).toEqual({
      reason: "too_old",
      snapshot: state,
    });
  });
});

describe("the bounds of an answer", () => {
  it("an event above the limit is left for the next call", async () => {
    const entries = Array.from({ length: LONG_POLL_EVENTS_MAX + 1 }, (_, i) => entry(i + 1));
    const last = LONG_POLL_EVENTS_MAX + 1;
    hub.send(ack(last), { type: "batch", events: entries }, resumed(0, last));
    const answer = answerOf(await pollOnce(hub.body, WAIT_MS));
    expect([answer.events.length, answer.seq, answer.more]).toEqual([
      LONG_POLL_EVENTS_MAX,
      LONG_POLL_EVENTS_MAX,
      true,
    ]);
    hub = new FakeHub().send(ack(last), { type: "batch", events: entries.slice(0, -1) });
    hub.send(resumed(0, last - 1));
    expect(answerOf(await pollOnce(hub.body, WAIT_MS)).more).toBe(false);
  });

  it("bytes are bounded as well, except for a single larger event", async () => {
    const big = "x".repeat(LONG_POLL_BYTES_MAX / 2);
    hub.send(ack(3), event(1, big), event(2, big), event(3, big), resumed(0, 3));
    expect(answerOf(await pollOnce(hub.body, WAIT_MS))).toMatchObject({ seq: 1, more: true });
    hub = new FakeHub().send(ack(2), event(1, big + big), event(2), resumed(0, 2));
    const answer = answerOf(await pollOnce(hub.body, WAIT_MS));
    expect([answer.events.length, answer.seq, answer.more]).toEqual([1, 1, true]);
  });
});

describe("a hub that ends the stream", () => {
  it("its close code is the outcome when there are no events", async () => {
    hub.send(ack(4), resumed(4, 4));
    const polling = pollOnce(hub.body, WAIT_MS);
    await vi.advanceTimersByTimeAsync(10);
    hub.end(4401);
    expect(await polling).toEqual({ kind: "closed", code: 4401 });
  });

  it("missed events are answered nevertheless, and the client asks for the rest", async () => {
    hub.send(ack(9), event(5)).end(1013);
    expect(answerOf(await pollOnce(hub.body, WAIT_MS))).toMatchObject({ seq: 5, more: true });
    hub = new FakeHub().send(ack(9), event(5));
    const polling = pollOnce(hub.body, WAIT_MS);
    await vi.advanceTimersByTimeAsync(1);
    hub.breakOff();
    expect(answerOf(await polling)).toMatchObject({ seq: 5, more: true });
  });

  it("a stream that breaks off without events is lost", async () => {
    expect(await pollOnce(hub.breakOff().body, WAIT_MS)).toEqual({ kind: "lost" });
    hub = new FakeHub().send(ack(4), resumed(4, 4));
    const polling = pollOnce(hub.body, WAIT_MS);
    await vi.advanceTimersByTimeAsync(1);
    hub.breakOff();
    expect(await polling).toEqual({ kind: "lost" });
  });
});
