import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PONG_FRAME } from "../protocol/frames.ts";
import { readFrame } from "./server-frame.ts";

const event = {
  v: 1,
  type: "event",
  event: "voice.left",
  payload: { guildId: "g", channelId: "c", userId: "u" },
  ts: 5,
  seq: 8,
  id: "e8",
};

describe("reading a message", () => {
  it.each([
    { v: 1, type: "ack", event: "auth.ok", guildId: "g", epoch: "e", seq: 1 },
    event,
    { ...event, prev: 3 },
    { v: 1, type: "batch", events: [event, { ...event, seq: 9 }] },
    { v: 1, type: "resumed", epoch: "e", from: 1, to: 2 },
    { v: 1, type: "snapshot", epoch: "e", seq: 1, reason: "too_old", rooms: [] },
    { v: 1, type: "auth.expiring", exp: 1 },
    { v: 1, type: "reauth.ok", exp: 1 },
    { v: 1, type: "error", code: "c", message: "m" },
  ])("knows %j", (frame) => {
    expect(readFrame(JSON.stringify(frame))).toEqual({ kind: "frame", frame });
  });

  it("knows the pong by its exact text", () => {
    expect(readFrame(PONG_FRAME)).toEqual({ kind: "pong" });
  });

  it.each([
    { ...event, seq: -1 },
    { ...event, seq: 1.5 },
    { ...event, seq: "8" },
    { ...event, prev: "3" },
    { ...event, payload: null },
    { v: 1, type: "batch", events: [event, {}] },
    { v: 1, type: "snapshot", epoch: "e", seq: 1, reason: "too_old" },
    { v: 1, type: "of.tomorrow" },
  ])("ignores %j", (frame) => {
    expect(readFrame(JSON.stringify(frame))).toEqual({ kind: "unknown" });
  });

  it("never throws, whatever it gets", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.anything()), (data) => {
        expect(readFrame(data).kind).toBeTypeOf("string");
      }),
    );
  });
});
