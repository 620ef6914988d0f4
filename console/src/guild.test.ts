import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { failureOf, UNREACHABLE } from "../../src/client/problem.ts";
import { FakeSocket } from "../../src/testing/fake-hub.ts";
import { Guild } from "./guild.ts";
import { notices, notifyFailure } from "./notices.ts";
import { knownPeople, rememberPeople } from "./people.ts";

const HEAD = 5_000;
const EPOCH = "e1";

/** The server's side: the `after` of each request, and the answer to each `GET /events`. */
class FakeServer {
  readonly asked: number[] = [];
  readonly sockets: FakeSocket[] = [];
  /** Events of the journal, by seq. */
  seqs: number[] = [];
  /** Seq of the oldest event that the journal has; null: a server that does not report it. */
  oldest: number | null = 1;
  perAnswer = 500;
  /** How many questions for a room fail before one is answered; Infinity: the API is down. */
  failures = 0;
  /** How often a room was asked for. */
  roomsAsked = 0;

  constructor() {
    vi.stubGlobal("fetch", (url: string) => Promise.resolve(this.#answer(url)));
    const { sockets } = this;
    vi.stubGlobal(
      "WebSocket",
      class extends FakeSocket {
        constructor(url: string) {
          super(url);
          sockets.push(this);
        }
      },
    );
  }

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("nobody has connected");
    return socket;
  }

  /** Makes the page live. */
  greet(gateway = "connected"): void {
    const ack = { v: 1, type: "ack", event: "auth.ok", guildId: "g", connectionId: "c" };
    this.socket.deliver({ ...ack, epoch: EPOCH, seq: HEAD, limits: {} });
    const snapshot = { v: 1, type: "snapshot", epoch: EPOCH, seq: HEAD };
    this.socket.deliver({
      ...snapshot,
      reason: "first_connection",
      rooms: [],
      gateway: { state: gateway, since: 0 },
    });
  }

  #answer(url: string): Response {
    const { pathname, searchParams } = new URL(url, "https://hub.test");
    if (pathname === "/ws/ticket") return Response.json({ url: "wss://hub.test/ws?ticket=t" });
    if (pathname === "/people") return Response.json({ people: [] });
    if (pathname.startsWith("/rooms/")) return this.#room(pathname.slice("/rooms/".length));
    if (pathname !== "/events") return Response.json({}, { status: 404 });
    const after = Number(searchParams.get("after"));
    this.asked.push(after);
    const body = { v: 1, epoch: EPOCH, seq: HEAD, events: [], more: false, retryWindowMs: 0 };
    if (this.seqs.length > 0 && after < (this.seqs[0] ?? 0) - 1) {
      const told = this.oldest === null ? {} : { oldest: this.oldest };
      return Response.json({ ...body, reset: { reason: "too_old", snapshot: {}, ...told } });
    }
    const missed = this.seqs.filter((seq) => seq > after);
    const events = missed.slice(0, this.perAnswer).map((seq) => ({
      event: "room.deleted",
      payload: { channelId: String(seq), guildId: "g" },
      ts: seq,
      seq,
      id: `i${seq}`,
    }));
    const more = events.length < missed.length;
    return Response.json({ ...body, events, more, seq: more ? events.at(-1)?.seq : HEAD });
  }

  #room(channelId: string): Response {
    this.roomsAsked += 1;
    if (this.roomsAsked <= this.failures) return Response.json({}, { status: 503 });
    const createdAt = new Date(0).toISOString();
    const room = { channelId, name: "Room", guildId: "g", userLimit: 4, private: false };
    const made = { createdBy: "ada", createdAt, state: "open", endedAt: null, members: [] };
    return Response.json({ ...room, ...made });
  }
}

let server: FakeServer;
let guild: Guild;

/** Waits for everything that only needs answers. */
const settle = (): Promise<void> => vi.advanceTimersByTimeAsync(0).then(() => undefined);

async function connect(): Promise<void> {
  guild.start();
  await settle();
  server.greet();
  await settle();
}

const logged = (): number[] =>
  guild.view.value.log.flatMap((entry) => (entry.kind === "event" ? [entry.seq] : []));

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  guild = new Guild(undefined, () => Promise.resolve({ ok: true, value: "token" }));
});

