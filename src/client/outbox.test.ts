import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CLIENT_FRAME_WINDOW_MS, CLIENT_FRAMES_PER_WINDOW } from "../protocol/limits.ts";
import { ACK_INTERVAL_MS, Outbox, SEND_SPACING_MS } from "./outbox.ts";
import type { Credit } from "./server-frame.ts";

function outbox(credit: Credit = {}) {
  const sent: unknown[] = [];
  return { sent, box: new Outbox(credit, (text) => sent.push(JSON.parse(text))) };
}
const ack = (seq: number) => ({ type: "ack", seq });
const subscribe = (...channelIds: string[]) => ({ type: "subscribe", channelIds });

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("acknowledging", () => {
  it("happens at once when half of the events that the hub grants have come", () => {
    const { box, sent } = outbox({ windowEvents: 10 });
    for (let seq = 1; seq <= 4; seq += 1) box.received(seq, 1, 100);
    expect(sent).toEqual([]);
    box.received(5, 1, 100);
    expect(sent).toEqual([ack(5)]);
    vi.advanceTimersByTime(ACK_INTERVAL_MS);
    box.received(6, 1, 100);
    expect(sent).toEqual([ack(5)]);
  });

  it("happens before half of the bytes have come, and before all of them if they are not ASCII", () => {
    const windowBytes = 9_000;
    const plain = outbox({ windowBytes });
    plain.box.received(1, 1, "a".repeat(windowBytes / 2).length);
    expect(plain.sent).toEqual([ack(1)]);
    const wide = outbox({ windowBytes });
    wide.box.received(1, 1, "€".repeat(windowBytes / 3).length);
    expect(wide.sent).toEqual([ack(1)]);
  });

  it("counts from the last acknowledgement, and a batch by its events", () => {
    const { box, sent } = outbox({ windowEvents: 10 });
    box.received(7, 7, 100);
    vi.advanceTimersByTime(SEND_SPACING_MS);
    box.received(11, 4, 100);
    expect(sent).toEqual([ack(7)]);
    box.received(12, 1, 100);
    expect(sent).toEqual([ack(7), ack(12)]);
  });

  it("happens after a while when less has come, and not without anything new", () => {
    const { box, sent } = outbox({ windowEvents: 1_000, windowBytes: 1_000_000 });
    box.received(3, 1, 100);
    vi.advanceTimersByTime(ACK_INTERVAL_MS - 1);
    expect(sent).toEqual([]);
    vi.advanceTimersByTime(10 * ACK_INTERVAL_MS);
    expect(sent).toEqual([ack(3)]);
  });
});

describe("what waits to be sent", () => {
  it("is the newest subscription and the newest acknowledgement, whatever was asked for", () => {
    const { box, sent } = outbox({ windowEvents: 2 });
    box.subscribe(["1"]);
    for (let n = 2; n <= 100; n += 1) {
      box.subscribe([String(n)]);
      box.received(n, 1, 10);
    }
    vi.advanceTimersByTime(60_000);
    expect(sent).toEqual([subscribe("1"), subscribe("100"), ack(100)]);
  });

  it("never goes faster than the hub takes it", () => {
    const { box, sent } = outbox({ windowEvents: 1 });
    for (let ms = 0; ms < CLIENT_FRAME_WINDOW_MS; ms += 5) {
      box.subscribe([String(ms)]);
      box.received(ms, 1, 10);
      vi.advanceTimersByTime(5);
    }
    expect(sent.length).toBeGreaterThan(10);
    expect(sent.length).toBeLessThan(CLIENT_FRAMES_PER_WINDOW);
  });

  it("is dropped with the connection", () => {
    const { box, sent } = outbox();
    box.received(1, 1, 10);
    box.stop();
    vi.advanceTimersByTime(60_000);
    expect(sent).toEqual([]);
  });
});
