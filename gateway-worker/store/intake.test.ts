import { chmod, cp, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SIGNED_BODY_MAX_BYTES } from "../../src/protocol/limits.ts";
import { openDatabase } from "./database.ts";
import { GuildStore } from "./guild-store.ts";
import { Intake } from "./intake.ts";
import { Outbox } from "./outbox.ts";
import { SettingsStore } from "./settings-store.ts";

const GUILD = "100000000000000001";
const OTHER = "100000000000000002";

let directory: string;
let db: DatabaseSync;
let outbox: Outbox;
let guilds: GuildStore;
let settings: SettingsStore;
let intake: Intake;
let seq: number;
let ids: number;
let traces: number;
let appended: string[];
let now: number;

/** What a process start loads from the directory. */
function open(): void {
  const opened = openDatabase(directory);
  if (!opened.ok) throw new Error(opened.message);
  ({ db } = opened);
  outbox = new Outbox(db);
  guilds = new GuildStore(db);
  settings = new SettingsStore(db);
  intake = new Intake({
    db,
    settings,
    guilds,
    outbox,
    primaryGuildId: GUILD,
    now: () => now,
    newId: () => {
      ids += 1;
      return `id-${ids}`;
    },
    newTrace: () => {
      traces += 1;
      return `trace-${traces}`;
    },
    onAppended: (guildId) => appended.push(guildId),
    onOverflow: () => undefined,
  });
}

function reopen(): void {
  db.close();
  open();
}

function dispatch(name: string, data: unknown) {
  seq += 1;
  return intake.dispatch({ sessionId: "s", resumeUrl: "ws://r", seq }, name, data);
}

/** Removes and returns a guild's waiting events. */
function drain(guildId = GUILD): string[] {
  const events = outbox.head(guildId, 1_000);
  const last = events.at(-1);
  if (last !== undefined) outbox.removeTo(guildId, last.position);
  return events.map(({ event }) => event);
}

function begin(): void {
  const channels = [{ id: "a", type: 2, name: "a" }];
  dispatch("READY", { guilds: [{ id: GUILD }, { id: OTHER }] });
  intake.setGatewayState("connected");
  for (const id of [GUILD, OTHER]) {
    dispatch("GUILD_CREATE", {
      id,
      channels,
      voice_states: [{ user_id: "u", channel_id: "a" }],
    });
  }
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "intake-"));
  seq = 0;
  ids = 0;
  traces = 0;
  appended = [];
  now = 1_000;
  open();
});

afterEach(async () => {
  db.close();
  await rm(directory, { recursive: true, force: true });
});

describe("a new session", () => {
  test("each guild gets the connection's state and a snapshot", () => {
    begin();
    expect(drain()).toEqual(["gateway.state", "guild.snapshot"]);
    expect(drain(OTHER)).toEqual(["gateway.state", "guild.snapshot"]);
  });

  test("the same guild again: only the difference", () => {
    begin();
    drain();
    dispatch("GUILD_CREATE", { id: GUILD, channels: [{ id: "b", type: 2, name: "b" }] });
    expect(drain()).toEqual(["voice.left", "room.deleted", "room.created"]);
  });

  test("after the next READY the hub compares: a snapshot, no differences", () => {
    begin();
    drain();
    intake.setGatewayState("down");
    dispatch("READY", { guilds: [{ id: GUILD }, { id: OTHER }] });
    intake.setGatewayState("connected");
    dispatch("GUILD_CREATE", { id: GUILD, channels: [] });
    expect(drain()).toEqual(["gateway.state", "gateway.state", "gateway.state", "guild.snapshot"]);
  });

  test("a guild that is no longer in READY is removed", () => {
    begin();
    drain(OTHER);
    dispatch("READY", { guilds: [{ id: GUILD }] });
    expect(drain(OTHER)).toEqual(["voice.left", "room.deleted"]);
    expect(guilds.get(OTHER)).toBeUndefined();
  });

  test("READY with an unreadable guild removes no guild", () => {
    begin();
    drain(OTHER);
    expect(dispatch("READY", { guilds: [{ id: GUILD }, { id: 5 }] })).toMatchObject({
      kind: "taken",
      skipped: [expect.stringContaining("guilds.1.id")],
    });
    expect(drain(OTHER)).toEqual([]);
    expect(guilds.get(OTHER)?.available).toBe(false);
  });

  test("a new guild without a list of channels does not count as empty: nothing is sent about it", () => {
    dispatch("READY", { guilds: [{ id: GUILD }] });
    intake.setGatewayState("connected");
    expect(dispatch("GUILD_CREATE", { id: GUILD, channels: null }).kind).toBe("taken");
    expect(drain()).toEqual(["gateway.state"]);
    expect(guilds.get(GUILD)?.available).toBe(false);
  });

  test("a guild that the bot joins later gets the connection's state too", () => {
    begin();
    dispatch("GUILD_CREATE", { id: "g3", channels: [] });
    expect(drain("g3")).toEqual(["gateway.state", "guild.snapshot"]);
  });
});

