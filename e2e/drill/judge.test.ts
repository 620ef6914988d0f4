import { expect, it } from "vitest";
import type { ClientLine, SeenEvent, SeenFrame, TruthLine } from "./history.ts";
import { judge, type Verdict } from "./judge.ts";
import type { ProblemKind } from "./problems.ts";

const GUILD = "1";
const MANAGER = ["sub:m", "scope:rooms:manage"];
const EXP = 1_000;

const event = (seq: number, name: string, payload: object): SeenEvent => ({
  event: name,
  payload,
  ts: 0,
  seq,
  id: `id-${seq}`,
});
/** A public room, a private one of alice, a user in each, and the marker. */
const JOURNAL: readonly SeenEvent[] = [
  event(1, "room.created", { channelId: "open", name: "Open" }),
  event(2, "room.created", { channelId: "secret", name: "Secret" }),
  event(3, "voice.joined", { channelId: "open", userId: "u1" }),
  event(4, "voice.joined", { channelId: "secret", userId: "u2" }),
  event(5, "voice.left", { channelId: "open", userId: "u1" }),
  event(6, "gateway.state", { state: "down" }),
];
const at = (seq: number, more: object = {}): SeenEvent => {
  const found = JOURNAL[seq - 1];
  if (found === undefined) throw new Error(`no event ${seq}`);
  return { ...found, ...more };
};

const TRUTH: readonly TruthLine[] = [
  { k: "room", name: "Open", audience: null },
  { k: "room", name: "Secret", audience: ["sub:alice", "scope:rooms:manage"] },
  { k: "accepted", guild: GUILD, must: ["id-3", "id-4"], stream: "s" },
  { k: "marker", guild: GUILD, id: "id-6" },
];

type Step = ClientLine | SeenFrame;
const line = (step: Step): ClientLine => ("k" in step ? step : { t: 0, k: "in", f: step });
const connect = (
  grants: readonly string[],
  claim: { readonly epoch: string; readonly seq: number } | null = null,
): ClientLine => ({ t: 0, k: "connect", grants, exp: EXP, claim });
const ack = (seq: number): SeenFrame => ({ type: "ack", epoch: "e", seq });
const one = (seq: number, more: object = {}): SeenFrame => ({ type: "event", ...at(seq, more) });
const snapshot = (seq: number, reason = "first_connection", rooms: object[] = []): SeenFrame =>
  ({ type: "snapshot", epoch: "e", seq, reason, rooms }) as SeenFrame;
const resumed = (from: number, to: number): SeenFrame => ({
  type: "resumed",
  epoch: "e",
  from,
  to,
});
const close = (code = 1006, t = 0): ClientLine => ({ t, k: "close", code });

/** Somebody who may see everything and saw it. */
const OBSERVER: readonly Step[] = [
  connect(MANAGER),
  ack(0),
  snapshot(0),
  ...JOURNAL.map(({ seq }) => one(seq)),
];

function judged(
  steps: readonly Step[],
  change: { readonly observer?: readonly Step[]; readonly truth?: readonly TruthLine[] } = {},
): Verdict {
  const client = (name: string, observer: boolean, history: readonly Step[]) => ({
    name,
    lines: () => [
      { t: 0, k: "client" as const, name, guild: GUILD, observer },
      ...history.map(line),
    ],
  });
  return judge({
    truth: change.truth ?? TRUTH,
    clients: [
      client("observer", true, change.observer ?? OBSERVER),
      ...(steps.length === 0 ? [] : [client("bob", false, steps)]),
    ],
    faults: [],
  });
}

const BOB = ["sub:bob"];
/** What bob sees of it: all but the private room. */
const BOBS: readonly Step[] = [
  connect(BOB),
  ack(0),
  snapshot(0),
  one(1),
  one(3, { prev: 1 }),
  { type: "batch", events: [at(5, { prev: 3 }), at(6)] },
];

it("finds nothing wrong where nothing is", () => {
  const verdict = judged(BOBS);
  expect(verdict.problems.all).toEqual([]);
  expect(verdict.deliveries).toBe(6 + 4);
  expect(verdict.journals).toEqual(new Map([[GUILD, 6]]));
});

