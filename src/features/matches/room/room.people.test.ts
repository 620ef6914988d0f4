import { describe, expect, it } from "vitest";
import { rosters } from "../../../testing/faceit-matches.ts";
import { unsettled } from "../../../testing/unsettled.ts";
import { LOBBY } from "../../../testing/virtual-discord.ts";
import { VirtualMatch } from "../../../testing/virtual-match.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const PLAYERS = ["a1", "a2", "b1", "b2"];

type Config = ConstructorParameters<typeof VirtualMatch>[0];

/** A match whose four players are linked and in the guild; `a1` waits in the lobby. */
function linkedMatch(config: Config = {}): VirtualMatch {
  const match = new VirtualMatch(config);
  for (const player of [...PLAYERS, "c1"]) match.members.add(`d-${player}`);
  for (const player of PLAYERS) match.links.set(player, `d-${player}`);
  match.voice.set("d-a1", LOBBY);
  return match;
}

/** Its rosters are there. */
async function begin(match: VirtualMatch, ms = 0): Promise<VirtualMatch> {
  match.advance("READY", rosters());
  match.hint("match_status_ready");
  await match.pass(ms);
  return match;
}

async function play(match: VirtualMatch, sides: ReturnType<typeof rosters>): Promise<void> {
  match.advance("ONGOING", sides);
  match.hint("match_status_ready");
  await match.pass(0);
}

const count = (match: VirtualMatch, call: string): number =>
  match.calls.filter((name) => name === call).length;
const notices = (match: VirtualMatch): string[] =>
  match.messages.flatMap(({ to, text }) => (to === "notices" ? [text] : []));

describe("moving people", () => {
  it("takes who changes sides straight to the new side, also when only people in the lobby are moved", async () => {
    for (const moveFrom of ["lobby", "anywhere"] as const) {
      const match = await begin(linkedMatch({ moveFrom }));
      const first = match.channelOf("faction1")?.id;
      const second = match.channelOf("faction2")?.id;
      await play(match, rosters(["b1", "a2"], ["a1", "b2"]));
      expect(match.moves).toEqual([
        { userId: "d-a1", channelId: first },
        { userId: "d-a1", channelId: second },
      ]);
      expect(unsettled(match)).toEqual([]);
    }
  });

  it("leaves out who came to their channel themselves", async () => {
    const match = linkedMatch();
    match.voice.clear();
    await begin(match);
    match.voice.set("d-b1", match.channelOf("faction2")?.id ?? "");
    match.look();
    await match.pass(0);
    expect(match.moves).toEqual([]);
  });

  it("leaves out who was substituted and is somewhere else", async () => {
    const match = await begin(linkedMatch());
    match.voice.set("d-a1", "elsewhere");
    match.voice.set("d-b1", "elsewhere");
    await play(match, rosters(["c1", "a2"]));
    expect(match.moves.map(({ userId }) => userId)).toEqual(["d-a1", "d-b1"]);
    expect(match.voice.get("d-a1")).toBe("elsewhere");
  });

  it("includes who plays on the only side with a channel", async () => {
    const match = linkedMatch({ skipEmptyFactions: true });
    match.links.delete("b1");
    match.links.delete("b2");
    await begin(match);
    expect(match.voice.get("d-a1")).toBe(match.channelOf("faction1")?.id);
  });
});

describe("a message with a way in", () => {
  it("is sent once to somebody who stays in another channel", async () => {
    const match = linkedMatch({ moveFrom: "lobby" });
    match.voice.set("d-b1", "elsewhere");
    await begin(match);
    for (let times = 0; times < 3; times += 1) {
      match.look();
      await match.pass(MINUTE);
    }
    expect(match.messages.filter(({ to }) => to === "d-b1")).toHaveLength(1);
  });
});

describe("a player who is not in the guild", () => {
  it("is looked up once until somebody sees them, also while the hub is down", async () => {
    const match = linkedMatch();
    match.members.delete("d-a2");
    match.hubIsDown = true;
    await begin(match, MINUTE);
    match.hubIsDown = false;
    await match.pass(5 * HOUR);
    expect(unsettled(match)).toEqual([]);
    // One for each of the side: Discord does not take a list of people in which one is missing.
    expect(count(match, "grant")).toBe(2);
  });

  it("does not keep others out of a channel that is created again", async () => {
    const match = await begin(linkedMatch());
    await play(match, rosters(["a1", "c1"]));
    match.members.delete("d-c1");
    match.links.set("c1", "d-c1");
    match.look();
    await match.pass(0);
    const grants = count(match, "grant");
    for (const { id } of match.ours) match.channels.delete(id);
    match.look(true);
    await match.pass(MINUTE);
    expect([count(match, "create"), count(match, "grant")]).toEqual([4, grants]);
    expect(match.accessOf("faction1")).toEqual(["d-a1"]);
    expect(match.accessOf("faction2")).toEqual(["d-b1", "d-b2"]);
  });
});

