import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CLOSE_CODES } from "../protocol/close-codes.ts";
import { connected, join, open } from "../testing/fake-client.ts";
import { FakeHub } from "../testing/fake-hub.ts";
import { BACKOFF_BASE_MS, BACKOFF_CAP_MS } from "./backoff.ts";
import { PING_INTERVAL_MS, PONG_TIMEOUT_MS, PROBE_TIMEOUT_MS } from "./heartbeat.ts";
import { CONNECT_TIMEOUT_MS } from "./link.ts";
import { ACK_INTERVAL_MS } from "./outbox.ts";
import { failed } from "./outcome.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.clearAllTimers();
  vi.useRealTimers();
});

describe("connecting", () => {
  it("connects to the ticket's address, requests batches, and is live with the first snapshot", async () => {
    const { hub, state, items } = await connected();
    expect(hub.socket.url.searchParams.toString()).toBe("ticket=token-1&batch=1");
    expect(state()?.kind).toBe("live");
    expect(items.map((item) => item.type)).toEqual(["accepted", "snapshot"]);
  });

  it("connects once, however often `connect` is called", async () => {
    const { hub, socket } = await connected();
    socket.connect();
    socket.connect();
    await vi.advanceTimersByTimeAsync(0);
    expect(hub.sockets).toHaveLength(1);
  });

  it("gives up on a server that accepts and says nothing", async () => {
    const hub = new FakeHub();
    hub.mute = true;
    const { state } = await connected(hub);
    expect(state()).toEqual({ kind: "connecting" });
    await vi.advanceTimersByTimeAsync(CONNECT_TIMEOUT_MS);
    expect(state()).toMatchObject({
      kind: "waiting",
      why: "The server did not answer in time.",
    });
  });

  it("waits as long as the server requests when tickets are limited", async () => {
    const hub = new FakeHub();
    const failure = { kind: "busy", message: "Slow down.", retryAfterMs: 7_000 } as const;
    hub.ticketAnswers.push(failed(failure));
    const { state } = await connected(hub);
    expect(state()).toEqual({
      kind: "waiting",
      until: Date.now() + 7_000 + BACKOFF_BASE_MS,
      why: "Slow down.",
      failure,
    });
    await vi.advanceTimersByTimeAsync(7_000 + BACKOFF_BASE_MS);
    expect(state()?.kind).toBe("live");
  });

  it("reports that a new sign-in is needed, and does not retry", async () => {
    const hub = new FakeHub();
    hub.ticketAnswers.push(failed({ kind: "signed-out", message: "Sign in." }));
    const { state } = await connected(hub);
    expect(state()).toEqual({ kind: "signed-out" });
    await vi.advanceTimersByTimeAsync(10 * BACKOFF_CAP_MS);
    expect(hub.sockets).toHaveLength(0);
  });

  it("stops with the server's reason when the ticket is refused, until `connect` is called", async () => {
    const hub = new FakeHub();
    hub.ticketAnswers.push(failed({ kind: "refused", message: "This guild is not yours." }));
    const { state, socket } = await connected(hub);
    expect(state()).toEqual({
      kind: "stopped",
      why: "This guild is not yours.",
      failure: { kind: "refused", message: "This guild is not yours." },
    });
    socket.connect();
    await vi.advanceTimersByTimeAsync(0);
    expect(state()?.kind).toBe("live");
  });
});

