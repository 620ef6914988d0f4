import { describe, expect, it } from "vitest";
import { faceitMatch, MATCH_ID, rosters } from "../../../testing/faceit-matches.ts";
import { unsettled } from "../../../testing/unsettled.ts";
import { LOBBY, MatchGuild } from "../../../testing/virtual-discord.ts";
import { VirtualMatch, type WriteFault } from "../../../testing/virtual-match.ts";
import { revived } from "./revive.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const PLAYERS = ["a1", "a2", "b1", "b2"];

/** A match whose four players are linked and in the guild; `a1` waits in the lobby. */
function linkedMatch(
  config: ConstructorParameters<typeof VirtualMatch>[0] = {},
  guild = new MatchGuild(),
  matchId = MATCH_ID,
): VirtualMatch {
  const match = new VirtualMatch(config, guild, matchId);
  for (const player of [...PLAYERS, "c1"]) match.members.add(`d-${player}`);
  for (const player of PLAYERS) match.links.set(player, `d-${player}`);
  match.voice.set("d-a1", LOBBY);
  return match;
}

function begin(match: VirtualMatch): VirtualMatch {
  match.advance("READY", rosters());
  match.hint("match_status_ready");
  return match;
}

async function readyMatch(config: ConstructorParameters<typeof VirtualMatch>[0] = {}) {
  const match = begin(linkedMatch(config));
  await match.pass(0);
  expect(unsettled(match)).toEqual([]);
  return match;
}

async function finish(match: VirtualMatch, ms = HOUR): Promise<void> {
  match.advance("FINISHED");
  match.hint("match_status_finished");
  await match.pass(ms);
}

const count = (match: VirtualMatch, call: string): number =>
  match.calls.filter((name) => name === call).length;
const many = <T>(value: T, times = 5_000): T[] => Array.from({ length: times }, () => value);
const down = many({ kind: "failed" } as const);

