import { beforeEach, describe, expect, it, vi } from "vitest";
import { UNACKNOWLEDGED_BYTES_MAX } from "../protocol/limits.ts";
import { SOON } from "../testing/soon.ts";
import { EventStream } from "./event-stream.ts";
import { SseReader, type ReceivedMessage } from "./http/sse.ts";

const frame = (members: object): string => JSON.stringify({ v: 1, ...members });
const ack = frame({ type: "ack", event: "auth.ok", epoch: "E", seq: 4, retryWindowMs: 2_000 });
const event = (seq: number, payload: unknown = null): string =>
  frame({ type: "event", event: "x", payload, ts: 1, seq, id: `i${seq}` });
const signal = frame({ type: "signal", event: "presence", key: "presence", payload: {}, ts: 1 });

let taken: number[];
let gone: number;
let isStored: () => Promise<void>;
let stream: EventStream;

beforeEach(() => {
  taken = [];
  gone = 0;
  isStored = () => Promise.resolve();
  stream = new EventStream({
    stored: () => isStored(),
    onTaken: (seq) => taken.push(seq),
    onGone: () => {
      gone += 1;
    },
    random: () => 0.5,
  });
});

/** A consumer that reads when the test says so. */
class Consumer {
  readonly messages: ReceivedMessage[] = [];
  readonly texts: string[] = [];
  readonly reader = stream.readable.getReader();
  readonly #parser = new SseReader();

