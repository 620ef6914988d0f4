import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { ulid } from "ulid";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { SOON } from "../../src/testing/soon.ts";
import {
  OUTBOX_MAX_BYTES,
  OUTBOX_MAX_EVENTS,
  SIGNED_BATCH_MAX,
} from "../../src/protocol/limits.ts";
import { newTraceId, readTraceparent } from "../../src/protocol/trace.ts";
import { FakeHub } from "../fixtures/fake-hub.ts";
import { MemoryLog } from "../fixtures/memory-log.ts";
import { testMetrics } from "../fixtures/memory-metrics.ts";
import { openDatabase } from "../store/database.ts";
import { GuildStore } from "../store/guild-store.ts";
import { Intake } from "../store/intake.ts";
import { Outbox, type OutboxBounds } from "../store/outbox.ts";
import { SettingsStore } from "../store/settings-store.ts";
import { DeadLetters } from "./dead-letters.ts";
import { createHubClient, type HubClient } from "./hub-client.ts";
import { MISCONFIGURED_RETRY_MS, Publisher } from "./publisher.ts";

const GUILD = "100000000000000001";
const OTHER = "100000000000000002";
const SECRET = "publisher-test-secret-0123456789-abcdef";

let hub: FakeHub;
let stateDir: string;
let db: DatabaseSync;
let outbox: Outbox;
let intake: Intake;
let client: HubClient;
let publisher: Publisher;
let log: MemoryLog;
/** The waits that the publisher requested; none takes real time. */
let waits: number[];
/** Whether a wait lasts until its signal aborts. */
let waitsForAbort: boolean;
let stale: number;
let seq: number;

/** A publisher as at process start, with the directory's content. */
function create(secrets: readonly string[] = [SECRET], bounds?: OutboxBounds): void {
  const opened = openDatabase(stateDir);
  if (!opened.ok) throw new Error(opened.message);
  ({ db } = opened);
  outbox = new Outbox(db, bounds);
  log = new MemoryLog();
  intake = new Intake({
    db,
    settings: new SettingsStore(db),
    guilds: new GuildStore(db),
    outbox,
    primaryGuildId: GUILD,
    now: Date.now,
    newId: ulid,
    newTrace: newTraceId,
    onAppended: (guildId) => publisher.wake(guildId),
    onOverflow: () => undefined,
  });
  client = createHubClient({
    endpoint: hub.endpoint,
    secrets,
    now: Date.now,
    onAccepting: () => undefined,
    timeoutMs: 2_000,
  });
  publisher = new Publisher({
    outbox,
    hub: client,
    deadLetters: new DeadLetters(stateDir),
    log,
    metrics: testMetrics(),
    epoch: ulid(),
    resync: (guildId) => intake.resync(guildId),
    onStale: () => {
      stale += 1;
    },
    now: Date.now,
    random: () => 0.5,
    sleep: async (ms, signal) => {
      waits.push(ms);
      if (waitsForAbort) await once(signal, "abort");
      else await delay(1);
    },
  });
}

async function stop(): Promise<void> {
  client.abort();
  await publisher.stop();
}

function dispatch(name: string, data: unknown): void {
  seq += 1;
  intake.dispatch({ sessionId: "s", resumeUrl: "ws://r", seq }, name, data);
}

function move(userId: string, channelId: string | null, guildId = GUILD): void {
  dispatch("VOICE_STATE_UPDATE", { guild_id: guildId, user_id: userId, channel_id: channelId });
}

/** Connected to Discord with two guilds, and the hub has everything. */
async function begin(): Promise<void> {
  const channels = ["a", "b"].map((id) => ({ id, type: 2, name: id }));
  dispatch("READY", { guilds: [{ id: GUILD }, { id: OTHER }] });
  intake.setGatewayState("connected");
  dispatch("GUILD_CREATE", { id: GUILD, channels });
  dispatch("GUILD_CREATE", { id: OTHER, channels });
  await empty();
}

