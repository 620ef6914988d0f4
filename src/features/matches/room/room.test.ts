import { describe, expect, it } from "vitest";
import { faceitMatch, MATCH_ID, rosters } from "../../../testing/faceit-matches.ts";
import { calls as count, linkedMatch, readyMatch } from "../../../testing/linked-match.ts";
import { unsettled } from "../../../testing/unsettled.ts";
import { LOBBY, type CallFault } from "../../../testing/virtual-discord.ts";
import { channelName, MATCH_CHANNEL_NAME } from "./channel-name.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

describe("a match", () => {
  it("gets a private channel for each side, and its linked players in it", async () => {
    const match = await readyMatch();
    expect(match.ours.map(({ name, parentId }) => [name, parentId])).toEqual([
      ["match-7c1f0a52-faction1", "category"],
      ["match-7c1f0a52-faction2", "category"],
    ]);
    // The figures of matches-and-music.md §A4.
    expect(match.channelOf("faction1")?.overwrites).toEqual([
      { id: "100", kind: "role", allow: 0n, deny: 1_049_600n },
      { id: "bot", kind: "member", allow: 17_826_832n, deny: 0n },
      { id: "d-a1", kind: "member", allow: 36_701_696n, deny: 0n },
      { id: "d-a2", kind: "member", allow: 36_701_696n, deny: 0n },
    ]);
    const own = match.channelOf("faction1")?.id;
    expect(match.voice.get("d-a1")).toBe(own);
    // Who is not in voice cannot be moved, and gets a way in.
    expect(match.messages.map(({ to }) => to).toSorted()).toEqual(["d-a2", "d-b1", "d-b2"]);
    expect(match.messages.find(({ to }) => to === "d-a2")?.text).toContain(
      `https://discord.com/channels/100/${own}`,
    );
    expect(match.record).toMatchObject({ state: "live", status: "READY" });
    expect(match.record?.factions.faction1.room).toEqual({
      channelId: own,
      name: "match-7c1f0a52-faction1",
    });
    expect(count(match, "create")).toBe(2);
  });

  it("looks for rosters during CHECK_IN, less and less often, until the ready webhook comes", async () => {
    const match = linkedMatch();
    match.hint("match_object_created");
    await match.pass(14 * SECOND);
    expect([match.faceitReads, count(match, "create")]).toEqual([1, 0]);
    await match.pass(HOUR);
    expect(match.record).toMatchObject({
      status: "CHECK_IN",
      factions: { faction1: { room: null } },
    });
    // 15, 30, 60, 120 s, every 5 min up to half an hour, then every half hour.
    expect(match.faceitReads).toBeLessThan(14);
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    await match.pass(0);
    expect(unsettled(match)).toEqual([]);
  });

  it("finds the rosters without a webhook", async () => {
    const match = linkedMatch();
    match.hint("match_object_created");
    await match.pass(0);
    match.advance("CONFIGURING", rosters());
    await match.pass(15 * SECOND);
    expect(unsettled(match)).toEqual([]);
  });

  it("is created once, however many webhooks come, in whatever order", async () => {
    const match = await readyMatch();
    for (let i = 0; i < 20; i += 1) match.hint("match_status_ready");
    match.hint("match_object_created", { version: 1 });
    await match.pass(0);
    expect(count(match, "create")).toBe(2);
    expect(match.faceitReads).toBe(1);
  });

  it("is asked about again when FACEIT's answer is older than its webhook", async () => {
    const match = linkedMatch();
    match.hint("match_status_ready", { version: 71 });
    await match.pass(0);
    expect(count(match, "create")).toBe(0);
    match.faceit = faceitMatch("READY", 71, rosters());
    await match.pass(SECOND);
    expect(unsettled(match)).toEqual([]);
  });

  it("gets its channels 15 minutes before its scheduled time", async () => {
    const match = linkedMatch();
    match.faceit = {
      ...faceitMatch("SCHEDULED", 5, rosters()),
      scheduledAt: match.now + 2 * HOUR,
    };
    match.hint("match_object_created");
    await match.pass(104 * MINUTE);
    expect(match.ours).toEqual([]);
    await match.pass(2 * MINUTE);
    expect(match.ours).toHaveLength(2);
  });

  it("has no channel for a side without a linked player, if configured so", async () => {
    const match = linkedMatch({ skipEmptyFactions: true });
    match.links.delete("b1");
    match.links.delete("b2");
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    await match.pass(0);
    expect(match.ours.map(({ name }) => name)).toEqual(["match-7c1f0a52-faction1"]);
    match.links.set("b1", "d-b1");
    match.look();
    await match.pass(0);
    expect(unsettled(match)).toEqual([]);
  });

  it("lets staff in if a role is configured", async () => {
    const match = await readyMatch({ staffRoleId: "staff" });
    expect(match.channelOf("faction2")?.overwrites).toContainEqual({
      id: "staff",
      kind: "role",
      allow: 1_049_600n,
      deny: 0n,
    });
  });

  it("gets a longer name when another match has the short one", async () => {
    const match = linkedMatch();
    match.takenNames.add("match-7c1f0a52-faction1");
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    await match.pass(0);
    expect(match.ours.map(({ name }) => name).toSorted()).toEqual(
      ["match-7c1f0a524b1e-faction1", "match-7c1f0a52-faction2"].toSorted(),
    );
    expect(match.ours.every(({ name }) => MATCH_CHANNEL_NAME.test(name))).toBe(true);
    for (const id of [MATCH_ID, "1-x", "", "ü"]) {
      for (const taken of [0, 1, 2, 3]) {
        expect(channelName(id, "faction2", taken)).toMatch(MATCH_CHANNEL_NAME);
      }
    }
    expect(channelName(MATCH_ID, "faction1", 2)).not.toBe(channelName(MATCH_ID, "faction1", 3));
  });

  it("works with webhooks alone when there is no key for FACEIT", async () => {
    const match = linkedMatch();
    match.hasApi = false;
    match.hint("match_object_created", { rosters: null });
    await match.pass(0);
    expect(match.ours).toEqual([]);
    match.hint("match_status_ready", { version: 71, rosters: rosters() });
    await match.pass(0);
    expect(match.ours).toHaveLength(2);
    // Older and without rosters: it takes nothing away.
    match.hint("match_status_configuring", { version: 42, rosters: null });
    await match.pass(0);
    expect(match.ours).toHaveLength(2);
    match.hint("match_status_finished", { version: 126 });
    await match.pass(HOUR);
    expect([match.ours.length, match.rows.size, match.faceitReads]).toEqual([0, 0, 0]);
  });
});