  /** @returns false at the end */
  async take(): Promise<boolean> {
    const { done, value } = await this.reader.read();
    if (done) return false;
    this.texts.push(new TextDecoder().decode(value));
    this.messages.push(...this.#parser.push(value));
    return true;
  }
}

const ids = (consumer: Consumer): string[] => consumer.messages.map(({ id }) => id);

describe("frames as messages", () => {
  it("a message has an id when it moves the position, and a client can resume from it", async () => {
    const consumer = new Consumer();
    stream.send(ack);
    stream.send(frame({ type: "snapshot", epoch: "E", seq: 4, reason: "x", rooms: [] }));
    stream.send(event(5));
    stream.send(signal);
    stream.send(frame({ type: "batch", events: [{ seq: 6 }, { event: "x", seq: 9, id: "i" }] }));
    await consumer.take();
    expect(consumer.texts.join("").match(/^(id|retry): .*$/gm)).toEqual([
      "retry: 2000",
      "id: E:4",
      "id: E:5",
      "id: E:9",
    ]);
    expect(
      consumer.messages.map(({ data }) => (JSON.parse(data) as { type: string }).type),
    ).toEqual(["ack", "snapshot", "event", "signal", "batch"]);
  });

  it("frames of one turn are sent in one chunk, a long queue in several chunks in order", async () => {
    const consumer = new Consumer();
    stream.send(ack);
    for (let seq = 1; seq <= 300; seq += 1) stream.send(event(seq, "x".repeat(1_000)));
    let parts = 0;
    while (consumer.messages.length < 301) {
      await consumer.take();
      parts += 1;
    }
    expect(parts).toBeGreaterThan(3);
    expect(parts).toBeLessThan(10);
    expect(ids(consumer).slice(1)).toEqual(Array.from({ length: 300 }, (_, i) => `E:${i + 1}`));
  });
});

describe("flow control", () => {
  it("a pull acknowledges the chunks before it, and nothing more", async () => {
    const consumer = new Consumer();
    stream.send(ack);
    stream.send(event(1));
    stream.send(event(2));
    stream.send(signal);
    await consumer.take();
    expect(taken).toEqual([]);
    const next = consumer.take();
    await vi.waitFor(() => {
      expect(taken).toEqual([2]);
    }, SOON);
    stream.send(signal);
    await next;
    stream.send(event(3));
    await consumer.take();
    expect(taken).toEqual([2]);
  });

  it("a reader that stalls gets nothing, and nothing is reported as taken", async () => {
    stream.send(ack);
    stream.send(event(1));
    await new Promise(setImmediate);
    expect(taken).toEqual([]);
    const consumer = new Consumer();
    await consumer.take();
    expect(consumer.messages).toHaveLength(2);
  });

  it("frames that an acknowledgement triggers come next", async () => {
    const sent: number[] = [];
    const fed = new EventStream({
      stored: () => Promise.resolve(),
      onTaken: (seq) => {
        sent.push(seq);
        if (seq < 5) fed.send(event(seq + 1));
        else fed.close(1000, "enough");
      },
      onGone: () => undefined,
      random: () => 0,
    });
    fed.send(ack);
    fed.send(event(1));
    const text = await new Response(fed.readable).text();
    expect(text.match(/^id: .*$/gm)).toEqual([1, 2, 3, 4, 5].map((seq) => `id: E:${seq}`));
    expect(sent).toEqual([1, 2, 3, 4, 5]);
  });

  it("nothing is sent before it is stored", async () => {
    let store = (): void => undefined;
    isStored = () =>
      new Promise((resolve) => {
        store = resolve;
      });
    const consumer = new Consumer();
    stream.send(ack);
    const taking = consumer.take();
    await new Promise(setImmediate);
    expect(consumer.messages).toEqual([]);
    store();
    await taking;
    expect(consumer.messages).toHaveLength(1);
  });

  it("only the queue counts: a reader that keeps up is never closed", async () => {
    const consumer = new Consumer();
    const big = event(1, "x".repeat(1024 * 1024));
    for (let length = 0; length <= UNACKNOWLEDGED_BYTES_MAX; length += big.length) {
      stream.send(big);
      await consumer.take();
    }
    expect([gone, stream.isOpen]).toEqual([0, true]);
  });

  it("events that cannot be stored are never sent, and the client has to resume", async () => {
    isStored = () => Promise.reject(new Error("disk"));
    const consumer = new Consumer();
    stream.send(ack);
    await expect(consumer.take()).rejects.toThrow("disk");
    expect([consumer.messages, gone, stream.isOpen]).toEqual([[], 1, false]);
  });

  it("a queue that outgrows every window ends the stream and is freed", async () => {
    const big = event(1, "x".repeat(1024 * 1024));
    for (let length = 0; length <= UNACKNOWLEDGED_BYTES_MAX; length += big.length) stream.send(big);
    expect(gone).toBe(1);
    const consumer = new Consumer();
    await consumer.take();
    expect(consumer.messages).toEqual([
      expect.objectContaining({ event: "close", data: expect.stringContaining('"code":1013') }),
    ]);
  });
});

describe("the end of a stream", () => {
  it("names the reason, and whether to reconnect", async () => {
    const consumer = new Consumer();
    const taking = consumer.take();
    stream.close(4401, "the token is expired");
    expect(gone).toBe(1);
    await taking;
    expect(await consumer.take()).toBe(false);
    expect(consumer.messages.map((one) => [one.event, JSON.parse(one.data)])).toEqual([
      ["close", { code: 4401, reason: "the token is expired", reconnect: "after refresh" }],
    ]);
    expect(stream.isOpen).toBe(false);
  });

  it("gives a client without access nothing more: neither the queue nor the current chunk", async () => {
    let store = (): void => undefined;
    isStored = () =>
      new Promise((resolve) => {
        store = resolve;
      });
    const consumer = new Consumer();
    stream.send(ack);
    const taking = consumer.take();
    await new Promise(setImmediate);
    stream.send(event(1));
    stream.close(4401, "revoked");
    stream.send(event(2));
    store();
    await taking;
    expect(await consumer.take()).toBe(false);
    expect(consumer.messages.map((one) => one.event)).toEqual(["close"]);
    expect(taken).toEqual([]);
  });

  it("is followed by no acknowledgement", async () => {
    const consumer = new Consumer();
    stream.send(ack);
    stream.send(event(1));
    await consumer.take();
    stream.close(4401, "revoked");
    await consumer.take();
    expect(taken).toEqual([]);
  });

  it("is reported once when the consumer leaves, whether it waited or not", async () => {
    const consumer = new Consumer();
    const taking = consumer.take();
    await consumer.reader.cancel();
    await taking;
    expect(gone).toBe(1);
    stream.send(event(1));
    stream.close(1012, "late");
    expect(gone).toBe(1);
    expect(stream.isOpen).toBe(false);
  });

  it("is not reported again when the consumer leaves after it", async () => {
    stream.close(1012, "restart");
    await stream.readable.cancel();
    expect(gone).toBe(1);
  });
});