describe("lost guilds", () => {
  test("an outage keeps everything, and the hub gets its beginning and its end", () => {
    begin();
    drain();
    drain(OTHER);
    dispatch("GUILD_DELETE", { id: GUILD, unavailable: true });
    dispatch("GUILD_DELETE", { id: GUILD, unavailable: true });
    expect(guilds.get(GUILD)?.available).toBe(false);
    expect(outbox.head(GUILD, 9).map(({ event, payload }) => [event, JSON.parse(payload)])).toEqual(
      [["gateway.state", { guildId: GUILD, state: "down", since: 1_000 }]],
    );
    drain();
    reopen();
    dispatch("GUILD_CREATE", {
      id: GUILD,
      channels: [{ id: "a", type: 2, name: "a" }],
      voice_states: [{ user_id: "u", channel_id: "a" }],
    });
    expect(drain()).toEqual(["gateway.state", "guild.snapshot"]);
    expect(drain(OTHER)).toEqual([]);
  });

  test("a guild that removed the bot", () => {
    begin();
    drain();
    dispatch("GUILD_DELETE", { id: GUILD });
    dispatch("GUILD_DELETE", { id: GUILD });
    expect(drain()).toEqual(["voice.left", "room.deleted"]);
    reopen();
    expect(guilds.get(GUILD)).toBeUndefined();
  });
});

describe("the next process", () => {
  test("has the session, the guilds and the waiting events", () => {
    begin();
    dispatch("CHANNEL_DELETE", { guild_id: GUILD, id: "a", type: 2 });
    const before = structuredClone(guilds.all());
    const waiting = outbox.totals();
    reopen();
    expect(settings.session()).toEqual({ sessionId: "s", resumeUrl: "ws://r", seq });
    expect(guilds.all()).toEqual(before);
    expect(outbox.totals()).toEqual(waiting);
    expect(intake.gatewayState?.state).toBe("connected");
  });

  test("has the names of people in voice, and uses a file without names", () => {
    begin();
    const member = { user: { id: "u", username: "Ada", avatar: null } };
    const mute = { guild_id: GUILD, user_id: "u", channel_id: "a", member };
    dispatch("VOICE_STATE_UPDATE", mute);
    reopen();
    expect(guilds.get(GUILD)?.users.get("u")).toEqual({ name: "Ada", avatar: null });
    dispatch("VOICE_STATE_UPDATE", { guild_id: GUILD, user_id: "u", channel_id: "b" });
    reopen();
    expect(guilds.get(GUILD)?.users.get("u")).toEqual({ name: "Ada", avatar: null });
    db.exec("ALTER TABLE voice_states DROP COLUMN user");
    db.exec("PRAGMA user_version = 2");
    reopen();
    expect(guilds.get(GUILD)?.voice.get("u")).toBe("b");
    expect(guilds.get(GUILD)?.users.size).toBe(0);
  });

  test("a snapshot that would be too large with names is sent without them", () => {
    const people = Array.from({ length: 9_000 }, (_, i) => `1000000000000${i}`);
    dispatch("READY", { guilds: [{ id: GUILD }] });
    intake.setGatewayState("connected");
    dispatch("GUILD_CREATE", {
      id: GUILD,
      channels: [{ id: "a", type: 2, name: "a" }],
      voice_states: people.map((id) => ({ user_id: id, channel_id: "a" })),
      members: people.map((id) => ({ nick: "n".repeat(60), user: { id } })),
    });
    const [event] = outbox.head(GUILD, 10).filter(({ event: name }) => name === "guild.snapshot");
    expect(event?.payload.length).toBeLessThan(SIGNED_BODY_MAX_BYTES);
    expect(event?.payload).not.toContain("nnnn");
    expect(guilds.get(GUILD)?.users.size).toBe(people.length);
  });

  test("sends a snapshot after it has resumed, not an outdated one before", () => {
    begin();
    drain();
    reopen();
    intake.begin();
    intake.setGatewayState("resuming");
    dispatch("CHANNEL_CREATE", { guild_id: GUILD, id: "b", type: 2, name: "b" });
    expect(drain()).toEqual(["gateway.state", "room.created"]);
    dispatch("RESUMED", {});
    intake.setGatewayState("connected");
    expect(drain()).toEqual(["guild.snapshot", "gateway.state"]);
  });

  test("sends one after every resume", () => {
    begin();
    drain();
    dispatch("RESUMED", {});
    expect(drain()).toEqual(["guild.snapshot"]);
  });
});

