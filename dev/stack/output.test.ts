import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { showProgress, terminalOutput } from "./output.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A stream that keeps its text, and the visible last line. */
function screen(isTTY: boolean, columns = 60) {
  let written = "";
  return {
    stream: { isTTY, columns, write: (text: string) => (written += text) },
    lines: () => written.split("\n"),
    lastLine: () => written.split("\n").at(-1)?.split("\r\u001B[K").at(-1),
  };
}

const after = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

it("reports each finished step, and the waiting ones now and then", async () => {
  const { stream, lines } = screen(false);
  const progress = showProgress(terminalOutput(stream), () => {}, Date.now);
  void progress.follow("page", after(4_000));
  void progress.follow("worker", after(26_000));
  await vi.advanceTimersByTimeAsync(25_000);
  expect(lines()).toEqual([
    "  page               ready after 4.0 s",
    "  still waiting: worker 14.0 s",
    "  still waiting: worker 24.0 s",
    "",
  ]);
  await vi.advanceTimersByTimeAsync(2_000);
  progress.stop();
  expect(lines().at(-2)).toBe("  worker             ready after 26.0 s");
});

it("shows the waiting steps in a terminal below other lines, and never wraps", async () => {
  const { stream, lines, lastLine } = screen(true, 40);
  const output = terminalOutput(stream, true);
  const progress = showProgress(output, () => {}, Date.now);
  void progress.follow("identity provider", after(2_000));
  void progress.follow("gateway-worker", after(9_000));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(lastLine()).toBe("  waiting: identity provider 1.0 s, gat");
  await vi.advanceTimersByTimeAsync(2_000);
  expect(lastLine()).toBe("  waiting: gateway-worker 3.0 s");
  output.say("a line");
  expect(lines().at(-2)).toMatch(/a line$/);
  expect(lastLine()).toBe("  waiting: gateway-worker 3.0 s");
  progress.stop();
  expect(lastLine()).toBe("");
});

it("names a step that hangs once, and prints nothing after its end", async () => {
  const { stream, lines } = screen(false);
  const hanging: string[] = [];
  const progress = showProgress(
    terminalOutput(stream),
    (name) => void hanging.push(name),
    Date.now,
  );
  void progress.follow("page", after(50_000));
  void progress.follow("worker", after(200_000));
  await vi.advanceTimersByTimeAsync(180_000);
  expect(hanging).toEqual(["worker"]);
  progress.stop();
  const told = lines().length;
  await vi.advanceTimersByTimeAsync(100_000);
  expect(lines()).toHaveLength(told);
});

it("passes on the error of a step", async () => {
  const { stream, lines } = screen(false);
  const progress = showProgress(terminalOutput(stream), () => {}, Date.now);
  await expect(progress.follow("page", Promise.reject(new Error("broken")))).rejects.toThrow(
    "broken",
  );
  progress.stop();
  expect(lines()).toEqual([""]);
});
