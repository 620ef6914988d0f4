import { describe, expect, it } from "vitest";
import type { RoomView } from "../../src/client/guild-view.ts";
import { discordLink, howManyFit, LONG_LIST_FROM, roomGroups, seats } from "./room-list.ts";

const room = (n: number, ...userIds: string[]): RoomView => ({
  channelId: `c${n}`,
  name: `Room ${n}`,
  members: userIds.map((userId) => ({ userId, joinedAt: 0, person: null })),
  details: null,
});
const limited = (one: RoomView, userLimit: number): RoomView => ({
  ...one,
  details: { userLimit, private: false, createdBy: "a", createdAt: "2026-11-29T00:00:00Z" },
});
const some = (length: number): RoomView[] =>
  Array.from({ length }, (_, n) => room(n, ...(n % 2 === 0 ? ["u1"] : [])));
const nameOf = (userId: string): string => (userId === "u1" ? "Ève" : userId);
const listed = (rooms: readonly RoomView[], search = "") =>
  roomGroups(rooms, search, nameOf).map(({ title, rooms: group }) => [
    title,
    ...group.map(({ channelId }) => channelId),
  ]);

describe("the list of rooms", () => {
  it("is one list, newest first, while it is short", () => {
    expect(listed(some(3))).toEqual([["", "c2", "c1", "c0"]]);
    expect(listed([])).toEqual([[""]]);
  });

  it("shows rooms with people first once it is long", () => {
    const long = listed(some(LONG_LIST_FROM));
    expect(long.map(([title]) => title)).toEqual(["With people", "Empty"]);
    expect(long[0]?.slice(1)).toEqual(["c6", "c4", "c2", "c0"]);
    expect(long[1]?.slice(1)).toEqual(["c5", "c3", "c1"]);
  });

  it("is searched by the names of rooms and of people, whatever their case", () => {
    const rooms = [...some(LONG_LIST_FROM), room(40, "u2")];
    expect(listed(rooms, " room 4 ").flat()).toEqual(["With people", "c40", "c4"]);
    expect(listed(rooms, "ÈVE").flat()).toEqual(["With people", "c6", "c4", "c2", "c0"]);
    expect(listed(rooms, "nobody")).toEqual([]);
  });
});

describe("a room's seats", () => {
  it.each([
    [room(1), "", false],
    [limited(room(1), 0), "No limit", false],
    [room(1, "u1"), "1 in", false],
    [limited(room(1, "u1"), 0), "1 in", false],
    [limited(room(1, "u1"), 4), "1 of 4", false],
    [limited(room(1, "u1", "u2"), 2), "2 of 2", true],
    [limited(room(1, "u1", "u2"), 1), "2 of 1", true],
  ])("%#", (one, text, full) => {
    expect(seats(one)).toEqual({ text, full });
  });
});

it("a channel's link stays below Discord's channels", () => {
  expect(discordLink("1", "2")).toBe("https://discord.com/channels/1/2");
  expect(discordLink("../x", "a?b")).toBe("https://discord.com/channels/..%2Fx/a%3Fb");
});

describe("the people that fit into a row", () => {
  const fitting = (widths: readonly number[], space: number, total = widths.length): number =>
    howManyFit({ widths, total, space, more: 30 });

  it("are all, as long as the note of how many more is not needed", () => {
    expect(fitting([50, 50, 50], 150)).toBe(3);
    expect(fitting([], 150)).toBe(0);
  });

  it("leave room for that note otherwise", () => {
    expect(fitting([50, 50, 50], 149)).toBe(2);
    expect(fitting([50, 50, 50], 129)).toBe(1);
    expect(fitting([50, 50, 50], 150, 14)).toBe(2);
    expect(fitting([50, 50, 50], 180, 14)).toBe(3);
  });

  it("are never nobody", () => {
    expect(fitting([50, 50], 60)).toBe(1);
    expect(fitting([50, 50], 0)).toBe(1);
  });
});
