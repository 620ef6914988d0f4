import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DiscordFailure } from "../../platform/discord/call.ts";
import { err, ok, type Result } from "../../platform/result.ts";
import { createRoom, type CreateRoomInput } from "./create-room.ts";
import { roomsWorld } from "../../testing/rooms-turn.ts";
import { giveUpRoom, openRoom, watchCreation } from "./hub/creation.ts";
import { changeRoom, endRoom } from "./hub/room-changes.ts";
import {
  REPAIR_ABANDONED,
  REPAIR_IN_DOUBT,
  REPAIR_GIVES_UP_MS,
  checkRoom,
  copyRoom,
  endIdleRoom,
  forgetRoom,
  repairCreation,
  type RoomsContext,
} from "./hub/room-tasks.ts";
import type { RoomsHub } from "./hub-commands.ts";
import type { RoomsCopy, RoomsDiscord } from "./ports.ts";
import type { RoomRecord } from "./room-record.ts";

const GUILD = "1";
const IDLE_MS = 15 * 60_000;
const HOUR_MS = 60 * 60_000;

/** Faults of one call to Discord, before or after it takes effect. */
const FAULTS = [
  "refused",
  "500",
  "500 after effect",
  "lost",
  "lost after effect",
  "rate limited",
] as const;
type Fault = (typeof FAULTS)[number];

const FAILURES: Readonly<Record<Fault, DiscordFailure>> = {
  refused: { kind: "refused", status: 403, code: 50_013, message: "Missing Permissions" },
  "500": { kind: "failed", status: 500 },
  "500 after effect": { kind: "failed", status: 500 },
  lost: { kind: "unknown_outcome" },
  "lost after effect": { kind: "unknown_outcome" },
  "rate limited": { kind: "rate_limited", retryAfterMs: 5_000 },
};

/** The Worker was stopped in the middle of a request. */
class Killed extends Error {}

