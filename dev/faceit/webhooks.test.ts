import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { describe, expect, it, vi } from "vitest";
import { SOON } from "../../src/testing/soon.ts";
import type { LocalFaceit } from "./local-faceit.ts";
import { control } from "../doubles/control.ts";
import {
  asJson,
  AURORA_ONE,
  dataApi,
  type Json,
  type Received,
  startForTest,
  startReceiver,
  WEBHOOK_SECRET,
} from "./test-client.ts";

const EPOCH = "1970-01-01T00:00:00Z";

async function newMatch(faceit: LocalFaceit, body: Json = {}): Promise<string> {
  return String((await control(faceit, "POST", "/matches", body))["matchId"]);
}

const events = (received: readonly Received[]): unknown[] =>
  received.map(({ body }) => body["event"]);
const payload = (received: Received | undefined): Json => asJson(received?.body["payload"]);

async function deliveries(faceit: LocalFaceit): Promise<Json[]> {
  const { deliveries: all } = await control(faceit, "GET", "/state");
  return all as Json[];
}

describe("the webhooks of a match's life", () => {
  it("are FACEIT's, with a rising version, and none for VOTING and ONGOING", async () => {
    const receiver = await startReceiver();
    const faceit = await startForTest({ webhookUrl: receiver.url });
    const id = await newMatch(faceit);
    const { received } = receiver;
    // Each waits for the previous one, because deliveries have no order.
    let expected = 1;
    for (const status of ["VOTING", "configuring", "READY", "ONGOING", "FINISHED"]) {
      await vi.waitUntil(() => received.length === expected, SOON);
      await control(faceit, "POST", `/matches/${id}/status`, { status });
      if (status !== "VOTING" && status !== "ONGOING") expected += 1;
    }
    await vi.waitUntil(() => received.length === expected, SOON);
    expect(events(received)).toEqual([
      "match_object_created",
      "match_status_configuring",
      "match_status_ready",
      "match_status_finished",
    ]);
    const versions = received.map((one) => Number(payload(one)["version"]));
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    expect(new Set(versions).size).toBe(versions.length);
    expect(new Set(received.map(({ body }) => body["event_id"])).size).toBe(received.length);
    for (const { body, secret } of received) {
      expect(secret).toBe(WEBHOOK_SECRET);
      expect(Object.keys(body)).toEqual([
        "transaction_id",
        "event",
        "event_id",
        "third_party_id",
        "app_id",
        "timestamp",
        "retry_count",
        "version",
        "payload",
      ]);
      expect(body).toMatchObject({ retry_count: 0, version: 1, payload: { id, game: "cs2" } });
      expect(body["timestamp"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    }
    expect(Object.keys(payload(received[0]))).not.toContain("teams");
    expect(payload(received[2])["teams"]).toMatchObject([
      {
        leader_id: AURORA_ONE,
        roster: [{ id: AURORA_ONE, nickname: "aurora_one" }, {}, {}, {}, {}],
      },
      { name: "team_borealis_one" },
    ]);
    expect(payload(received[3])["started_at"]).not.toBe(EPOCH);
    expect(payload(received[3])["finished_at"]).toMatch(/Z$/);
  });

  it("start in 1970 when the match was not played, and give the reason of a cancelled match", async () => {
    const receiver = await startReceiver();
    const faceit = await startForTest({ webhookUrl: receiver.url });
    const of = async (moves: readonly Json[]): Promise<Json> => {
      const id = await newMatch(faceit, { silent: true });
      const before = receiver.received.length;
      for (const [index, move] of moves.entries()) {
        const silent = index < moves.length - 1;
        await control(faceit, "POST", `/matches/${id}/status`, { ...move, silent });
      }
      await vi.waitUntil(() => receiver.received.length === before + 1, SOON);
      return payload(receiver.received.at(-1));
    };
    expect(await of([{ status: "FINISHED", forfeit: true }])).toMatchObject({ started_at: EPOCH });
    expect(await of([{ status: "ABORTED" }, { status: "FINISHED" }])).toMatchObject({
      started_at: EPOCH,
    });
    expect(Object.keys(await of([{ status: "ABORTED" }]))).not.toContain("reason");
    expect(await of([{ status: "CANCELLED" }])).toMatchObject({
      reason: "AFK",
      players: [],
      afk: ["b0000000-0000-4000-8000-000000000001"],
    });
  });

  it("have the demo's URL as a string, the Data API as an array", async () => {
    const receiver = await startReceiver();
    const faceit = await startForTest({ webhookUrl: receiver.url });
    const id = await newMatch(faceit, { status: "FINISHED", silent: true });
    await control(faceit, "POST", "/webhook", { event: "match_demo_ready", matchId: id });
    await vi.waitUntil(() => receiver.received.length === 1, SOON);
    const { demo_url: url, teams } = payload(receiver.received[0]);
    expect(url).toMatch(/^https:.*\.dem\.zst$/);
    expect(teams).toMatchObject([{ players: [] }, { players: [] }]);
    expect((await dataApi(faceit, `/matches/${id}`)).body["demo_url"]).toEqual([url]);
  });
});

describe("a delivery", () => {
  it("is repeated with the same ids until it is accepted", async () => {
    const receiver = await startReceiver();
    receiver.answer = (response, count) => {
      if (count === 1) response.writeHead(500).end();
      else if (count === 2) response.destroy();
      else response.writeHead(202).end();
    };
    const faceit = await startForTest({ webhookUrl: receiver.url });
    await newMatch(faceit);
    await vi.waitUntil(async () => (await deliveries(faceit))[0]?.["state"] === "delivered", SOON);
    expect(receiver.received.map(({ body }) => body["retry_count"])).toEqual([0, 1, 2]);
    expect(new Set(receiver.received.map(({ body }) => body["event_id"])).size).toBe(1);
    expect(await deliveries(faceit)).toMatchObject([
      { url: receiver.url, event: "match_object_created", status: 202, attempts: 3 },
    ]);
  });

  it("that gets no answer in time is repeated, then given up, and does not delay others", async () => {
    const receiver = await startReceiver();
    receiver.answer = (response, count) => {
      const body = receiver.received[count - 1]?.body["event"];
      if (body === "other") response.writeHead(200).end();
    };
    const waits: number[] = [];
    const faceit = await startForTest({
      webhookUrl: receiver.url,
      answerDeadlineMs: 500,
      retryDelaysMs: [1_000, 5_000],
      sleep: async (ms) => void waits.push(ms),
    });
    await newMatch(faceit);
    await control(faceit, "POST", "/webhook", { event: "other" });
    await vi.waitUntil(async () => (await deliveries(faceit))[0]?.["state"] === "given_up", SOON);
    expect(new Set(waits)).toEqual(new Set([1_000, 5_000]));
    expect(await deliveries(faceit)).toMatchObject([
      { attempts: 3, status: null },
      { event: "other", state: "delivered" },
    ]);
  });

  it("with a delay waits, and later ones overtake it", async () => {
    const receiver = await startReceiver();
    let wake = (): void => {};
    const faceit = await startForTest({
      webhookUrl: receiver.url,
      sleep: (ms) =>
        ms === 60_000 ? new Promise((resolve) => (wake = resolve)) : Promise.resolve(),
    });
    await control(faceit, "POST", "/webhook", { event: "late", delayMs: 60_000 });
    await control(faceit, "POST", "/webhook", { event: "early" });
    await vi.waitUntil(() => receiver.received.length === 1, SOON);
    wake();
    await vi.waitUntil(() => receiver.received.length === 2, SOON);
    expect(events(receiver.received)).toEqual(["early", "late"]);
  });

  it("is held and released in another order", async () => {
    const receiver = await startReceiver();
    let drawn = 0;
    const faceit = await startForTest({
      webhookUrl: receiver.url,
      random: () => {
        drawn += 1;
        return 0.999;
      },
    });
    await control(faceit, "POST", "/hold", { hold: true });
    for (const event of ["first", "second", "third"]) {
      await control(faceit, "POST", "/webhook", { event });
    }
    const held = await deliveries(faceit);
    expect(held.map(({ state, attempts }) => [state, attempts])).toEqual(
      held.map(() => ["held", 0]),
    );
    expect(receiver.received).toEqual([]);
    await control(faceit, "POST", "/hold", { hold: false });
    await vi.waitUntil(() => receiver.received.length === 3, SOON);
    expect(new Set(events(receiver.received))).toEqual(new Set(["first", "second", "third"]));
    expect(drawn).toBe(3);
    expect(await control(faceit, "GET", "/state")).toMatchObject({ hold: false });
  });

  it("survives a restart, like matches and accounts", async () => {
    const stateFile = `${await mkdtemp(`${tmpdir()}/local-faceit-`)}/state.json`;
    const first = await startForTest({ stateFile, sleep: () => new Promise(() => {}) });
    const id = await newMatch(first, { status: "READY", silent: true });
    await control(first, "POST", "/players", { nickname: "guest" });
    await control(first, "POST", "/webhook", { event: "match_status_ready", eventId: "owed" });
    await vi.waitUntil(async () => (await deliveries(first))[0]?.["attempts"] === 1, SOON);
    await first.close();

    const receiver = await startReceiver();
    const second = await startForTest({ stateFile, webhookUrl: receiver.url });
    await vi.waitUntil(() => receiver.received.length === 1, SOON);
    expect(receiver.received[0]?.body).toMatchObject({ event_id: "owed", retry_count: 1 });
    expect((await dataApi(second, `/matches/${id}`)).body).toMatchObject({ status: "READY" });
    expect((await dataApi(second, "/players?nickname=guest")).status).toBe(200);
  });

  it("waits after a restart for what is left of its delay, also before a retry", async () => {
    const stateFile = `${await mkdtemp(`${tmpdir()}/local-faceit-`)}/state.json`;
    let now = 1_800_000_000_000;
    const clock = (): number => now;
    const never = (): Promise<void> => new Promise(() => {});
    const first = await startForTest({ stateFile, clock, sleep: never, retryDelaysMs: [30_000] });
    await control(first, "POST", "/webhook", { event: "late", delayMs: 60_000 });
    await control(first, "POST", "/webhook", { event: "refused" });
    const refused = { attempts: 1, state: "waiting" };
    await vi.waitFor(async () => expect((await deliveries(first))[1]).toMatchObject(refused), SOON);
    await first.close();

    now += 20_000;
    const receiver = await startReceiver();
    const wakes = new Map<number, () => void>();
    const sleep = (ms: number): Promise<void> => new Promise((wake) => wakes.set(ms, wake));
    const second = await startForTest({ stateFile, webhookUrl: receiver.url, clock, sleep });
    expect([...wakes.keys()]).toEqual([40_000, 10_000]);
    expect(receiver.received).toEqual([]);
    for (const wake of wakes.values()) wake();
    await vi.waitUntil(() => receiver.received.length === 2, SOON);
    expect(new Set(events(receiver.received))).toEqual(new Set(["late", "refused"]));

    await control(second, "POST", "/webhook", { event: "due", delayMs: 5_000 });
    await second.close();
    now += 5_001;
    await startForTest({ stateFile, webhookUrl: receiver.url, clock, sleep });
    await vi.waitUntil(() => receiver.received.length === 3, SOON);
    expect(events(receiver.received)).toContain("due");
  });
});

describe("a webhook by hand", () => {
  it("can be sent several times, with any secret, version, id and body", async () => {
    const receiver = await startReceiver();
    const faceit = await startForTest({ webhookUrl: receiver.url });
    const matchId = await newMatch(faceit, { silent: true });
    const send = (body: Json): Promise<Json> => control(faceit, "POST", "/webhook", body);

    const ready = { event: "match_status_ready", matchId, version: 3, eventId: "mine" };
    expect(await send({ ...ready, duplicate: 20 })).toMatchObject({ eventId: "mine", version: 3 });
    await vi.waitUntil(() => receiver.received.length === 20, SOON);
    expect(new Set(receiver.received.map(({ text }) => text)).size).toBe(1);
    expect(receiver.received[0]?.body).toMatchObject({
      event_id: "mine",
      payload: { id: matchId, version: 3, teams: [{}, {}] },
    });
    expect((await dataApi(faceit, `/matches/${matchId}`)).body["version"]).toBe(1);

    await send({ event: "match_status_aborted", secret: "wrong" });
    await vi.waitUntil(() => receiver.received.length === 21, SOON);
    expect(receiver.received[20]?.secret).toBe("wrong");
    await send({ event: "match_status_aborted", secret: null });
    await vi.waitUntil(() => receiver.received.length === 22, SOON);
    expect(receiver.received[21]?.secret).toBeUndefined();
    await send({ event: "broken", body: "not { JSON" });
    await vi.waitUntil(() => receiver.received.length === 23, SOON);
    expect(receiver.received[22]?.text).toBe("not { JSON");

    const unknown = "1-00000000-0000-4000-8000-000000000000";
    await send({ event: "match_status_cancelled", matchId: unknown });
    await vi.waitUntil(() => receiver.received.length === 24, SOON);
    expect(payload(receiver.received[23])).toMatchObject({ id: unknown, reason: "AFK" });
    expect((await dataApi(faceit, `/matches/${unknown}`)).status).toBe(404);
  });
});