it.each<[string, readonly Step[]]>([
  [
    "a resume after a cut connection",
    [...BOBS.slice(0, 5), close(), connect(BOB, { epoch: "e", seq: 3 }), ack(6)].concat([
      one(5, { prev: 3 }),
      one(6),
      resumed(3, 6),
    ]),
  ],
  [
    "a client that goes back to where it was before, and gets the same again",
    [...BOBS, close(), connect(BOB, { epoch: "e", seq: 3 }), ack(6)].concat([
      one(5, { prev: 3 }),
      one(6),
      resumed(3, 6),
    ]),
  ],
  [
    "a snapshot that covers what a client without a position missed",
    [
      ...BOBS.slice(0, 4),
      close(),
      connect(BOB),
      ack(4),
      snapshot(4, "first_connection", [{ channelId: "open", members: [{ userId: "u1" }] }]),
      one(5),
      one(6),
    ],
  ],
  [
    "positions that no hub can resume",
    [
      connect(BOB, { epoch: "other", seq: 0 }),
      ack(0),
      snapshot(0, "unknown_epoch"),
      close(),
      connect(BOB, { epoch: "e", seq: 99 }),
      ack(0),
      snapshot(0, "ahead_of_hub"),
      close(),
      connect(BOB, { epoch: "e", seq: -1 }),
      ack(0),
      snapshot(0, "invalid_position"),
      ...BOBS.slice(3),
    ],
  ],
  [
    "what a subscribe may or may not have come in time for",
    [
      ...BOBS.slice(0, 3),
      { t: 0, k: "subscribe", channelIds: ["elsewhere"] },
      one(3, { prev: 0 }),
      one(6, { prev: 3 }),
    ],
  ],
  [
    "what a reauth with more grants lets in",
    [
      ...BOBS.slice(0, 4),
      { t: 0, k: "reauth", grants: MANAGER, exp: EXP },
      { type: "reauth.ok", exp: EXP },
      one(2),
      one(3),
      one(4),
      one(5),
      one(6),
    ],
  ],
  [
    "a long poll that says where it has come to",
    [
      ...BOBS.slice(0, 4),
      connect(BOB, { epoch: "e", seq: 1 }),
      ack(6),
      one(3, { prev: 1 }),
      one(5, { prev: 3 }),
      { type: "position", seq: 5 },
      connect(BOB, { epoch: "e", seq: 5 }),
      ack(6),
      one(6),
      { type: "position", seq: 6 },
    ],
  ],
  ["a client that got everything and then was cut off", [...BOBS, close()]],
  ["a client whose auth frame came too late", [connect(BOB), close(4408), ...BOBS]],
  ["a client that left early", [...BOBS.slice(0, 4), { t: 0, k: "left" }]],
])("allows %s", (_what, steps) => {
  expect(judged(steps).problems.all).toEqual([]);
});

