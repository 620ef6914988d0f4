import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SUBSCRIBE_CHANNELS_MAX } from "../protocol/limits.ts";
import { connected, join, open } from "../testing/fake-client.ts";
import { FakeHub } from "../testing/fake-hub.ts";
import { BACKOFF_BASE_MS, BACKOFF_CAP_MS, RETRY_WINDOW_CAP_MS } from "./backoff.ts";
import { ACK_INTERVAL_MS } from "./outbox.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.clearAllTimers();
  vi.useRealTimers();
});

function hubThatSays(welcome: Readonly<Record<string, unknown>>): FakeHub {
  const hub = new FakeHub();
  hub.welcome = welcome;
  return hub;
}

describe("the hub's retryWindowMs", () => {
  const retryWindowMs = 120_000;

  it("applies only to the first reconnect after a loss", async () => {
    const { hub, state } = await connected(hubThatSays({ retryWindowMs }));
    hub.mute = true;
    hub.socket.end(1012);
    expect(state()).toMatchObject({ kind: "waiting", until: Date.now() + retryWindowMs });
    await vi.advanceTimersByTimeAsync(retryWindowMs);
    hub.socket.end(1012);
    expect(state()).toMatchObject({ until: Date.now() + 2 * BACKOFF_BASE_MS });
  });

  it("is bounded, and an invalid value has no effect", async () => {
    const { hub, state } = await connected(hubThatSays({ retryWindowMs: 1e15 }));
    hub.socket.end(1012);
    expect(state()).toMatchObject({ until: Date.now() + RETRY_WINDOW_CAP_MS });
    const odd = await connected(hubThatSays({ retryWindowMs: "soon" }));
    odd.hub.socket.end(1012);
    expect(odd.state()).toMatchObject({ until: Date.now() + BACKOFF_BASE_MS });
  });

  it("does not apply when this client alone loses its connection: by its token, or a hole", async () => {
    const expired = await connected(hubThatSays({ retryWindowMs }));
    expired.hub.socket.end(4401);
    expect(expired.state()).toMatchObject({ until: Date.now() + BACKOFF_BASE_MS });
    const { hub, state } = await connected(hubThatSays({ retryWindowMs }));
    hub.lossy.add(1);
    hub.publish(open());
    hub.publish(join("u1"));
    expect(state()).toMatchObject({ kind: "waiting", until: Date.now() + BACKOFF_BASE_MS });
  });
});

describe("the credit that the hub announces", () => {
  it("makes the client acknowledge at half of it, never more than has arrived", async () => {
    const { hub } = await connected(hubThatSays({ limits: { windowEvents: 4 } }));
    hub.publish(open());
    expect(hub.socket.received).toEqual([]);
    hub.publish(join("u1"));
    hub.lossy.add(3);
    hub.publish(join("u2"));
    expect(hub.socket.received).toEqual([{ type: "ack", seq: 2 }]);
    await vi.advanceTimersByTimeAsync(ACK_INTERVAL_MS);
    expect(hub.socket.received).toHaveLength(1);
  });

  it("counts bytes as well", async () => {
    const { hub } = await connected(hubThatSays({ limits: { windowBytes: 400 } }));
    hub.publish(open("c1", "a long name ".repeat(20)));
    expect(hub.socket.received).toEqual([{ type: "ack", seq: 1 }]);
  });

  it("starts from zero with each connection", async () => {
    const { hub, seqs } = await connected(hubThatSays({ limits: { windowEvents: 4 } }));
    hub.publish(open());
    hub.socket.end(1006);
    hub.publish(join("u1"));
    await vi.advanceTimersByTimeAsync(BACKOFF_BASE_MS);
    expect(seqs()).toEqual([1, 2]);
    expect(hub.socket.received).toEqual([]);
    await vi.advanceTimersByTimeAsync(ACK_INTERVAL_MS);
    expect(hub.socket.received).toEqual([{ type: "ack", seq: 2 }]);
  });
});

