import * as fc from "fast-check";
import { ulid } from "ulid";
import { expect, it } from "vitest";
import { SIGNED_EVENT_PAYLOADS, SignedEvent } from "../protocol/signed-events.ts";
import { readVoiceEvent } from "./voice-event.ts";

/** What the schemas make of an event; null if they refuse it. */
function bySchema(value: unknown) {
  const event = SignedEvent.safeParse(value);
  if (!event.success) return null;
  const payload = SIGNED_EVENT_PAYLOADS.get(event.data.event)?.safeParse(event.data.payload);
  if (payload?.success !== true) return null;
  return { guildId: event.data.payload.guildId, event: { ...event.data, payload: payload.data } };
}

/** Mostly a valid value, sometimes none, sometimes another one. */
function member(...valid: readonly unknown[]): fc.Arbitrary<unknown> {
  const odd = [
    null,
    "",
    0,
    -1,
    1.5,
    2 ** 53,
    "x",
    "🏴".repeat(64),
    [],
    {},
    true,
    ["c1"],
    "01",
    "\0",
  ];
  return fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...valid) },
    { weight: 1, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom<unknown>(...odd) },
  );
}

const id = member("c1", "123456789012345678", "u-1", "0", "a".repeat(64), "a".repeat(65));
const user = fc.record({
  name: member("Ada", " Ada\u202E ", "\u200B", "n".repeat(300)),
  avatar: member(null, `a_${"0f".repeat(16)}`),
  bot: member(true, undefined, false),
});
const payload = fc.record({
  guildId: id,
  channelId: id,
  userId: id,
  user: fc.oneof(user, member(undefined)),
  token: fc.constant("secret"),
});
const event = fc.record({
  id: member("e1", "e".repeat(128), "e".repeat(129), undefined),
  event: fc.constantFrom("voice.joined", "voice.left"),
  payload: fc.oneof({ weight: 9, arbitrary: payload }, member({})),
  ts: member(0, 1_700_000_000_000, undefined),
  epoch: member(ulid(), ulid(1), "8".repeat(26), undefined),
  seq: member(1, 7, undefined),
  trace: member("4bf92f3577b34da6a3ce929d0e0e4736", "0".repeat(32), undefined),
  token: fc.constant("secret"),
});

it("an event of voice is read as the schemas read it, and what they refuse is not read", () => {
  let valid = 0;
  fc.assert(
    fc.property(event, (given) => {
      // As it arrives: without members that are undefined.
      const value: unknown = JSON.parse(JSON.stringify(given));
      const read = readVoiceEvent(value);
      expect(read).toEqual(bySchema(value));
      if (read !== null) valid += 1;
    }),
    { numRuns: 2_000 },
  );
  expect(valid).toBeGreaterThan(100);
});

it.each([
  ["another event", { event: "room.deleted", payload: { guildId: "1", channelId: "c1" } }],
  ["no event", "voice.joined"],
  ["nothing", null],
])("%s is left to the schemas", (_, value) => {
  expect(readVoiceEvent(value)).toBeNull();
});