describe("a room never loops, and always ends", () => {
  it("when there is no news for hours while people are in its channels", async () => {
    const match = await readyMatch();
    match.faceitFaults = [...down];
    await match.pass(12 * HOUR);
    const reads = match.faceitReads;
    await match.pass(HOUR);
    expect(match.faceitReads - reads).toBeLessThan(15);
    expect(match.ours).toHaveLength(2);
    // Nobody tells it that they leave.
    match.voice.clear();
    await match.pass(10 * MINUTE);
    expect([match.ours.length, match.rows.size, match.state?.phase]).toEqual([0, 0, "closed"]);
  });

  it("when a match is scheduled far ahead", async () => {
    const match = linkedMatch();
    match.faceit = { ...faceitMatch("SCHEDULED", 5, rosters()), scheduledAt: match.now + 2 * DAY };
    match.hint("match_object_created");
    await match.pass(2 * DAY - 16 * MINUTE);
    expect([match.state?.phase, match.ours.length]).toEqual(["live", 0]);
    expect(match.faceitReads).toBeLessThan(12);
    await match.pass(2 * MINUTE);
    expect(match.ours).toHaveLength(2);
  });

  it("when FACEIT or Discord asks for a pause of zero seconds", async () => {
    const match = begin(linkedMatch());
    match.faceitFaults = many({ kind: "rate_limited", retryAfterMs: 0 });
    await match.pass(MINUTE);
    expect(match.faceitReads).toBeLessThan(302);
    match.faceitFaults = [];
    match.pauseMs = 0;
    match.faults = many("rate limited");
    await match.pass(MINUTE);
    expect(match.calls.length).toBeLessThan(605);
    match.faults = [];
    await match.pass(MINUTE);
    expect(unsettled(match)).toEqual([]);
  });

  it("when Discord says that the category is full for a channel outside all categories", async () => {
    const match = linkedMatch({ categoryId: undefined });
    match.refusal = {
      kind: "refused",
      status: 400,
      code: 50_035,
      message: "",
      formErrors: ["CHANNEL_PARENT_MAX_CHANNELS"],
    };
    match.faults = many("refused", 10);
    begin(match);
    await match.pass(0);
    expect(count(match, "create")).toBeLessThan(8);
    match.faults = [];
    await match.pass(HOUR);
    expect(unsettled(match)).toEqual([]);
  });

  it("when the bot was removed from the guild, before the end or after it", async () => {
    const match = await readyMatch();
    match.refusal = { kind: "refused", status: 403, code: 50_001, message: "Missing Access" };
    match.faults = many("refused", 100_000);
    match.links.delete("a2");
    match.look();
    const calls = match.calls.length;
    await match.pass(2 * HOUR);
    expect(match.calls.length - calls).toBeLessThan(30);
    await finish(match, 12 * HOUR);
    expect(match.state?.phase).toBe("closing");
    expect(match.record?.state).toBe("ended");
    expect(match.calls.length - calls).toBeLessThan(250);
    // If the bot comes back, the sweep deletes the channels that are left, because no match owns them.
    await match.pass(13 * HOUR);
    expect([match.state?.phase, match.rows.size, match.alarmAt]).toEqual(["closed", 0, null]);
    expect(match.record?.factions.faction1.room).toBeNull();
  });

  it("when Discord is down for an hour: few calls, and everything is done a minute later", async () => {
    const match = begin(linkedMatch());
    match.faults = many("failed");
    await match.pass(HOUR);
    // Two sides; 200 such matches are less than 10 calls a second.
    expect(match.calls.length).toBeLessThan(150);
    match.faults = [];
    await match.pass(MINUTE + 5 * SECOND);
    expect(unsettled(match)).toEqual([]);
  });

  it("when FACEIT does not know a match that is over: it is asked a few times, and the match stays ended", async () => {
    const match = linkedMatch();
    const unknown = Array.from({ length: 3_000 }, () => ({ kind: "not_found" }) as const);
    match.faceitFaults = [...unknown];
    match.hint("match_status_cancelled");
    await match.pass(6 * DAY);
    expect([match.faceitReads, match.state?.phase, match.state?.mustRead]).toEqual([
      3,
      "closed",
      false,
    ]);
    expect([match.calls, match.record, match.stored]).toEqual([[], null, null]);
    // A late webhook of its life is asked about, and opens nothing.
    match.hint("match_status_ready", { version: match.faceit.version + 9 });
    await match.pass(HOUR);
    expect([match.faceitReads, match.calls, match.record]).toEqual([6, [], null]);
    expect(match.state?.retries).toEqual({});
  });

  it("when FACEIT does not know a match that a webhook has started", async () => {
    const match = linkedMatch();
    match.faceitFaults = Array.from({ length: 3_000 }, () => ({ kind: "not_found" }) as const);
    match.hint("match_status_ready");
    await match.pass(6 * HOUR);
    const reads = match.faceitReads;
    expect(match.state?.phase).toBe("closed");
    await match.pass(6 * DAY);
    expect(match.faceitReads - reads).toBeLessThanOrEqual(3);
    expect(match.calls).toEqual([]);
  });

  it("when FACEIT fails for days after the end: it is asked once an hour", async () => {
    const match = begin(linkedMatch());
    await match.pass(0);
    match.voice.clear();
    match.faceitFaults = Array.from({ length: 3_000 }, () => ({ kind: "failed" }) as const);
    match.hint("match_status_finished", { version: match.faceit.version + 7 });
    await match.pass(HOUR);
    const reads = match.faceitReads;
    await match.pass(DAY);
    expect(match.faceitReads - reads).toBeLessThanOrEqual(24);
    match.faceitFaults = [];
    match.advance("FINISHED");
    await match.pass(HOUR);
    expect([match.state?.end?.confirmed, match.state?.retries]).toEqual([true, {}]);
  });

  it("when the clock is set back by an hour", async () => {
    const match = begin(linkedMatch());
    match.faults = ["failed", "failed"];
    await match.pass(0);
    match.now -= HOUR;
    match.look();
    await match.pass(HOUR + MINUTE);
    expect(unsettled(match)).toEqual([]);
    match.now -= HOUR;
    await finish(match, 2 * HOUR);
    expect(unsettled(match)).toEqual([]);
  });

  it("when every single write to D1 and the hub fails in every way", async () => {
    for (const fault of ["failed", "failed after effect", "crash", "crash after effect"] as const) {
      for (let at = 0; at < 14; at += 1) {
        for (const isEndedAtOnce of [false, true]) {
          const match = linkedMatch();
          match.writeFaults = [...many<WriteFault | null>(null, at), fault];
          begin(match);
          if (isEndedAtOnce) {
            await match.work();
            match.voice.clear();
          } else {
            await match.pass(MINUTE);
            expect([fault, at, unsettled(match)]).toEqual([fault, at, []]);
          }
          await finish(match);
          expect([fault, at, unsettled(match)]).toEqual([fault, at, []]);
          expect([...match.channels.values()]).toEqual([]);
        }
      }
    }
  });

  it("stays small, whoever is linked, unlinked and substituted", async () => {
    const match = await readyMatch();
    const size = (): number => JSON.stringify(match.state).length;
    const before = size();
    for (let i = 0; i < 300; i += 1) {
      const isOut = i % 2 === 0;
      match.links.set("c1", "d-c1");
      match.advance("ONGOING", rosters([isOut ? "c1" : "a1", "a2"]));
      match.hint("match_status_configuring");
      match.voice.set("d-a1", LOBBY).set("d-c1", LOBBY);
      await match.pass(10 * SECOND);
    }
    expect(size()).toBeLessThan(before * 1.5);
    expect(unsettled(match)).toEqual([]);
  });
});

