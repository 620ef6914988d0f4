import { describe, expect, test } from "vitest";
import { CLIENT_FRAMES_PER_WINDOW, CLIENT_FRAME_WINDOW_MS } from "../../protocol/limits.ts";
import { GUILD_STREAM } from "../guild-kind.ts";
import { countFrame, type FrameWindow } from "./frame-rate.ts";

/** How many of `tries` frames at once are within the limit. */
function allowed(
  tries: number,
  now: number,
  sentQuarters: number,
  window?: FrameWindow,
): { readonly count: number; readonly window: FrameWindow | undefined } {
  let present = window;
  let count = 0;
  for (let i = 0; i < tries; i += 1) {
    const counted = countFrame(present, now, sentQuarters, GUILD_STREAM.limits);
    present = counted.window;
    if (counted.allowed) count += 1;
  }
  return { count, window: present };
}

describe("HUB-9 frames in a window", () => {
  test("are limited, and as many are allowed in the next window", () => {
    const first = allowed(CLIENT_FRAMES_PER_WINDOW + 5, 0, 0);
    expect(first.count).toBe(CLIENT_FRAMES_PER_WINDOW);
    expect(allowed(1, CLIENT_FRAME_WINDOW_MS - 1, 0, first.window).count).toBe(0);
    expect(allowed(99, CLIENT_FRAME_WINDOW_MS, 0, first.window).count).toBe(
      CLIENT_FRAMES_PER_WINDOW,
    );
  });

  test("are one more for each quarter of the credit that was sent in this window", () => {
    const before = allowed(1, 0, 40);
    expect(allowed(200, 10, 47, before.window).count).toBe(CLIENT_FRAMES_PER_WINDOW + 7 - 1);
    expect(allowed(200, CLIENT_FRAME_WINDOW_MS, 47, before.window).count).toBe(
      CLIENT_FRAMES_PER_WINDOW,
    );
  });
});
