import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { failed, type Outcome } from "../../../src/client/outcome.ts";
import { failureOf, UNREACHABLE } from "../../../src/client/problem.ts";
import { type LiveEvent, type LiveState, LiveUpdates } from "./live-updates.ts";
import type { Lists } from "./sync-api.ts";

const EMPTY: Lists = { machines: [], sessions: [] };

/** A WebSocket whose other end is the test. */
class FakeSocket {
  readonly sent: string[] = [];
  isClosed = false;
  readonly #listeners = new Map<string, ((event: never) => void)[]>();

  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {
    this.isClosed = true;
  }

  deliver(frame: object | string): void {
    this.#emit("message", { data: typeof frame === "string" ? frame : JSON.stringify(frame) });
  }

  end(code: number): void {
    this.#emit("close", { code });
  }

  #emit(type: string, event: object): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }
}

/** A page that is connected to a test. */
class Page {
  readonly sockets: FakeSocket[] = [];
  readonly states: LiveState["kind"][] = [];
  readonly heard: ("lists" | LiveEvent)[] = [];
  ticket: () => Promise<Outcome<string>> = async () => ({ ok: true, value: "t" });
  lists: () => Promise<Outcome<Lists>> = async () => ({ ok: true, value: EMPTY });
  random = 1;
  readonly updates = new LiveUpdates(
    {
      ticket: () => this.ticket(),
      lists: () => this.lists(),
      open: () => {
        const socket = new FakeSocket();
        this.sockets.push(socket);
        return socket;
      },
      random: () => this.random,
    },
    {
      onState: ({ kind }) => this.states.push(kind),
      onLists: () => this.heard.push("lists"),
      onEvent: (event) => this.heard.push(event),
    },
  );

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("no socket");
    return socket;
  }

  /** Starts, and is accepted. */
  async live(): Promise<void> {
    this.updates.start();
    await settled();
    await this.accepted();
  }

  async accepted(): Promise<void> {
    this.socket.deliver({ event: "connected", data: {} });
    await settled();
  }
}

/** Until all promises that can go on have gone on. */
const settled = async (): Promise<void> => {
  await vi.advanceTimersByTimeAsync(0);
};
const update = (body: unknown) => ({ event: "update", data: { id: "u", seq: 1, body } });

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("an account's updates", () => {
  it("begin with the lists, and go on in order", async () => {
    const page = new Page();
    await page.live();
    page.socket.deliver(update({ t: "x" }));
    page.socket.deliver({ event: "ephemeral", data: { type: "y" } });
    expect(page.states).toEqual(["connecting", "live"]);
    expect(page.heard).toEqual([
      "lists",
      { kind: "update", data: { t: "x" } },
      { kind: "ephemeral", data: { type: "y" } },
    ]);
  });

  it("that come while the lists are read are told after them", async () => {
    const page = new Page();
    const lists = Promise.withResolvers<Outcome<Lists>>();
    page.lists = () => lists.promise;
    await page.live();
    page.socket.deliver(update({ t: "x" }));
    expect([page.heard, page.states]).toEqual([[], ["connecting"]]);
    lists.resolve({ ok: true, value: EMPTY });
    await settled();
    expect(page.heard).toEqual(["lists", { kind: "update", data: { t: "x" } }]);
    expect(page.states).toEqual(["connecting", "live"]);
  });

  it("survive frames that nobody can read", async () => {
    const page = new Page();
    await page.live();
    for (const frame of ["{", "1", "null", '{"event":"new"}']) page.socket.deliver(frame);
    page.socket.deliver(update({ t: "x" }));
    expect(page.heard).toHaveLength(2);
  });

  it("go on after a loss, with the lists read again", async () => {
    const page = new Page();
    await page.live();
    page.socket.end(1006);
    expect(page.states.at(-1)).toBe("waiting");
    await vi.runOnlyPendingTimersAsync();
    expect(page.sockets).toHaveLength(2);
    await page.accepted();
    expect(page.heard).toEqual(["lists", "lists"]);
    expect(page.states).toEqual(["connecting", "live", "waiting", "connecting", "live"]);
  });

  it("of a connection that is over are not told", async () => {
    const page = new Page();
    await page.live();
    const { socket } = page;
    socket.end(1006);
    await vi.runOnlyPendingTimersAsync();
    await page.accepted();
    socket.deliver(update({ t: "late" }));
    socket.end(1006);
    expect(page.heard).toEqual(["lists", "lists"]);
    expect(page.states.at(-1)).toBe("live");
  });
});