async function empty(): Promise<void> {
  await vi.waitUntil(() => outbox.totals().events === 0, SOON);
}

function heard(guildId = GUILD): string[] {
  return hub
    .of(guildId)
    .filter(({ event }) => event !== "guild.snapshot")
    .map(({ event, payload }) => `${event} ${String(payload["userId"] ?? payload["channelId"])}`);
}

async function deadLetters(): Promise<Record<string, unknown>[]> {
  const text = await readFile(join(stateDir, "dead-letters.jsonl"), "utf8").catch(() => "");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Record<string, unknown> => JSON.parse(line));
}

beforeEach(async () => {
  hub = new FakeHub(SECRET);
  await hub.listen();
  stateDir = await mkdtemp(join(tmpdir(), "publisher-"));
  waits = [];
  waitsForAbort = false;
  stale = 0;
  seq = 0;
  create();
});

afterEach(async () => {
  await stop();
  db.close();
  await hub.close();
  await rm(stateDir, { recursive: true, force: true });
});

describe("without failures", () => {
  test("each guild's events arrive in order, numbered without a gap", async () => {
    await begin();
    for (let i = 0; i < 250; i += 1) {
      move(`u${i}`, "a");
      move(`v${i}`, "b", OTHER);
    }
    await empty();
    expect(heard()).toEqual(Array.from({ length: 250 }, (_, i) => `voice.joined u${i}`));
    expect(heard(OTHER)).toEqual(Array.from({ length: 250 }, (_, i) => `voice.joined v${i}`));
    const numbers = hub.events.filter((e) => e.payload.guildId === GUILD).map((e) => e.seq);
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => i + 1));
    expect(Math.max(...hub.requests.map(({ ids }) => ids.length))).toBe(SIGNED_BATCH_MAX);
    expect(hub.gaps).toBe(0);
  });

  test("during a rotation, a hub with either key accepts the request", async () => {
    await stop();
    db.close();
    create(["another-hub-secret-0123456789-0123456789", SECRET]);
    await begin();
    expect(hub.events.length).toBeGreaterThan(0);
  });
});

describe("traces", () => {
  test("a dispatch's trace is on its events, on their request and in the log of a failure", async () => {
    await begin();
    hub.script.push({ status: 503 });
    move("u1", "a");
    await empty();
    const [event] = hub.of(GUILD).slice(-1);
    expect(event?.trace).toMatch(/^[0-9a-f]{32}$/);
    const sent = hub.requests.filter(({ ids }) => ids.includes(event?.id ?? ""));
    expect(sent.map(({ status }) => status)).toEqual([503, 200]);
    for (const { traceparent } of sent) expect(readTraceparent(traceparent)).toBe(event?.trace);
    const failure = log.lines.find(({ message }) => message === "events wait for the hub");
    expect(failure?.fields["traceId"]).toBe(event?.trace);
  });

  test("an event that is refused permanently keeps its trace as a dead letter", async () => {
    await begin();
    hub.script.push({ status: 413 });
    move("u1", "a");
    await empty();
    const [letter] = await deadLetters();
    expect(letter?.["trace"]).toMatch(/^[0-9a-f]{32}$/);
    const alert = log.lines.find(({ level }) => level === "alert");
    expect(alert?.fields["traceId"]).toBe(letter?.["trace"]);
  });
});

