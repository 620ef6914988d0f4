import { describe, expect, test } from "vitest";
import { SUBSCRIBE_CHANNELS_MAX, TOPIC_MAX_LENGTH } from "../../protocol/limits.ts";
import { err, ok } from "../../platform/result.ts";
import { SOCKET_IO_DIALECT } from "./socket-io.ts";

/** What the hub reads from an event `subscribe` with this argument. */
const subscribed = (topics: unknown) =>
  SOCKET_IO_DIALECT.read(`2${JSON.stringify(["subscribe", topics])}`);

test("an event with several arguments is unknown, but for one that takes a single one", () => {
  const read = (...packet: unknown[]) => SOCKET_IO_DIALECT.read(`2${JSON.stringify(packet)}`);
  expect(read("nope", 1, 2)).toEqual(ok({ kind: "unknown" }));
  expect(read("nope", 1)).toEqual(ok({ kind: "message", name: "nope", data: 1 }));
  expect(read("subscribe", [], 1)).toEqual(err("invalid_frame"));
  expect(read("reauth", { token: "t" }, 1)).toEqual(err("invalid_frame"));
});

describe("an event subscribe of Socket.IO", () => {
  const longest = "t".repeat(TOPIC_MAX_LENGTH);
  const most = Array.from({ length: SUBSCRIBE_CHANNELS_MAX }, (_, n) => `t${n}`);

  test.each([[["100000000000000001"]], [["space:general"]], [[]], [[longest]], [most]])(
    "names topics of any kind of hub: %j",
    (topics) => {
      expect(subscribed(topics)).toEqual(ok({ kind: "subscribe", topics }));
    },
  );

  test.each([
    ["one topic too many", [...most, "t"]],
    ["a topic of one character too many", [`${longest}t`]],
    ["a topic with a space, which would become two in the store", ["a b"]],
    ["an empty topic", [""]],
    ["a topic that is no text", [1]],
    ["no list", "t"],
  ])("with %s is refused", (_what, topics) => {
    expect(subscribed(topics)).toEqual(err("invalid_frame"));
  });
});
