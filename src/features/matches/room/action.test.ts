import { describe, expect, it } from "vitest";
import { keyOf, type Action } from "./action.ts";

const faction = "faction2";
const userId = "u";
const channelId = "c";

describe("actions that are tried again", () => {
  // Pauses are stored by these keys: another key would forget what an older version remembered.
  it.each<[string, Action]>([
    ["read", { kind: "read" }],
    ["check", { kind: "check", wanted: 3 }],
    ["reserve/faction2", { kind: "reserve", faction, name: "n" }],
    [
      "create/faction2",
      {
        kind: "create",
        faction,
        name: "n",
        people: [],
        withCategory: true,
        withStaff: true,
        withMoving: true,
      },
    ],
    ["find/faction2", { kind: "find", faction, name: "n" }],
    ["delete/faction2", { kind: "delete", faction, channelId }],
    ["release/faction2", { kind: "release", faction }],
    ["grant/faction2/u", { kind: "grant", faction, userId, channelId }],
    ["revoke/faction2/u", { kind: "revoke", faction, userId, channelId }],
    ["move/faction2/u", { kind: "move", faction, userId, channelId }],
    ["evict/u", { kind: "evict", userId, channelId }],
    ["message/u", { kind: "message", userId, channelId }],
    ["tell", { kind: "tell", revision: 7 }],
  ])("is remembered as %s", (key, action) => {
    expect(keyOf(action)).toBe(key);
  });

  it("are the same for a person, in whichever channel", () => {
    expect(keyOf({ kind: "evict", userId, channelId: null })).toBe(
      keyOf({ kind: "evict", userId, channelId }),
    );
  });
});