describe("permanently refused events", () => {
  test("in a batch: only the refused event becomes a dead letter", async () => {
    await begin();
    hub.script.push({ status: 503 });
    for (const user of ["u1", "u2", "u3"]) move(user, "a");
    const second = outbox.head(GUILD, 2)[1]?.id ?? "";
    hub.refusedIds.add(second);
    await empty();
    expect(heard()).toEqual(["voice.joined u1", "voice.joined u3"]);
    expect(await deadLetters()).toMatchObject([
      { id: second, event: "voice.joined", why: "invalid_event", payload: { userId: "u2" } },
    ]);
    expect(log.has("alert", "dead-letters.jsonl")).toBe(true);
  });

  test("at the end of a batch: the next batch continues from the number that the hub counted", async () => {
    await begin();
    hub.script.push({ status: 503 });
    for (const user of ["u1", "u2", "u3"]) move(user, "a");
    const [, second, third] = outbox.head(GUILD, 3);
    hub.refusedIds.add(second?.id ?? "").add(third?.id ?? "");
    await empty();
    move("u4", "a");
    await empty();
    expect(heard()).toEqual(["voice.joined u1", "voice.joined u4"]);
    expect(await deadLetters()).toHaveLength(2);
    // Nothing is missing, so there is no reason for a snapshot.
    expect(hub.of(GUILD).filter(({ event }) => event === "guild.snapshot")).toHaveLength(1);
    expect(hub.gaps).toBe(1);
  });

  test.each([400, 413, 422])(
    "%i to a batch: it is split, and only the faulty event is dropped",
    async (s) => {
      await begin();
      hub.script.push({ status: 503 }, { status: s });
      for (const user of ["u1", "u2", "u3"]) move(user, "a");
      hub.refusedIds.add(outbox.head(GUILD, 2)[1]?.id ?? "");
      await empty();
      expect(heard()).toEqual(["voice.joined u1", "voice.joined u3"]);
      expect(await deadLetters()).toMatchObject([{ why: "http_400", payload: { userId: "u2" } }]);
    },
  );

  test("an event that is too large for a request", async () => {
    await begin();
    const channels = Array.from({ length: 9_000 }, (_, i) => ({
      id: `c${i}`,
      type: 2,
      name: "n".repeat(100),
    }));
    dispatch("GUILD_CREATE", { id: GUILD, channels: [] });
    intake.resync(GUILD);
    await empty();
    dispatch("READY", { guilds: [{ id: GUILD }, { id: OTHER }] });
    dispatch("GUILD_CREATE", { id: GUILD, channels });
    await empty();
    expect(await deadLetters()).toMatchObject([{ event: "guild.snapshot", why: "too_large" }]);
  });
});

describe("waiting events", () => {
  test("no answer: everything is kept and arrives in order later", async () => {
    await begin();
    hub.always = { status: 200, cut: true };
    for (let i = 0; i < 20; i += 1) move(`u${i}`, "a");
    await vi.waitUntil(() => waits.length > 5, SOON);
    expect(client.status.state).toBe("unreachable");
    hub.always = null;
    await empty();
    expect(heard()).toEqual(Array.from({ length: 20 }, (_, i) => `voice.joined u${i}`));
    expect(client.status.state).toBe("accepting");
    // Full jitter under a bound that doubles up to 10 s; here the middle of it.
    expect(waits.slice(0, 6)).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000]);
  });

  test("no answer, then a sign that the hub is back: waiting events are sent at once", async () => {
    await begin();
    waitsForAbort = true;
    hub.always = { status: 200, cut: true };
    move("u1", "a");
    await vi.waitUntil(() => waits.length === 1, SOON);
    hub.always = null;
    publisher.hubIsBack();
    await empty();
    expect(heard()).toEqual(["voice.joined u1"]);
  });

  test("a sign that the hub is back does not shorten a pause that the hub named", async () => {
    await begin();
    waitsForAbort = true;
    hub.script.push({ status: 503, headers: { "Retry-After": "2" } });
    move("u1", "a");
    await vi.waitUntil(() => waits.length === 1, SOON);
    const asked = hub.requests.length;
    publisher.hubIsBack();
    move("u2", "a", OTHER);
    await vi.waitUntil(() => heard(OTHER).length === 1, SOON);
    expect(hub.requests).toHaveLength(asked + 1);
  });

  test("a lost answer causes no second announcement", async () => {
    await begin();
    hub.script.push({ status: 200, afterEffect: true, cut: true });
    move("u1", "a");
    await empty();
    expect(heard()).toEqual(["voice.joined u1"]);
    expect(hub.duplicates).toBe(1);
  });

  test.each([429, 503])("%i: not before its Retry-After", async (status) => {
    await begin();
    hub.script.push({ status, headers: { "Retry-After": "2" } });
    move("u1", "a");
    await empty();
    // A tenth of jitter is added, so that many guilds do not retry at the same moment.
    expect(waits).toEqual([2_100]);
    expect(heard()).toEqual(["voice.joined u1"]);
  });

  test("a guild that has to wait does not delay another", async () => {
    await begin();
    hub.script.push({ status: 503, headers: { "Retry-After": "300" } });
    move("u1", "a");
    move("v1", "a", OTHER);
    await empty();
    expect(heard(OTHER)).toEqual(["voice.joined v1"]);
  });

  test.each([401, 403, 404])("%i: keeps everything, alerts, retries seldom", async (status) => {
    await begin();
    hub.always = { status };
    move("u1", "a");
    await vi.waitUntil(() => waits.length >= 2, SOON);
    expect(client.status).toMatchObject({ state: "misconfigured" });
    expect(log.has("alert", "until this is repaired")).toBe(true);
    for (const ms of waits) expect(ms).toBeGreaterThanOrEqual(MISCONFIGURED_RETRY_MS / 2);
    hub.always = null;
    await empty();
    expect(heard()).toEqual(["voice.joined u1"]);
    expect(await deadLetters()).toEqual([]);
  });
});

