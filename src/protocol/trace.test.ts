import { expect, test } from "vitest";
import { SignedEvent } from "./signed-events.ts";
import { newTraceId, readTraceparent, TraceId, writeTraceparent } from "./trace.ts";

const ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";

test("what we write we read", () => {
  const traceId = newTraceId();
  expect(TraceId.parse(traceId)).toBe(traceId);
  expect(readTraceparent(writeTraceparent(traceId))).toBe(traceId);
  expect(newTraceId()).not.toBe(traceId);
});

test.each([
  ["as the recommendation writes it", `00-${ID}-${PARENT}-01`],
  ["of a later version, with members that are not known yet", `01-${ID}-${PARENT}-01-what-comes`],
  ["with space around it", ` 00-${ID}-${PARENT}-00 `],
])("taken: %s", (_, header) => {
  expect(readTraceparent(header)).toBe(ID);
});

test.each([
  ["absent", undefined],
  ["empty", ""],
  ["upper case", `00-${ID.toUpperCase()}-${PARENT}-01`],
  ["a trace id of nothing", `00-${"0".repeat(32)}-${PARENT}-01`],
  ["a parent of nothing", `00-${ID}-${"0".repeat(16)}-01`],
  ["the version that is forbidden", `ff-${ID}-${PARENT}-01`],
  ["version 00 with more behind it", `00-${ID}-${PARENT}-01-more`],
  ["too short", `00-${ID.slice(1)}-${PARENT}-01`],
  ["no flags", `00-${ID}-${PARENT}`],
  ["a line break", `00-${ID}-${PARENT}-01\n{"level":"error"}`],
  ["two of them", `00-${ID}-${PARENT}-01,00-${ID}-${PARENT}-01`],
  ["very long", `01-${ID}-${PARENT}-01-${"x".repeat(10_000)}`],
])("ignored: %s", (_, header) => {
  expect(readTraceparent(header)).toBeNull();
});

test("a malformed trace of a signed event counts as absent, and the event stays", () => {
  const event = { event: "voice.joined", payload: { guildId: "g" } };
  expect(SignedEvent.parse({ ...event, trace: ID }).trace).toBe(ID);
  for (const trace of ["x", ID.toUpperCase(), 7, null, { a: 1 }, `${ID}\n`]) {
    expect(SignedEvent.parse({ ...event, trace })).toMatchObject(event);
    expect(SignedEvent.parse({ ...event, trace }).trace).toBeUndefined();
  }
});
