import {
  createExecutionContext,
  applyD1Migrations,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createApp } from "../app.ts";
import { ServerFrame, type EventFrame } from "../protocol/frames.ts";
import { EVENT_STREAM_KEEP_ALIVE_MS, SOCKETS_PER_USER } from "../protocol/limits.ts";
import { SOON } from "../testing/soon.ts";
import { SseReader, type ReceivedMessage } from "../testing/sse-reader.ts";
import { testProvider, type TestProvider } from "../testing/tokens.ts";
import { callWorker, mockOutside, streamAs, ticketFor, upgrade } from "../testing/worker.ts";
import { HANDOVER_HEADER } from "./handover.ts";
import type { Audience, Publication } from "./publisher.ts";

const GUILD = env.PRIMARY_GUILD_ID;
let provider: TestProvider;
let alice: string;
let bob: string;

const hub = (guildId = GUILD) => env.HUB.get(env.HUB.idFromName(guildId));
const seconds = (): number => Math.floor(Date.now() / 1000);
const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });
const sockets = async (): Promise<number> => (await hub().status()).sockets;

function publication(
  audience: Audience = null,
  payload: Publication["payload"] = { guildId: GUILD },
): Publication {
  return { event: "room.updated", payload, audience, topic: null };
}

async function publish(...publications: Publication[]): Promise<number> {
  const done = await hub().publish(publications);
  const last = done.at(-1);
  if (last?.kind !== "published") throw new Error("the hub did not publish the event");
  return last.seq;
}

type Answer = {
  readonly epoch: string;
  readonly seq: number;
  readonly events: readonly (Pick<EventFrame, "seq" | "prev" | "payload"> & object)[];
  readonly more: boolean;
  readonly reset?: { readonly reason: string; readonly snapshot: { readonly rooms: unknown } };
};

async function poll(token: string, query = "", headers = {}): Promise<Answer> {
  const response = await callWorker(`/events${query}`, {
    headers: { ...bearer(token), ...headers },
  });
  expect(response.status).toBe(200);
  return response.json<Answer>();
}

const after = ({ epoch, seq }: Pick<Answer, "epoch" | "seq">, wait = 0): string =>
  `?epoch=${epoch}&after=${seq}&wait=${wait}`;

/** An event stream as a client reads it. */
class Stream {
  readonly messages: ReceivedMessage[] = [];
  /** What was read last. */
  text = "";
  ended = false;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #parser = new SseReader();

  constructor(response: Response) {
    if (response.body === null) throw new Error("no body");
    this.#reader = response.body.getReader();
  }

  static async open(headers: Record<string, string>, query = ""): Promise<Stream> {
    const response = await callWorker(`/events${query}`, {
      headers: { Accept: "text/event-stream", ...headers },
    });
    expect(response.status).toBe(200);
    return new Stream(response);
  }

  /** Reads until `condition` holds or the stream ends. */
  async until(condition: (stream: Stream) => boolean): Promise<this> {
    while (!this.ended && !condition(this)) await this.read();
    return this;
  }

  async read(): Promise<void> {
    const { done, value } = await this.#reader.read();
    this.text = new TextDecoder().decode(value);
    if (done) this.ended = true;
    else this.messages.push(...this.#parser.push(value));
  }

  /** Reads until everything missed has arrived. */
  live(): Promise<this> {
    return this.until(({ frames }) =>
      frames.some(({ type }) => type === "snapshot" || type === "resumed"),
    );
  }

  /** Reads to the end. */
  end(): Promise<this> {
    return this.until(() => false);
  }

  get frames(): ServerFrame[] {
    return this.messages
      .filter(({ event }) => event === "message")
      .map(({ data }) => JSON.parse(data) as ServerFrame);
  }

  get seqs(): number[] {
    return this.frames.flatMap((frame) => {
      if (frame.type === "event") return [frame.seq];
      return frame.type === "batch" ? frame.events.map(({ seq }) => seq) : [];
    });
  }

  /** The header that an `EventSource` sends when it reconnects. */
  get position(): Record<string, string> {
    return { "Last-Event-ID": this.messages.at(-1)?.id ?? "" };
  }

  get close(): unknown {
    const last = this.messages.at(-1);
    return last?.event === "close" ? JSON.parse(last.data) : null;
  }

  leave(): Promise<void> {
    return this.#reader.cancel();
  }
}

beforeAll(async () => {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
  provider = await testProvider();
  alice = await provider.mint({ sub: "alice" });
  bob = await provider.mint({ sub: "bob" });
});

beforeEach(() => {
  mockOutside(provider, () => new Response(null, { status: 404 }));
});

afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  // No session stays open after its client has left.
  await vi.waitUntil(async () => (await sockets()) === 0, SOON);
});

