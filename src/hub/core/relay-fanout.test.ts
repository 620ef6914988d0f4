import { describe, expect, test } from "vitest";
import { memoryStore } from "../../testing/memory-storage.ts";
import type { Signal } from "../publisher.ts";
import { entryFor } from "../../testing/store-suite.ts";
import type { RelayRow } from "./journal.ts";
import type { RelayAck, RelayCall } from "./relay-calls.ts";
import { RelayFanout, RELAYS_TASK } from "./relay-fanout.ts";

const signal = (key: string, payload: string): Signal => ({
  event: "test.moved",
  key,
  payload,
  audience: null,
  topic: null,
  ts: 0,
});

/** A fan-out whose calls the test answers. */
function fanout(relays: readonly number[] = [0]) {
  const store = memoryStore("e");
  const clock = { now: 1_000 };
  const hub = { revision: 0 };
  const calls: { index: number; call: RelayCall }[] = [];
  const acks: { before: RelayRow; ack: RelayAck }[] = [];
  const background: Promise<unknown>[] = [];
  /** The seq that each relay acknowledges; null: the relay cannot be reached. */
  const have = new Map<number, number | null>();
  let answer = (index: number, call: RelayCall): Partial<RelayAck> => {
    const before = have.get(index) ?? 0;
    const last = call.entries.at(-1)?.seq ?? call.after;
    have.set(index, Math.max(before, last));
    return {};
  };
  for (const index of relays) store.writeRelay({ index, state: "open", sockets: 0, users: 0 });
  const make = (): RelayFanout =>
    new RelayFanout({
      hub: "g",
      onRestored: () => {
        throw new Error("no hub was restored");
      },
      store,
      clock: () => clock.now,
      call: async (index, call) => {
        calls.push({ index, call });
        if (have.get(index) === null) throw new Error("not reached");
        const said = answer(index, call);
        return {
          v: 1,
          have: have.get(index) ?? 0,
          revision: call.revision,
          sockets: 0,
          users: 0,
          closed: 0,
          ...said,
        };
      },
      background: (work) => background.push(work),
      revision: () => hub.revision,
      onAck: (before, ack) => acks.push({ before, ack }),
    });
  return {
    store,
    clock,
    hub,
    calls,
    acks,
    background,
    have,
    fanout: make(),
    make,
    append: (count: number, payload?: string): void => {
      const { head } = store.extent();
      for (let seq = head + 1; seq <= head + count; seq += 1) {
        store.append(entryFor(seq, payload === undefined ? {} : { payload }));
      }
    },
    answerWith: (next: typeof answer): void => {
      answer = next;
    },
  };
}

const seqsOf = ({ call }: { readonly call: RelayCall }): number[] =>
  call.entries.map(({ seq }) => seq);