describe("something in progress", () => {
  it("a name that is being reserved when the match ends is released", async () => {
    const match = linkedMatch();
    match.duringReserve = () => {
      match.advance("CANCELLED");
      match.hint("match_status_cancelled");
    };
    begin(match);
    await match.pass(HOUR);
    expect(unsettled(match)).toEqual([]);
    expect(match.state?.phase).toBe("closed");
  });

  it("a second channel replaces one that was deleted, when an answer was lost", async () => {
    const match = begin(linkedMatch());
    match.faultsOf.set("create", ["late", "late"]);
    await match.work();
    await match.pass(MINUTE);
    expect(match.ours.length).toBeGreaterThan(1);
    const own = match.channels.get(match.state?.sides.faction1.channel?.id ?? "");
    if (own === undefined) throw new Error("no channel");
    match.channels.set("twin", { ...own, id: "twin" });
    match.channels.delete(own.id);
    const creates = count(match, "create");
    match.look(true);
    await match.pass(MINUTE);
    expect(unsettled(match)).toEqual([]);
    expect(count(match, "create")).toBe(creates);
  });

  it("a channel that was deleted is created again at once, when no answer was lost", async () => {
    const match = await readyMatch();
    for (const { id } of match.ours) match.channels.delete(id);
    match.look(true);
    await match.pass(0);
    expect(match.ours).toHaveLength(2);
  });

  it("a deletion whose answer was lost is noticed when the match is reopened", async () => {
    const match = await readyMatch();
    match.voice.clear();
    match.advance("CANCELLED");
    match.faultsOf.set("delete", ["crash after effect", "crash"]);
    match.hint("match_status_cancelled");
    await match.work();
    expect(match.ours).toHaveLength(1);
    match.advance("READY");
    match.faultsOf.set("delete", many("lost", 2));
    match.hint("match_status_ready");
    await match.pass(HOUR);
    expect(unsettled(match)).toEqual([]);
  });
});