describe("the players of a match", () => {
  it("who link during it are let in and told at once", async () => {
    const match = linkedMatch();
    match.links.delete("b2");
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    await match.pass(0);
    expect(match.accessOf("faction2")).toEqual(["d-b1"]);
    expect(match.messages.find(({ to }) => to === "notices")?.text).toContain("1 player");
    match.links.set("b2", "d-b2");
    match.voice.set("d-b2", LOBBY);
    match.look();
    await match.pass(0);
    expect(unsettled(match)).toEqual([]);
    expect(match.voice.get("d-b2")).toBe(match.channelOf("faction2")?.id);
    expect(match.record?.factions.faction2.players.map(({ discordId }) => discordId)).toEqual([
      "d-b1",
      "d-b2",
    ]);
    expect(match.messages.filter(({ to }) => to === "notices")).toHaveLength(1);
  });

  it("who unlink during it lose their access", async () => {
    const match = await readyMatch();
    match.links.delete("a2");
    match.look();
    await match.pass(0);
    expect(match.accessOf("faction1")).toEqual(["d-a1"]);
  });

  it("who are substituted leave the channel, and the substitute is let in", async () => {
    const match = await readyMatch();
    match.links.set("c1", "d-c1");
    match.voice.set("d-c1", LOBBY);
    match.advance("ONGOING", rosters(["c1", "a2"]));
    match.hint("match_status_configuring");
    await match.pass(0);
    expect(unsettled(match)).toEqual([]);
    expect(match.voice.get("d-a1")).toBe(LOBBY);
    expect(match.voice.get("d-c1")).toBe(match.channelOf("faction1")?.id);
  });

  it("who are substituted are disconnected when there is no lobby", async () => {
    const match = await readyMatch({ lobbyId: undefined });
    match.advance("ONGOING", rosters(["c1", "a2"]));
    match.hint("match_status_configuring");
    await match.pass(0);
    expect(match.voice.has("d-a1")).toBe(false);
  });

  it("are moved once, and left alone when they leave again", async () => {
    const match = await readyMatch();
    match.voice.set("d-a1", LOBBY);
    match.look();
    await match.pass(0);
    expect(match.voice.get("d-a1")).toBe(LOBBY);
  });

  it("are moved when they join the lobby later", async () => {
    const match = await readyMatch();
    match.voice.set("d-b1", LOBBY);
    match.look();
    await match.pass(0);
    expect(match.voice.get("d-b1")).toBe(match.channelOf("faction2")?.id);
  });

  it("are moved only from the lobby if configured so; others get a link", async () => {
    const match = linkedMatch({ moveFrom: "lobby" });
    match.voice.set("d-b1", "elsewhere");
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    await match.pass(0);
    expect(match.voice.get("d-a1")).toBe(match.channelOf("faction1")?.id);
    expect(match.voice.get("d-b1")).toBe("elsewhere");
    expect(match.messages.map(({ to }) => to)).toContain("d-b1");
  });

  it("who are on both rosters belong to the first side", async () => {
    const match = linkedMatch();
    match.advance("READY", rosters(["a1", "a2"], ["a1", "b1"]));
    match.hint("match_status_ready");
    await match.pass(0);
    expect(unsettled(match)).toEqual([]);
    expect(match.accessOf("faction1")).toContain("d-a1");
    expect(match.accessOf("faction2")).toEqual(["d-b1"]);
  });

  it("who are not in the guild do not keep others out", async () => {
    const match = linkedMatch();
    match.members.delete("d-a2");
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    await match.pass(0);
    expect(unsettled(match)).toEqual([]);
    expect(match.accessOf("faction1")).toEqual(["d-a1"]);
    expect(match.messages.map(({ to }) => to)).not.toContain("d-a2");
  });

  it("who accept no messages are written to once", async () => {
    const match = linkedMatch();
    match.closedToMessages.add("d-a2");
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    await match.pass(10 * MINUTE);
    expect(match.messages.filter(({ to }) => to === "d-a2")).toEqual([]);
    expect(count(match, "message")).toBe(3);
  });

  it("are written to again when Discord asked for a pause", async () => {
    const match = linkedMatch();
    match.faultsOf.set("message", ["rate limited"]);
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    await match.pass(0);
    expect(match.messages).toHaveLength(2);
    await match.pass(MINUTE);
    expect(match.messages.map(({ to }) => to).toSorted()).toEqual(["d-a2", "d-b1", "d-b2"]);
  });

  it("get a message once, also when nobody knows whether it arrived", async () => {
    const match = linkedMatch();
    match.faultsOf.set("message", ["lost after effect", "failed", "crash after effect"]);
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    await match.pass(HOUR);
    expect(count(match, "message")).toBe(3);
  });

  it("are not moved by a bot without that permission, but still have access", async () => {
    const match = linkedMatch();
    match.botMayMove = false;
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    await match.pass(10 * MINUTE);
    expect(unsettled(match)).toEqual([]);
    expect(match.voice.get("d-a1")).toBe(LOBBY);
    expect(match.record?.factions.faction1.problem).toBeNull();
    // Two refusals for the channels, one for the only move.
    expect([count(match, "create"), count(match, "move")]).toEqual([4, 1]);
    match.advance("FINISHED");
    match.hint("match_status_finished");
    await match.pass(10 * MINUTE);
    expect(unsettled(match)).toEqual([]);
  });
});

