import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { PRIMARY_GUILD } from "../dev/discord/seed.ts";
import { Api } from "../dev/testing/api.ts";
import { checkHistory, checkSame } from "./checker.ts";
import { eventually } from "../dev/testing/eventually.ts";
import type { DiscordControl } from "../dev/discord/control-client.ts";
import { Recorder } from "./recorder.ts";
import { startStack, type Stack } from "../dev/testing/stack.ts";

const USERS = Array.from({ length: 12 }, (_, i) => `2000000000000000${i + 10}`);

let stack: Stack;
let discord: DiscordControl;
let manager: Api;
let rooms: string[];
let recorders: Recorder[];
let step = 0;

beforeAll(async () => {
  stack = await startStack();
  discord = stack.discord;
  const token = () => stack.token("manager", { scope: "rooms:manage" });
  manager = new Api(
    stack,
    await stack.token("manager", { scope: "rooms:manage", expiresIn: 7200 }),
  );
  rooms = [];
  for (const name of ["Alpha", "Beta", "Gamma"]) rooms.push(await manager.createRoom({ name }));
  recorders = [1, 2].map(() => new Recorder(stack.urls.worker, token));
  await settle();
});
afterAll(async () => {
  for (const recorder of recorders) recorder.stop();
  await stack.stop();
});

/** Moves users, in the same order every time. */
async function moveAround(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const round = Math.floor(step / USERS.length);
    const user = USERS[step % USERS.length] ?? "";
    const room = step % 5 === 4 ? null : (rooms[(step + round) % rooms.length] ?? null);
    step++;
    await discord.move(user, room);
  }
}

/** Waits until a burst has made this many moves. */
async function underWay(moves: number): Promise<void> {
  const start = step;
  await eventually("the burst is under way", () => {
    expect(step - start).toBeGreaterThan(moves);
  });
}