it.each<[string, ProblemKind, readonly Step[]]>([
  ["an event that never came", "lost", [...BOBS.slice(0, 4), one(5, { prev: 1 }), one(6)]],
  ["an end that never came", "lost", BOBS.slice(0, 5)],
  [
    "what a long poll left out",
    "lost",
    [...BOBS.slice(0, 4), { type: "position", seq: 4 }, one(5, { prev: 4 }), one(6)],
  ],
  ["a client that was not served at the end", "lost", [...BOBS.slice(0, 5), close()]],
  ["a client that was never served", "lost", [connect(BOB)]],
  [
    "what a resume left out",
    "lost",
    [
      ...BOBS.slice(0, 4),
      close(),
      connect(BOB, { epoch: "e", seq: 1 }),
      ack(6),
      resumed(1, 1),
      one(6),
    ],
  ],
  ["an event that came twice", "duplicated", [...BOBS.slice(0, 4), one(1), ...BOBS.slice(4)]],
  [
    "an event that a resume repeats",
    "duplicated",
    [
      ...BOBS.slice(0, 5),
      close(),
      connect(BOB, { epoch: "e", seq: 3 }),
      ack(6),
      one(3),
      one(5),
      one(6),
    ],
  ],
  [
    "events in another order",
    "reordered",
    [...BOBS.slice(0, 3), one(3, { prev: 0 }), one(1), one(5, { prev: 3 }), one(6)],
  ],
  ["an event of somebody else's room", "leaked", [...BOBS.slice(0, 4), one(2), ...BOBS.slice(4)]],
  [
    "a snapshot with somebody else's room",
    "leaked",
    [
      connect(BOB),
      ack(6),
      snapshot(6, "first_connection", [{ channelId: "secret", members: [{ userId: "u2" }] }]),
    ],
  ],
  [
    "what was private after a reauth with fewer grants",
    "leaked",
    [
      connect(MANAGER),
      ack(0),
      snapshot(0),
      one(1),
      { t: 0, k: "reauth", grants: BOB, exp: EXP },
      { type: "reauth.ok", exp: EXP },
      one(2),
      ...BOBS.slice(4),
    ],
  ],
  ["a snapshot without a room", "lost", [connect(BOB), ack(6), snapshot(6)]],
  [
    "a snapshot with other members",
    "wrong",
    [
      connect(BOB),
      ack(4),
      snapshot(4, "first_connection", [{ channelId: "open", members: [] }]),
      one(5),
      one(6),
    ],
  ],
  [
    "a start from nothing where a resume was possible",
    "reset",
    [
      ...BOBS.slice(0, 5),
      close(),
      connect(BOB, { epoch: "e", seq: 3 }),
      ack(6),
      snapshot(6, "too_old"),
    ],
  ],
  [
    "a wrong reason for a snapshot",
    "wrong",
    [connect(BOB, { epoch: "other", seq: 3 }), ack(0), snapshot(0, "too_old"), ...BOBS.slice(3)],
  ],
  [
    "a resume of nonsense",
    "wrong",
    [connect(BOB, { epoch: "x", seq: 0 }), ack(0), ...BOBS.slice(3)],
  ],
  ["a jump that says nothing of itself", "wrong", [...BOBS.slice(0, 4), one(3), ...BOBS.slice(5)]],
  [
    "another payload than others saw",
    "wrong",
    [...BOBS.slice(0, 4), one(3, { payload: {}, prev: 1 })],
  ],
  ["an event before auth.ok", "wrong", [connect(BOB), one(1)]],
  ["an error", "wrong", [...BOBS, { type: "error", code: "invalid_ack" }]],
  ["a frame that nobody can read", "wrong", [...BOBS, { type: "unreadable" }]],
  ["a close for an offence", "wrong", [...BOBS, close(4429)]],
  ["a close for an auth frame that came", "wrong", [...BOBS, close(4408)]],
  ["a close before the token ends", "wrong", [...BOBS, close(4401, EXP * 1000 - 60_000)]],
  [
    "what was narrowed away for certain",
    "wrong",
    [
      ...BOBS.slice(0, 3),
      { t: 0, k: "subscribe", channelIds: ["elsewhere"] },
      { t: 0, k: "reauth", grants: BOB, exp: EXP },
      { type: "reauth.ok", exp: EXP },
      one(1),
      one(6, { prev: 1 }),
    ],
  ],
])("finds %s: %s", (_what, kind, steps) => {
  expect(judged(steps).problems.count(kind)).toBeGreaterThan(0);
});

it("finds a hole in the journal that nobody can fill", () => {
  const observer = OBSERVER.filter((step) => !("seq" in step && step.seq === 4));
  expect(judged([], { observer }).problems.count("lost")).toBeGreaterThan(0);
});

it("finds an event with two places in the journal, and places with two events", () => {
  const twice = [...OBSERVER, { ...one(3), seq: 7 } as SeenFrame];
  expect(judged([], { observer: twice }).problems.count("duplicated")).toBe(1);
  const other: TruthLine = { k: "journal", guild: GUILD, epoch: "e", events: [at(3, { id: "x" })] };
  expect(judged([], { truth: [...TRUTH, other] }).problems.count("wrong")).toBeGreaterThan(0);
});

it("finds a journal that began anew", () => {
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
  ["a last event that is not there", "lost", { k: "marker", guild: GUILD, id: "nowhere" }],
])("finds what was %s", (_what, kind, more) => {
  expect(judged([], { truth: [...TRUTH, more] }).problems.count(kind)).toBeGreaterThan(0);
});

it.each<[string, SeenEvent]>([
  ["a user who joins twice", event(7, "voice.joined", { channelId: "open", userId: "u2" })],
  ["a user who leaves elsewhere", event(7, "voice.left", { channelId: "open", userId: "u2" })],
  ["a room that is created twice", event(7, "room.created", { channelId: "open", name: "Open" })],
  ["a room that ends with users in it", event(7, "room.deleted", { channelId: "secret" })],
  ["an unknown room that ends", event(7, "room.deleted", { channelId: "never" })],
])("finds a story that cannot be: %s", (_what, next) => {
  const observer: Step[] = [...OBSERVER, { type: "event", ...next }];
  expect(judged([], { observer }).problems.count("wrong")).toBe(1);
});

it("names a client without a history", () => {
  const verdict = judge({ truth: [], clients: [{ name: "x", lines: () => [] }], faults: [] });
  expect(verdict.problems.count("wrong")).toBe(1);
});
