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
    "a client that claims an older position, and gets the same events again",
    [...BOBS, close(), connect(BOB, { epoch: "e", seq: 3 }), ack(6)].concat([
      one(5, { prev: 3 }),
      one(6),
      resumed(3, 6),
    ]),
  ],
  [
    "a snapshot that covers the events that a client without a position missed",
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
    "events that a subscribe may or may not have been in time for",
    [
      ...BOBS.slice(0, 3),
      { t: 0, k: "subscribe", channelIds: ["elsewhere"] },
      one(3, { prev: 0 }),
      one(6, { prev: 3 }),
    ],
  ],
  [
    "events that a reauth with more grants makes visible",
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
    "a long poll that reports its position",
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
    "a token that expired while its renewal was under way",
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
  ["an event that never arrived", "lost", [...BOBS.slice(0, 4), one(5, { prev: 1 }), one(6)]],
  ["a last event that never arrived", "lost", BOBS.slice(0, 5)],
  [
    "an event that a long poll left out",
    "lost",
    [...BOBS.slice(0, 4), { type: "position", seq: 4 }, one(5, { prev: 4 }), one(6)],
  ],
  ["a client that was not served at the end", "lost", [...BOBS.slice(0, 5), close()]],
  ["a client that was never served", "lost", [connect(BOB)]],
  [
    "an event that a resume left out",
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
  ["an event that arrived twice", "duplicated", [...BOBS.slice(0, 4), one(1), ...BOBS.slice(4)]],
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
  [
    "an event of another user's private room",
    "leaked",
    [...BOBS.slice(0, 4), one(2), ...BOBS.slice(4)],
  ],
  [
    "a snapshot with another user's private room",
    "leaked",
    [
      connect(BOB),
      ack(6),
      snapshot(6, "first_connection", [{ channelId: "secret", members: [{ userId: "u2" }] }]),
    ],
  ],
  [
    "a private event after a reauth with fewer grants",
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
    "a snapshot although a resume was possible",
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
  ["a jump without prev", "wrong", [...BOBS.slice(0, 4), one(3), ...BOBS.slice(5)]],
  [
    "another payload than other clients got",
    "wrong",
    [...BOBS.slice(0, 4), one(3, { payload: {}, prev: 1 })],
  ],
  ["an event before auth.ok", "wrong", [connect(BOB), one(1)]],
  ["an error", "wrong", [...BOBS, { type: "error", code: "invalid_ack" }]],
  ["an unreadable frame", "wrong", [...BOBS, { type: "unreadable" }]],
  ["a close for a violation", "wrong", [...BOBS, close(4429)]],
  ["a close for a missing auth frame that had arrived", "wrong", [...BOBS, close(4408)]],
  [
    "a close at the expiry of a renewed token",
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
    "an event that the subscription certainly excluded",
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
  const verdict = judge({
    truth: [],
    clients: [{ name: "x", lines: () => [] }],
    calls: [],
    accounts: [],
    faults: [],
  });
  expect(verdict.problems.count("wrong")).toBe(1);
});