describe("Server-Sent Events", () => {
  test("carry the same frames as a WebSocket", async () => {
    const [socket, stream] = [await streamAs(alice), await Stream.open(bearer(alice))];
    await stream.live();
    await publish(publication(), publication(["sub:bob"]), publication());
    await stream.until(({ seqs }) => seqs.length === 2);
    await socket.until(({ events }) => events.length === 2);
    const [ack, ...frames] = stream.frames;
    for (const frame of stream.frames) ServerFrame.parse(frame);
    expect(ack).toMatchObject({ type: "ack", event: "auth.ok", guildId: GUILD });
    expect(frames).toEqual(socket.frames.slice(1));
    socket.close();
    await stream.leave();
  });

  test("HUB-4 resume from Last-Event-ID: every missed event that it may see, once, in order", async () => {
    const first = await (await Stream.open(bearer(alice))).live();
    const base = await publish(publication());
    await first.until(({ seqs }) => seqs.length === 1);
    await first.leave();
    await publish(publication(), publication(["sub:bob"]), publication());
    const second = await Stream.open({ ...bearer(alice), ...first.position });
    await second.live();
    expect(second.seqs).toEqual([base + 1, base + 3]);
    expect(second.frames.map(({ type }) => type)).toEqual(["ack", "event", "event", "resumed"]);
    await second.leave();
  });

  test("a position in the middle of a resume is valid", async () => {
    const start = await poll(alice);
    const last = await publish(...Array.from({ length: 50 }, () => publication()));
    const seen: number[] = [];
    let position: Record<string, string> = {
      "Last-Event-ID": `${start.epoch}:${start.seq}`,
    };
    while (seen.at(-1) !== last) {
      const stream = await Stream.open({ ...bearer(alice), ...position });
      // The client leaves in the middle, as if the network failed.
      await stream.until(({ seqs }) => seqs.length > 0);
      await stream.leave();
      const part = stream.messages.slice(0, 1 + Math.ceil(stream.seqs.length / 3));
      stream.messages.splice(part.length);
      seen.push(...stream.seqs);
      position = stream.position;
    }
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => start.seq + 1 + i));
  });

  test("a hub that is killed ends the stream with 1012, and nothing is lost", async () => {
    const stream = await (await Stream.open(bearer(alice))).live();
    const seq = await publish(publication());
    await stream.until(({ seqs }) => seqs.length === 1);
    await expect(
      runInDurableObject(hub(), (_, state) => {
        state.abort("restarted");
      }),
    ).rejects.toThrow("restarted");
    await stream.end();
    expect(stream.close).toMatchObject({ code: 1012, reconnect: "yes" });
    await publish(publication());
    const again = await Stream.open({ ...bearer(alice), ...stream.position });
    expect((await again.live()).seqs).toEqual([seq + 1]);
    await again.leave();
  });

  test("HUB-6 quiet streams let the hub sleep: comments do not wake it, and the next event reaches them", async () => {
    const streams = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const token = await provider.mint({ sub: `quiet-${i}` });
        const headers = { Accept: "text/event-stream", ...bearer(token) };
        // The Worker runs in the test's own request, because there its timers can be faked.
        const url = "https://hub.test/events";
        return new Stream(
          await createApp().request(url, { headers }, env, createExecutionContext()),
        ).live();
      }),
    );
    const { wakes } = await hub().inspect();
    await evictDurableObject(hub());
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    for (const _ of [1, 2]) {
      const read = streams.map((stream) => stream.read());
      await vi.waitUntil(() => vi.getTimerCount() === streams.length, SOON);
      await vi.advanceTimersByTimeAsync(EVENT_STREAM_KEEP_ALIVE_MS);
      await Promise.all(read);
      expect(new Set(streams.map(({ text }) => text))).toEqual(new Set([":\n\n"]));
    }
    vi.useRealTimers();
    // The hub did not wake: it is not running, so the eviction is refused.
    await expect(evictDurableObject(hub())).rejects.toThrow();
    const seq = await publish(publication());
    for (const stream of streams) await stream.until(({ seqs }) => seqs.length === 1);
    expect(streams.map(({ seqs }) => seqs)).toEqual(streams.map(() => [seq]));
    const woken = await hub().inspect();
    expect([woken.wakes, woken.streams]).toEqual([wakes + 1, streams.length]);
    for (const stream of streams) await stream.leave();
  });

  test("HUB-10 a client that stalls while its hub sleeps and wakes loses nothing", async () => {
    const stream = await (await Stream.open(bearer(alice))).live();
    const from = (await hub().status()).seq;
    const payload = { guildId: GUILD, text: "x".repeat(10_000) };
    const burst = Array.from({ length: 30 }, () => publication(null, payload));
    for (let turn = 0; turn < 5; turn += 1) {
      await publish(...burst);
      await evictDurableObject(hub());
    }
    const { lag } = await hub().inspect();
    expect(lag.sockets).toBeLessThanOrEqual(1);
    const seen: number[] = [];
    let current = stream;
    for (;;) {
      await current.until(({ seqs }) => seqs.at(-1) === from + 150);
      seen.push(...current.seqs);
      if (seen.at(-1) === from + 150) break;
      expect(current.close).toMatchObject({ code: 1013, reconnect: "yes" });
      const last = current.messages.findLast(({ id }) => id !== "")?.id ?? "";
      current = await Stream.open({ ...bearer(alice), "Last-Event-ID": last });
    }
    expect(seen).toEqual(Array.from({ length: 150 }, (_, i) => from + 1 + i));
    await current.leave();
  });

  test("the largest batch follows another one, although the client sends no acknowledgement itself", async () => {
    const stream = await (await Stream.open(bearer(alice), "?batch=1")).live();
    const from = (await hub().status()).seq;
    const small = publication(null, { guildId: GUILD, text: "x".repeat(85) });
    await publish(...Array.from({ length: 390 }, () => small));
    await stream.until(({ seqs }) => seqs.length === 390);
    await publish(...Array.from({ length: 500 }, () => small));
    await stream.until(({ seqs }) => seqs.length === 890);
    expect(stream.seqs).toEqual(Array.from({ length: 890 }, (_, i) => from + 1 + i));
    expect(stream.messages.length).toBeLessThan(10);
    await stream.leave();
  });

  test("a client that reads late gets everything, in order", async () => {
    const stream = await (await Stream.open(bearer(alice), "?batch=1")).live();
    const from = (await hub().status()).seq;
    const payload = { guildId: GUILD, text: "x".repeat(10_000) };
    for (let turn = 0; turn < 50; turn += 1) {
      await publish(...Array.from({ length: 10 }, () => publication(null, payload)));
    }
    await stream.until(({ seqs }) => seqs.length === 500);
    expect(stream.seqs).toEqual(Array.from({ length: 500 }, (_, i) => from + 1 + i));
    await stream.leave();
  });
});