/** A guild with its hub, its copy in D1 and its Discord, in memory; only `run` moves the clock. */
function setUp() {
  let now = 1_000_000;
  let ids = 0;
  const rows = new Map<string, RoomRecord>();
  const answers: string[] = [];
  const channels = new Map<string, { readonly name: string; readonly reason: string }>();
  const faults: (Fault | null)[] = [];
  let callsUntilKilled = Number.POSITIVE_INFINITY;
  let alive = true;
  let heardAt: (now: number) => number | null = () => null;

  const { turn, voice, take, published, tasks } = roomsWorld(GUILD, () => now);
  const { state } = turn;
  voice.saveKnowledge({ connectedSince: 0, hasSnapshot: true });

  async function discordCall<T>(
    effect: () => T,
    refusal: Fault = "refused",
  ): Promise<Result<T, DiscordFailure>> {
    const next = faults.shift() ?? null;
    const fault = next === "refused" ? refusal : next;
    if (fault === null) return ok(effect());
    if (fault.endsWith("after effect")) effect();
    return err(FAILURES[fault]);
  }
  const discord: RoomsDiscord = {
    createVoiceChannel: ({ name, reason }) =>
      discordCall(() => {
        ids += 1;
        channels.set(`c${ids}`, { name, reason });
        return { id: `c${ids}`, name };
      }),
    deleteChannel: (channelId) => discordCall(() => void channels.delete(channelId)),
    getChannel: (channelId) =>
      discordCall(() => {
        const channel = channels.get(channelId);
        return channel === undefined ? null : { id: channelId, name: channel.name };
      }),
    findByAuditReason: (_, nonce) =>
      // Without the permission to read the audit log the channel counts as absent.
      discordCall(
        () => [...channels].find(([, { reason }]) => reason.includes(nonce))?.[0] ?? null,
        "lost",
      ),
    createInvite: () => discordCall(() => ({ code: "x", expiresAt: null })),
    botUserId: () => discordCall(() => "bot"),
  };
  const copy: RoomsCopy = {
    ofChannel: async () => null,
    list: async () => [],
    write: async (room) => {
      if (room.state === "gone") rows.delete(room.id);
      else if ((rows.get(room.id)?.revision ?? -1) < room.revision) rows.set(room.id, room);
    },
  };
  const context: RoomsContext = {
    guildId: GUILD,
    now: () => now,
    turn: (work) => work(turn),
    discord,
    copy,
    answers: {
      succeeded: async (room: RoomRecord) => void answers.push(`succeeded ${room.channelId}`),
      failed: async () => void answers.push("failed"),
    },
    gatewayHeardAt: async () => heardAt(now),
  };

  /** The Worker's side can be killed between any two calls. */
  function mortal<T extends object>(port: T): T {
    return new Proxy(port, {
      get: (target, name, receiver) => {
        const member: unknown = Reflect.get(target, name, receiver);
        if (typeof member !== "function") return member;
        return async (...args: readonly unknown[]): Promise<unknown> => {
          callsUntilKilled -= 1;
          if (callsUntilKilled === 0) alive = false;
          if (!alive) throw new Killed();
          const result: unknown = await Reflect.apply(member, target, args);
          return result;
        };
      },
    });
  }
  const hub: RoomsHub = {
    reserve: async (room) => {
      changeRoom(turn, room);
      watchCreation(turn, room.id, REPAIR_ABANDONED);
      await copyRoom(context, room.id);
    },
    open: async ({ id }, channel) => (openRoom(turn, id, channel) ? "opened" : "gone"),
    giveUp: async ({ id }) => void giveUpRoom(turn, id),
    doubt: async ({ id }) => watchCreation(turn, id, REPAIR_IN_DOUBT),
    recover: async () => ({ kind: "nothing" }),
    end: async () => {},
    people: async () => [],
    read: async () => [],
  };

  return {
    state,
    rows,
    channels,
    answers,
    published,
    tasks,
    faults,
    turn,
    voice,
    take,
    /** Sets when the container's last heartbeat arrived. */
    hears: (at: (now: number) => number) => {
      heardAt = at;
    },
    killAfter: (calls: number) => {
      callsUntilKilled = calls;
    },
    create: (input: Partial<CreateRoomInput> = {}) =>
      createRoom(
        {
          discord: mortal(discord),
          hub: mortal(hub),
          clock: () => now,
          newId: () => `01H${(ids += 1)}`,
          sleep: async (ms) => {
            now += ms;
          },
          namePrefix: "room",
          idleMs: IDLE_MS,
        },
        { sub: "alice" },
        {
          guildId: GUILD,
          name: "Raid",
          userLimit: 4,
          parentId: null,
          private: false,
          allowedUserIds: [],
          idempotencyKey: null,
          ...input,
        },
      ),
    /** Lets time pass: each task runs when it is due. */
    run: async (ms: number) => {
      const end = now + ms;
      for (;;) {
        const [next] = [...tasks].toSorted((a, b) => a[1] - b[1]);
        if (next === undefined || next[1] > end) break;
        const [key, at] = next;
        now = Math.max(now, at);
        const [kind, id] = key.split("/", 2);
        if (id === undefined) throw new Error(`a task without a room: ${key}`);
        if (kind === "copy") await copyRoom(context, id);
        else if (kind === "repair") await repairCreation(context, id, false);
        else if (kind === "decide") await repairCreation(context, id, true);
        else if (kind === "idle") await endIdleRoom(context, id);
        else if (kind === "check") await checkRoom(context, id);
        else if (kind === "forget") await forgetRoom(context, id);
        if (tasks.get(key) === at) tasks.delete(key);
      }
      now = end;
    },
    news: () => published.map(({ event }) => event),
  };
}