describe("reconnecting", () => {
  it("resumes from the last event and hands each one on once", async () => {
    const { hub, view, seqs, state } = await connected();
    hub.publish(open());
    hub.publish(join("u1"));
    hub.socket.end(1006);
    hub.publish(join("u2"));
    hub.publish(join("u3"));
    expect(state()).toMatchObject({ kind: "waiting", until: Date.now() + BACKOFF_BASE_MS });
    await vi.advanceTimersByTimeAsync(BACKOFF_BASE_MS);
    expect(hub.socket.url.searchParams.get("seq")).toBe("2");
    expect(hub.socket.url.searchParams.get("epoch")).toBe("epoch-1");
    expect(state()?.kind).toBe("live");
    expect(seqs()).toEqual([1, 2, 3, 4]);
    expect(
      view()
        .rooms.get("c1")
        ?.members.map((member) => member.userId),
    ).toEqual(["u1", "u2", "u3"]);
  });

  it("names the hub's head when the last events were for others", async () => {
    const { hub } = await connected();
    hub.publish(open());
    hub.publish(join("hidden"), false);
    hub.socket.end(1012);
    await vi.advanceTimersByTimeAsync(BACKOFF_BASE_MS);
    hub.socket.end(1012);
    await vi.advanceTimersByTimeAsync(2 * BACKOFF_BASE_MS);
    expect(hub.socket.url.searchParams.get("seq")).toBe("2");
  });

  it("backs off while the server is away, and starts from the base after a stable connection", async () => {
    const { hub, states } = await connected();
    const unreachable = failed({ kind: "unreachable", message: "No answer." });
    hub.ticketAnswers.push(unreachable, unreachable, unreachable);
    hub.socket.end(1006);
    await vi.advanceTimersByTimeAsync(60_000);
    const waits = states.flatMap((state) => (state.kind === "waiting" ? [state.why] : []));
    expect(waits).toEqual(["The connection was lost.", "No answer.", "No answer.", "No answer."]);
    expect(states.at(-1)?.kind).toBe("live");
    hub.socket.end(1006);
    expect(states.at(-1)).toMatchObject({ until: Date.now() + BACKOFF_BASE_MS });
  });

  it("waits longer each time when connections break soon", async () => {
    const { hub, states } = await connected();
    for (let round = 0; round < 4; round += 1) {
      hub.socket.end(CLOSE_CODES.overloaded.code);
      expect(states.at(-1)).toMatchObject({ until: Date.now() + BACKOFF_BASE_MS * 2 ** round });
      await vi.advanceTimersByTimeAsync(BACKOFF_BASE_MS * 2 ** round);
    }
  });

  it("reconnects at once when `connect` is called", async () => {
    const { hub, socket, state } = await connected();
    hub.socket.end(1006);
    socket.connect();
    await vi.advanceTimersByTimeAsync(0);
    expect(state()?.kind).toBe("live");
    await vi.advanceTimersByTimeAsync(BACKOFF_CAP_MS);
    expect(hub.sockets).toHaveLength(2);
  });

  it.each(Object.entries(CLOSE_CODES))("does what the table says for %s", async (_name, row) => {
    const { hub, state } = await connected();
    hub.socket.end(row.code);
    if (row.reconnect === "no") {
      expect(state()?.kind).toBe("stopped");
      await vi.advanceTimersByTimeAsync(10 * BACKOFF_CAP_MS);
      expect(hub.sockets).toHaveLength(1);
      return;
    }
    await vi.advanceTimersByTimeAsync(BACKOFF_BASE_MS);
    expect(state()?.kind).toBe("live");
    const stale = row.reconnect === "after refresh" ? "token-1" : undefined;
    expect(hub.staleTokens).toEqual([undefined, stale]);
  });

  it("reports a hole, and resumes before it hands anything else on", async () => {
    const { hub, items, seqs } = await connected();
    hub.publish(open());
    hub.lossy.add(2);
    hub.publish(join("u1"));
    hub.lossy.clear();
    hub.publish(join("u2"));
    expect(items.at(-2)).toEqual({ type: "hole", after: 1, got: 3 });
    expect(seqs()).toEqual([1]);
    await vi.advanceTimersByTimeAsync(BACKOFF_BASE_MS);
    expect(seqs()).toEqual([1, 2, 3]);
  });

  it("requests a snapshot when resuming does not close the hole", async () => {
    const { hub, items, view, state } = await connected();
    hub.publish(open());
    hub.lossy.add(2);
    hub.publish(join("u1"));
    hub.publish(join("u2"));
    await vi.advanceTimersByTimeAsync(BACKOFF_CAP_MS);
    expect(items.filter((item) => item.type === "hole")).toHaveLength(2);
    expect(items.filter((item) => item.type === "snapshot")).toHaveLength(2);
    expect(state()?.kind).toBe("live");
    expect(view().rooms.get("c1")?.members).toHaveLength(2);
  });

  it("drops a second copy of an event", async () => {
    const { hub, seqs } = await connected();
    hub.publish(open());
    const copy = { v: 1, type: "event", event: "room.created", ts: 1, seq: 1, id: "e1" };
    hub.socket.deliver({ ...copy, payload: open().payload });
    expect(seqs()).toEqual([1]);
  });

  it("ignores a connection that it has closed", async () => {
    const { hub, socket, items, state } = await connected();
    const old = hub.socket;
    socket.stop();
    const count = items.length;
    old.closed = false;
    old.deliver({ v: 1, type: "event", ...open(), ts: 1, seq: 1, id: "e1" });
    old.end(1006);
    expect(items).toHaveLength(count);
    await vi.advanceTimersByTimeAsync(10 * BACKOFF_CAP_MS);
    expect(hub.sockets).toHaveLength(1);
    expect(state()?.kind).toBe("stopped");
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("an open connection", () => {
  it("acknowledges the newest event, at most every few seconds", async () => {
    const { hub } = await connected();
    hub.publish(open());
    for (let n = 0; n < 50; n += 1) hub.publish(join(`u${n}`));
    expect(hub.socket.received).toEqual([]);
    await vi.advanceTimersByTimeAsync(ACK_INTERVAL_MS);
    expect(hub.socket.received).toEqual([{ type: "ack", seq: 51 }]);
    await vi.advanceTimersByTimeAsync(10 * ACK_INTERVAL_MS);
    expect(hub.socket.received).toHaveLength(1);
  });

  it("stays while its pings are answered, for hours", async () => {
    const { hub, state } = await connected();
    await vi.advanceTimersByTimeAsync(3 * 60 * 60_000);
    expect(state()?.kind).toBe("live");
    expect(hub.sockets).toHaveLength(1);
  });

  it("notices that the server has gone silent", async () => {
    const { hub, state } = await connected();
    hub.socket.network = false;
    await vi.advanceTimersByTimeAsync(PING_INTERVAL_MS + PONG_TIMEOUT_MS);
    expect(state()).toMatchObject({ kind: "waiting", why: "The server has gone silent." });
    await vi.advanceTimersByTimeAsync(BACKOFF_BASE_MS);
    expect(state()?.kind).toBe("live");
  });

  it("notices a silent server sooner after a probe", async () => {
    const { hub, socket, state } = await connected();
    socket.probe();
    await vi.advanceTimersByTimeAsync(PROBE_TIMEOUT_MS);
    expect(state()?.kind).toBe("live");
    hub.socket.network = false;
    socket.probe();
    await vi.advanceTimersByTimeAsync(PROBE_TIMEOUT_MS);
    expect(state()?.kind).toBe("waiting");
  });

  it("renews its token when the hub warns that it expires", async () => {
    const staleTokens: (string | undefined)[] = [];
    const { hub } = await connected(undefined, (stale) => {
      staleTokens.push(stale);
      return Promise.resolve({ ok: true, value: `renewed-${staleTokens.length}` });
    });
    hub.socket.deliver({ v: 1, type: "auth.expiring", exp: 1 });
    await vi.advanceTimersByTimeAsync(0);
    hub.socket.deliver({ v: 1, type: "reauth.ok", exp: 2 });
    hub.socket.deliver({ v: 1, type: "auth.expiring", exp: 2 });
    await vi.advanceTimersByTimeAsync(0);
    expect(staleTokens).toEqual(["token-1", "renewed-1"]);
    expect(hub.socket.received).toEqual([
      { type: "reauth", token: "renewed-1" },
      { type: "reauth", token: "renewed-2" },
    ]);
  });

  it("keeps the connection when no newer token is available yet", async () => {
    const { hub, state } = await connected(undefined, () =>
      Promise.resolve(failed({ kind: "unreachable", message: "The provider is away." })),
    );
    hub.socket.deliver({ v: 1, type: "auth.expiring", exp: 1 });
    await vi.advanceTimersByTimeAsync(0);
    expect(hub.socket.received).toEqual([]);
    expect(state()?.kind).toBe("live");
  });

  it("ignores frames that it does not know", async () => {
    const { hub, state, seqs } = await connected();
    hub.socket.deliver({ v: 2, type: "of.tomorrow" });
    hub.socket.deliver("not json");
    hub.socket.deliver({ v: 1, type: "error", code: "invalid_ack", message: "…" });
    hub.publish(open());
    expect(state()?.kind).toBe("live");
    expect(seqs()).toEqual([1]);
  });
});