describe("a subscription", () => {
  const subscribe = (...channelIds: string[]) => ({ type: "subscribe", channelIds });

  it("is sent when there is a connection, and again after each loss", async () => {
    const { hub, socket } = await connected();
    expect(socket.subscribe(["1", "2"]).ok).toBe(true);
    expect(hub.socket.received).toEqual([subscribe("1", "2")]);
    hub.socket.end(1006);
    expect(socket.subscribe(["3"]).ok).toBe(true);
    await vi.advanceTimersByTimeAsync(BACKOFF_CAP_MS);
    expect(hub.socket.received).toEqual([subscribe("3")]);
    socket.subscribe([]);
    await vi.advanceTimersByTimeAsync(BACKOFF_CAP_MS);
    expect(hub.socket.received).toEqual([subscribe("3"), subscribe()]);
    hub.socket.end(1006);
    await vi.advanceTimersByTimeAsync(BACKOFF_CAP_MS);
    expect(hub.socket.received).toEqual([]);
  });

  it("of too many channels is refused with a reason, and the previous one stays", async () => {
    const { hub, socket } = await connected();
    socket.subscribe(["1"]);
    const many = Array.from({ length: SUBSCRIBE_CHANNELS_MAX + 1 }, (_, n) => String(n));
    expect(socket.subscribe(many)).toMatchObject({
      ok: false,
      failure: { kind: "refused", message: `Choose at most ${SUBSCRIBE_CHANNELS_MAX} channels.` },
    });
    hub.socket.end(1006);
    await vi.advanceTimersByTimeAsync(BACKOFF_CAP_MS);
    expect(hub.socket.received).toEqual([subscribe("1")]);
  });

  it("that the hub refuses is reported", async () => {
    const { hub, socket, items } = await connected();
    socket.subscribe(["nonsense"]);
    hub.socket.deliver({ v: 1, type: "error", code: "invalid_frame", message: "No such id." });
    expect(items.at(-1)).toMatchObject({ type: "error", message: "No such id." });
  });
});

describe("last values", () => {
  const users = [{ userId: "u1", since: 5 }];

  it("are requested only with the option", async () => {
    const without = await connected();
    expect(without.hub.socket.url.searchParams.has("signals")).toBe(false);
    const hub = new FakeHub();
    hub.signals = true;
    await connected(hub);
    expect(hub.socket.url.searchParams.get("signals")).toBe("1");
  });

  it("give presence with the snapshot, and when it changes", async () => {
    const { hub, items, view } = await connected();
    const { epoch, head } = hub;
    const snapshot = { v: 1, type: "snapshot", epoch, seq: head, reason: "too_old", rooms: [] };
    hub.socket.deliver({ ...snapshot, presence: { count: 1, users } });
    expect(items.at(-1)).toEqual({ type: "presence", count: 1, users });
    hub.socket.deliver({ ...snapshot, presence: "of a later version" });
    expect(items.at(-1)?.type).toBe("snapshot");
    const signal = { v: 1, type: "signal", event: "presence", key: "presence", ts: 1 };
    hub.socket.deliver({ ...signal, payload: { guildId: "g", count: 900, users: null } });
    expect(view().presence).toEqual({ count: 900, users: null });
    hub.socket.deliver({ ...signal, payload: { guildId: "g", count: "many" } });
    expect(view().presence?.count).toBe(900);
  });

  it("of other kinds are handed on unchanged, and not as events", async () => {
    const { hub, items, seqs } = await connected();
    const typing = { event: "typing", key: "typing:u1", payload: { userId: "u1" }, ts: 1 };
    hub.socket.deliver({ v: 1, type: "signal", ...typing });
    expect(items.at(-1)).toMatchObject({ type: "signal", ...typing });
    await vi.advanceTimersByTimeAsync(ACK_INTERVAL_MS);
    expect(seqs()).toEqual([]);
    expect(hub.socket.received).toEqual([]);
  });
});