describe("the end of a match", () => {
  it.each(["finished", "aborted", "cancelled"])(
    "that is %s takes the channels away at once when nobody is in them",
    async (how) => {
      const match = await readyMatch();
      match.voice.clear();
      match.advance(how.toUpperCase());
      match.hint(`match_status_${how}`);
      await match.pass(0);
      expect(unsettled(match)).toEqual([]);
      expect(match.record).toMatchObject({ state: "ended", status: how.toUpperCase() });
    },
  );

  it("lets people finish talking, then takes them back to the lobby", async () => {
    const match = await readyMatch();
    const own = match.channelOf("faction1")?.id;
    match.advance("FINISHED");
    match.hint("match_status_finished");
    await match.pass(59 * SECOND);
    expect(match.voice.get("d-a1")).toBe(own);
    await match.pass(2 * SECOND);
    expect(match.voice.get("d-a1")).toBe(LOBBY);
    expect(unsettled(match)).toEqual([]);
  });

  it("is noticed without a webhook", async () => {
    const match = await readyMatch();
    match.voice.clear();
    match.advance("ABORTED");
    await match.pass(5 * MINUTE);
    expect(unsettled(match)).toEqual([]);
  });

  it("does not wait for FACEIT", async () => {
    const match = await readyMatch();
    match.voice.clear();
    match.advance("CANCELLED");
    match.faceitFaults = Array.from({ length: 50 }, () => ({ kind: "failed" }) as const);
    match.hint("match_status_cancelled");
    await match.pass(0);
    expect([match.ours.length, match.rows.size]).toEqual([0, 0]);
  });

  it("before its beginning is stored, so that a late webhook opens nothing", async () => {
    const match = linkedMatch();
    match.faceit = faceitMatch("CANCELLED", 80, rosters());
    match.hint("match_status_cancelled");
    match.hint("match_status_ready", { version: 71 });
    match.hint("match_object_created", { version: 1 });
    await match.pass(HOUR);
    expect(count(match, "create")).toBe(0);
    expect(match.state?.phase).toBe("closed");
  });

  it("may come twice, also with a higher version", async () => {
    const match = await readyMatch();
    match.voice.clear();
    match.advance("FINISHED");
    match.hint("match_status_finished");
    await match.pass(0);
    const { endedAt } = match.record ?? {};
    match.advance("FINISHED");
    match.hint("match_status_finished");
    await match.pass(HOUR);
    expect(unsettled(match)).toEqual([]);
    expect(match.record?.endedAt).toBe(endedAt);
  });

  it("is taken back by a higher version that FACEIT confirms", async () => {
    const match = await readyMatch();
    match.voice.clear();
    match.advance("CANCELLED");
    match.hint("match_status_cancelled");
    await match.pass(MINUTE);
    match.advance("READY");
    match.hint("match_status_ready");
    await match.pass(0);
    expect(unsettled(match)).toEqual([]);
    expect(match.record).toMatchObject({ state: "live", endedAt: null });
    expect(match.ours).toHaveLength(2);
  });

  it("is not taken back by a webhook alone", async () => {
    const match = await readyMatch();
    match.voice.clear();
    match.advance("CANCELLED");
    match.hint("match_status_cancelled");
    await match.pass(MINUTE);
    match.hint("match_status_ready", { version: 9_999 });
    await match.pass(HOUR);
    expect(match.ours).toEqual([]);
  });

  it("is taken back when FACEIT denies it again and again", async () => {
    const match = await readyMatch();
    match.voice.clear();
    match.hint("match_status_finished", { version: 999_999 });
    await match.pass(0);
    expect(match.ours).toEqual([]);
    await match.pass(5 * MINUTE);
    expect(unsettled(match)).toEqual([]);
    expect(match.record?.state).toBe("live");
  });

  it("is assumed when there is no news for hours and nobody is there", async () => {
    const match = await readyMatch();
    match.faceitFaults = Array.from({ length: 500 }, () => ({ kind: "failed" }) as const);
    await match.pass(7 * HOUR);
    expect(match.ours).toHaveLength(2);
    match.voice.clear();
    match.look();
    await match.pass(HOUR);
    expect([match.ours.length, match.rows.size]).toEqual([0, 0]);
  });

  it("may be followed by a recording, which changes nothing else", async () => {
    const match = await readyMatch();
    match.voice.clear();
    match.advance("FINISHED");
    match.hint("match_status_finished");
    await match.pass(MINUTE);
    const calls = match.calls.length;
    const demoUrls = ["https://demos.example/1.dem", "https://demos.example/2.dem"];
    match.faceit = { ...match.faceit, demoUrl: demoUrls[0] ?? null, demoUrls };
    match.hint("match_demo_ready", { demoUrl: "https://somewhere.example/else" });
    await match.pass(5 * SECOND);
    expect(match.record).toMatchObject({ state: "ended", demoUrl: demoUrls[0], demoUrls });
    expect(match.calls.length).toBe(calls);
  });
});