describe("HUB-16 a call to a relay", () => {
  test("has everything that the relay has not acknowledged, and the hub's head", async () => {
    const one = fanout();
    one.append(3);
    await one.fanout.flush({ from: 1 });
    expect(one.calls).toHaveLength(1);
    expect(one.calls[0]).toMatchObject({
      index: 0,
      call: { v: 1, guildId: "g", epoch: "e", head: 3, after: 1, revision: 0, draining: false },
    });
    expect(one.calls.map(seqsOf)).toEqual([[2, 3]]);
    expect(one.fanout.acknowledged(0)).toEqual({ have: 3, failed: false });
    expect(one.background).toHaveLength(1);
    one.append(1);
    await one.fanout.flush({ from: 0 });
    expect(one.calls.map(seqsOf)).toEqual([[2, 3], [4]]);
  });

  test("after a wake has only the hub's head: the relay pulls what it does not have", async () => {
    const one = fanout();
    one.append(3);
    one.have.set(0, 3);
    await one.fanout.flush();
    expect(one.calls[0]?.call).toMatchObject({ head: 3, after: 3, entries: [] });
  });

  test("carries the whole burst that was published while another call was under way", async () => {
    const one = fanout();
    one.append(1);
    const first = one.fanout.flush({ from: 0 });
    for (let i = 0; i < 5; i += 1) {
      one.append(1);
      void one.fanout.flush({ from: 1 });
    }
    await first;
    await Promise.all(one.background);
    expect(one.calls.map(seqsOf)).toEqual([[1], [2, 3, 4, 5, 6]]);
  });

  test("is bounded in events and in bytes, and further calls carry the rest", async () => {
    const one = fanout();
    one.append(1_001);
    await one.fanout.flush({ from: 0 });
    expect(one.calls.map((call) => seqsOf(call).length)).toEqual([1_000, 1]);
    const two = fanout();
    two.append(20, `"${"x".repeat(65_534)}"`);
    await two.fanout.flush({ from: 0 });
    expect(two.calls.map((call) => seqsOf(call).length)).toEqual([16, 4]);
  });

  test("begins at the oldest entry of the journal", async () => {
    const one = fanout();
    one.append(5);
    one.store.trim({ maxEvents: 2, maxBytes: 1e9, maxAgeMs: 1e9 }, 0);
    await one.fanout.flush({ from: 0 });
    expect(one.calls[0]?.call).toMatchObject({ after: 3, head: 5 });
  });

  test("is sent to every relay, even if another one cannot be reached", async () => {
    const one = fanout([0, 1, 2]);
    one.have.set(1, null);
    one.append(1);
    await one.fanout.flush({ from: 0 });
    expect(one.calls.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect([0, 1, 2].map((index) => one.fanout.acknowledged(index).failed)).toEqual([
      false,
      true,
      false,
    ]);
    one.have.set(1, 0);
    await one.fanout.flush();
    expect(one.fanout.acknowledged(1)).toEqual({ have: 1, failed: false });
  });

  test("says that the relay is draining", async () => {
    const one = fanout([0, 1]);
    one.fanout.write({ index: 1, state: "draining", sockets: 0, users: 0 });
    await one.fanout.flush();
    expect(one.calls.map(({ call }) => call.draining)).toEqual([false, true]);
  });

  test("says it also when that was decided during another call, and says it once", async () => {
    const one = fanout();
    await one.fanout.flush();
    const underWay = one.fanout.flush({ signal: signal("a", "1") });
    one.fanout.write({ index: 0, state: "draining", sockets: 0, users: 0 });
    await underWay;
    await one.fanout.flush();
    expect(one.calls.map(({ call }) => call.draining)).toEqual([false, false, true]);
  });

  test("is not sent when the relay has everything", async () => {
    const one = fanout();
    await one.fanout.flush();
    await one.fanout.flush();
    await one.fanout.recall();
    expect(one.calls).toHaveLength(1);
  });

  test("is not sent without a relay", async () => {
    const one = fanout([]);
    one.append(1);
    one.fanout.expectCall();
    await one.fanout.flush({ from: 0 });
    expect([one.calls, one.background]).toEqual([[], []]);
    expect(one.store.readTask(RELAYS_TASK)).toBeNull();
    expect(one.fanout.acknowledged(0)).toEqual({ have: null, failed: false });
  });
});

describe("HUB-16 a relay that makes no progress", () => {
  test("is not called for ever: the task tries again", async () => {
    const one = fanout();
    one.append(3);
    one.have.set(0, 1);
    one.answerWith(() => ({ have: 1 }));
    await one.fanout.flush({ from: 1 });
    expect(one.calls).toHaveLength(1);
    const behind = fanout();
    behind.append(3);
    behind.answerWith(() => ({ have: 1 }));
    await behind.fanout.flush({ from: 0 });
    expect(behind.calls).toHaveLength(2);
  });

  test("is not called for ever either if it does not take a revocation, or is ahead of the hub", async () => {
    const one = fanout();
    one.hub.revision = 4;
    one.answerWith(() => ({ revision: 3 }));
    await one.fanout.flush();
    expect(one.calls).toHaveLength(1);
    const ahead = fanout();
    ahead.append(1);
    ahead.answerWith(() => ({ have: 9 }));
    await ahead.fanout.flush({ from: 0 });
    expect(ahead.calls.length).toBeLessThan(4);
  });

  test("gets a revocation that was added meanwhile with another call", async () => {
    const one = fanout();
    one.answerWith(() => {
      one.hub.revision = 1;
      return {};
    });
    await one.fanout.flush();
    expect(one.calls.map(({ call }) => call.revision)).toEqual([0, 1]);
  });
});

describe("HUB-16 the task that repeats lost calls", () => {
  test("is stored with the event, and not postponed by later ones", () => {
    const one = fanout();
    one.fanout.expectCall();
    expect(one.store.readTask(RELAYS_TASK)).toBe(2_000);
    one.clock.now += 500;
    one.fanout.expectCall();
    expect(one.store.readTask(RELAYS_TASK)).toBe(2_000);
  });

  test("calls until every relay has everything, then no more", async () => {
    const one = fanout([0, 1]);
    one.append(2);
    one.fanout.expectCall();
    one.have.set(1, null);
    await one.fanout.flush({ from: 0 });
    one.clock.now = 2_000;
    await one.fanout.recall();
    expect(one.store.readTask(RELAYS_TASK)).toBe(3_000);
    one.have.set(1, 0);
    one.clock.now = 3_000;
    await one.fanout.recall();
    expect(one.store.readTask(RELAYS_TASK)).toBeNull();
    expect(one.have.get(1)).toBe(2);
  });

  test("calls after a crash, when it is not known what each relay has", async () => {
    const one = fanout();
    one.append(2);
    one.fanout.expectCall();
    const woken = one.make();
    one.have.set(0, 2);
    await woken.recall();
    expect(one.calls).toHaveLength(1);
    expect(one.store.readTask(RELAYS_TASK)).toBeNull();
  });

  test("continues while a signal or a revocation has not arrived", async () => {
    const one = fanout();
    await one.fanout.flush();
    one.have.set(0, null);
    await one.fanout.flush({ signal: signal("a", "1") });
    await one.fanout.recall();
    expect(one.store.readTask(RELAYS_TASK)).toBe(2_000);
    one.have.set(0, 0);
    await one.fanout.recall();
    expect(one.store.readTask(RELAYS_TASK)).toBeNull();
    one.have.set(0, null);
    one.hub.revision = 1;
    await one.fanout.recall();
    expect(one.store.readTask(RELAYS_TASK)).toBe(2_000);
  });
});

describe("HUB-15 signals on their way to relays", () => {
  test("are sent once, the newest of each key", async () => {
    const one = fanout();
    const first = one.fanout.flush({ signal: signal("a", "1") });
    void one.fanout.flush({ signal: signal("a", "2") });
    void one.fanout.flush({ signal: signal("b", "3") });
    void one.fanout.flush({ signal: signal("a", "4") });
    await first;
    await Promise.all(one.background);
    expect(one.calls.map(({ call }) => call.signals.map(({ payload }) => payload))).toEqual([
      ["1"],
      ["4", "3"],
    ]);
  });

  test("that were lost are sent with the next call, unless there is a newer one", async () => {
    const one = fanout();
    one.have.set(0, null);
    await one.fanout.flush({ signal: signal("a", "1") });
    await one.fanout.flush({ signal: signal("b", "2") });
    one.have.set(0, 0);
    await one.fanout.flush({ signal: signal("a", "3") });
    const payloads = one.calls.at(-1)?.call.signals.map(({ payload }) => payload);
    expect(payloads?.toSorted()).toEqual(["2", "3"]);
    one.append(1);
    await one.fanout.flush();
    expect(one.calls.at(-1)?.call.signals).toEqual([]);
    expect(one.calls).toHaveLength(4);
  });

  test("of a lost call do not replace newer ones that were sent while it was under way", async () => {
    const one = fanout();
    one.have.set(0, null);
    const lost = one.fanout.flush({ signal: signal("a", "1") });
    void one.fanout.flush({ signal: signal("a", "2") });
    await lost;
    one.have.set(0, 0);
    await one.fanout.flush();
    expect(one.calls.at(-1)?.call.signals.map(({ payload }) => payload)).toEqual(["2"]);
  });
});

describe("HUB-16 what the hub knows about its relays", () => {
  test("is what they report with each acknowledgement, written when it has changed", async () => {
    const one = fanout();
    one.answerWith(() => ({ sockets: 5, users: 3, closed: 2 }));
    await one.fanout.flush();
    expect(one.fanout.relays).toEqual([{ index: 0, state: "open", sockets: 5, users: 3 }]);
    expect(one.store.readRelays()).toEqual(one.fanout.relays);
    expect(one.acks).toMatchObject([{ before: { sockets: 0, users: 0 }, ack: { closed: 2 } }]);
    const again = async (said: Partial<RelayAck>): Promise<void> => {
      one.answerWith(() => said);
      await one.fanout.flush({ signal: signal("a", "1") });
    };
    const known = one.fanout.relays;
    await again({ sockets: 5, users: 3 });
    expect(one.fanout.relays).toBe(known);
    await again({ sockets: 5, users: 2 });
    expect(one.fanout.relays).toMatchObject([{ users: 2 }]);
    await again({ sockets: 4, users: 2 });
    expect(one.fanout.relays).toMatchObject([{ sockets: 4 }]);
  });

  test("is nothing about a released relay, also when it was released during a call", async () => {
    const one = fanout([0, 1]);
    const underWay = one.fanout.flush();
    one.append(1);
    one.fanout.remove(0);
    await underWay;
    expect(new Set(one.acks.map(({ before }) => before.index))).toEqual(new Set([1]));
    expect(one.store.readRelays().map(({ index }) => index)).toEqual([1]);
    one.append(1);
    await one.fanout.flush();
    expect(one.calls.map(({ index }) => index)).toEqual([0, 1, 1, 1]);
    expect(one.fanout.acknowledged(0)).toEqual({ have: null, failed: false });
  });
});