describe("the long poll", () => {
  test("starts with the whole state, and continues from there", async () => {
    const start = await poll(alice);
    expect(start).toMatchObject({
      seq: (await hub().status()).seq,
      events: [],
      more: false,
      reset: { reason: "first_connection", snapshot: { rooms: [] } },
    });
    const last = await publish(publication(), publication());
    const missed = await poll(alice, after(start, 25));
    expect([missed.events.map(({ seq }) => seq), missed.seq]).toEqual([[last - 1, last], last]);
    expect(await poll(alice, after(missed))).toMatchObject({ seq: last, events: [], more: false });
  });

  test("an event ends the wait", async () => {
    const start = await poll(alice);
    const waiting = poll(alice, after(start, 25));
    await vi.waitUntil(async () => (await sockets()) === 1, SOON);
    const hidden = await publish(publication(["sub:bob"]));
    const seq = await publish(publication());
    expect(await waiting).toMatchObject({ seq, events: [{ seq, prev: hidden - 1 }] });
  });

  test("without events it returns the position, and leaves no session open", async () => {
    const start = await poll(alice);
    const { epoch, seq } = start;
    const quiet = await poll(alice, after(start, 1));
    expect(quiet).toMatchObject({ epoch, seq, events: [], more: false });
    expect(quiet).not.toHaveProperty("reset");
    await vi.waitUntil(async () => (await sockets()) === 0, SOON);
  });

  test("HUB-8 an event that is not for this client moves its position, and is not sent", async () => {
    const start = await poll(alice);
    const seq = await publish(publication(["sub:bob"]), publication(["sub:bob"]));
    expect(await poll(alice, after(start))).toMatchObject({ seq, events: [] });
    expect((await poll(bob, after(start))).events).toHaveLength(2);
  });

  test.each([
    ["unknown_epoch", () => "?epoch=elsewhere&after=0"],
    ["ahead_of_hub", ({ epoch, seq }: Answer) => `?epoch=${epoch}&after=${seq + 1}`],
    ["invalid_position", ({ seq }: Answer) => `?after=${seq}`],
    ["ahead_of_hub", ({ epoch }: Answer) => `?epoch=${epoch}&after=${Number.MAX_SAFE_INTEGER}`],
  ])("a position that cannot be resumed: %s", async (reason, query) => {
    const start = await poll(alice);
    expect(await poll(alice, query(start))).toMatchObject({
      epoch: start.epoch,
      seq: start.seq,
      events: [],
      reset: { reason, snapshot: { rooms: [] } },
    });
  });

  test("an epoch of another guild's hub is unknown here", async () => {
    const carol = await provider.mint({ sub: "carol", guilds: ["200", GUILD] });
    const ticket = await ticketFor(carol, { guildId: "200" });
    const elsewhere = await (await callWorker(`/events?ticket=${ticket}`)).json<Answer>();
    expect(await poll(alice, `?epoch=${elsewhere.epoch}&after=0`)).toMatchObject({
      reset: { reason: "unknown_epoch" },
    });
  });

  test("whatever happens between the calls, each reader gets the events it may see, once, in order", async () => {
    const step = fc.oneof(
      fc.constantFrom("poll alice", "poll bob", "evict"),
      fc.constantFrom("for all", "for alice", "for bob"),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
        const readers = { alice: await poll(alice), bob: await poll(bob) };
        const seen: Record<keyof typeof readers, number[]> = { alice: [], bob: [] };
        const mayExpect: typeof seen = { alice: [], bob: [] };
        const read = async (who: keyof typeof readers): Promise<void> => {
          const answer = await poll(who === "alice" ? alice : bob, after(readers[who]));
          expect(answer.reset).toBeUndefined();
          seen[who].push(...answer.events.map(({ seq }) => seq));
          readers[who] = answer;
        };
        for (const one of steps) {
          if (one === "poll alice") await read("alice");
          else if (one === "poll bob") await read("bob");
          else if (one === "evict") {
            await hub().status();
            await evictDurableObject(hub());
          } else {
            const seq = await publish(
              publication(one === "for all" ? null : [`sub:${one.slice(4)}`]),
            );
            if (one !== "for bob") mayExpect.alice.push(seq);
            if (one !== "for alice") mayExpect.bob.push(seq);
          }
        }
        await read("alice");
        await read("bob");
        expect(seen).toEqual(mayExpect);
      }),
      { numRuns: 15 },
    );
  });
});