describe("FACEIT's answers are of different ages", () => {
  it("an old one does not end a match that was reopened", async () => {
    const match = await readyMatch();
    match.voice.clear();
    match.advance("CANCELLED");
    const cancelled = match.faceit;
    match.hint("match_status_cancelled");
    await match.pass(MINUTE);
    match.advance("READY");
    const ready = match.faceit;
    match.hint("match_status_ready");
    await match.pass(0);
    expect(match.ours).toHaveLength(2);
    match.faceit = cancelled;
    await match.pass(5 * MINUTE);
    expect([match.state?.phase, match.ours.length]).toEqual(["live", 2]);
    match.faceit = ready;
    await match.pass(MINUTE);
    expect(unsettled(match)).toEqual([]);
  });

  it("an old one does not keep an ended match from being reopened", async () => {
    const match = await readyMatch();
    match.voice.clear();
    match.advance("CANCELLED");
    const cancelled = match.faceit;
    match.hint("match_status_cancelled");
    await match.pass(MINUTE);
    match.advance("READY");
    const ready = match.faceit;
    match.faceit = cancelled;
    match.hint("match_status_ready", { version: ready.version });
    await match.pass(0);
    expect(match.ours).toEqual([]);
    match.faceit = ready;
    await match.pass(2 * SECOND);
    expect(unsettled(match)).toEqual([]);
    expect(match.ours).toHaveLength(2);
  });

  it("an old one is recognised by FACEIT's own earlier answer, also without a webhook", async () => {
    const match = await readyMatch();
    const before = match.faceit;
    match.advance("ONGOING", rosters(["c1", "a2"]));
    match.links.set("c1", "d-c1");
    await match.pass(5 * MINUTE);
    const now = match.faceit;
    match.faceit = before;
    await match.pass(5 * MINUTE);
    expect(match.accessOf("faction1").toSorted()).toEqual(["d-a2", "d-c1"]);
    match.faceit = now;
    await match.pass(MINUTE);
    expect(unsettled(match)).toEqual([]);
  });

  it("one that stays the same is used in the end", async () => {
    const match = await readyMatch();
    match.voice.clear();
    match.faceit = faceitMatch("FINISHED", 2, rosters());
    await match.pass(10 * MINUTE);
    expect(unsettled(match)).toEqual([]);
    expect(match.state?.phase).toBe("closed");
  });

  it("a pause that it asked for is kept when the match ends", async () => {
    const match = linkedMatch();
    match.faceitFaults = [{ kind: "rate_limited", retryAfterMs: 30 * SECOND }];
    begin(match);
    await match.pass(0);
    match.advance("CANCELLED");
    match.hint("match_status_cancelled");
    await match.pass(29 * SECOND);
    expect(match.faceitReads).toBe(1);
    await match.pass(2 * SECOND);
    expect(match.faceitReads).toBe(2);
  });
});

