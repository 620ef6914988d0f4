import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { connected, join, open } from "../testing/fake-client.ts";
import { type Entry, FakeHub } from "../testing/fake-hub.ts";
import { BACKOFF_CAP_MS } from "./backoff.ts";
import type { GuildEvent } from "./guild-event.ts";
import type { StreamItem } from "./stream-item.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.clearAllTimers();
  vi.useRealTimers();
});

const channel = fc.constantFrom("c1", "c2", "c3");
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("publish" as const), event: anyEvent() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("hidden" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("cut" as const),
      code: fc.constantFrom(1001, 1006, 1012, 1013, 4401, 4429),
      /** The next connection delivers this many events before it breaks too. */
      deliverAtMost: fc.constantFrom(0, 1, 2, Number.POSITIVE_INFINITY),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("swallow" as const), event: anyEvent() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat(40_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("new epoch" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("network" as const),
      websockets: fc.boolean(),
    }),
  },
);

function anyEvent(): fc.Arbitrary<GuildEvent> {
  const userId = fc.constantFrom("u1", "u2", "u3");
  return fc.oneof(
    fc.tuple(channel, fc.string({ maxLength: 5 })).map(([id, name]) => open(id, name)),
    fc.tuple(userId, channel).map(([user, id]) => join(user, id)),
    fc.tuple(userId, channel).map(([user, id]): GuildEvent => ({
      event: "voice.left",
      payload: { guildId: "g", channelId: id, userId: user },
    })),
    channel.map((id): GuildEvent => ({
      event: "room.deleted",
      payload: { guildId: "g", channelId: id },
    })),
  );
}

/**
 * The errors in the items that the client handed on. Within each epoch it must hand on every event that it may
 * see, in order and as the hub published it, from the snapshot to the end.
 */
function complaints(items: readonly StreamItem[], hub: FakeHub): string[] {
  const found: string[] = [];
  let rest: Entry[] = [];
  for (const item of items) {
    if (item.type === "snapshot") {
      const entries = hub.history.get(item.epoch) ?? [];
      rest = entries.filter((entry) => entry.visible && entry.seq > item.seq);
    }
    if (item.type !== "event") continue;
    const next = rest.shift();
    const { seq, event, payload } = item;
    const handedOn = JSON.stringify({ seq, event, payload });
    const due = JSON.stringify({ seq: next?.seq, ...next?.body });
    if (handedOn !== due) found.push(`handed on ${handedOn}, due was ${due}`);
  }
  return [...found, ...rest.map(({ seq }) => `${seq} never came`)];
}

describe("whatever happens to the connection", () => {
  it("hands on everything once and in order, and ends with the same rooms as the hub", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.boolean(),
        async (steps, websockets) => {
          const hub = new FakeHub();
          hub.websockets = websockets;
          const { socket, view, state, items } = await connected(hub);
          for (const one of steps) {
            if (one.do === "publish") hub.publish(one.event);
            else if (one.do === "hidden") hub.publish(join("x"), false);
            else if (one.do === "wait") await vi.advanceTimersByTimeAsync(one.ms);
            else if (one.do === "network") hub.websockets = one.websockets;
            else if (one.do === "swallow") {
              hub.lossy.add(hub.head + 1);
              hub.publish(one.event);
              hub.lossy.clear();
            } else {
              if (one.do === "new epoch") hub.renew();
              else hub.deliverAtMost = one.deliverAtMost;
              hub.socket.end(one.do === "cut" ? one.code : 1012);
            }
          }
          hub.deliverAtMost = Number.POSITIVE_INFINITY;
          hub.publish(open("last"));
          hub.publish({
            event: "gateway.state",
            payload: { guildId: "g", state: "down", since: 1 },
          });
          await vi.advanceTimersByTimeAsync(10 * BACKOFF_CAP_MS);
          expect(state()?.kind).toBe("live");
          expect(
            Object.fromEntries(
              [...view().rooms.values()].map((room) => [
                room.channelId,
                { name: room.name, members: room.members.map((one) => one.userId).toSorted() },
              ]),
            ),
          ).toEqual(hub.rooms);
          expect(complaints(items, hub)).toEqual([]);
          socket.stop();
        },
      ),
      { numRuns: 300 },
    );
  });
});
