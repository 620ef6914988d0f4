import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { keepAlive } from "./keep-alive.ts";
import { SseReader } from "./sse.ts";

const QUIET_MS = 15_000;
const encoder = new TextEncoder();

let upstream: ReadableStreamDefaultController<Uint8Array>;
let pulls: number;
let left: unknown[];
let reader: ReadableStreamDefaultReader<Uint8Array>;

const send = (text: string): void => {
  upstream.enqueue(encoder.encode(text));
};

async function take(): Promise<string | null> {
  const { done, value } = await reader.read();
  return done ? null : new TextDecoder().decode(value);
}

beforeEach(() => {
  vi.useFakeTimers();
  pulls = 0;
  left = [];
  const source = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        upstream = controller;
      },
      pull: () => {
        pulls += 1;
      },
      cancel: (reason) => {
        left.push(reason);
      },
    },
    { highWaterMark: 0 },
  );
  reader = keepAlive(source, QUIET_MS).getReader();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("an event stream on its way to the client", () => {
  it("gets a comment whenever it was quiet for `quietMs`, and never sooner", async () => {
    const first = take();
    send("data: 1\n\n");
    expect(await first).toBe("data: 1\n\n");
    expect(vi.getTimerCount()).toBe(0);
    const second = vi.fn<(text: string | null) => void>();
    void take().then(second);
    await vi.advanceTimersByTimeAsync(QUIET_MS - 1);
    expect(second).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(second).toHaveBeenCalledWith(":\n\n");
    const third = take();
    await vi.advanceTimersByTimeAsync(QUIET_MS);
    expect(await third).toBe(":\n\n");
    const fourth = take();
    send("data: 2\n\n");
    expect(await fourth).toBe("data: 2\n\n");
  });

  it("gets no comment in the middle of a message, wherever that was cut", async () => {
    const parser = new SseReader();
    const texts: string[] = [];
    for (const part of ['data: {"a"', ":1}", "\n", "\n", "data: 2\n\n"]) {
      const taking = take();
      // Without data for `quietMs` a comment may come before the part.
      await vi.advanceTimersByTimeAsync(QUIET_MS);
      send(part);
      texts.push((await taking) ?? "");
      if (texts.at(-1) === ":\n\n") texts.push((await take()) ?? "");
    }
    expect(texts).toEqual([":\n\n", 'data: {"a"', ":1}", "\n", "\n", ":\n\n", "data: 2\n\n"]);
    expect(parser.push(encoder.encode(texts.join(""))).map((one) => one.data)).toEqual([
      '{"a":1}',
      "2",
    ]);
  });

  it("is read only as fast as the client reads, and a client that stalls gets no comments", async () => {
    expect(pulls).toBe(0);
    const taking = take();
    send("data: 1\n\n");
    await taking;
    const before = pulls;
    await vi.advanceTimersByTimeAsync(10 * QUIET_MS);
    expect(pulls).toBe(before);
    send("data: 2\n\n");
    expect(await take()).toBe("data: 2\n\n");
  });

  it("is cancelled when the client leaves, also while both sides wait", async () => {
    const taking = take();
    await vi.advanceTimersByTimeAsync(1);
    await reader.cancel("gone");
    expect(left).toEqual(["gone"]);
    expect(await taking).toBeNull();
    expect(vi.getTimerCount()).toBeLessThanOrEqual(1);
    await vi.advanceTimersByTimeAsync(QUIET_MS);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ends when the hub ends it", async () => {
    const taking = take();
    upstream.close();
    expect(await taking).toBeNull();
  });

  it("ends with the close message of a restart when the hub breaks off", async () => {
    const taking = take();
    upstream.error(new Error("restarted"));
    expect(await taking).toMatch(/^event: close\ndata: \{"code":1012,.*"reconnect":"yes"\}\n\n$/);
    expect(await take()).toBeNull();
  });

  it("gets no close message after a message that the hub did not finish", async () => {
    const first = take();
    send("data: ha");
    await first;
    const taking = take();
    upstream.error(new Error("restarted"));
    expect(await taking).toBeNull();
  });
});
