import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PRIMARY_GUILD } from "../dev/discord/seed.ts";
import { Api } from "../dev/testing/api.ts";
import { checkHistory, checkSame } from "./checker.ts";
import { eventually } from "../dev/testing/eventually.ts";
import type { DiscordControl } from "../dev/discord/control-client.ts";
import type { TokenOptions } from "../dev/idp/dev-token.ts";
import { Recorder } from "./recorder.ts";
import { startStack, type Stack } from "../dev/testing/stack.ts";

const USER_1 = "200000000000000001";
const USER_2 = "200000000000000002";

let stack: Stack;
let discord: DiscordControl;
const recorders: Recorder[] = [];

beforeAll(async () => {
  stack = await startStack();
  discord = stack.discord;
});
afterAll(async () => {
  for (const recorder of recorders) recorder.stop();
  await stack.stop();
});

async function api(sub: string, options?: TokenOptions): Promise<Api> {
  return new Api(stack, await stack.token(sub, options));
}

async function record(sub: string, options?: TokenOptions, guildId?: string): Promise<Recorder> {
  const recorder = new Recorder(stack.urls.worker, () => stack.token(sub, options), guildId);
  recorders.push(recorder);
  await eventually(`${sub} is connected and has a snapshot`, () => {
    expect(recorder.history.some(({ kind }) => kind === "snapshot")).toBe(true);
  });
  return recorder;
}

/** Waits for exactly these events after the mark. */
async function sees(
  recorder: Recorder,
  mark: number,
  expected: readonly [string, Readonly<Record<string, unknown>>][],
): Promise<void> {
  const wanted = expected.map(([event, payload]) => ({ event, payload }));
  await eventually("the last event has come", () => {
    expect(recorder.since(mark).length).toBeGreaterThanOrEqual(wanted.length);
  }).catch(() => {});
  expect(recorder.since(mark)).toMatchObject(wanted);
}

