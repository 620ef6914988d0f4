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
  test.each(parsed("hub"))(
    "$about: is what the schema says, with nothing beside it",
    ({ value }) => {
      expect(ServerFrame.parse(value)).toEqual(value);
      expect(readFrame(JSON.stringify(value)).kind).toBe("frame");
    },
  );

  test.each(parsed("client"))("$about: is what a client may send", ({ value }) => {
    expect(ClientFrame.parse(value)).toEqual(value);
  });

  test("show every frame of a client", () => {
    const types = parsed("client").map(({ value }) => ClientFrame.parse(value).type);
    expect(new Set(types)).toEqual(CLIENT_FRAME_TYPES);
  });
});