describe("fencing", () => {
  test("stale: this process stops publishing and keeps its events", async () => {
    await begin();
    hub.script.push({ status: 409, body: { code: "stale_publisher", guildId: GUILD } });
    move("u1", "a");
    await vi.waitUntil(() => stale === 1, SOON);
    const before = hub.requests.length;
    move("v1", "a", OTHER);
    // This waits for every request that is under way.
    await publisher.stop();
    expect(hub.requests.length).toBe(before);
    expect(client.status.state).toBe("stale");
    expect(outbox.totals().events).toBe(2);
  });

  test("a gap: a new snapshot replaces the waiting events", async () => {
    await begin();
    hub.script.push({ status: 503 }, { status: 409, body: { code: "gap", expected: 3 } });
    move("u1", "a");
    move("u2", "b");
    await empty();
    const last = hub.of(GUILD).at(-1);
    expect(last?.event).toBe("guild.snapshot");
    expect(last?.payload["voiceStates"]).toEqual([
      { userId: "u1", channelId: "a" },
      { userId: "u2", channelId: "b" },
    ]);
  });

  test("a hub that lost its state gets everything", async () => {
    await begin();
    move("u1", "a");
    await empty();
    hub.forget();
    move("u2", "b");
    await empty();
    const snapshot = hub.of(GUILD).find(({ event }) => event === "guild.snapshot");
    expect(snapshot?.payload["voiceStates"]).toHaveLength(2);
    move("u3", "b");
    await empty();
    expect(heard()).toEqual(["voice.joined u3"]);
  });

  test("a gap while Discord is disconnected: the snapshot waits until our state is current", async () => {
    await begin();
    hub.script.push({ status: 409, guildId: GUILD, body: { code: "gap", expected: 2 } });
    intake.setGatewayState("resuming");
    await empty();
    const before = hub.of(GUILD).length;
    dispatch("CHANNEL_CREATE", { guild_id: GUILD, id: "c", type: 2, name: "meanwhile" });
    dispatch("RESUMED", {});
    await empty();
    const since = hub.of(GUILD).slice(before);
    expect(since.map(({ event }) => event)).toEqual(["room.created", "guild.snapshot"]);
    expect(since[1]?.payload["channels"]).toHaveLength(3);
  });

  test("the next process renumbers the remaining events; ids stay", async () => {
    await begin();
    await hub.close();
    move("u1", "a");
    move("u2", "a");
    const ids = outbox.head(GUILD, 10).map(({ id }) => id);
    await stop();
    db.close();
    hub = new FakeHub(SECRET);
    await hub.listen();
    create();
    publisher.start();
    await empty();
    const voice = hub.of(GUILD).filter(({ event }) => event === "voice.joined");
    expect(voice.map(({ id }) => id)).toEqual(ids);
    expect(voice.map((event) => event.seq)).toEqual([1, 2]);
  });
});