describe("the guild of a match", () => {
  it("decides which settings apply: nothing of one guild is used in another", async () => {
    const match = linkedMatch({ staffRoleId: "staff", moveFrom: "lobby" });
    match.guildOf = () => "200";
    match.links.delete("b2");
    match.voice.set("d-b1", "somewhere");
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    await match.pass(0);
    expect(match.state?.guildId).toBe("200");
    expect(match.ours.map(({ parentId }) => parentId)).toEqual([null, null]);
    const overwrites = match.ours.flatMap((channel) => channel.overwrites);
    expect(overwrites.filter(({ kind }) => kind === "role").map(({ id }) => id)).toEqual([
      "200",
      "200",
    ]);
    // Moved from anywhere, as there is no lobby; and nobody is told in somebody else's channel.
    expect(match.moves.map(({ userId }) => userId).toSorted()).toEqual(["d-a1", "d-b1"]);
    expect(match.messages.filter(({ to }) => to === "notices")).toEqual([]);
    match.advance("FINISHED");
    match.hint("match_status_finished");
    await match.pass(2 * MINUTE);
    expect(match.moves.filter(({ channelId }) => channelId === LOBBY)).toEqual([]);
    expect(match.ours).toEqual([]);
  });

  it("is decided by FACEIT: a webhook that claims another's match creates nothing", async () => {
    const match = linkedMatch();
    match.guildOf = () => null;
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    await match.pass(HOUR);
    expect([match.calls, match.record, match.stored]).toEqual([[], null, null]);
    expect([match.state?.phase, match.faceitReads]).toEqual(["closed", 1]);
    match.advance("ONGOING");
    match.hint("match_status_ready");
    match.hint("match_demo_ready");
    await match.pass(HOUR);
    expect([match.calls, match.record]).toEqual([[], null]);
  });

  it("is the one whose FACEIT hub FACEIT names, whatever the webhook says", async () => {
    const match = linkedMatch();
    match.guildOf = (owners) => (owners[0] === "hub" ? "200" : null);
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    await match.pass(0);
    expect(match.record?.guildId).toBe("200");
  });

  it("does not change during the match: its channels stay where they are", async () => {
    const match = await readyMatch();
    match.guildOf = () => "200";
    match.advance("ONGOING");
    match.hint("match_status_ready");
    await match.pass(HOUR);
    expect(match.record).toMatchObject({ guildId: "100", status: "ONGOING" });
    expect(unsettled(match)).toEqual([]);
  });
});

