import * as fc from "fast-check";
import { ulid } from "ulid";
import { describe, expect, it } from "vitest";
import type { IncomingEvent, IngestResult } from "../hub/publisher.ts";
import {
  PUBLISHER_EPOCH_AHEAD_MAX_MS,
  SIGNED_BATCH_MAX,
  SIGNED_BODY_MAX_BYTES,
  ROOM_USER_LIMIT_MAX,
} from "../protocol/limits.ts";
import { SIGNED_EVENT_PAYLOADS, type GatewayHeartbeat } from "../protocol/signed-events.ts";
import { takeSignedEvents } from "./signed-events.ts";

const NOW = Date.parse("2026-11-29T12:00:00Z");

function setUp(answer?: IngestResult) {
  const ingested: { guildId: string; events: readonly IncomingEvent[] }[] = [];
  const beats: GatewayHeartbeat[] = [];
  const take = (body: unknown) =>
    takeSignedEvents(
      {
        hub: {
          ingest: async (guildId, events) => {
            ingested.push({ guildId, events });
            const accepted = events.filter(({ refused }) => refused !== true).length;
            return answer ?? { kind: "done", accepted, duplicates: 0 };
          },
        },
        monitor: { heartbeat: async (beat) => void beats.push(beat) },
        now: () => NOW,
      },
      body,
    );
  return { take, ingested, beats };
}

const joined = (guildId = "1", userId = "u1") => ({
  event: "voice.joined",
  payload: { guildId, channelId: "c1", userId },
});

