import { describe, expect, test } from "vitest";
import { readFrame } from "../client/server-frame.ts";
import {
  CLIENT_FRAME_TYPES,
  ClientFrame,
  PING_FRAME,
  PONG_FRAME,
  ServerFrame,
} from "../protocol/frames.ts";
import { goldenFrames } from "./golden-frames.ts";

const golden = goldenFrames()
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as { from: string; about: string; text: string });

const parsed = (from: string): { about: string; value: unknown }[] =>
  golden
    .filter((one) => one.from === from && one.text !== PING_FRAME && one.text !== PONG_FRAME)
    .map(({ about, text }) => ({ about, value: JSON.parse(text) }));

describe("the golden frames", () => {
  test.each(parsed("hub"))("$about: matches the schema, without unknown members", ({ value }) => {
    expect(ServerFrame.parse(value)).toEqual(value);
    expect(readFrame(JSON.stringify(value)).kind).toBe("frame");
  });

  test.each(parsed("client"))("$about: is a frame that a client may send", ({ value }) => {
    expect(ClientFrame.parse(value)).toEqual(value);
  });

  test("contain every type of client frame", () => {
    const types = parsed("client").map(({ value }) => ClientFrame.parse(value).type);
    expect(new Set(types)).toEqual(CLIENT_FRAME_TYPES);
  });
});