describe("Discord fails", () => {
  it.each<CallFault>(["failed after effect", "lost after effect", "crash after effect"])(
    "a channel that was made although the answer is '%s' is adopted",
    async (fault) => {
      const match = linkedMatch();
      match.advance("READY", rosters());
      match.hint("match_status_ready");
      match.faults = [fault];
      await match.pass(MINUTE);
      expect(unsettled(match)).toEqual([]);
      expect(count(match, "create")).toBe(2);
    },
  );

  it.each<CallFault>(["failed", "lost", "crash", "rate limited"])(
    "a channel that was not made (%s) is asked for again",
    async (fault) => {
      const match = linkedMatch();
      match.advance("READY", rosters());
      match.hint("match_status_ready");
      match.faults = [fault];
      await match.pass(MINUTE);
      expect(unsettled(match)).toEqual([]);
      expect(count(match, "create")).toBe(3);
    },
  );

  it("the process may die between any two calls of a match", async () => {
    const whole = await readyMatch();
    whole.advance("FINISHED");
    whole.hint("match_status_finished");
    await whole.pass(10 * MINUTE);
    const calls = whole.calls.length;
    expect(calls).toBeGreaterThan(7);
    for (let at = 0; at < calls; at += 1) {
      for (const fault of ["crash", "crash after effect"] as const) {
        const match = linkedMatch();
        match.advance("READY", rosters());
        match.hint("match_status_ready");
        let left = at;
        const push = match.calls.push.bind(match.calls);
        match.calls.push = (...names) => {
          if (left === 0) match.faults = [fault];
          left -= 1;
          return push(...names);
        };
        await match.pass(MINUTE);
        expect(unsettled(match)).toEqual([]);
        match.advance("FINISHED");
        match.hint("match_status_finished");
        await match.pass(10 * MINUTE);
        expect(unsettled(match)).toEqual([]);
      }
    }
  });

  it("a channel that appears long after it was requested is deleted with the match", async () => {
    const match = linkedMatch();
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    match.faults = ["late", "late"];
    await match.work();
    await match.pass(MINUTE);
    match.advance("FINISHED");
    match.hint("match_status_finished");
    await match.pass(10 * MINUTE);
    expect(unsettled(match)).toEqual([]);
  });

  it("a full guild is reported, and tried again until there is room", async () => {
    const match = linkedMatch();
    match.guildMax = 0;
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    await match.pass(0);
    expect(match.record?.factions.faction1.problem).toBe("discord_full");
    await match.pass(30 * SECOND);
    expect(match.messages.map(({ to }) => to)).toEqual(["notices"]);
    expect(match.messages[0]?.text).toContain("no room");
    match.guildMax = 500;
    await match.pass(MINUTE);
    expect(unsettled(match)).toEqual([]);
    expect(match.record?.factions.faction1.problem).toBeNull();
  });

  it("channels are created outside a full category", async () => {
    const match = linkedMatch();
    for (let i = 0; i < 49; i += 1) match.addForeign(`room ${i}`);
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    await match.pass(0);
    expect(unsettled(match)).toEqual([]);
    expect(new Set(match.ours.map(({ parentId }) => parentId))).toEqual(
      new Set(["category", null]),
    );
  });

  it("refused calls are repeated rarely, and reported", async () => {
    const match = linkedMatch();
    match.faults = Array.from({ length: 200 }, () => "refused" as const);
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    await match.pass(HOUR);
    expect(match.record?.factions.faction2.problem).toBe("discord_refused");
    // 10,000 refusals in ten minutes would ban the address (discord.md §2).
    expect(match.calls.length).toBeLessThan(30);
  });

  it("a channel that somebody deletes is created again, but not for ever", async () => {
    const match = await readyMatch();
    for (let times = 0; times < 8; times += 1) {
      for (const { id } of match.ours) match.channels.delete(id);
      match.look(true);
      await match.pass(MINUTE);
    }
    expect(match.ours).toEqual([]);
    expect(count(match, "create")).toBe(8);
    match.advance("FINISHED");
    match.hint("match_status_finished");
    await match.pass(HOUR);
    expect(unsettled(match)).toEqual([]);
  });

  it("a channel that is deleted during a search is searched for again", async () => {
    const match = await readyMatch();
    const push = match.calls.push.bind(match.calls);
    match.calls.push = (...names) => {
      const [own] = match.ours;
      // The list is made already when somebody deletes the channel.
      if (names.includes("list") && own !== undefined && match.ours.length === 2) {
        queueMicrotask(() => {
          match.channels.delete(own.id);
          match.look(true);
        });
      }
      return push(...names);
    };
    match.look(true);
    await match.pass(MINUTE);
    expect(match.ours).toHaveLength(2);
    expect(count(match, "create")).toBeGreaterThan(2);
  });

  it("a missing channel is noticed by calls that fail in it", async () => {
    const match = await readyMatch();
    for (const { id } of match.ours) match.channels.delete(id);
    match.links.delete("a2");
    match.look();
    await match.pass(10 * MINUTE);
    expect(unsettled(match)).toEqual([]);
  });

  it("a channel of the same name that is not ours is neither adopted nor deleted", async () => {
    const match = linkedMatch();
    const foreign = match.addForeign("match-7c1f0a52-faction1");
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    match.faults = ["lost", "lost"];
    await match.pass(MINUTE);
    match.advance("FINISHED");
    match.hint("match_status_finished");
    await match.pass(HOUR);
    expect(unsettled(match)).toEqual([]);
    expect(match.channels.has(foreign)).toBe(true);
  });
});

