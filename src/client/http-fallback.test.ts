import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EVENT_STREAM_KEEP_ALIVE_MS } from "../protocol/limits.ts";
import { connected, join, open } from "../testing/fake-client.ts";
import { FakeHub, FakeStream } from "../testing/fake-hub.ts";
import { BACKOFF_BASE_MS, BACKOFF_CAP_MS, UNREACHABLE_CAP_MS } from "./backoff.ts";
import { WEBSOCKET_PAUSE_MS, WEBSOCKET_TRIES } from "./guild-socket.ts";
import { CONNECT_TIMEOUT_MS, HTTP_SILENCE_MS } from "./link.ts";
import { ACK_INTERVAL_MS } from "./outbox.ts";
import { failed } from "./outcome.ts";

const carriers = (hub: FakeHub) => hub.sockets.map(({ url }) => url.pathname);
const sockets = (count: number) => Array.from({ length: count }, () => "/ws");

/** A client whose network lets no WebSocket through, live over HTTP. */
async function overHttp(hub = new FakeHub()) {
  hub.websockets = false;
  const client = await connected(hub);
  await vi.advanceTimersByTimeAsync(7 * BACKOFF_BASE_MS);
  expect(client.state()).toMatchObject({ kind: "live", over: "http" });
  return client;
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.clearAllTimers();
  vi.useRealTimers();
});

