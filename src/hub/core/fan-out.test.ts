import { describe, expect, test, vi } from "vitest";
import { BATCH_EVENTS_MAX, BATCH_MAX_BYTES } from "../../protocol/limits.ts";
import { EventFrame, ServerFrame } from "../../protocol/frames.ts";
import { entryFor } from "../../testing/store-suite.ts";
import { GUILD_DIALECT } from "../dialects/guild.ts";
import { FrameTexts } from "./fan-out.ts";
import type { Entry } from "./journal.ts";

/** A connection with the hub's own numbers. */
const NATIVE = { dialect: GUILD_DIALECT, base: 0 };

const encodeEvent = (entry: Entry, prev?: number): string => GUILD_DIALECT.event(entry, 0, prev);
const encodeBatch = (of: readonly Entry[], prev: number): string =>
  GUILD_DIALECT.batch?.(of, 0, prev) ?? "";

const entries = (count: number, extra: Partial<Entry> = {}): Entry[] =>
  Array.from({ length: count }, (_, i) => entryFor(i + 1, extra));

describe("texts of frames", () => {
  test("an event's frame is as in the contract, with its trace if it has one", () => {
    const entry = entryFor(7, { event: 'with "quotes"', id: "id\n", topic: "c", audience: ["a"] });
    expect(EventFrame.parse(JSON.parse(encodeEvent(entry)))).toEqual({
      v: 1,
      type: "event",
      event: 'with "quotes"',
      payload: { n: 7 },
      ts: 7,
      seq: 7,
      id: "id\n",
    });
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    expect(JSON.parse(encodeEvent({ ...entry, trace }, 3))).toMatchObject({ trace, prev: 3 });
    expect(encodeEvent(entry)).not.toMatch(/trace|prev|audience|topic/);
  });

  test("a batch has `prev` at its start and at each jump inside, and nowhere else", () => {
    const [one, two, , four] = entries(4);
    if (one === undefined || two === undefined || four === undefined) throw new Error("four");
    const parsed = ServerFrame.parse(JSON.parse(encodeBatch([one, two, four], 0)));
    expect(parsed).toMatchObject({ v: 1, type: "batch" });
    const prevs = (text: string): unknown[] =>
      (JSON.parse(text) as { events: { prev?: number }[] }).events.map(({ prev }) => prev);
    expect(prevs(encodeBatch([one, two, four], 0))).toEqual([undefined, undefined, 2]);
    expect(prevs(encodeBatch([two, four], 0))).toEqual([0, 2]);
  });

  test("a signal's frame is as in the contract", () => {
    const signal = { event: 'e"', key: "k\\", payload: '{"a":1}', audience: null, topic: null };
    const text = GUILD_DIALECT.signal({ ...signal, ts: 5 });
    expect(ServerFrame.parse(JSON.parse(text ?? ""))).toEqual({
      v: 1,
      type: "signal",
      event: 'e"',
      key: "k\\",
      payload: { a: 1 },
      ts: 5,
    });
  });
});

describe("texts for many sockets", () => {
  test("are encoded once for all sockets: alone, after a jump and in a batch", () => {
    const all = entries(3);
    const texts = new FrameTexts(all);
    const stringify = vi.spyOn(JSON, "stringify");
    const ask = (): void => {
      texts.event(NATIVE, entryFor(2), 1);
      texts.event(NATIVE, entryFor(2), 0);
      for (const wanted of [all, all.slice(1)]) void [...texts.batches(NATIVE, wanted, 0)];
    };
    ask();
    const made = stringify.mock.calls.length;
    expect(made).toBeGreaterThan(0);
    for (let i = 0; i < 5; i += 1) ask();
    expect(stringify.mock.calls).toHaveLength(made);
    stringify.mockRestore();
  });
});

describe("HUB-13 events that share a frame", () => {
  test("are at most so many", () => {
    const all = entries(BATCH_EVENTS_MAX + 1);
    const frames = [...new FrameTexts(all).batches(NATIVE, all, 0)];
    expect(frames.map(({ events, seq }) => [events, seq])).toEqual([
      [BATCH_EVENTS_MAX, BATCH_EVENTS_MAX],
      [1, BATCH_EVENTS_MAX + 1],
    ]);
  });

  test("have at most so many bytes of payload: exactly the limit fits, one more does not", () => {
    const half = "x".repeat(BATCH_MAX_BYTES / 2);
    const fits = entries(2, { payload: half });
    expect([...new FrameTexts(fits).batches(NATIVE, fits, 0)].map(({ events }) => events)).toEqual([
      2,
    ]);
    const over = [entryFor(1, { payload: half }), entryFor(2, { payload: `${half}x` })];
    expect([...new FrameTexts(over).batches(NATIVE, over, 0)].map(({ events }) => events)).toEqual([
      1, 1,
    ]);
  });

  test("do not include an event above that limit, which is sent alone between the others", () => {
    const large = { payload: `{"t":"${"x".repeat(BATCH_MAX_BYTES)}"}` };
    const all = [entryFor(1), entryFor(2), entryFor(3, large), entryFor(4), entryFor(5)];
    const frames = [...new FrameTexts(all).batches(NATIVE, all, 0)].map(
      ({ text }) => JSON.parse(text) as { type: string; seq?: number },
    );
    expect(frames.map(({ type }) => type)).toEqual(["batch", "event", "batch"]);
    expect(frames[1]).toMatchObject({ seq: 3 });
    expect(frames[1]).not.toHaveProperty("prev");
  });

  test("without any event there is no frame", () => {
    expect([...new FrameTexts(entries(2)).batches(NATIVE, [], 0)]).toEqual([]);
  });

  test("sockets with another event before, or other events to get, get another text", () => {
    const all = entries(3);
    const texts = new FrameTexts(all);
    const text = (wanted: readonly Entry[], prev: number): string =>
      [...texts.batches(NATIVE, wanted, prev)].map((frame) => frame.text).join("\n");
    const variants = [text(all, 0), text(all, -1), text(all.slice(1), 1), text(all.slice(1), 0)];
    expect(new Set(variants).size).toBe(4);
    expect(text(all.slice(1), 1)).toBe(variants[2]);
    // The same number of events as before, but not the same events.
    expect(text(all.toSpliced(1, 1), 0)).toContain('"prev":1');
    const plain = [0, 0, -1].map((prev) => texts.event(NATIVE, entryFor(1), prev));
    expect(plain[0]).toBe(plain[1]);
    expect(plain[2]).toContain('"prev":-1');
    expect(texts.event(NATIVE, entryFor(2), 1)).toContain('"seq":2');
  });
});