describe("FACEIT fails", () => {
  it.each([
    { kind: "failed" } as const,
    { kind: "refused" } as const,
    { kind: "not_found" } as const,
    { kind: "rate_limited", retryAfterMs: 7_000 } as const,
  ])("$kind: it is asked again, later and later", async (failure) => {
    const match = linkedMatch();
    match.faceitFaults = [failure, failure, failure];
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    await match.pass(0);
    expect([match.faceitReads, count(match, "create")]).toEqual([1, 0]);
    await match.pass(10 * MINUTE);
    expect(unsettled(match)).toEqual([]);
  });

  it("for hours: it is asked a limited number of times", async () => {
    const match = linkedMatch();
    match.faceitFaults = Array.from({ length: 10_000 }, () => ({ kind: "failed" }) as const);
    match.hint("match_status_ready");
    await match.pass(12 * HOUR);
    expect(match.faceitReads).toBeLessThan(200);
    expect(match.alarmAt).not.toBeNull();
  });
});

describe("the hub fails", () => {
  it("nobody is moved without knowing where they are, and clients are updated when it is back", async () => {
    const match = linkedMatch();
    match.hubIsDown = true;
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    await match.pass(10 * SECOND);
    expect([match.ours.length, match.moves.length, match.messages.length]).toEqual([2, 0, 0]);
    match.hubIsDown = false;
    await match.pass(MINUTE);
    expect(unsettled(match)).toEqual([]);
    expect(match.voice.get("d-a1")).toBe(match.channelOf("faction1")?.id);
  });
});
