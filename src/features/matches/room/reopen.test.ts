import { expect, it } from "vitest";
import { reopened } from "./reopen.ts";
import { paused } from "./retry.ts";
import { newRoom, withSide, type RoomState } from "./room-state.ts";

const NOW = 1_800_000_000_000;
const fresh = { ...newRoom("1-m", "100", NOW), version: 9, links: { a1: "d-a1" } };

/** It is over, and everything has happened that may happen once. */
const over: RoomState = {
  ...paused(fresh, "tell", NOW, 5_000),
  phase: "closing",
  end: { version: 9, status: "CANCELLED", at: NOW, confirmed: true, contradicted: 0 },
  admitted: ["faction1:d-a1"],
  moved: ["faction1:d-a1"],
  messaged: ["d-a2"],
  absent: ["d-b1"],
  evacuated: ["d-a1"],
  noticed: true,
  troubles: ["full"],
  complained: ["full"],
};

it("begins anew with everybody, and keeps what is in Discord", () => {
  const used = withSide(over, "faction1", { made: 4, problem: "discord_refused", doubtful: true });
  const left = withSide(used, "faction2", { name: "n2", made: 1, withoutCategory: true });
  const expected = withSide(fresh, "faction1", { doubtful: true });
  expect(reopened(left)).toEqual({
    ...withSide(expected, "faction2", { name: "n2", withoutCategory: true }),
    admitted: ["faction1:d-a1"],
  });
});

it("looks whether channels are still there, if any is known", () => {
  expect(reopened(over).checksWanted).toBe(0);
  const channel = { id: "c2", access: [] };
  expect(reopened(withSide(over, "faction2", { channel })).checksWanted).toBe(1);
});