describe("the notice of players who are not linked", () => {
  it.each([true, false])(
    "waits until both channels are there (where empty sides have none: %s)",
    async (skipEmptyFactions) => {
      const match = linkedMatch({ skipEmptyFactions });
      match.links.delete("b2");
      match.faultsOf.set("create", ["rate limited"]);
      await begin(match);
      expect([match.ours.length, notices(match)]).toEqual([1, []]);
      await match.pass(5 * SECOND);
      expect(notices(match)).toHaveLength(1);
    },
  );

  it("is also posted when a side without a linked player gets no channel", async () => {
    const match = linkedMatch({ skipEmptyFactions: true });
    match.links.delete("b1");
    match.links.delete("b2");
    await begin(match);
    expect(match.ours).toHaveLength(1);
    expect(notices(match)).toEqual([expect.stringContaining("2 players of this match are not")]);
  });

  it("is not posted while D1 cannot tell who is linked", async () => {
    const match = linkedMatch({ skipEmptyFactions: true });
    match.linksAreDown = true;
    await begin(match, MINUTE);
    expect([notices(match), match.ours]).toEqual([[], []]);
    match.linksAreDown = false;
    await match.pass(MINUTE);
    expect([notices(match), match.ours.length]).toEqual([[], 2]);
  });
});

describe("something that somebody deleted in Discord", () => {
  const SETTINGS = { staffRoleId: "staff" };

  it.each([
    ["staff", "staffRole", "MATCH_STAFF_ROLE_ID"],
    ["category", "category", "VC_CATEGORY_ID"],
  ])("the %s: matches are played without it, and it is said once", async (id, kind, variable) => {
    const match = linkedMatch(SETTINGS);
    match.deleted.add(id);
    await begin(match);
    expect(unsettled(match)).toEqual([]);
    // Once for each side; the people come in at once, who are not the reason.
    expect([match.ours.length, count(match, "create")]).toEqual([2, 4]);
    expect(match.accessOf("faction1")).toEqual(["d-a1", "d-a2"]);
    const roles =
      match.channelOf("faction1")?.overwrites.filter((one) => one.kind === "role") ?? [];
    expect(roles.map((role) => role.id)).toEqual(id === "staff" ? ["100"] : ["100", "staff"]);
    expect(match.channelOf("faction1")?.parentId).toBe(id === "category" ? null : "category");
    expect([...match.troubles]).toEqual([[kind, id]]);
    expect(notices(match)).toEqual([expect.stringContaining(`\`${variable}\``)]);
    match.look(true);
    await match.pass(HOUR);
    expect(notices(match)).toHaveLength(1);
  });

  it("both channels", async () => {
    const match = linkedMatch(SETTINGS);
    match.deleted.add("staff").add("category");
    await begin(match);
    expect(unsettled(match)).toEqual([]);
    expect([...match.troubles.keys()].toSorted()).toEqual(["category", "staffRole"]);
  });

  it("the lobby: people are disconnected at the end, and it is reported", async () => {
    const match = linkedMatch();
    await begin(match);
    match.deleted.add(LOBBY);
    match.advance("FINISHED");
    match.hint("match_status_finished");
    await match.pass(5 * MINUTE);
    expect([match.ours, match.voice.has("d-a1")]).toEqual([[], false]);
    expect([...match.troubles]).toEqual([["lobby", LOBBY]]);
    expect(notices(match)).toEqual([expect.stringContaining("`LOBBY_VC_ID`")]);
  });

  it("the notice channel: matches go on, and it is logged", async () => {
    const match = linkedMatch();
    match.links.delete("b2");
    match.deleted.add("notices");
    await begin(match, HOUR);
    expect(unsettled(match)).toEqual([]);
    expect([...match.troubles]).toEqual([["noticeChannel", "notices"]]);
    expect(count(match, "notice")).toBe(1);
  });
});

