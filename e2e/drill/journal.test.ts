import { expect, it } from "vitest";
import type { SeenEvent, SeenFrame, TruthLine } from "./history.ts";
import type { ProblemKind } from "./problems.ts";
import { at, event, GUILD, judged, OBSERVER, one, type Step, TRUTH } from "./written-history.ts";

it("finds a gap in the journal that no client's history fills", () => {
  const observer = OBSERVER.filter((step) => !("seq" in step && step.seq === 4));
  expect(judged([], { observer }).problems.count("lost")).toBeGreaterThan(0);
});

it("finds an event with two seqs, and a seq with two events", () => {
  const twice = [...OBSERVER, { ...one(3), seq: 7 } as SeenFrame];
  expect(judged([], { observer: twice }).problems.count("duplicated")).toBe(1);
  const other: TruthLine = { k: "journal", guild: GUILD, epoch: "e", events: [at(3, { id: "x" })] };
  expect(judged([], { truth: [...TRUTH, other] }).problems.count("wrong")).toBeGreaterThan(0);
});

it("finds a journal that was recreated", () => {
  const other: TruthLine = { k: "journal", guild: GUILD, epoch: "f", events: [] };
  const events = [at(1)];
  expect(judged([], { truth: [...TRUTH, { ...other, events }] }).problems.count("wrong")).toBe(1);
});

it.each<[string, ProblemKind, TruthLine]>([
  ["accepted and not journaled", "lost", { k: "accepted", guild: GUILD, must: ["nowhere"] }],
  [
    "journaled in another order than published",
    "reordered",
    { k: "accepted", guild: GUILD, must: ["id-2"], stream: "s" },
  ],
  ["refused and journaled", "wrong", { k: "stale", guild: GUILD, ids: ["id-3"] }],
  ["the last of a guild and not journaled", "lost", { k: "marker", guild: GUILD, id: "nowhere" }],
])("finds events that were %s", (_what, kind, more) => {
  expect(judged([], { truth: [...TRUTH, more] }).problems.count(kind)).toBeGreaterThan(0);
});

it.each<[string, SeenEvent]>([
  ["a user who joins twice", event(7, "voice.joined", { channelId: "open", userId: "u2" })],
  [
    "a user who leaves another channel",
    event(7, "voice.left", { channelId: "open", userId: "u2" }),
  ],
  ["a room that is created twice", event(7, "room.created", { channelId: "open", name: "Open" })],
  ["a room that ends with users in it", event(7, "room.deleted", { channelId: "secret" })],
  ["an unknown room that ends", event(7, "room.deleted", { channelId: "never" })],
])("finds an impossible event: %s", (_what, next) => {
  const observer: Step[] = [...OBSERVER, { type: "event", ...next }];
  expect(judged([], { observer }).problems.count("wrong")).toBe(1);
});
