import { expect, it } from "vitest";
import { judge } from "./judge.ts";
import type { ProblemKind } from "./problems.ts";
import {
  ack,
  BOB,
  BOBS,
  close,
  connect,
  EXP,
  GUILD,
  judged,
  MANAGER,
  one,
  resumed,
  snapshot,
  type Step,
} from "./written-history.ts";

it("finds no problem in a correct history", () => {
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
  [
    "a token that ended while its successor was on its way",
    [
      connect(BOB),
      ack(0),
      { t: 0, k: "reauth", grants: BOB, exp: EXP + 600 },
      close(4401, EXP * 1000),
      ...BOBS,
    ],
  ],
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
  [
    "a close at the end of a token that has a successor",
    "wrong",
    [
      ...BOBS,
      { t: 0, k: "reauth", grants: BOB, exp: EXP + 600 },
      { type: "reauth.ok", exp: EXP + 600 },
      close(4401, EXP * 1000),
    ],
  ],
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

it("names a client without a history", () => {
  const verdict = judge({ truth: [], clients: [{ name: "x", lines: () => [] }], faults: [] });
  expect(verdict.problems.count("wrong")).toBe(1);
});
