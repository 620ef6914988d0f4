import { describe, expect, test } from "vitest";
import { memoryStore } from "../../testing/memory-storage.ts";
import type { SqliteStore } from "../sqlite-store.ts";
import { DEDUPE_TTL_MS, EVENT_PAYLOAD_MAX_BYTES } from "../../protocol/limits.ts";
import type { Publication } from "../publisher.ts";
import type { Entry } from "./journal.ts";
import { GUILD_STREAM } from "../guild-kind.ts";
import { Sequencer } from "./sequencer.ts";

const publication = (extra: Partial<Publication> = {}): Publication => ({
  event: "test.happened",
  payload: {},
  audience: null,
  topic: null,
  ...extra,
});

function sequencer(): {
  readonly store: SqliteStore;
  readonly sequencer: Sequencer;
  readonly sent: (readonly Entry[])[];
  readonly clock: { now: number };
} {
  const store = memoryStore("e");
  const sent: (readonly Entry[])[] = [];
  const clock = { now: 1_000 };
  let ids = 0;
  return {
    store,
    sent,
    clock,
    sequencer: new Sequencer({
      store,
      bounds: GUILD_STREAM.journal,
      payloadBytes: EVENT_PAYLOAD_MAX_BYTES,
      clock: () => clock.now,
      newId: (now) => `id-${now}-${++ids}`,
      isKnownEvent: (event) => event === "test.happened",
      onAppended: (entries) => sent.push(entries),
      onActFailed: (error) => {
        throw error;
      },
    }),
  };
}

/** A payload whose JSON has exactly so many bytes in UTF-8. */
function payloadOf(bytes: number, letter: string): Record<string, unknown> {
  const each = new TextEncoder().encode(letter).length;
  const text = letter.repeat(Math.floor((bytes - 8) / each));
  const pad = "y".repeat(bytes - 8 - Math.floor((bytes - 8) / each) * each);
  return { t: `${text}${pad}` };
}

describe("HUB-2 a refused event leaves nothing:", () => {
  test("an event that no feature names", () => {
    const { sequencer: one, store, sent } = sequencer();
    expect(one.turn(() => one.publish(publication({ event: "x", dedupeKey: "k" })))).toEqual({
      kind: "refused",
      why: "unknown_event",
    });
    expect(store.extent().head).toBe(0);
    expect(sent).toEqual([]);
    expect(store.remember("k", 5_000, 1_000)).toBe(true);
  });

  test.each([
    ["one byte a letter", "x"],
    ["two bytes a letter", "é"],
    ["three bytes a letter", "€"],
    ["four bytes a letter", "🎲"],
  ])("a payload one byte over the limit, %s; at the limit it goes", (_, letter) => {
    const { sequencer: one, store, sent } = sequencer();
    const publish = (bytes: number): unknown =>
      one.turn(() =>
        one.publish(publication({ payload: payloadOf(bytes, letter), dedupeKey: `${bytes}` })),
      );
    expect(publish(EVENT_PAYLOAD_MAX_BYTES + 1)).toEqual({ kind: "refused", why: "too_large" });
    expect([store.extent().head, sent]).toEqual([0, []]);
    expect(store.remember(`${EVENT_PAYLOAD_MAX_BYTES + 1}`, 5_000, 1_000)).toBe(true);
    expect(publish(EVENT_PAYLOAD_MAX_BYTES)).toEqual({ kind: "published", seq: 1 });
  });
});

describe("HUB-1 a published event", () => {
  test("is journaled with given values, and with defaults for the others", () => {
    const { sequencer: one, store, clock } = sequencer();
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    one.turn(() => {
      one.publish(publication({ id: "own-id", ts: 5, trace, audience: ["a"], topic: "c" }));
      clock.now = 2_000;
      one.publish(publication());
    });
    expect(store.readAfter(0, 9)).toEqual([
      {
        seq: 1,
        id: "own-id",
        event: "test.happened",
        payload: "{}",
        ts: 5,
        at: 1_000,
        audience: ["a"],
        except: null,
        topic: "c",
        trace,
      },
      {
        seq: 2,
        id: "id-2000-1",
        event: "test.happened",
        payload: "{}",
        ts: 2_000,
        at: 2_000,
        audience: null,
        except: null,
        topic: null,
        trace: null,
      },
    ]);
  });

  test("is sent once after the outermost turn, together with others", () => {
    const { sequencer: one, sent } = sequencer();
    one.turn(() => {
      one.publish(publication());
      one.turn(() => one.publish(publication()));
      expect(sent).toEqual([]);
      one.publish(publication());
    });
    one.turn(() => {});
    expect(sent.map((entries) => entries.map(({ seq }) => seq))).toEqual([[1, 2, 3]]);
    one.turn(() => one.publish(publication()));
    expect(sent.at(-1)?.map(({ seq }) => seq)).toEqual([4]);
  });

  test("inside a turn that fails is neither stored nor sent, but events of the outer turn are", () => {
    const { sequencer: one, sent, store } = sequencer();
    one.turn(() => {
      one.publish(publication());
      expect(() =>
        one.turn(() => {
          one.publish(publication());
          throw new Error("a bug");
        }),
      ).toThrow("a bug");
      one.publish(publication({ payload: { after: true } }));
    });
    expect(sent.map((entries) => entries.map(({ seq }) => seq))).toEqual([[1, 2]]);
    expect(store.readAfter(0, 9).map(({ payload }) => payload)).toEqual(["{}", '{"after":true}']);
  });

  test("with the key of another one is a duplicate, until the key expires", () => {
    const { sequencer: one, clock } = sequencer();
    const again = (): string => one.turn(() => one.publish(publication({ dedupeKey: "k" })).kind);
    expect([again(), again()]).toEqual(["published", "duplicate"]);
    clock.now += DEDUPE_TTL_MS - 1;
    expect(again()).toBe("duplicate");
    clock.now += 1;
    expect(again()).toBe("published");
  });
});

test("HUB-3 a turn leaves no more in the journal than its bounds allow", () => {
  const { sequencer: one, store, clock } = sequencer();
  one.turn(() => one.publish(publication()));
  clock.now += GUILD_STREAM.journal.maxAgeMs + 1;
  one.turn(() => {
    one.publish(publication());
    one.publish(publication());
  });
  expect(store.extent()).toMatchObject({ oldest: 2, head: 3 });
});