describe("signed events", () => {
  it("accepts the single event of the seed's publisher", async () => {
    const { take, ingested } = setUp();
    expect(await take(joined())).toEqual({
      ok: true,
      value: { ok: true, accepted: 1, duplicates: 0, refused: [] },
    });
    expect(ingested).toEqual([{ guildId: "1", events: [joined()] }]);
  });

  it("passes each event's trace on, and does not lose an event because of an invalid one", async () => {
    const { take, ingested } = setUp();
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    const bad = ["not-a-trace", trace.toUpperCase(), "0".repeat(32), 7, null];
    const events = [{ ...joined(), trace }, ...bad.map((one) => ({ ...joined(), trace: one }))];
    expect(await take({ events })).toMatchObject({ value: { accepted: events.length } });
    expect(ingested[0]?.events).toEqual([{ ...joined(), trace }, ...bad.map(() => joined())]);
  });

  it("gives each guild its events, in order", async () => {
    const { take, ingested } = setUp();
    await take({ events: [joined("1", "a"), joined("2", "b"), joined("1", "c")] });
    expect(
      ingested.map(({ guildId, events }) => [guildId, events.map((e) => e.payload["userId"])]),
    ).toEqual([
      ["1", ["a", "c"]],
      ["2", ["b"]],
    ]);
  });

  it("refuses an invalid event by itself, and tells the hub its position", async () => {
    const { take, ingested } = setUp();
    const position = { id: "x", epoch: ulid(NOW), seq: 7 };
    const result = await take({
      events: [
        { ...position, event: "voice.exploded", payload: { guildId: "1" } },
        { ...position, event: "voice.joined", payload: { guildId: "1", channelId: 5 } },
        "nonsense",
        joined(),
      ],
    });
    expect(result).toMatchObject({
      value: {
        accepted: 1,
        refused: [
          { index: 0, code: "unknown_event" },
          { index: 1, code: "invalid_payload" },
          { index: 2, code: "invalid_event" },
        ],
      },
    });
    expect(ingested[0]?.events).toEqual([
      { ...position, event: "voice.exploded", payload: {}, refused: true },
      { ...position, event: "voice.joined", payload: {}, refused: true },
      joined(),
    ]);
  });

  it("refuses a single invalid event, and tells the hub its position", async () => {
    const { take, ingested } = setUp();
    const epoch = ulid(NOW);
    const result = await take({ event: "nope", payload: { guildId: "1" }, epoch, seq: 1 });
    expect(result).toMatchObject({ ok: false, error: { kind: "invalid" } });
    expect(ingested[0]?.events[0]).toMatchObject({ refused: true, seq: 1 });
  });

  it.each(["~", "E", ulid(NOW).toLowerCase(), `${ulid(NOW)}0`, "8".repeat(26)])(
    "refuses the epoch %s, which is no ULID",
    async (epoch) => {
      const { take, ingested } = setUp();
      const events = [{ ...joined(), epoch, seq: 1 }];
      expect(await take(events[0])).toMatchObject({ ok: false, error: { kind: "invalid" } });
      expect(await take({ events })).toMatchObject({
        value: { accepted: 0, refused: [{ index: 0, code: "invalid_event" }] },
      });
      expect(ingested).toEqual([]);
    },
  );

  it("HUB-11 accepts nothing of a batch with an epoch too far in the future, and one at the limit", async () => {
    const { take, ingested, beats } = setUp();
    const latest = NOW + PUBLISHER_EPOCH_AHEAD_MAX_MS;
    const of = (time: number) => ({ ...joined(), epoch: ulid(time), seq: 1 });
    const beat = { event: "gateway.heartbeat", payload: { guildId: "1", state: "down", since: 1 } };
    expect(await take({ events: [beat, of(NOW), of(latest + 1)] })).toMatchObject({
      ok: false,
      error: { kind: "future_epoch", guildId: "1" },
    });
    expect([ingested, beats]).toEqual([[], []]);
    expect((await take(of(latest))).ok).toBe(true);
  });

  it("accepts nothing of a batch that has one event too many, or none", async () => {
    const { take, ingested } = setUp();
    const events = Array.from({ length: SIGNED_BATCH_MAX + 1 }, () => joined());
    expect(await take({ events })).toMatchObject({ error: { kind: "invalid" } });
    expect(await take({ events: [] })).toMatchObject({ error: { kind: "invalid" } });
    expect(await take({ events: "all" })).toMatchObject({ error: { kind: "invalid" } });
    expect(ingested).toEqual([]);
    expect((await take({ events: events.slice(1) })).ok).toBe(true);
    expect(JSON.stringify({ events }).length).toBeLessThan(SIGNED_BODY_MAX_BYTES);
  });

  it("passes a heartbeat to the monitor and not to the hub", async () => {
    const { take, ingested, beats } = setUp();
    const payload = { guildId: "1", state: "connected", since: 5 };
    expect((await take({ event: "gateway.heartbeat", payload })).ok).toBe(true);
    expect(beats).toEqual([payload]);
    expect(ingested).toEqual([]);
  });

  it("names the guild whose hub refused", async () => {
    expect(await setUp({ kind: "gap", expected: 4 }).take(joined("9"))).toMatchObject({
      error: { kind: "gap", expected: 4, guildId: "9" },
    });
    expect(await setUp({ kind: "stale_publisher" }).take(joined("9"))).toMatchObject({
      error: { kind: "stale_publisher", guildId: "9" },
    });
    expect(await setUp({ kind: "hold", retryAfterMs: 250 }).take(joined())).toMatchObject({
      error: { kind: "hold", retryAfterMs: 250 },
    });
  });

  it("passes only fields of the event's schema on to clients", async () => {
    const { take, ingested } = setUp();
    const { event, payload } = joined();
    await take({ event, payload: { ...payload, token: "secret" } });
    expect(ingested[0]?.events[0]?.payload).toEqual(payload);
  });

  it("removes characters that change direction or hide text from every event", async () => {
    const unseen =
      "\0\u0007\u0085\u00AD\u061C\u200B\u200E\u202E\u2028\u2066\u2069\uFEFF\u{E0061}\uD83D";
    const unit = fc.constantFrom(...Array.from(unseen), "\uDE00", "\u200D", "🏴", "a", " ", "é");
    const kinds = [...SIGNED_EVENT_PAYLOADS.keys()].filter((kind) => kind !== "gateway.heartbeat");
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...kinds), fc.string({ unit }), async (event, text) => {
        const place = { channelId: "c1", userId: "u1", user: { name: text, avatar: null } };
        const channel = { channelId: "c1", name: text, userLimit: 4 };
        const lists = { channels: [channel], voiceStates: [place] };
        const standing = { state: "connected", since: 1, note: text };
        const { take, ingested } = setUp();
        const payload = { guildId: "1", ...place, ...channel, ...lists, ...standing };
        expect((await take({ event, payload })).ok).toBe(true);
        const texts: string[] = [];
        JSON.stringify(ingested[0]?.events[0]?.payload, (_, value: unknown) => {
          if (typeof value === "string") texts.push(value);
          return value;
        });
        expect(texts.length).toBeGreaterThan(0);
        for (const one of texts) {
          expect(one).not.toMatch(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|(?![\u200C\u200D])\p{Cf}/u);
        }
      }),
    );
  });

  it("lowers a user limit to Discord's maximum, and refuses an invalid one", async () => {
    for (const [userLimit, known] of [
      [0, 0],
      [ROOM_USER_LIMIT_MAX, ROOM_USER_LIMIT_MAX],
      [ROOM_USER_LIMIT_MAX + 1, ROOM_USER_LIMIT_MAX],
    ]) {
      const { take, ingested } = setUp();
      const channel = { channelId: "c1", name: "Raid", userLimit };
      const lists = { guildId: "1", channels: [channel], voiceStates: [] };
      await take({ event: "room.updated", payload: { guildId: "1", ...channel } });
      await take({ event: "guild.snapshot", payload: lists });
      expect(ingested.map(({ events }) => events[0]?.payload)).toMatchObject([
        { userLimit: known },
        { channels: [{ userLimit: known }] },
      ]);
    }
    for (const userLimit of [-1, 1.5, "4"]) {
      const payload = { guildId: "1", channelId: "c1", name: "Raid", userLimit };
      const { take } = setUp();
      expect(await take({ event: "room.updated", payload })).toMatchObject({ ok: false });
    }
  });

  it("never throws, whatever JSON it gets", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (body) => {
        expect((await setUp().take(body)).ok).toBe(false);
      }),
    );
  });
});
