import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LONG_POLL_BYTES_MAX, LONG_POLL_EVENTS_MAX } from "../../protocol/limits.ts";
import { acceptedAt, HubEnd } from "../../testing/hub-end.ts";
import { HubFeed } from "./hub-feed.ts";
import { pollOnce, type PollOutcome, waitingBody } from "./long-poll.ts";

const WAIT_MS = 25_000;

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

let hub: HubEnd;

const poll = (waitMs: number): Promise<PollOutcome> => pollOnce(new HubFeed(hub), waitMs);

beforeEach(() => {
  vi.useFakeTimers();
  hub = new HubEnd();
});

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe("a long poll", () => {
  it("answers at once with everything that was missed", async () => {
    hub.frames(
      acceptedAt(9),
      event(5),
      { type: "batch", events: [entry(7), entry(9)] },
      resumed(4, 9),
    );
    const answer = answerOf(await poll(WAIT_MS));
    expect(answer).toEqual({
      v: 1,
      epoch: "E",
      seq: 9,
      events: [entry(5), entry(7), entry(9)],
      more: false,
      retryWindowMs: 700,
    });
    expect(hub.closedWith).toBe(1000);
  });

  it("waits for the first event, and returns the events that arrive with it", async () => {
    hub.frames(acceptedAt(4), resumed(4, 4));
    const polling = poll(WAIT_MS);
    await vi.advanceTimersByTimeAsync(WAIT_MS - 1);
    hub.frames(
      { type: "signal", event: "presence", key: "presence", payload: {}, ts: 1 },
      event(5),
      event(6),
    );
    expect(answerOf(await polling)).toMatchObject({ seq: 6, events: [entry(5), entry(6)] });
    expect(hub.closedWith).toBe(1000);
  });

  it("answers without events when the time is up, and only an event ends it sooner", async () => {
    hub.frames(acceptedAt(4), resumed(4, 4));
    let isDone = false;
    const polling = poll(WAIT_MS).finally(() => {
      isDone = true;
    });
    hub.frames({ type: "auth.expiring", exp: 1 });
    await vi.advanceTimersByTimeAsync(WAIT_MS - 1);
    expect(isDone).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(isDone).toBe(true);
    expect(answerOf(await polling)).toMatchObject({ seq: 4, events: [], more: false });
    expect(hub.closedWith).toBe(1000);
  });

  it("ends when its client leaves: nothing waits on, and the socket at the hub is closed", async () => {
    hub.frames(acceptedAt(4), resumed(4, 4));
    const feed = new HubFeed(hub);
    const polling = pollOnce(feed, WAIT_MS);
    await vi.advanceTimersByTimeAsync(10);
    feed.leave("goingAway");
    await polling;
    expect([hub.closedWith, vi.getTimerCount()]).toEqual([1001, 0]);
  });

  it("with a wait of 0 answers at once", async () => {
    hub.frames(acceptedAt(4), resumed(4, 4));
    expect(answerOf(await poll(0))).toMatchObject({ seq: 4, events: [] });
  });

  it("starts the wait only when everything missed has arrived, so a slow hub has its time", async () => {
    const polling = poll(0);
    await vi.advanceTimersByTimeAsync(WAIT_MS);
    hub.frames(acceptedAt(5), event(5), resumed(4, 5));
    expect(answerOf(await polling)).toMatchObject({ seq: 5, events: [entry(5)], more: false });
  });

  it("moves past events that are not for this client, or its position would be trimmed", async () => {
    hub.frames(acceptedAt(900), resumed(4, 4));
    expect(answerOf(await poll(0)).seq).toBe(900);
    hub = new HubEnd().frames(acceptedAt(900), event(7), resumed(4, 7));
    expect(answerOf(await poll(WAIT_MS)).seq).toBe(900);
  });

  it("answers a position that cannot be resumed with the whole state, at once", async () => {
    const state = { rooms: [{ channelId: "1" }], gateway: { state: "down" }, presence: {} };
    const snapshot = { type: "snapshot", epoch: "E", seq: 9, reason: "too_old", ...state };
    hub.frames(acceptedAt(9), { ...snapshot, oldest: 8 });
    expect(answerOf(await poll(WAIT_MS))).toEqual({
      v: 1,
      epoch: "E",
      seq: 9,
      reset: { reason: "too_old", oldest: 8, snapshot: state },
      events: [],
      more: false,
      retryWindowMs: 700,
    });
    expect(hub.closedWith).toBe(1000);
    // A hub of an older version does not send `oldest`.
    hub = new HubEnd().frames(acceptedAt(9), snapshot);
    expect(answerOf(await poll(WAIT_MS)).reset).toEqual({
      reason: "too_old",
      snapshot: state,
    });
  });
});