describe("people", () => {
  it("who join the guild during a match are let in", async () => {
    const match = linkedMatch();
    match.members.delete("d-b2");
    begin(match);
    await match.pass(0);
    expect(match.accessOf("faction2")).toEqual(["d-b1"]);
    match.members.add("d-b2");
    match.voice.set("d-b2", LOBBY);
    match.look();
    await match.pass(MINUTE);
    expect(unsettled(match)).toEqual([]);
    expect(match.voice.get("d-b2")).toBe(match.channelOf("faction2")?.id);
  });

  it("whom only the hub sees are looked up rarely", async () => {
    const match = linkedMatch();
    match.members.delete("d-b2");
    match.voice.set("d-b2", LOBBY);
    begin(match);
    await match.pass(HOUR);
    expect(count(match, "grant")).toBeLessThan(15);
    expect(match.accessOf("faction2")).toEqual(["d-b1"]);
  });

  it("who left voice before they could be moved are moved when they return", async () => {
    const match = linkedMatch();
    match.gone.add("d-a1");
    begin(match);
    await match.pass(5 * MINUTE);
    expect(count(match, "move")).toBeLessThan(15);
    expect(match.moves).toEqual([]);
    match.gone.clear();
    await match.pass(MINUTE);
    expect(match.voice.get("d-a1")).toBe(match.channelOf("faction1")?.id);
  });

  it("who were substituted lose access even when they cannot be moved to the lobby", async () => {
    const match = await readyMatch();
    match.faultsOf.set("move", ["refused"]);
    match.advance("ONGOING", rosters(["c1", "a2"]));
    match.hint("match_status_configuring");
    await match.pass(0);
    expect(match.voice.has("d-a1")).toBe(false);
  });

  it("who were substituted and returned are moved to the lobby at the end", async () => {
    const match = await readyMatch();
    match.advance("ONGOING", rosters(["c1", "a2"]));
    match.hint("match_status_configuring");
    await match.pass(0);
    match.advance("ONGOING", rosters());
    match.hint("match_status_ready");
    await match.pass(0);
    const own = match.channelOf("faction1")?.id ?? "";
    match.voice.set("d-a1", own);
    await finish(match, 2 * MINUTE);
    expect(match.voice.get("d-a1")).toBe(LOBBY);
  });

  it("are moved after their deleted channel was created again", async () => {
    const match = await readyMatch();
    for (const { id } of match.ours) match.channels.delete(id);
    match.voice.set("d-b1", LOBBY);
    match.look();
    await match.pass(2 * MINUTE);
    expect(unsettled(match)).toEqual([]);
    expect(match.voice.get("d-b1")).toBe(match.channelOf("faction2")?.id);
  });

  it("who play in two live matches are moved once by each, and then left alone", async () => {
    const guild = new MatchGuild();
    const old = begin(linkedMatch({}, guild));
    const other = begin(linkedMatch({}, guild, "1-99999999-4b1e-4d0e-9a34-2f6d5b8e1c90"));
    for (let i = 0; i < 20; i += 1) {
      for (const match of [old, other]) {
        match.look();
        await match.pass(30 * SECOND);
      }
    }
    expect([...unsettled(old), ...unsettled(other)]).toEqual([]);
    const moves = [...old.moves, ...other.moves].filter(({ userId }) => userId === "d-a1");
    expect(moves).toHaveLength(2);
    const where = guild.voice.get("d-a1");
    // The end of the one that they are not in leaves them where they are.
    const [here, there] = other.channelOf("faction1")?.id === where ? [other, old] : [old, other];
    await finish(there);
    expect(unsettled(there)).toEqual([]);
    expect(guild.voice.get("d-a1")).toBe(where);
    expect(here.ours).toHaveLength(2);
  });

  it("are served as before while D1 does not tell who is linked, and the end is not missed", async () => {
    const match = await readyMatch();
    match.linksAreDown = true;
    match.advance("FINISHED");
    await match.pass(10 * MINUTE);
    expect(unsettled(match)).toEqual([]);
    expect(match.state?.phase).toBe("closed");
  });

  it("who link while D1 is down are let in when it is back", async () => {
    const match = linkedMatch();
    match.links.delete("b2");
    begin(match);
    await match.pass(0);
    match.linksAreDown = true;
    match.links.set("b2", "d-b2");
    match.look();
    await match.pass(10 * SECOND);
    expect(match.accessOf("faction2")).toEqual(["d-b1"]);
    match.linksAreDown = false;
    await match.pass(6 * SECOND);
    expect(unsettled(match)).toEqual([]);
  });

  it("start again in a match that is reopened: earlier visits, messages and deletions do not count", async () => {
    const match = linkedMatch();
    match.members.delete("d-a2");
    match.links.delete("b2");
    begin(match);
    await match.pass(0);
    for (let times = 0; times < 8; times += 1) {
      for (const { id } of match.ours) match.channels.delete(id);
      match.look(true);
      await match.pass(MINUTE);
    }
    expect(match.ours).toEqual([]);
    match.members.add("d-a2");
    match.advance("CANCELLED");
    match.hint("match_status_cancelled");
    await match.pass(MINUTE);
    begin(match);
    await match.pass(MINUTE);
    expect(unsettled(match)).toEqual([]);
    expect(match.ours).toHaveLength(2);
    expect(match.messages.filter(({ to }) => to === "notices")).toHaveLength(2);
  });

  it("are moved and told again by a match that is reopened, also without a key for FACEIT", async () => {
    const match = linkedMatch();
    match.hasApi = false;
    match.hint("match_status_ready", { version: 10, rosters: rosters() });
    await match.pass(0);
    match.hint("match_status_cancelled", { version: 20 });
    await match.pass(10 * MINUTE);
    expect([match.ours.length, match.voice.get("d-a1")]).toEqual([0, LOBBY]);
    match.hint("match_status_ready", { version: 30, rosters: rosters() });
    await match.pass(0);
    expect(match.voice.get("d-a1")).toBe(match.channelOf("faction1")?.id);
    expect(match.messages.filter(({ to }) => to === "d-a2")).toHaveLength(2);
  });
});

