import { afterEach, expect, it, vi } from "vitest";
import { askOutside, parseJson } from "./outbound.ts";

const BOUNDS = { timeoutMs: 1_000, maxBytes: 4 };
const URL = "https://elsewhere.test/";

afterEach(() => {
  vi.useRealTimers();
});

it("returns the whole answer, follows no redirect, and leaves no timer running", async () => {
  vi.useFakeTimers();
  const send = vi.fn(() => Promise.resolve(new Response("four", { status: 418 })));
  const answer = await askOutside(URL, { method: "POST" }, BOUNDS, send);
  expect([answer.status, answer.text]).toEqual([418, "four"]);
  expect(send).toHaveBeenCalledWith(
    URL,
    expect.objectContaining({ method: "POST", redirect: "manual" }),
  );
  expect(vi.getTimerCount()).toBe(0);
});

it("reads no more than the limit, and cancels the rest of the body", async () => {
  const cancel = vi.fn();
  const endless = new ReadableStream<Uint8Array>({
    pull: (stream) => stream.enqueue(new Uint8Array(3)),
    cancel,
  });
  const answer = await askOutside(URL, {}, BOUNDS, () => Promise.resolve(new Response(endless)));
  expect(answer.text).toBeNull();
  expect(cancel).toHaveBeenCalledOnce();
});

it("throws a TimeoutError when the time is up", async () => {
  vi.useFakeTimers();
  const never = (_: string, { signal }: RequestInit): Promise<Response> =>
    new Promise((_resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason as Error));
    });
  const asked = expect(askOutside(URL, {}, BOUNDS, never)).rejects.toMatchObject({
    name: "TimeoutError",
  });
  await vi.advanceTimersByTimeAsync(BOUNDS.timeoutMs);
  await asked;
});

it("ends when its caller wants, and not only when the time is up", async () => {
  const caller = new AbortController();
  const never = (_: string, { signal }: RequestInit): Promise<Response> =>
    new Promise((_resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
  const asked = askOutside(URL, { signal: caller.signal }, BOUNDS, never);
  caller.abort(new Error("stopped"));
  await expect(asked).rejects.toThrow("stopped");
});

it.each([
  ['{"a":1}', { a: 1 }],
  ["<html>", undefined],
  ["", undefined],
  [null, undefined],
])("parses %s as JSON, or returns undefined", (text, json) => {
  expect(parseJson(text)).toEqual(json);
});