describe("a room and its people", () => {
  it("produce events that reach every socket once and in order", async () => {
    const alice = await api("alice");
    const [one, two] = [await record("alice"), await record("bob")];
    const marks = [one.mark(), two.mark()] as const;

    const first = await alice.createRoom({ name: "First" });
    const second = await alice.createRoom({ name: "Second" });
    await discord.move(USER_1, first);
    await discord.move(USER_2, first);
    await discord.move(USER_1, first, true);
    await discord.move(USER_1, second);
    await discord.move(USER_2, null);
    await sees(one, marks[0], [
      ["room.created", { channelId: first, name: "First", guildId: PRIMARY_GUILD }],
      ["room.created", { channelId: second, name: "Second", guildId: PRIMARY_GUILD }],
      ["voice.joined", { channelId: first, userId: USER_1 }],
      ["voice.joined", { channelId: first, userId: USER_2 }],
      ["voice.left", { channelId: first, userId: USER_1 }],
      ["voice.joined", { channelId: second, userId: USER_1 }],
      ["voice.left", { channelId: first, userId: USER_2 }],
    ]);
    await sees(
      two,
      marks[1],
      one.since(marks[0]).map(({ event, payload }) => [event, { ...Object(payload) }]),
    );
    const members = new Map(
      (await alice.rooms()).map((room) => [
        room.channelId,
        room.members.map((member) => member.userId),
      ]),
    );
    expect(members.get(first)).toEqual([]);
    expect(members.get(second)).toEqual([USER_1]);

    const end = one.mark();
    await alice.endRoom(second);
    await alice.endRoom(second);
    await alice.endRoom(first);
    await sees(one, end, [
      ["voice.left", { channelId: second, userId: USER_1 }],
      ["room.deleted", { channelId: second, guildId: PRIMARY_GUILD }],
      ["room.deleted", { channelId: first, guildId: PRIMARY_GUILD }],
    ]);
    checkSame(one.history, two.history);
    checkHistory(one.history);
    expect((await alice.call("GET", `/rooms/${first}`)).body).toMatchObject({ state: "ended" });
  });

  it("end once when a user deletes the channel in Discord", async () => {
    const alice = await api("alice");
    const room = await alice.createRoom({ name: "By hand" });
    await discord.move(USER_1, room);
    const recorder = await record("alice");
    await eventually("the member is known", async () => {
      expect((await alice.rooms()).find((found) => found.channelId === room)?.members).toHaveLength(
        1,
      );
    });
    await discord.deleteChannel(room);
    await eventually("the room has ended", async () => {
      expect((await alice.call("GET", `/rooms/${room}`)).body).toMatchObject({ state: "ended" });
    });
    await alice.endRoom(room);
    const ended = () => recorder.events.filter(({ event }) => event === "room.deleted");
    await eventually("the end was sent", () => expect(ended()).toHaveLength(1));
    // The next event has arrived, and the repeated one did not arrive before it.
    const next = await alice.createRoom();
    await eventually("the next room", () => {
      expect(recorder.events.at(-1)?.payload).toMatchObject({ channelId: next });
    });
    expect(ended()).toHaveLength(1);
    checkHistory(recorder.history);
    await alice.endRoom(next);
  });

  it("are not our rooms when we did not create them", async () => {
    const alice = await api("alice");
    const recorder = await record("alice");
    const mark = recorder.mark();
    const foreign = await discord.createChannel("Foreign");
    await discord.move(USER_1, foreign);
    await discord.move(USER_1, null);
    await sees(recorder, mark, [
      ["voice.joined", { channelId: foreign, userId: USER_1 }],
      ["voice.left", { channelId: foreign, userId: USER_1 }],
    ]);
    const answer = await alice.call("DELETE", `/end-room/${foreign}`);
    expect(answer.status).toBe(404);
    expect(await discord.voiceChannels(PRIMARY_GUILD)).toContain("Foreign");
    await discord.deleteChannel(foreign);
  });

  it("are created once for one idempotency key, at the same time and later", async () => {
    const alice = await api("alice");
    const key = { "idempotency-key": crypto.randomUUID() };
    const create = () => alice.call("POST", "/create-room", { name: "Only one" }, key);
    const answers = await Promise.all([create(), create(), create()]);
    expect(answers.map(({ status }) => status)).toContain(200);
    for (const { status } of answers) expect([200, 409]).toContain(status);
    const replay = await create();
    expect(replay.status).toBe(200);
    const names = await discord.voiceChannels(PRIMARY_GUILD);
    expect(names.filter((name) => name === "Only one")).toHaveLength(1);
    const other = await alice.call("POST", "/create-room", { name: "Another" }, key);
    expect(other.status).toBe(422);
  });
});