describe("state stored earlier", () => {
  it("by an older version is understood", async () => {
    const match = await readyMatch();
    const { state } = match;
    if (state === null) throw new Error("no state");
    const later = ["admitted", "evacuated", "absent", "checksWanted"];
    const older = Object.fromEntries(Object.entries(state).filter(([key]) => !later.includes(key)));
    const sideBefore = ({
      name,
      channel,
      creationUnanswered: asked,
    }: typeof state.sides.faction1) => {
      return { name, channel, asked };
    };
    const { faction1, faction2 } = state.sides;
    match.store({
      ...older,
      sides: { faction1: sideBefore(faction1), faction2: sideBefore(faction2) },
    });
    match.links.delete("a2");
    match.look(true);
    await match.pass(MINUTE);
    expect(unsettled(match)).toEqual([]);
    for (let times = 0; times < 8; times += 1) {
      for (const { id } of match.ours) match.channels.delete(id);
      match.look(true);
      await match.pass(MINUTE);
    }
    expect(match.ours).toEqual([]);
    expect(count(match, "create")).toBe(2 + 2 * 4);
    await finish(match);
    expect(unsettled(match)).toEqual([]);
  });

  it("in the hub and D1 does not hide a match that the room has lost", async () => {
    const match = await readyMatch();
    match.voice.clear();
    await finish(match);
    match.store(null);
    match.now += 8 * DAY;
    begin(match);
    await match.pass(0);
    expect(unsettled(match)).toEqual([]);
    expect([match.record?.state, match.stored?.state]).toEqual(["live", "live"]);
  });

  it("in the hub restores a lost room, with the channels that exist", async () => {
    const match = await readyMatch();
    const channels = match.ours.map(({ id }) => id);
    const { record } = match;
    if (record === null) throw new Error("no record");
    match.store(revived(record, match.now));
    match.look();
    await match.pass(MINUTE);
    expect(unsettled(match)).toEqual([]);
    expect(match.ours.map(({ id }) => id)).toEqual(channels);
    expect(count(match, "create")).toBe(2);
    await finish(match);
    expect(unsettled(match)).toEqual([]);
  });

  it("in the hub restores a room whose channels were being created, or that FACEIT does not know", async () => {
    for (const isKnown of [true, false]) {
      const match = await readyMatch();
      const { record } = match;
      if (record === null) throw new Error("no record");
      const { faction1, faction2 } = record.factions;
      const factions = { faction1: { ...faction1, room: null }, faction2 };
      match.store(revived({ ...record, factions }, match.now));
      match.look();
      if (!isKnown) match.faceitFaults = many({ kind: "not_found" });
      await match.pass(MINUTE);
      match.voice.clear();
      if (isKnown) {
        expect(unsettled(match)).toEqual([]);
        expect(match.ours).toHaveLength(2);
      } else {
        await match.pass(7 * HOUR);
        expect(match.record?.state).toBe("ended");
        expect([match.ours.length, match.rows.size]).toEqual([0, 0]);
      }
    }
  });
});