describe("where no WebSocket gets through", () => {
  it("requests the stream over HTTP after some WebSockets that did not open", async () => {
    const { hub } = await overHttp();
    expect(carriers(hub)).toEqual([...sockets(WEBSOCKET_TRIES), "/events"]);
    expect(hub.socket.url.searchParams.toString()).toBe("batch=1");
  });

  it("gets the same events, resumes over HTTP, and sends no frames", async () => {
    const { hub, seqs, items } = await overHttp();
    hub.publish(open());
    hub.publish(join("u1"));
    await vi.advanceTimersByTimeAsync(2 * ACK_INTERVAL_MS);
    expect(seqs()).toEqual([1, 2]);
    expect(hub.socket.received).toEqual([]);
    hub.socket.end(1012);
    hub.publish(join("u2"));
    await vi.advanceTimersByTimeAsync(10 * BACKOFF_BASE_MS);
    expect(hub.socket.url.searchParams.toString()).toBe("batch=1&epoch=epoch-1&after=2");
    expect(seqs()).toEqual([1, 2, 3]);
    expect(items.at(-1)).toMatchObject({ type: "resumed", events: 1 });
  });

  it("resumes over HTTP from a WebSocket's position, and the other way round", async () => {
    const { hub, seqs, state } = await connected();
    hub.publish(open());
    hub.websockets = false;
    hub.socket.end(1006);
    hub.publish(join("u1"));
    await vi.advanceTimersByTimeAsync(20 * BACKOFF_BASE_MS);
    expect(state()).toMatchObject({ kind: "live", over: "http" });
    hub.websockets = true;
    await vi.advanceTimersByTimeAsync(WEBSOCKET_PAUSE_MS);
    hub.publish(join("u2"));
    await vi.advanceTimersByTimeAsync(0);
    hub.socket.end(1012);
    hub.publish(join("u3"));
    await vi.advanceTimersByTimeAsync(20 * BACKOFF_BASE_MS);
    expect(state()).toMatchObject({ kind: "live", over: "websocket" });
    expect(hub.socket.url.searchParams.get("seq")).toBe("3");
    expect(seqs()).toEqual([1, 2, 3, 4]);
  });

  it("stays with HTTP for a while, and returns to it after one WebSocket that does not open", async () => {
    const { hub, state } = await overHttp();
    hub.socket.end(1012);
    await vi.advanceTimersByTimeAsync(BACKOFF_CAP_MS);
    expect(carriers(hub).slice(WEBSOCKET_TRIES)).toEqual(["/events", "/events"]);
    await vi.advanceTimersByTimeAsync(WEBSOCKET_PAUSE_MS);
    hub.socket.end(1012);
    await vi.advanceTimersByTimeAsync(2 * BACKOFF_CAP_MS);
    expect(carriers(hub).slice(WEBSOCKET_TRIES + 2)).toEqual(["/ws", "/events"]);
    expect(state()).toMatchObject({ kind: "live", over: "http" });
  });

  it("gets a new token when the server reports that the old one has expired", async () => {
    const { hub, state } = await overHttp();
    hub.socket.end(4401);
    await vi.advanceTimersByTimeAsync(BACKOFF_CAP_MS);
    expect(hub.staleTokens.at(-1)).toBe(`token-${WEBSOCKET_TRIES + 1}`);
    expect(state()).toMatchObject({ kind: "live", over: "http" });
  });

  it("follows the code of the closing message: 4403 stops the client", async () => {
    const { hub, state } = await overHttp();
    hub.socket.end(4403);
    await vi.advanceTimersByTimeAsync(10 * BACKOFF_CAP_MS);
    expect(state()?.kind).toBe("stopped");
    expect(hub.sockets).toHaveLength(WEBSOCKET_TRIES + 1);
  });

  it("ends at the closing message, even if the response stays open", async () => {
    const { hub, state } = await overHttp();
    const stream = hub.socket;
    if (!(stream instanceof FakeStream)) throw new Error("not over HTTP");
    stream.write(`event: close\ndata: {"code":4403}\n\n`);
    await vi.advanceTimersByTimeAsync(0);
    expect(state()?.kind).toBe("stopped");
    expect(stream.closed).toBe(true);
  });

  it("stays live for hours with keep-alives, and notices silence", async () => {
    const { hub, state, states } = await overHttp();
    await vi.advanceTimersByTimeAsync(3 * 60 * 60_000);
    expect(hub.sockets).toHaveLength(WEBSOCKET_TRIES + 1);
    hub.socket.network = false;
    states.length = 0;
    await vi.advanceTimersByTimeAsync(HTTP_SILENCE_MS);
    expect(states[0]).toMatchObject({ kind: "waiting", why: "The server has gone silent." });
    await vi.advanceTimersByTimeAsync(BACKOFF_BASE_MS);
    expect(state()).toMatchObject({ kind: "live", over: "http" });
  });

  it("notices silence at once when the page comes to the front again", async () => {
    const { hub, socket, state } = await overHttp();
    hub.publish(open());
    await vi.advanceTimersByTimeAsync(0);
    hub.socket.network = false;
    await vi.advanceTimersByTimeAsync(EVENT_STREAM_KEEP_ALIVE_MS);
    socket.probe();
    expect(state()?.kind).toBe("live");
    await vi.advanceTimersByTimeAsync(3_000);
    socket.probe();
    expect(state()).toMatchObject({ kind: "waiting", why: "The server has gone silent." });
  });

  it("reconnects over HTTP within ten seconds after an unreachable server is back", async () => {
    const { hub, state } = await overHttp();
    const unreachable = failed({ kind: "unreachable", message: "No answer." });
    hub.httpAnswers.push(...Array.from({ length: 12 }, () => unreachable));
    hub.socket.end(1006);
    while (hub.httpAnswers.length > 0) await vi.advanceTimersByTimeAsync(100);
    await vi.advanceTimersByTimeAsync(UNREACHABLE_CAP_MS);
    expect(state()).toMatchObject({ kind: "live", over: "http" });
    expect(carriers(hub)).toEqual([...sockets(WEBSOCKET_TRIES), "/events", "/events"]);
  });

  it("does not count WebSockets that do not open as failures of the server", async () => {
    const { hub, state } = await overHttp();
    hub.socket.end(1006);
    await vi.advanceTimersByTimeAsync(2 * BACKOFF_BASE_MS);
    expect(state()).toMatchObject({ kind: "live", over: "http" });
  });

  it("aborts the request when it is stopped, and receives nothing more", async () => {
    const { hub, socket, items } = await overHttp();
    const count = items.length;
    const stream = hub.socket;
    socket.stop();
    expect(stream.closed).toBe(true);
    hub.publish(open());
    await vi.advanceTimersByTimeAsync(10 * BACKOFF_CAP_MS);
    expect(items).toHaveLength(count);
    expect(vi.getTimerCount()).toBe(0);
    expect(hub.sockets).toHaveLength(WEBSOCKET_TRIES + 1);
  });

  it("survives invalid data, even as a closing message", async () => {
    const { hub, state, seqs } = await overHttp();
    const stream = hub.socket;
    if (!(stream instanceof FakeStream)) throw new Error("not over HTTP");
    stream.write("data: not json\n\nevent: other\ndata: {}\n\n");
    hub.publish(open());
    await vi.advanceTimersByTimeAsync(0);
    expect(seqs()).toEqual([1]);
    stream.write("event: close\ndata: nothing\n\n");
    await vi.advanceTimersByTimeAsync(0);
    expect(state()).toMatchObject({ kind: "waiting", why: "The connection was lost." });
    await vi.advanceTimersByTimeAsync(BACKOFF_CAP_MS);
    expect(state()?.kind).toBe("live");
  });
});