afterEach(() => {
  guild.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("what happened before the page was opened", () => {
  it("is read from the beginning of the journal, however few events it has", async () => {
    server.seqs = [HEAD - 2, HEAD - 1, HEAD];
    server.oldest = HEAD - 2;
    await connect();
    expect(server.asked).toEqual([HEAD - 250, HEAD - 3]);
    expect(guild.past.value).toBe("read");
    expect(logged()).toEqual([HEAD, HEAD - 1, HEAD - 2]);
  });

  it("is read to its end over several answers", async () => {
    server.seqs = Array.from({ length: HEAD }, (_, n) => n + 1);
    server.perAnswer = 100;
    await connect();
    expect(server.asked).toEqual([HEAD - 250, HEAD - 150, HEAD - 50]);
    expect(logged()).toHaveLength(250);
    expect([logged()[0], logged().at(-1)]).toEqual([HEAD, HEAD - 249]);
  });

  it("is unknown, not empty, if the server does not say where its journal begins", async () => {
    server.seqs = [HEAD];
    server.oldest = null;
    await connect();
    expect(server.asked).toEqual([HEAD - 250]);
    expect(guild.past.value).toBe("failed");
  });
});

describe("failures", () => {
  const ofDiscord = failureOf(503, "5", { code: "discord_rate_limited", message: "Later." });
  const ofThePerson = failureOf(403, null, { code: "forbidden", message: "No." });

  it("disappear when their connection is restored, and not before", async () => {
    await connect();
    server.socket.end(1006);
    notifyFailure(UNREACHABLE, "invite");
    notifyFailure(ofDiscord, "invite");
    notifyFailure(ofThePerson, "invite");
    const { stream, discord } = guild.recoveries;
    const before = [stream.value, discord.value];
    await vi.advanceTimersByTimeAsync(2_000);
    expect(notices.value).toHaveLength(3);
    server.greet("down");
    await settle();
    expect(guild.connection.value.kind).toBe("live");
    expect(notices.value.map(({ passesWith }) => passesWith)).toEqual(["discord", null]);
    expect([stream.value, discord.value]).toEqual([(before[0] ?? 0) + 1, before[1]]);
    const payload = { guildId: "g", state: "connected", since: 1 };
    const event = { v: 1, type: "event", event: "gateway.state", payload, ts: 1, id: "i" };
    server.socket.deliver({ ...event, seq: HEAD + 1 });
    expect(notices.value.map(({ passesWith }) => passesWith)).toEqual([null]);
    expect(discord.value).toBe((before[1] ?? 0) + 1);
  });

  it("at the first attempt are not called a loss", async () => {
    guild.start();
    await settle();
    server.socket.end(1006);
    expect(guild.standing.value.trouble?.text).toContain("There is no connection yet.");
    await vi.advanceTimersByTimeAsync(2_000);
    server.greet();
    expect(guild.standing.value.trouble).toBeNull();
    server.socket.end(1006);
    expect(guild.standing.value.trouble?.text).toContain("Nothing new has arrived since");
  });
});

it("people of one server are not offered in another", async () => {
  await connect();
  rememberPeople([{ userId: "u1", name: "Ada", avatarUrl: null }]);
  guild.stop();
  expect(knownPeople("")).toEqual([]);
});

describe("who opened a room", () => {
  const open = (seq: number, event = "room.created"): void => {
    const payload = { channelId: "7", guildId: "g", name: "Room" };
    const frame = { v: 1, type: "event", event, payload, ts: 1, id: `i${seq}`, seq };
    server.socket.deliver(frame);
  };
  const opener = (): string | undefined => guild.view.value.rooms.get("7")?.details?.createdBy;

  it("is asked for until the API answers, however long it is down", async () => {
    server.failures = 9;
    await connect();
    open(HEAD + 1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(opener()).toBeUndefined();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(opener()).toBe("ada");
    expect(server.roomsAsked).toBe(10);
  });

  it("is not asked for any more once the room is gone", async () => {
    server.failures = Number.POSITIVE_INFINITY;
    await connect();
    open(HEAD + 1);
    await vi.advanceTimersByTimeAsync(10_000);
    open(HEAD + 2, "room.deleted");
    await vi.advanceTimersByTimeAsync(20_000);
    const { roomsAsked } = server;
    await vi.advanceTimersByTimeAsync(120_000);
    expect([roomsAsked > 1, server.roomsAsked]).toEqual([true, roomsAsked]);
  });
});
