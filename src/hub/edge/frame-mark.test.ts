import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Entry } from "../core/journal.ts";
import { GUILD_DIALECT } from "../dialects/guild.ts";
import { markOf } from "./frame-mark.ts";

/** Text that looks like members of a frame. */
const nasty = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom('","seq":7,"id":"', ',"seq":7', '\\","seq":7}', '}]},"seq":7,"prev":7}'),
);
const entry: fc.Arbitrary<Entry> = fc.record({
  seq: fc.maxSafeNat(),
  id: nasty,
  event: nasty,
  payload: fc.oneof(
    fc.json(),
    fc.record({ seq: fc.nat(), id: nasty, a: nasty }).map((v) => JSON.stringify(v)),
  ),
  ts: fc.nat(),
  at: fc.nat(),
  audience: fc.constant(null),
  except: fc.constant(null),
  topic: fc.constant(null),
  trace: fc.constant(null),
});

describe("the mark of a frame", () => {
  it("is the seq of an event, whatever its payload, name and id contain", () => {
    fc.assert(
      fc.property(entry, fc.option(fc.nat(), { nil: undefined }), (one, prev) => {
        expect(markOf(GUILD_DIALECT.event(one, 0, prev))).toEqual({
          seq: one.seq,
          hasEvents: true,
        });
      }),
      { numRuns: 2_000 },
    );
  });

  it("is the seq of a batch's last event", () => {
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 5 }), fc.nat(), (entries, prev) => {
        expect(markOf(GUILD_DIALECT.batch?.(entries, 0, prev) ?? "")).toEqual({
          seq: entries.at(-1)?.seq,
          hasEvents: true,
        });
      }),
      { numRuns: 2_000 },
    );
  });

  it("is the position and the epoch of frames that start a stream", () => {
    const text = (frame: object): string => JSON.stringify({ v: 1, ...frame });
    expect(
      markOf(text({ type: "snapshot", epoch: "e", seq: 3, rooms: [{ seq: 9, epoch: "x" }] })),
    ).toEqual({ epoch: "e", seq: 3 });
    expect(markOf(text({ type: "resumed", epoch: "e", from: 1, to: 4 }))).toEqual({
      epoch: "e",
      seq: 4,
    });
    const limits = { frameBytes: 1, windowBytes: 2_000, windowEvents: 30 };
    const ack = { type: "ack", event: "auth.ok", epoch: "e", seq: 9, limits };
    const window = { bytes: 2_000, events: 30 };
    expect(markOf(text({ ...ack, retryWindowMs: 500 }))).toEqual({
      epoch: "e",
      retryWindowMs: 500,
      window,
    });
    expect(markOf(text(ack))).toEqual({ epoch: "e", retryWindowMs: 0, window });
  });

  it("is empty for a frame that moves no position", () => {
    for (const frame of [
      { type: "auth.expiring", exp: 1 },
      { type: "error", code: "x", message: "y" },
      { type: "signal", event: "presence", key: "presence", payload: { seq: 4 }, ts: 1 },
    ]) {
      expect(markOf(JSON.stringify({ v: 1, ...frame }))).toEqual({});
    }
  });
});