describe("a connection", () => {
  it("is tried again ever later, up to half a minute, and at once after a success", async () => {
    const page = new Page();
    page.ticket = async () => failed(UNREACHABLE);
    page.updates.start();
    const pauses: number[] = [];
    for (let n = 0; n < 7; n += 1) {
      await settled();
      const before = Date.now();
      vi.advanceTimersToNextTimer();
      pauses.push(Date.now() - before);
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    page.ticket = async () => ({ ok: true, value: "t" });
    await vi.runOnlyPendingTimersAsync();
    await page.accepted();
    page.socket.end(1006);
    const lost = Date.now();
    vi.advanceTimersToNextTimer();
    expect(Date.now() - lost).toBe(1_000);
  });

  it("waits as long as the server asks", async () => {
    const page = new Page();
    page.random = 0;
    page.ticket = async () => failed(failureOf(429, "7", undefined));
    page.updates.start();
    await settled();
    const before = Date.now();
    vi.advanceTimersToNextTimer();
    expect(Date.now() - before).toBe(7_000);
  });

  it("is tried now when the person asks, and not twice", async () => {
    const page = new Page();
    page.ticket = async () => failed(UNREACHABLE);
    page.updates.start();
    await settled();
    page.ticket = async () => ({ ok: true, value: "t" });
    page.updates.start();
    page.updates.start();
    await settled();
    await page.accepted();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(page.sockets).toHaveLength(1);
    expect(page.states.at(-1)).toBe("live");
  });

  it.each([
    ["the ticket is refused", "ticket"],
    ["the lists are refused", "lists"],
    ["it is closed with 4001", "close"],
  ])("ends for good when %s, because the token is revoked", async (_, when) => {
    const page = new Page();
    const refused = failed(failureOf(401, null, undefined));
    if (when === "ticket") page.ticket = async () => refused;
    if (when === "lists") page.lists = async () => refused;
    page.updates.start();
    await settled();
    if (when !== "ticket") await page.accepted();
    if (when === "close") page.socket.end(4001);
    expect(page.states.at(-1)).toBe("signed-out");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("counts as lost when it is not accepted, or says nothing any more", async () => {
    const page = new Page();
    page.updates.start();
    await vi.advanceTimersByTimeAsync(20_000);
    expect([page.states.at(-1), page.socket.isClosed]).toEqual(["waiting", true]);
    await vi.advanceTimersByTimeAsync(1_000);
    await page.accepted();
    await vi.advanceTimersByTimeAsync(25_000);
    expect(page.socket.sent).toEqual(['{"event":"ping"}']);
    page.socket.deliver({ event: "pong" });
    await vi.advanceTimersByTimeAsync(25_000);
    expect([page.socket.sent.length, page.states.at(-1)]).toEqual([2, "live"]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect([page.states.at(-1), page.socket.isClosed]).toEqual(["waiting", true]);
  });

  it("tells nothing after a stop, also when it was on its way", async () => {
    const page = new Page();
    page.updates.start();
    page.updates.stop();
    await settled();
    expect(page.sockets).toHaveLength(0);
    await page.live();
    page.updates.stop();
    page.socket.deliver(update({ t: "x" }));
    page.socket.end(1000);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([page.heard, page.socket.isClosed]).toEqual([["lists"], true]);
    expect(page.sockets).toHaveLength(1);
  });
});