describe("a lasting problem is reported", () => {
  it("when the bot may not move people, once for the guild", async () => {
    const match = linkedMatch();
    match.botMayMove = false;
    await begin(match, HOUR);
    expect([...match.troubles]).toEqual([["moving", ""]]);
    expect(notices(match)).toEqual([expect.stringContaining("may not move members")]);
  });

  it("when Discord refuses channels more than once", async () => {
    const match = linkedMatch();
    const refused = (): "refused"[] => Array.from({ length: 12 }, () => "refused");
    match.faultsOf.set("create", refused());
    await begin(match);
    expect(notices(match)).toEqual([]);
    await match.pass(MINUTE);
    expect(notices(match)).toEqual([expect.stringMatching(/team.*does not let the bot make/s)]);
    await match.pass(6 * HOUR);
    expect(unsettled(match)).toEqual([]);
    match.faultsOf.set("delete", refused());
    match.voice.clear();
    match.advance("FINISHED");
    match.hint("match_status_finished");
    await match.pass(2 * HOUR);
    expect(notices(match).filter((text) => text.includes("delete this match's"))).toHaveLength(1);
  });

  it.each([
    ["let somebody in", "grant"],
    ["take somebody's access", "revoke"],
    ["show the channels", "list"],
  ])("when Discord does not %s, but not for the first time only", async (_, call) => {
    const match = linkedMatch();
    if (call === "grant") match.links.delete("a2");
    await begin(match);
    match.faultsOf.set(
      call,
      Array.from({ length: 12 }, () => "refused"),
    );
    if (call === "grant") match.links.set("a2", "d-a2");
    if (call === "revoke") match.links.delete("a2");
    match.look(call === "list");
    await match.pass(0);
    const told = (): string[] => notices(match).filter((text) => text.includes("who may enter"));
    expect([count(match, call), told()]).toEqual([1, []]);
    await match.pass(6 * HOUR);
    expect(told()).toEqual([expect.stringContaining("team")]);
  });

  it.each([
    ["refuses its key", { kind: "refused" }, "faceitKey", "`FACEIT_API_KEY`", 3 * MINUTE],
    ["fails for minutes", { kind: "failed" }, "faceitDown", "does not answer", 5 * MINUTE],
  ] as const)("when FACEIT %s, each time anew", async (_, failure, kind, text, soon) => {
    const match = linkedMatch();
    const fails = (): void => {
      match.faceitFaults = Array.from({ length: 200 }, () => failure);
    };
    fails();
    match.hint("match_status_ready");
    await match.pass(MINUTE);
    expect(notices(match)).toEqual([]);
    await match.pass(soon - MINUTE);
    expect([...match.troubles]).toEqual([[kind, ""]]);
    expect(notices(match)).toEqual([expect.stringContaining(text)]);
    match.faceitFaults = [];
    await match.pass(10 * MINUTE);
    expect([...match.troubles]).toEqual([]);
    fails();
    await match.pass(HOUR);
    expect([...match.troubles]).toEqual([[kind, ""]]);
    expect(notices(match)).toHaveLength(2);
  });

  it("and taken back when another match succeeds", async () => {
    const match = linkedMatch();
    for (const kind of ["faceitKey", "faceitDown", "moving"]) match.troubles.set(kind, "");
    await begin(match);
    expect([...match.troubles.keys()]).toEqual(["moving"]);
    match.voice.clear();
    match.advance("FINISHED");
    match.hint("match_status_finished");
    await match.pass(MINUTE);
    expect([...match.troubles.keys()]).toEqual([]);

    const worse = linkedMatch();
    worse.faultsOf.set("move", ["refused"]);
    await begin(worse);
    worse.voice.clear();
    worse.advance("FINISHED");
    worse.hint("match_status_finished");
    await worse.pass(MINUTE);
    expect([worse.ours.length, ...worse.troubles.keys()]).toEqual([0, "moving"]);
  });
});

describe("channels", () => {
  it("are not created while nobody can tell which exist", async () => {
    const match = linkedMatch();
    match.faultsOf.set("list", ["failed"]);
    match.advance("READY", rosters());
    match.hint("match_status_ready");
    match.look(true);
    await match.pass(0);
    expect([count(match, "list"), count(match, "create")]).toEqual([1, 0]);
    await match.pass(MINUTE);
    expect(unsettled(match)).toEqual([]);
  });

  it("without room in the guild are reported, also when only one of the two is missing", async () => {
    const match = linkedMatch();
    match.guildMax = 1;
    await begin(match, MINUTE);
    expect([match.ours.length, notices(match)]).toEqual([1, [expect.stringContaining("no room")]]);
  });
});
