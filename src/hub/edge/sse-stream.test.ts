import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { acceptedAt, HubEnd } from "../../testing/hub-end.ts";
import { type ReceivedMessage, SseReader } from "../../testing/sse-reader.ts";
import { HubFeed } from "./hub-feed.ts";
import { sseStream } from "./sse-stream.ts";

const QUIET_MS = 10_000;

const event = (seq: number, payload: unknown = null): object => ({
  type: "event",
  event: "x",
  payload,
  ts: 1,
  seq,
  id: `i${seq}`,
});
const signal = { type: "signal", event: "presence", key: "presence", payload: {}, ts: 1 };

/** A client that reads when the test says so. */
class Client {
  readonly messages: ReceivedMessage[] = [];
  readonly texts: string[] = [];
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #parser = new SseReader();

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  /** @returns false at the end */
  async read(): Promise<boolean> {
    const { done, value } = await this.#reader.read();
    if (done) return false;
    this.texts.push(new TextDecoder().decode(value));
    this.messages.push(...this.#parser.push(value));
    return true;
  }

  leave(): Promise<void> {
    return this.#reader.cancel();
  }
}

let hub: HubEnd;
let client: Client;

beforeEach(() => {
  vi.useFakeTimers();
  hub = new HubEnd();
  const options = { quietMs: QUIET_MS, random: () => 0.5 };
  client = new Client(sseStream(new HubFeed(hub), options));
});

afterEach(() => {
  vi.useRealTimers();
});

describe("frames as messages", () => {
  it("a message has an id when it moves the position, and a client can resume from it", async () => {
    hub.frames(
      acceptedAt(4),
      { type: "snapshot", epoch: "E", seq: 4, reason: "x", rooms: [] },
      event(5),
      signal,
      { type: "batch", events: [{ seq: 6 }, { event: "x", seq: 9, id: "i" }] },
    );
    await client.read();
    expect(client.texts.join("").match(/^(id|retry): .*$/gm)).toEqual([
      "retry: 1350",
      "id: E:4",
      "id: E:5",
      "id: E:9",
    ]);
    expect(client.messages.map(({ data }) => (JSON.parse(data) as { type: string }).type)).toEqual([
      "ack",
      "snapshot",
      "event",
      "signal",
      "batch",
    ]);
  });

  it("what waits is sent in one chunk, a long queue in several chunks in order", async () => {
    hub.frames(acceptedAt(0));
    for (let seq = 1; seq <= 180; seq += 1) hub.frames(event(seq, "x".repeat(900)));
    let chunks = 0;
    while (client.messages.length < 181) {
      await client.read();
      chunks += 1;
    }
    expect([chunks > 2, chunks < 10]).toEqual([true, true]);
    expect(client.messages.slice(1).map(({ id }) => id)).toEqual(
      Array.from({ length: 180 }, (_, i) => `E:${i + 1}`),
    );
  });
});

describe("a client that reads", () => {
  it("HUB-10 acknowledges what it read before, and only by reading on", async () => {
    hub.frames(acceptedAt(0));
    hub.frames(event(1, "x".repeat(30_000)), event(2, "x".repeat(30_000)));
    await client.read();
    await vi.advanceTimersByTimeAsync(10 * QUIET_MS);
    expect(hub.acks).toEqual([]);
    const reading = client.read();
    await vi.advanceTimersByTimeAsync(0);
    expect(hub.acks).toEqual([2]);
    hub.frames(event(3));
    await reading;
    expect(client.messages.at(-1)?.id).toBe("E:3");
  });

  it("gets a comment whenever it was quiet for so long, and never sooner; the hub hears nothing of it", async () => {
    hub.frames(acceptedAt(0));
    await client.read();
    for (const _ of [1, 2]) {
      let isDone = false;
      const reading = client.read().finally(() => {
        isDone = true;
      });
      await vi.advanceTimersByTimeAsync(QUIET_MS - 1);
      expect(isDone).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      await reading;
      expect(client.texts.at(-1)).toBe(":\n\n");
    }
    const reading = client.read();
    hub.frames(event(1));
    await reading;
    expect(client.messages.at(-1)?.id).toBe("E:1");
    expect([hub.acks, vi.getTimerCount()]).toEqual([[], 0]);
  });

  it("gets no comments while it stalls", async () => {
    hub.frames(acceptedAt(0));
    await client.read();
    await vi.advanceTimersByTimeAsync(10 * QUIET_MS);
    hub.frames(event(1));
    await client.read();
    expect(client.texts.filter((text) => text.startsWith(":"))).toEqual([]);
  });
});

describe("the end of a stream", () => {
  it("names the reason, and whether to reconnect", async () => {
    const reading = client.read();
    await vi.advanceTimersByTimeAsync(0);
    hub.end(4401, "the token is expired");
    await reading;
    expect(await client.read()).toBe(false);
    expect(client.messages.map((one) => [one.event, JSON.parse(one.data)])).toEqual([
      ["close", { code: 4401, reason: "the token is expired", reconnect: "after refresh" }],
    ]);
  });

  it("is that of a restart when the hub is lost: codes of a lost connection are never sent", async () => {
    hub.breakOff();
    await client.read();
    expect(client.messages.map(({ data }) => JSON.parse(data) as unknown)).toEqual([
      { code: 1012, reason: "the server restarts", reconnect: "yes" },
    ]);
    expect(await client.read()).toBe(false);
  });

  it("gives a client without access nothing more", async () => {
    hub.frames(acceptedAt(0), event(1)).end(4401, "revoked").frames(event(2));
    while (await client.read());
    expect(client.messages.map((one) => one.event)).toEqual(["close"]);
    expect(hub.acks).toEqual([]);
  });

  it("frees the socket at the hub when the client leaves, whether it waited or not", async () => {
    const reading = client.read();
    await vi.advanceTimersByTimeAsync(0);
    await client.leave();
    expect([hub.closedWith, await reading]).toEqual([1001, false]);
    hub.frames(event(1)).end(1012);
    await vi.advanceTimersByTimeAsync(QUIET_MS);
    expect([client.texts, vi.getTimerCount()]).toEqual([[], 0]);
  });

  it("of a client that leaves after the hub closes nothing twice", async () => {
    hub.end(1012);
    await client.leave();
    expect(hub.closedWith).toBeNull();
  });
});
