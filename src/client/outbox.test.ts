import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CLIENT_FRAME_WINDOW_MS, CLIENT_FRAMES_PER_WINDOW } from "../protocol/limits.ts";
import { ACK_INTERVAL_MS, Outbox, SEND_BURST } from "./outbox.ts";
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
  it("happens at once when half of the events in the credit have arrived", () => {
    const { box, sent } = outbox({ windowEvents: 10 });
    for (let seq = 1; seq <= 4; seq += 1) box.received(seq, 1, "{}");
    expect(sent).toEqual([]);
    box.received(5, 1, "{}");
    expect(sent).toEqual([ack(5)]);
    vi.advanceTimersByTime(ACK_INTERVAL_MS);
    box.received(6, 1, "{}");
    expect(sent).toEqual([ack(5)]);
  });

  it("happens at once when half of the bytes have arrived, counted in UTF-8", () => {
    const windowBytes = 9_000;
    const { box, sent } = outbox({ windowBytes });
    box.received(1, 1, "a".repeat(windowBytes / 2 - 3));
    expect(sent).toEqual([]);
    box.received(2, 1, "€");
    expect(sent).toEqual([ack(2)]);
  });

  it("counts from the last acknowledgement, and each event of a batch", () => {
    const { box, sent } = outbox({ windowEvents: 10 });
    box.received(7, 7, "{}");
    box.received(11, 4, "{}");
    expect(sent).toEqual([ack(7)]);
    box.received(12, 1, "{}");
    expect(sent).toEqual([ack(7), ack(12)]);
  });

  it("happens after a while when less has arrived, and only with something new", () => {
    const { box, sent } = outbox({ windowEvents: 1_000, windowBytes: 1_000_000 });
    box.received(3, 1, "{}");
    vi.advanceTimersByTime(ACK_INTERVAL_MS - 1);
    expect(sent).toEqual([]);
    vi.advanceTimersByTime(10 * ACK_INTERVAL_MS);
    expect(sent).toEqual([ack(3)]);
  });

  it("is sent with a subscription", () => {
    const { box, sent } = outbox();
    box.received(3, 1, "{}");
    box.subscribe(["1"]);
    expect(sent).toEqual([subscribe("1"), ack(3)]);
  });
});

describe("what waits to be sent", () => {
  it("is only the newest subscription and the newest acknowledgement", () => {
    const { box, sent } = outbox({ windowEvents: 2 });
    for (let n = 1; n <= 100; n += 1) {
      box.subscribe([String(n)]);
      box.received(n, 1, "{}");
    }
    const atOnce = sent.length;
    expect(atOnce).toBeLessThanOrEqual(SEND_BURST + 1);
    vi.advanceTimersByTime(60_000);
    expect(sent.slice(atOnce)).toEqual([subscribe("100"), ack(100)]);
  });

  it("is never sent faster than the hub accepts, in any window of its count", () => {
    const { box, sent } = outbox({ windowEvents: 1 });
    const at: number[] = [];
    for (let ms = 0; ms < 3 * CLIENT_FRAME_WINDOW_MS; ms += 5) {
      // A pause in the middle: frames that were not sent then must not be sent on top later.
      if (ms < 5_000 || ms > 9_000) {
        box.subscribe([String(ms)]);
        box.received(ms, 1, "{}");
      }
      vi.advanceTimersByTime(5);
      while (at.length < sent.length) at.push(ms);
    }
    const inWindow = at.map(
      (from) => at.filter((one) => one >= from && one < from + CLIENT_FRAME_WINDOW_MS).length,
    );
    expect(Math.max(...inWindow)).toBeGreaterThan(SEND_BURST);
    expect(Math.max(...inWindow)).toBeLessThan(CLIENT_FRAMES_PER_WINDOW - 5);
  });

  it("is dropped with the connection", () => {
    const { box, sent } = outbox();
    box.received(1, 1, "{}");
    box.stop();
    vi.advanceTimersByTime(60_000);
    expect(sent).toEqual([]);
  });
});