/** A value of the gateway-worker's metrics, summed over its labels. */
async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${stack.urls.gateway}/metrics`)).text();
  return [...text.matchAll(new RegExp(`^${name}(?:{[^}]*})? (.+)$`, "gm"))].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  );
}

/**
 * Waits until every view of the guild equals Discord's: the Worker's list and the replayed history of each
 * socket. Then checks the complete histories.
 */
async function settle(): Promise<void> {
  await eventually("the Worker and all clients show what Discord has", async () => {
    const truth = await discord.membersOf(rooms);
    const listed = await manager.rooms();
    const list = new Map(
      listed.map((room) => [room.channelId, new Set(room.members.map((member) => member.userId))]),
    );
    for (const [channelId, members] of truth) expect(list.get(channelId)).toEqual(members);
    for (const recorder of recorders) {
      expect(recorder.isConnected).toBe(true);
      const shown = checkHistory(recorder.history).rooms;
      for (const [channelId, members] of truth) expect(shown.get(channelId)).toEqual(members);
    }
  });
  checkSame(...recorders.map(({ history }) => history));
}

/** No client had to start over: a resume made up for every loss. */
function expectNoReset(): void {
  for (const { history } of recorders) expect(checkHistory(history).resets).toBe(0);
}

describe("processes that are killed", () => {
  // `drill.test.ts` kills each of them alone, during traffic.
  it("the container and the Worker at once", async () => {
    const moving = moveAround(60);
    await underWay(20);
    await Promise.all([stack.kill("gateway"), stack.kill("worker")]);
    await moving;
    await stack.untilReady();
    await settle();
    expectNoReset();
    expect(recorders[0]?.history.some(({ kind }) => kind === "resumed")).toBe(true);
  });
});

describe("the network between container and Worker", () => {
  // The contract says a minute; this outage lasts as long as the back-off needs for several attempts.
  it("is cut and restored", async () => {
    const mark = recorders[0]?.mark() ?? 0;
    stack.hubNetwork.cut();
    const attempts = await metric("guildhub_publishes_total");
    try {
      await moveAround(80);
      await eventually("the container has tried several times", async () => {
        expect(await metric("guildhub_outbox_events")).toBeGreaterThan(80);
        expect(await metric("guildhub_publishes_total")).toBeGreaterThan(attempts + 3);
      });
      expect(recorders[0]?.since(mark)).toEqual([]);
    } finally {
      stack.hubNetwork.heal();
    }
    await settle();
    expectNoReset();
  });
});

describe("Discord's gateway", () => {
  it.each([
    ["drops the connection", { action: "drop" }],
    ["closes with an error code", { action: "drop", code: 4000 }],
    ["asks to reconnect", { action: "reconnect" }],
    ["invalidates the session, resumable", { action: "invalidate", resumable: true }],
    ["no longer answers heartbeats", { action: "zombie" }],
    ["closes and forgets the session", { action: "drop", code: 4009 }],
    ["invalidates the session, not resumable", { action: "invalidate", resumable: false }],
  ] as const)("%s", async (_what, fault) => {
    const before = (await discord.state()).gateway;
    await moveAround(10);
    await discord.gateway(fault);
    await moveAround(20);
    await eventually("the bot is back", async () => {
      const { connected, identifies, resumes } = (await discord.state()).gateway;
      expect(connected).toBe(true);
      expect(identifies + resumes).toBeGreaterThan(before.identifies + before.resumes);
    });
    await moveAround(5);
    await settle();
    expectNoReset();
  });

  it("is down for a while", async () => {
    await discord.gateway({ action: "outage" });
    await moveAround(10);
    await eventually("clients get the state", () => {
      const last = recorders[0]?.events.findLast(({ event }) => event === "gateway.state");
      expect(last?.payload).not.toMatchObject({ state: "connected" });
    });
    await discord.gateway({ action: "restore" });
    await settle();
    await eventually("clients get the state", () => {
      const last = recorders[0]?.events.findLast(({ event }) => event === "gateway.state");
      expect(last?.payload).toMatchObject({ state: "connected" });
    });
    expectNoReset();
  });
});

describe("the local doubles are killed", () => {
  it("the local Discord and the identity provider", async () => {
    await moveAround(5);
    await Promise.all([stack.kill("discord"), stack.kill("idp")]);
    await eventually("the local Discord is back", () => discord.state());
    await moveAround(5);
    await settle();
    expectNoReset();
  });
});

describe("Discord's REST API", () => {
  afterEach(() => discord.rest({ status: 500, times: 0 }));

  let count = 0;
  const newName = (): string => `Fault ${++count}`;
  const channelsNamed = async (name: string): Promise<number> =>
    (await discord.voiceChannels(PRIMARY_GUILD)).filter((known) => known === name).length;
  /** Each room by another user, because the limit of rooms a minute is not tested here. */
  const create = async (name: string) =>
    new Api(stack, await stack.token(crypto.randomUUID())).call("POST", "/create-room", { name });

  it.each([
    ["500", { status: 500, times: 1 }, 502],
    ["403", { status: 403, times: 1 }, 502],
    ["404", { status: 404, times: 1 }, 502],
  ])("%s leaves no channel and passes nothing on", async (_what, fault, status) => {
    const name = newName();
    await discord.rest(fault);
    const answer = await create(name);
    expect(answer).toMatchObject({ status });
    expect(JSON.stringify(answer.body)).not.toMatch(/Bot |x-ratelimit|stack/i);
    expect(await channelsNamed(name)).toBe(0);
  });

  it("an answer that is lost after the channel was created causes no second channel", async () => {
    const name = newName();
    const mark = recorders[0]?.mark() ?? 0;
    await discord.rest({ status: 0, times: 1, afterEffect: true });
    const answer = await create(name);
    const room = await eventually("the channel is a room", async () => {
      const found = (await manager.rooms()).find((one) => one.name === name);
      if (found === undefined) throw new Error(`not yet: ${JSON.stringify(answer)}`);
      return found;
    });
    expect(await channelsNamed(name)).toBe(1);
    await eventually("it was announced once", () => {
      const created = recorders[0]
        ?.since(mark)
        .filter(({ payload }) => JSON.stringify(payload).includes(room.channelId));
      expect(created).toHaveLength(1);
    });
  });

  // These are the last tests of the file, because they do not wait for the pauses that Discord imposes.
  it.each(["user", "global"] as const)(
    "429 of scope %s is passed on with its time",
    async (scope) => {
      const name = newName();
      await discord.rest({ status: 429, times: 1, retryAfter: 20, scope });
      const answer = await create(name);
      expect(answer).toMatchObject({ status: 503 });
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(10);
      expect(await channelsNamed(name)).toBe(0);
    },
  );
});
