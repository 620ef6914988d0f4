import * as fc from "fast-check";
import { expect, test } from "vitest";
import { SIGNED_BATCH_MAX, SIGNED_BODY_MAX_BYTES } from "../../src/protocol/limits.ts";
import { SignedBatch, SignedEvent } from "../../src/protocol/signed-events.ts";
import type { OutboxEvent } from "../store/outbox.ts";
import { takeBatch } from "./batch.ts";

const EPOCH = "01KB7TTP5DAYXWYZCD2A2MX0A8";

function event(position: number, text: string): OutboxEvent {
  const payload = JSON.stringify({ guildId: "g", text });
  const id = `id-${position}`;
  return { position, guildId: "g", id, event: "voice.joined", payload, ts: 5, trace: null };
}

function read(body: Uint8Array): SignedEvent[] {
  const json: unknown = JSON.parse(new TextDecoder().decode(body));
  const batch = SignedBatch.safeParse(json);
  return (batch.success ? batch.data.events : [json]).map((one) => SignedEvent.parse(one));
}

test("a single event is sent without an envelope, as older hubs expect it", () => {
  const batch = takeBatch([event(1, "ü")], EPOCH, 7);
  expect(JSON.parse(new TextDecoder().decode(batch?.body))).toEqual({
    id: "id-1",
    event: "voice.joined",
    ts: 5,
    epoch: EPOCH,
    seq: 7,
    payload: { guildId: "g", text: "ü" },
  });
});

test("each event carries the trace of its cause, and the request the trace of the first event", () => {
  const [a, b] = ["a".repeat(32), "b".repeat(32)];
  const batch = takeBatch(
    [{ ...event(1, ""), trace: a }, { ...event(2, ""), trace: b }, event(3, "")],
    EPOCH,
    1,
  );
  expect(batch?.trace).toBe(a);
  expect(read(batch?.body ?? new Uint8Array()).map(({ trace }) => trace)).toEqual([
    a,
    b,
    undefined,
  ]);
});

test("an event that is too large for a request is not put into a batch", () => {
  expect(takeBatch([event(1, "x".repeat(SIGNED_BODY_MAX_BYTES))], EPOCH, 1)).toBeNull();
});

test("events beyond the size of a batch stay in the queue", () => {
  const events = Array.from({ length: SIGNED_BATCH_MAX + 1 }, (_, i) => event(i, ""));
  expect(takeBatch(events, EPOCH, 1)?.events).toHaveLength(SIGNED_BATCH_MAX);
});

test("a batch is the front of the queue, numbered without a gap, within the body size", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(Math.floor(SIGNED_BODY_MAX_BYTES / 3)), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 1_000 }),
      (sizes, firstSeq) => {
        const events = sizes.map((size, i) => event(i, "é".repeat(size)));
        const batch = takeBatch(events, EPOCH, firstSeq);
        expect(batch).not.toBeNull();
        if (batch === null) return;
        expect(batch.body.byteLength).toBeLessThanOrEqual(SIGNED_BODY_MAX_BYTES);
        expect(batch.events).toEqual(events.slice(0, batch.events.length));
        expect(read(batch.body).map(({ id, seq }) => [id, seq])).toEqual(
          batch.events.map(({ id }, i) => [id, firstSeq + i]),
        );
      },
    ),
    { numRuns: 30 },
  );
});