describe("creating a room", () => {
  it("reserves, creates, opens and copies it", async () => {
    const world = setUp();
    expect(await world.create()).toEqual({
      ok: true,
      value: { channelId: "c2", name: "Raid", guildId: GUILD },
    });
    await world.run(5_000);
    expect(world.news()).toEqual(["room.created"]);
    expect([...world.rows.values()]).toMatchObject([{ channelId: "c2", state: "open" }]);
  });

  it("answers with the channel that Discord created although its answer was lost", async () => {
    for (const fault of ["lost after effect", "500 after effect"] as const) {
      const world = setUp();
      world.faults.push(fault);
      expect(await world.create()).toMatchObject({ ok: true, value: { channelId: "c2" } });
      expect(world.channels.size).toBe(1);
      expect(world.news()).toEqual(["room.created"]);
    }
  });

  it("leaves nothing behind when Discord refuses", async () => {
    for (const fault of ["refused", "500", "rate limited"] as const) {
      const world = setUp();
      world.faults.push(fault);
      expect(await world.create()).toMatchObject({ ok: false, error: { kind: "discord" } });
      await world.run(5_000);
      expect([world.rows.size, world.state.roomsIn("creating").length]).toEqual([0, 0]);
      expect(world.tasks.size).toBe(0);
      expect(world.answers).toEqual([]);
    }
  });

  it("keeps a creation without an answer open until it is certain, then frees the key", async () => {
    const world = setUp();
    world.faults.push("lost");
    expect(await world.create()).toMatchObject({ ok: false, error: { kind: "undecided" } });
    await world.run(REPAIR_IN_DOUBT.decideMs - 1);
    expect(world.answers).toEqual([]);
    await world.run(1);
    expect(world.answers).toEqual(["failed"]);
    expect(world.rows.size).toBe(0);
  });

  it("completes the key with the late answer when the channel appears", async () => {
    const world = setUp();
    world.faults.push("lost after effect", "500");
    expect(await world.create()).toMatchObject({ ok: false, error: { kind: "undecided" } });
    await world.run(10_000);
    expect(world.answers).toEqual(["succeeded c2"]);
    expect(world.news()).toEqual(["room.created"]);
  });

  it("ends a room that nobody joins, and retries until Discord deletes its channel", async () => {
    const world = setUp();
    await world.create();
    world.faults.push("500", "rate limited");
    await world.run(IDLE_MS);
    expect(world.state.roomsIn("open")).toHaveLength(1);
    await world.run(70_000);
    expect(world.state.roomsIn("open")).toHaveLength(0);
    expect(world.channels.size).toBe(0);
    expect(world.news()).toEqual(["room.created", "room.deleted"]);
  });

  it("does not end a room that somebody is in, even if the rooms area missed the join", async () => {
    const world = setUp();
    await world.create();
    world.voice.save({ userId: "u1", channelId: "c2", since: 1, isBot: false });
    await world.run(2 * IDLE_MS);
    expect(world.state.roomsIn("open")).toHaveLength(1);
    world.take({ event: "voice.left", payload: { guildId: GUILD, channelId: "c2", userId: "u1" } });
    await world.run(IDLE_MS);
    expect(world.state.roomsIn("open")).toHaveLength(0);
  });

  it("ends no room before a heartbeat of the container shows that nobody joined", async () => {
    const world = setUp();
    await world.create();
    const [room] = world.state.roomsIn("open");
    const due = (world.state.emptySince(room?.id ?? "") ?? 0) + IDLE_MS;
    let heardAt = due - 1;
    world.hears(() => heardAt);
    await world.run(IDLE_MS + 60_000);
    expect(world.state.roomsIn("open")).toHaveLength(1);
    // A user joined just before the container died, which reports it when it is back.
    const payload = { guildId: GUILD, channelId: "c2", userId: "u1" };
    world.take({ event: "voice.joined", payload });
    heardAt = due + 1;
    await world.run(IDLE_MS);
    expect(world.state.roomsIn("open")).toHaveLength(1);
    world.take({ event: "voice.left", payload });
    world.hears((now) => now);
    await world.run(IDLE_MS);
    expect(world.channels.size).toBe(0);
  });

  it("retries less and less often to end a room whose channel Discord does not delete", async () => {
    const world = setUp();
    await world.create();
    const tries = 2_000;
    world.faults.push(...Array.from({ length: tries }, () => "refused" as const));
    await world.run(IDLE_MS + 24 * HOUR_MS);
    expect(tries - world.faults.length).toBeLessThan(40);
    expect(world.state.roomsIn("open")).toHaveLength(1);
    world.faults.length = 0;
    await world.run(HOUR_MS);
    expect([world.channels.size, world.state.roomsIn("open").length]).toEqual([0, 0]);
  });

  it("loses no channel and invents no room, whatever fails and wherever the Worker dies", async () => {
    const fault = fc.constantFrom(null, ...FAULTS);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fault, { maxLength: 6 }),
        fc.option(fc.integer({ min: 1, max: 7 }), { nil: Number.POSITIVE_INFINITY }),
        fc.boolean(),
        async (faults, killAfter, isPrivate) => {
          const world = setUp();
          world.faults.push(...faults);
          world.killAfter(killAfter);
          let answer: Awaited<ReturnType<typeof world.create>> | null = null;
          try {
            answer = await world.create({ private: isPrivate });
          } catch (error) {
            if (!(error instanceof Killed)) throw error;
          }
          await world.run(60_000);
          // The remaining faults must end before the hub stops looking.
          await world.run(REPAIR_GIVES_UP_MS - 120_000);

          const open = world.state.roomsIn("open");
          expect(world.state.roomsIn("creating")).toEqual([]);
          expect(open.map(({ channelId }) => channelId)).toEqual([...world.channels.keys()]);
          expect([...world.rows.values()]).toEqual(open);
          expect(world.news()).toEqual(open.map(() => "room.created"));
          if (answer?.ok === true) expect(open[0]?.channelId).toBe(answer.value.channelId);
          if (answer?.ok === false && answer.error.kind === "discord") expect(open).toEqual([]);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("the channel of a room that has ended", () => {
  const joined = (userId: string, channelId = "c2") => ({
    event: "voice.joined",
    payload: { guildId: GUILD, channelId, userId, user: { name: userId, avatar: null } },
  });
  const refusals = (fault: Fault, count = 1_000): Fault[] =>
    Array.from({ length: count }, () => fault);

  /** An ended private room whose channel still exists, because the bot was away. */
  async function ended() {
    const world = setUp();
    await world.create({ private: true });
    const [room] = world.state.roomsIn("open");
    if (room === undefined) throw new Error("no room");
    endRoom(world.turn, room);
    await world.run(5_000);
    world.published.length = 0;
    return { ...world, id: room.id };
  }

  it("reopens its room although the bot may not see the channel, and holds no other channel up", async () => {
    const world = await ended();
    world.faults.push(...refusals("refused"));
    world.take(joined("u1"));
    world.take(joined("u2", "lobby"));
    expect(world.news()).toEqual(["voice.joined"]);
    await world.run(1_000);
    expect(world.news().slice(1)).toEqual(["room.created", "voice.joined"]);
    expect(world.published.map(({ audience }) => audience === null)).toEqual([true, false, false]);
    expect([world.state.heldCount(), world.state.unsettledChannels()]).toEqual([0, []]);
    expect(world.state.room(world.id)).toMatchObject({ state: "open", channelId: "c2" });
  });

  it("counts as existing when Discord has not answered for long", async () => {
    const world = await ended();
    world.faults.push(...refusals("500"));
    world.take(joined("u1"));
    await world.run(REPAIR_GIVES_UP_MS - 1);
    expect(world.news()).toEqual([]);
    await world.run(60_000);
    expect(world.news()).toEqual(["room.created", "voice.joined"]);
    expect(world.state.heldCount()).toBe(0);
  });

  it("is never visible to everybody while it exists, however long the bot was away", async () => {
    for (const fault of [null, "refused"] as const) {
      const world = await ended();
      world.faults.push(...(fault === null ? [] : refusals(fault, 3)));
      await world.run(5 * 24 * HOUR_MS);
      world.take(joined("u1"));
      await world.run(1_000);
      expect(world.news()).toEqual(["room.created", "voice.joined"]);
      expect(world.published.every(({ audience }) => audience !== null)).toBe(true);
      expect(world.state.findPeople({ q: "", limit: 10 })).toEqual([]);
    }
  });

  it("is forgotten once it is gone, with its held events, and is checked less and less often", async () => {
    const world = await ended();
    const asked = refusals("refused");
    world.faults.push(...asked);
    await world.run(100 * 24 * HOUR_MS);
    expect(asked.length - world.faults.length).toBeLessThan(10);
    world.faults.length = 0;
    world.channels.clear();
    const due = world.tasks.get(`forget/${world.id}`) ?? 0;
    await world.run(due - world.turn.hub.now() - 1_000);
    // It is seen once more, and Discord does not answer before the room is forgotten.
    world.faults.push("500");
    world.take(joined("u1"));
    world.take(joined("u2"));
    await world.run(1_000);
    expect(world.state.room(world.id)).toBeNull();
    expect([world.state.heldCount(), world.state.unsettledChannels()]).toEqual([0, []]);
    await world.run(HOUR_MS);
    expect([world.news(), [...world.tasks.keys()]]).toEqual([[], []]);
  });

  it("is not forgotten until Discord answers, which is asked again", async () => {
    const world = await ended();
    world.channels.clear();
    world.faults.push(...refusals("lost", 3));
    await world.run(24 * HOUR_MS);
    expect(world.state.room(world.id)).not.toBeNull();
    await world.run(HOUR_MS);
    expect([world.state.room(world.id), world.faults]).toEqual([null, []]);
  });
});