describe("the choice of the carrier", () => {
  it("stays with WebSockets when the ticket cannot be fetched", async () => {
    const hub = new FakeHub();
    const unreachable = failed({ kind: "unreachable", message: "No answer." });
    hub.ticketAnswers.push(...Array.from({ length: 2 * WEBSOCKET_TRIES }, () => unreachable));
    const { state } = await connected(hub);
    await vi.advanceTimersByTimeAsync(10 * BACKOFF_CAP_MS);
    expect(carriers(hub)).toEqual(["/ws"]);
    expect(state()).toMatchObject({ kind: "live", over: "websocket" });
  });

  it("stays with WebSockets when the ticket does not come in time", async () => {
    const hub = new FakeHub();
    const never = new Promise<never>(() => {});
    hub.ticketAnswers.push(...Array.from({ length: WEBSOCKET_TRIES }, () => never));
    await connected(hub);
    await vi.advanceTimersByTimeAsync(WEBSOCKET_TRIES * (CONNECT_TIMEOUT_MS + 4_000));
    expect(carriers(hub)).toEqual(["/ws"]);
  });

  it("stays with WebSockets when the server closes them with a close code of the contract", async () => {
    const hub = new FakeHub();
    hub.mute = true;
    const { state } = await connected(hub);
    for (let round = 0; round < 2 * WEBSOCKET_TRIES; round += 1) {
      hub.socket.end(1013);
      const now = state();
      if (now?.kind !== "waiting") throw new Error("the client does not reconnect");
      await vi.advanceTimersByTimeAsync(now.until - Date.now());
    }
    expect(new Set(carriers(hub))).toEqual(new Set(["/ws"]));
  });

  it("counts a WebSocket that opens but stays silent as a failure", async () => {
    const hub = new FakeHub();
    hub.mute = true;
    await connected(hub);
    await vi.advanceTimersByTimeAsync(WEBSOCKET_TRIES * (CONNECT_TIMEOUT_MS + 4_000));
    expect(carriers(hub)).toEqual([...sockets(WEBSOCKET_TRIES), "/events"]);
  });

  it("starts the count from zero after a WebSocket that opened", async () => {
    const { hub, state } = await connected();
    for (let round = 0; round < WEBSOCKET_TRIES; round += 1) {
      hub.websockets = false;
      hub.socket.end(1006);
      await vi.advanceTimersByTimeAsync(BACKOFF_BASE_MS);
      hub.websockets = true;
      await vi.advanceTimersByTimeAsync(BACKOFF_CAP_MS);
      expect(state()).toMatchObject({ kind: "live", over: "websocket" });
    }
    expect(carriers(hub)).not.toContain("/events");
  });

  it("returns to WebSockets when something else answers over HTTP", async () => {
    const hub = new FakeHub();
    hub.websockets = false;
    const page = new Response("<html>Please pay for the network</html>");
    if (page.body === null) throw new Error("no body");
    hub.httpAnswers.push({ ok: true, value: { body: page.body, token: "t" } });
    await connected(hub);
    await vi.advanceTimersByTimeAsync(10 * BACKOFF_CAP_MS);
    expect(carriers(hub)).toEqual([...sockets(WEBSOCKET_TRIES + 1), "/events"]);
  });

  it("alternates between the carriers while neither gets through", async () => {
    const hub = new FakeHub();
    hub.websockets = false;
    const busy = failed({ kind: "busy", message: "Later.", status: 503 });
    const absent = failed({ kind: "refused", message: "Not found.", status: 404 });
    hub.httpAnswers.push(busy, absent);
    const { state, states } = await connected(hub);
    await vi.advanceTimersByTimeAsync(10 * BACKOFF_CAP_MS);
    expect(carriers(hub)).toEqual([...sockets(WEBSOCKET_TRIES + 2), "/events"]);
    expect(state()).toMatchObject({ kind: "live", over: "http" });
    expect(states.map(({ kind }) => kind)).not.toContain("stopped");
  });

  it("reports that a new sign-in is needed when the HTTP request does", async () => {
    const hub = new FakeHub();
    hub.websockets = false;
    hub.httpAnswers.push(failed({ kind: "signed-out", message: "Sign in." }));
    const { state } = await connected(hub);
    await vi.advanceTimersByTimeAsync(10 * BACKOFF_CAP_MS);
    expect(state()).toEqual({ kind: "signed-out" });
  });
});