describe("after a long silence the hubs get a snapshot", () => {
  /** Discord acknowledges a heartbeat that was sent at this time. */
  const answerTo = (sentAt: number): string[] => {
    intake.beatAnswered(sentAt);
    return drain();
  };

  beforeEach(() => {
    begin();
    drain();
  });

  test("once, when Discord acknowledges a heartbeat that was sent since then", () => {
    expect(answerTo(1_000)).toEqual([]);
    now = 5_000;
    intake.repeatSnapshots();
    expect(drain()).toEqual([]);
    // It was sent before the network failed: dispatches from the meantime may still be under way.
    expect(answerTo(4_999)).toEqual([]);
    expect(answerTo(5_000)).toEqual(["guild.snapshot"]);
    expect(answerTo(6_000)).toEqual([]);
  });

  test("with everything that arrived before that answer", () => {
    intake.repeatSnapshots();
    dispatch("CHANNEL_CREATE", { guild_id: GUILD, id: "b", type: 2, name: "b" });
    intake.beatAnswered(now);
    const snapshot = outbox.head(GUILD, 9).at(-1);
    expect(snapshot?.event).toBe("guild.snapshot");
    expect(snapshot?.payload).toContain('"channelId":"b"');
  });

  test("not while a resume is under way: once, with its RESUMED", () => {
    intake.setGatewayState("resuming");
    drain();
    intake.repeatSnapshots();
    expect(answerTo(now)).toEqual([]);
    intake.repeatSnapshots();
    dispatch("RESUMED", {});
    intake.setGatewayState("connected");
    expect(drain()).toEqual(["guild.snapshot", "gateway.state"]);
    expect(answerTo(now)).toEqual([]);
  });

  test("not while the connection is down: after the new session has sent the guild", () => {
    intake.setGatewayState("down");
    drain();
    intake.repeatSnapshots();
    expect(answerTo(now)).toEqual([]);
    dispatch("READY", { guilds: [{ id: GUILD }, { id: OTHER }] });
    intake.setGatewayState("connected");
    expect(drain()).toEqual(["gateway.state"]);
    intake.repeatSnapshots();
    expect(answerTo(now)).toEqual([]);
    dispatch("GUILD_CREATE", { id: GUILD, channels: [] });
    expect(drain()).toEqual(["gateway.state", "guild.snapshot"]);
  });

  test("not for a guild that Discord does not serve: after its outage", () => {
    dispatch("GUILD_DELETE", { id: GUILD, unavailable: true });
    drain();
    intake.repeatSnapshots();
    expect(answerTo(now)).toEqual([]);
    dispatch("GUILD_CREATE", { id: GUILD, channels: [] });
    expect(drain()).toEqual(["gateway.state", "guild.snapshot"]);
  });
});

describe("traces", () => {
  const tracesOf = (guildId = GUILD): (string | null)[] =>
    outbox.head(guildId, 1_000).map(({ trace }) => trace);

  test("the events of one dispatch share a trace; the next one has its own", () => {
    begin();
    drain();
    dispatch("CHANNEL_CREATE", { guild_id: GUILD, id: "b", type: 2, name: "b" });
    dispatch("VOICE_STATE_UPDATE", { guild_id: GUILD, user_id: "u", channel_id: "b" });
    const [created, left, joined] = tracesOf();
    expect(tracesOf()).toHaveLength(3);
    expect(left).toMatch(/^trace-\d+$/);
    expect(joined).toBe(left);
    expect(created).not.toBe(left);
  });

  test("a dispatch returns its trace, unless it caused no event", () => {
    begin();
    drain();
    const move = { guild_id: GUILD, user_id: "u", channel_id: null };
    const taken = dispatch("VOICE_STATE_UPDATE", move);
    expect(taken).toEqual({ kind: "taken", trace: tracesOf()[0], skipped: [] });
    expect(dispatch("VOICE_STATE_UPDATE", move)).toMatchObject({ kind: "taken", trace: null });
  });

  test("a trace stays with its event over a restart", () => {
    begin();
    const before = tracesOf();
    reopen();
    expect(tracesOf()).toEqual(before);
  });

  test("a file without traces is used", () => {
    begin();
    db.exec("ALTER TABLE outbox DROP COLUMN trace");
    db.exec("ALTER TABLE voice_states DROP COLUMN user");
    db.exec("PRAGMA user_version = 1");
    reopen();
    expect(tracesOf()).toEqual([null, null]);
    intake.setGatewayState("down");
    expect(tracesOf()[2]).toMatch(/^trace-/);
  });
});