test("a Worker of another version is refused before its ticket is used", async () => {
  const identity = { sub: "alice", grants: ["sub:alice"], exp: seconds() + 100 };
  const ticket = { id: crypto.randomUUID(), expiresAt: Date.now() + 10_000 };
  const call = async (handover: object): Promise<number> => {
    const text = JSON.stringify({ v: 1, hub: GUILD, batch: false, ...handover });
    const { status, webSocket } = await hub().fetch("https://hub/", {
      headers: { Upgrade: "websocket", [HANDOVER_HEADER]: encodeURIComponent(text) },
    });
    webSocket?.accept();
    webSocket?.close(1000);
    return status;
  };
  // The version before lets clients authenticate at their hub, and a later one may do what we do not know.
  expect(await call({ address: "192.0.2.1" })).toBe(503);
  expect(await call({ identity, ticket, edge: "carrier-pigeon" })).toBe(503);
  expect(await call({ identity, ticket, dialect: "klingon" })).toBe(503);
  expect(await call({ identity, ticket, edge: "sse" })).toBe(101);
  expect(await call({ identity, ticket, edge: "sse" })).toBe(401);
});

describe("a session like a socket", () => {
  test("a ticket works once, over either transport", async () => {
    const ticket = encodeURIComponent(await ticketFor(alice));
    expect((await callWorker(`/events?ticket=${ticket}`)).status).toBe(200);
    const again = await callWorker(`/events?ticket=${ticket}`);
    expect([again.status, (await again.json<{ code: string }>()).code]).toEqual([
      401,
      "unauthorized",
    ]);
    expect((await upgrade(`?ticket=${ticket}`)).status).toBe(401);
  });

  test("of two streams with one ticket at the same instant one is accepted", async () => {
    const path = `/events?ticket=${encodeURIComponent(await ticketFor(alice))}`;
    const headers = { Accept: "text/event-stream" };
    const answers = await Promise.all([
      callWorker(path, { headers }),
      callWorker(path, { headers }),
    ]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 401]);
    for (const { body } of answers) await body?.cancel();
  });

  test("HUB-7 when its token expires, a stream closes with 4401 and a waiting poll gets 401", async () => {
    const exp = seconds() + 100;
    const dave = await provider.mint({ sub: "dave", exp });
    const stream = await (await Stream.open(bearer(dave))).live();
    const start = await poll(dave);
    const waiting = callWorker(`/events${after(start, 25)}`, { headers: bearer(dave) });
    await vi.waitUntil(async () => (await sockets()) === 2, SOON);
    vi.setSystemTime((exp - 59) * 1000);
    await runDurableObjectAlarm(hub());
    await stream.until(({ frames }) => frames.some(({ type }) => type === "auth.expiring"));
    vi.setSystemTime(exp * 1000);
    await runDurableObjectAlarm(hub());
    await stream.end();
    expect(stream.close).toMatchObject({ code: 4401, reconnect: "after refresh" });
    expect((await waiting).status).toBe(401);
  });

  test("HUB-9 streams and sockets of one user are counted together: the oldest closes with 4409", async () => {
    const erin = await provider.mint({ sub: "erin" });
    const oldest = await (await Stream.open(bearer(erin))).live();
    const others = [];
    for (let i = 2; i <= SOCKETS_PER_USER; i += 1) others.push(await streamAs(erin));
    expect(await sockets()).toBe(SOCKETS_PER_USER);
    const newest = await (await Stream.open(bearer(erin))).live();
    await oldest.end();
    expect(oldest.close).toMatchObject({ code: 4409, reconnect: "no" });
    expect(await sockets()).toBe(SOCKETS_PER_USER);
    for (const other of others) other.close();
    await newest.leave();
  });
});