describe("the bounds of an answer", () => {
  it("HUB-10 more than a window is acknowledged while it is read", async () => {
    const polling = poll(WAIT_MS);
    hub.frames(acceptedAt(40));
    for (let seq = 1; seq <= 40; seq += 1) {
      hub.frames(event(seq, "x".repeat(10_000)));
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(hub.acks.at(-1)).toBeGreaterThan(35);
    hub.frames(resumed(0, 40));
    expect(answerOf(await polling).events).toHaveLength(40);
  });

  it("an event above the limit is left for the next call", async () => {
    const entries = Array.from({ length: LONG_POLL_EVENTS_MAX + 1 }, (_, i) => entry(i + 1));
    const last = LONG_POLL_EVENTS_MAX + 1;
    hub.frames(acceptedAt(last), { type: "batch", events: entries }, resumed(0, last));
    const answer = answerOf(await poll(WAIT_MS));
    expect([answer.events.length, answer.seq, answer.more]).toEqual([
      LONG_POLL_EVENTS_MAX,
      LONG_POLL_EVENTS_MAX,
      true,
    ]);
    hub = new HubEnd().frames(acceptedAt(last), { type: "batch", events: entries.slice(0, -1) });
    hub.frames(resumed(0, last - 1));
    expect(answerOf(await poll(WAIT_MS)).more).toBe(false);
  });

  it("bytes are bounded as well, except for a single larger event", async () => {
    const big = "x".repeat(LONG_POLL_BYTES_MAX / 2);
    const window = { windowBytes: 4 * LONG_POLL_BYTES_MAX };
    hub.frames(acceptedAt(3, window), event(1, big), event(2, big), event(3, big), resumed(0, 3));
    expect(answerOf(await poll(WAIT_MS))).toMatchObject({ seq: 1, more: true });
    hub = new HubEnd().frames(acceptedAt(2, window), event(1, big + big), event(2), resumed(0, 2));
    const answer = answerOf(await poll(WAIT_MS));
    expect([answer.events.length, answer.seq, answer.more]).toEqual([1, 1, true]);
  });
});

describe("a hub that ends the stream", () => {
  it("its close code is the outcome when there are no events", async () => {
    hub.frames(acceptedAt(4), resumed(4, 4));
    const polling = poll(WAIT_MS);
    await vi.advanceTimersByTimeAsync(10);
    hub.end(4401);
    const outcome = await polling;
    expect(outcome).toMatchObject({ kind: "closed", code: 4401 });
    expect(JSON.parse(outcome.body ?? "")).toMatchObject({ seq: 4, events: [], more: false });
  });

  it("missed events are answered nevertheless, and the client asks for the rest", async () => {
    for (const end of [() => hub.end(1013), () => hub.breakOff()]) {
      hub = new HubEnd().frames(acceptedAt(9), event(5));
      const polling = poll(WAIT_MS);
      await vi.advanceTimersByTimeAsync(1);
      end();
      expect(answerOf(await polling)).toMatchObject({ seq: 5, more: true });
    }
  });

  it("a hub that is lost without events is as if it had closed with 1006", async () => {
    hub = new HubEnd().frames(acceptedAt(4), resumed(4, 4));
    const polling = poll(WAIT_MS);
    await vi.advanceTimersByTimeAsync(1);
    hub.breakOff();
    expect(await polling).toMatchObject({ kind: "closed", code: 1006 });
  });

  it("without a position there is nothing to answer with", async () => {
    const polling = poll(WAIT_MS);
    await vi.advanceTimersByTimeAsync(1);
    hub.frames(acceptedAt(9)).end(1013);
    expect(await polling).toEqual({ kind: "closed", code: 1013, body: null });
  });
});

describe("HUB-19 the body of an answer that is not there yet", () => {
  const EVERY_MS = 5_000;

  /** What has been written of a body, also while it is not complete. */
  function written(body: ReadableStream<Uint8Array>) {
    const seen = { text: "", isDone: false, error: null as unknown };
    const read = async (): Promise<void> => {
      for await (const part of body.pipeThrough(new TextDecoderStream())) seen.text += part;
      seen.isDone = true;
    };
    void read().catch((error: unknown) => {
      seen.error = error;
    });
    return seen;
  }

  it("has a space at once and from time to time, then the answer, and is JSON", async () => {
    hub.frames(acceptedAt(4), resumed(4, 4));
    const seen = written(waitingBody(poll(WAIT_MS), EVERY_MS));
    await vi.advanceTimersByTimeAsync(0);
    expect(seen.text).toBe(" ");
    await vi.advanceTimersByTimeAsync(EVERY_MS - 1);
    expect(seen.text).toBe(" ");
    await vi.advanceTimersByTimeAsync(1 + EVERY_MS);
    expect(seen).toMatchObject({ text: "   ", isDone: false });
    hub.frames(event(5));
    await vi.advanceTimersByTimeAsync(1);
    expect(seen.isDone).toBe(true);
    expect(JSON.parse(seen.text)).toMatchObject({ seq: 5, events: [entry(5)] });
  });

  it("is an answer without events if the hub closes meanwhile", async () => {
    hub.frames(acceptedAt(4), resumed(4, 4));
    const seen = written(waitingBody(poll(WAIT_MS), EVERY_MS));
    await vi.advanceTimersByTimeAsync(1);
    hub.end(4401);
    await vi.advanceTimersByTimeAsync(1);
    expect(JSON.parse(seen.text)).toMatchObject({ seq: 4, events: [], more: false });
  });

  it("breaks if the hub closes before it has told a position", async () => {
    const seen = written(waitingBody(poll(WAIT_MS), EVERY_MS));
    await vi.advanceTimersByTimeAsync(1);
    hub.end(1013);
    await vi.advanceTimersByTimeAsync(1);
    expect(seen).toMatchObject({ isDone: false, error: expect.any(Error) });
  });

  it("after its client has left nothing waits on, and nothing fails", async () => {
    hub.frames(acceptedAt(4), resumed(4, 4));
    const feed = new HubFeed(hub);
    const reader = waitingBody(pollOnce(feed, WAIT_MS), EVERY_MS).getReader();
    await reader.read();
    const next = reader.read();
    await vi.advanceTimersByTimeAsync(1);
    await reader.cancel();
    feed.leave("goingAway");
    await next;
    await vi.advanceTimersByTimeAsync(EVERY_MS);
    expect(hub.closedWith).toBe(1001);
  });
});