describe("one transaction for each dispatch", () => {
  test("when it fails, neither the event nor Discord's sequence is stored", () => {
    begin();
    drain();
    db.exec(`CREATE TEMP TRIGGER full BEFORE INSERT ON outbox
      BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`);
    expect(() =>
      dispatch("VOICE_STATE_UPDATE", { guild_id: GUILD, user_id: "v", channel_id: "a" }),
    ).toThrow("the disk is full");
    reopen();
    expect(settings.session()?.seq).toBe(seq - 1);
    expect(guilds.get(GUILD)?.voice.has("v")).toBe(false);
    expect(outbox.depth(GUILD).events).toBe(0);
  });

  test("a dispatch that is not for us or is malformed still moves the sequence", () => {
    begin();
    appended = [];
    expect(dispatch("TYPING_START", {})).toEqual({ kind: "ignored" });
    expect(dispatch("VOICE_STATE_UPDATE", { user_id: 5 }).kind).toBe("malformed");
    expect(settings.session()?.seq).toBe(seq);
    expect(appended).toEqual([]);
  });
});

describe("opening", () => {
  test("a second process on the same directory is refused, with the variable's name", () => {
    const second = openDatabase(directory, 50);
    expect(second).toMatchObject({
      ok: false,
      message: expect.stringMatching(/^STATE_DIR: another/),
    });
  });

  test("a directory that cannot be created", async () => {
    const file = join(directory, "file");
    await writeFile(file, "");
    expect(openDatabase(join(file, "below"))).toMatchObject({
      ok: false,
      message: expect.stringMatching(/^STATE_DIR: .*cannot be created/),
    });
  });

  test("a file of a newer version is not touched", () => {
    db.exec("PRAGMA user_version = 99");
    db.close();
    expect(openDatabase(directory)).toMatchObject({
      ok: false,
      message: expect.stringContaining("newer version"),
    });
    db = new DatabaseSync(":memory:");
  });

  test("files that an earlier version left readable for others are closed, and no other files", async () => {
    const modes = async (): Promise<string[]> =>
      Promise.all(
        (await readdir(directory)).toSorted().map(async (name) => {
          const { mode } = await stat(join(directory, name));
          return `${name} ${(mode & 0o777).toString(8)}`;
        }),
      );
    await writeFile(join(directory, "dead-letters.jsonl"), "");
    await writeFile(join(directory, "notes"), "");
    begin();
    for (const name of await readdir(directory)) await chmod(join(directory, name), 0o644);
    expect(await modes()).toEqual([
      "dead-letters.jsonl 644",
      "notes 644",
      "state.sqlite 644",
      "state.sqlite-wal 644",
    ]);
    // As after a SIGKILL: what the process had not yet written to the database is still in the `-wal` file.
    const crashed = await mkdtemp(join(tmpdir(), "intake-"));
    await cp(directory, crashed, { recursive: true });
    db.close();
    await rm(directory, { recursive: true });
    directory = crashed;
    open();
    expect(await modes()).toEqual([
      "dead-letters.jsonl 600",
      "notes 644",
      "state.sqlite 600",
      "state.sqlite-wal 600",
    ]);
    expect(guilds.get(GUILD)?.known).toBe(true);
  });

  test("a file that is not a database", async () => {
    const other = await mkdtemp(join(tmpdir(), "intake-"));
    await writeFile(join(other, "state.sqlite"), "hello".repeat(1_000));
    expect(openDatabase(other)).toMatchObject({
      ok: false,
      message: expect.stringContaining("cannot be used"),
    });
    await rm(other, { recursive: true });
  });
});
