import { expect, it } from "vitest";
import { checkHistory, checkSame } from "./checker.ts";
import type { Seen } from "./recorder.ts";

const snapshot: Seen = { kind: "snapshot", epoch: "e", seq: 1, reason: "first", rooms: [] };
const event = (seq: number, name: string, payload: object, id = `id-${seq}`): Seen => ({
  kind: "event",
  epoch: "e",
  frame: { v: 1, type: "event", event: name, payload, ts: 0, seq, id },
});
const opened = event(2, "room.created", { channelId: "r" });
const joined = event(3, "voice.joined", { channelId: "r", userId: "u" });

it("replays what a page would show", () => {
  const { rooms, resets } = checkHistory([snapshot, opened, joined]);
  expect(rooms).toEqual(new Map([["r", new Set(["u"])]]));
  expect(resets).toBe(0);
  expect(checkHistory([snapshot, opened, snapshot]).resets).toBe(1);
});

it.each<[string, Seen[]]>([
  ["follows", [snapshot, joined]],
  ["before any snapshot", [opened]],
  ["came twice", [snapshot, opened, event(3, "gateway.state", {}, "id-2")]],
  [
    "joined r twice",
    [snapshot, opened, joined, event(4, "voice.joined", { channelId: "r", userId: "u" })],
  ],
  ["without joining", [snapshot, opened, event(3, "voice.left", { channelId: "r", userId: "u" })]],
  ["created twice", [snapshot, opened, event(3, "room.created", { channelId: "r" })]],
  ["deleted with u", [snapshot, opened, joined, event(4, "room.deleted", { channelId: "r" })]],
  ["but is unknown", [snapshot, event(2, "room.deleted", { channelId: "r" })]],
  ["resumed to 9", [snapshot, opened, { kind: "resumed", from: 1, to: 9 }]],
  ["not for clients", [snapshot, { kind: "wrong", what: "not for clients" }]],
])("finds the problem: %s", (complaint, history) => {
  expect(() => checkHistory(history)).toThrow(complaint);
});

it("finds clients that got different events", () => {
  checkSame([snapshot, opened], [opened, joined]);
  expect(() => checkSame([opened], [event(2, "room.created", { channelId: "other" })])).toThrow(
    "different events at e/2",
  );
});