describe("a full outbox", () => {
  test("one event too many: a snapshot replaces them", async () => {
    await stop();
    db.close();
    create([SECRET], { events: 10, bytes: 1_000_000 });
    await begin();
    hub.always = { status: 503 };
    for (let i = 0; i < 10; i += 1) move(`u${i}`, "a");
    expect(outbox.depth(GUILD).events).toBe(10);
    move("u10", "a");
    // Events that are being sent stay; the snapshot and the connection's state follow them.
    expect(outbox.depth(GUILD).events).toBeLessThan(10);
    hub.always = null;
    await empty();
    const last = hub.of(GUILD).at(-1);
    expect(last?.event).toBe("guild.snapshot");
    expect(last?.payload["voiceStates"]).toHaveLength(11);
    expect(hub.gaps).toBe(0);
  });

  test("events that are being sent stay, so that a lost answer does not cost the snapshot", async () => {
    await stop();
    db.close();
    create([SECRET], { events: 5, bytes: 1_000_000 });
    await begin();
    const gate = Promise.withResolvers<void>();
    hub.gate = gate.promise;
    hub.script.push({ status: 200, afterEffect: true, cut: true });
    for (let i = 0; i < 12; i += 1) move(`u${i}`, "a");
    gate.resolve();
    await empty();
    const last = hub.of(GUILD).findLast(({ event }) => event === "guild.snapshot");
    expect(last?.payload["voiceStates"]).toHaveLength(12);
    expect(hub.duplicates).toBe(1);
  });

  test("bytes are limited as well", async () => {
    await stop();
    db.close();
    create([SECRET], { events: 1_000, bytes: 1_500 });
    await begin();
    hub.always = { status: 503 };
    for (let i = 0; i < 20; i += 1) move(`u${i}`, "a");
    expect(outbox.depth(GUILD).bytes).toBeLessThanOrEqual(3_000);
    expect(outbox.head(GUILD, 100).some(({ event }) => event === "guild.snapshot")).toBe(true);
  });

  test(`by default ${OUTBOX_MAX_EVENTS} events`, () => {
    const full = new Outbox(db);
    const event = { guildId: "g", event: "e", payload: "{}", ts: 0, trace: null };
    db.exec("BEGIN");
    for (let i = 0; i < OUTBOX_MAX_EVENTS; i += 1) full.append({ ...event, id: `${i}` });
    expect(full.overflows("g")).toBe(false);
    full.append({ ...event, id: "one more" });
    expect(full.overflows("g")).toBe(true);
    db.exec("ROLLBACK");
  });

  test(`by default ${OUTBOX_MAX_BYTES} bytes`, () => {
    const full = new Outbox(db);
    const event = { guildId: "g", event: "e", id: "i", ts: 0, trace: null };
    full.append({ ...event, payload: "x".repeat(OUTBOX_MAX_BYTES - 2) });
    expect(full.overflows("g")).toBe(false);
    full.append({ ...event, payload: "" });
    expect(full.overflows("g")).toBe(true);
  });
});

test("a stop gives waiting events one more attempt, without a pause", async () => {
  await begin();
  waitsForAbort = true;
  hub.always = { status: 503, headers: { "Retry-After": "300" } };
  move("u1", "a");
  await vi.waitUntil(() => waits.length > 0, SOON);
  hub.always = null;
  await publisher.stop();
  expect(heard()).toEqual(["voice.joined u1"]);
});