describe("a private room", () => {
  it("is visible to its creator, its guests and room managers only", async () => {
    const creator = { discord_id: "300000000000000001" };
    const guest = { discord_id: "300000000000000002" };
    const manager = { scope: "rooms:manage" };
    const who = {
      creator: await record("priv-creator", creator),
      guest: await record("priv-guest", guest),
      manager: await record("priv-manager", manager),
      stranger: await record("priv-stranger"),
    };
    const marks = Object.fromEntries(
      Object.entries(who).map(([name, recorder]) => [name, recorder.mark()]),
    );
    const owner = await api("priv-creator", creator);
    const room = await owner.createRoom({
      name: "Secret",
      private: true,
      allowedUserIds: [guest.discord_id],
    });
    await discord.move(guest.discord_id, room);
    // The move arrives through the container, which may take longer than the creation of a room.
    await eventually("the move has arrived", () => {
      expect(who.creator.since(marks["creator"] ?? 0)).toHaveLength(2);
    });
    const open = await owner.createRoom({ name: "Public after it" });

    const publicEvent = ["room.created", { channelId: open }] as const;
    const events = [
      ["room.created", { channelId: room, name: "Secret" }],
      ["voice.joined", { channelId: room, userId: guest.discord_id }],
      [...publicEvent],
    ] as [string, Record<string, unknown>][];
    for (const name of ["creator", "guest", "manager"] as const) {
      await sees(who[name], marks[name] ?? 0, events);
    }
    await sees(who.stranger, marks["stranger"] ?? 0, [[...publicEvent]]);
    const jump = who.stranger.events.at(-1);
    expect(jump?.prev).toBeLessThan((jump?.seq ?? 0) - 1);

    const listed = async (reader: Api) => (await reader.rooms()).map(({ channelId }) => channelId);
    expect(await listed(owner)).toContain(room);
    expect(await listed(await api("priv-guest", guest))).toContain(room);
    expect(await listed(await api("priv-manager", manager))).toContain(room);
    const stranger = await api("priv-stranger");
    expect(await listed(stranger)).not.toContain(room);
    expect((await stranger.call("GET", `/rooms/${room}`)).status).toBe(404);
    expect((await stranger.call("DELETE", `/end-room/${room}`)).status).toBeGreaterThanOrEqual(403);

    const late = await record("priv-stranger");
    expect(JSON.stringify(late.history)).not.toContain(room);
    const invited = await record("priv-guest", guest);
    expect(JSON.stringify(invited.history)).toContain(room);
    await owner.endRoom(room);
    await owner.endRoom(open);
    await sees(who.stranger, marks["stranger"] ?? 0, [
      [...publicEvent],
      ["room.deleted", { channelId: open }],
    ]);
  });
});

describe("several guilds", () => {
  it("are kept apart, and chosen by the token's claim alone", async () => {
    const other = await discord.createGuild("Second guild");
    const both = { guilds: [PRIMARY_GUILD, other] };
    const member = await api("guilds-both", both);
    const here = await record("guilds-both", both);
    const there = await record("guilds-both", both, other);
    const marks = [here.mark(), there.mark()] as const;

    const room = await member.createRoom({ name: "Over there", guildId: other });
    await discord.move(USER_2, room);
    await sees(there, marks[1], [
      ["room.created", { channelId: room, guildId: other }],
      ["voice.joined", { channelId: room, userId: USER_2 }],
    ]);
    expect(await discord.voiceChannels(other)).toContain("Over there");
    expect(here.since(marks[0])).toEqual([]);
    expect((await member.rooms(`&guildId=${other}`)).map((one) => one.channelId)).toEqual([room]);

    const outsider = await api("guilds-none", { guilds: [PRIMARY_GUILD] });
    const refused = await outsider.call("POST", "/create-room", { guildId: other });
    expect(refused.status).toBe(403);
    expect((await outsider.call("POST", "/ws/ticket", { guildId: other })).status).toBe(403);
    const plain = await api("guilds-plain");
    const answer = await plain.call("POST", "/create-room", { guildId: other });
    expect(answer.body).toMatchObject({ guildId: PRIMARY_GUILD });
    await member.endRoom(room);
    checkHistory(there.history);
  });
});

describe("a lost connection", () => {
  it("loses no event and repeats none", async () => {
    const alice = await api("alice-lost");
    const [still, moving] = [await record("alice-lost"), await record("bob-lost")];
    const rooms = [await alice.createRoom(), await alice.createRoom()];
    for (let round = 0; round < 10; round++) {
      const moves = rooms.map((room, i) => discord.move(i === 0 ? USER_1 : USER_2, room));
      moving.drop();
      await Promise.all(moves);
      rooms.reverse();
    }
    await eventually("both have reached the same position", () => {
      expect(moving.isConnected && moving.seq).toBe(still.seq);
    });
    checkSame(still.history, moving.history);
    const { resets } = checkHistory(moving.history);
    expect(resets).toBe(0);
    expect(moving.history.filter(({ kind }) => kind === "closed").length).toBeGreaterThan(0);
    for (const room of rooms) await alice.endRoom(room);
  });
});
