import { describe, expect, it } from "vitest";
import { MATCH_ID } from "../../../testing/faceit-matches.ts";
import { begin, calls, finish, linkedMatch, readyMatch } from "../../../testing/linked-match.ts";
import { unsettled } from "../../../testing/unsettled.ts";
import type { CallFault, VirtualChannel } from "../../../testing/virtual-discord.ts";
import type { VirtualMatch } from "../../../testing/virtual-match.ts";
import { channelName } from "./channel-name.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** The same channel of the first side once more, as a call that was slow makes it. */
function late(match: VirtualMatch, { ...like }: VirtualChannel): void {
  match.channels.set("late", { ...like, id: "late" });
}

async function channelLike(): Promise<VirtualChannel> {
  const channel = (await readyMatch()).channelOf("faction1");
  if (channel === undefined) throw new Error("no channel");
  return channel;
}

/** Nothing is tried again any more, and all is as it should be. */
function expectCalm(match: VirtualMatch): void {
  expect(unsettled(match)).toEqual([]);
  expect(match.state?.retries).toEqual({});
}

describe("a channel's name", () => {
  it("that was reserved at the second attempt leaves nothing to repeat", async () => {
    const match = begin(linkedMatch());
    match.writeFaults = ["failed"];
    await match.pass(MINUTE);
    expectCalm(match);
  });

  it("changes for each match that has it already", async () => {
    const match = begin(linkedMatch());
    const [first, second, third] = [0, 1, 2].map((taken) =>
      channelName(MATCH_ID, "faction1", taken),
    );
    match.takenNames.add(first ?? "").add(second ?? "");
    await match.pass(0);
    expect(match.channelOf("faction1")?.name).toBe(third);
    expect(match.record?.factions.faction1.room?.name).toBe(third);
  });
});

describe("a channel that Discord does not create", () => {
  it.each<[string, CallFault, number, string | null]>([
    ["because of a pause, is no problem", "rate limited", 3 * SECOND, null],
    ["in a failure, is looked for after a second", "failed", SECOND, "discord_unreachable"],
    ["and does not answer for, is looked for too", "lost", SECOND, "discord_unreachable"],
  ])("%s", async (_, fault, ms, problem) => {
    const match = begin(linkedMatch());
    match.faultsOf.set("create", [fault]);
    await match.pass(ms - 1);
    expect(match.record?.factions.faction1).toMatchObject({ room: null, problem });
    expect([calls(match, "create"), calls(match, "list")]).toEqual([2, 0]);
    await match.pass(1);
    expect(calls(match, "create") + calls(match, "list")).toBe(3);
    await match.pass(MINUTE);
    expectCalm(match);
    expect(match.record?.factions.faction1.problem).toBeNull();
  });

  it("because it refuses the bot's token, is requested when the token works again", async () => {
    const match = begin(linkedMatch());
    match.refusal = { kind: "unauthorized", retryAfterMs: MINUTE };
    match.faultsOf.set("create", ["refused", "refused"]);
    await match.pass(MINUTE - 1);
    expect(match.record?.factions.faction2.problem).toBe("discord_refused");
    expect(match.calls).toEqual(["create", "create"]);
    await match.pass(1);
    expectCalm(match);
  });

  it("because a category is gone, is created outside it, and people are let in", async () => {
    const match = begin(linkedMatch());
    match.refusal = { kind: "refused", status: 400, code: 50_035, message: "Invalid Form Body" };
    match.faultsOf.set("create", ["refused", "refused", "refused", "refused"]);
    await match.pass(0);
    expectCalm(match);
    expect(match.ours.map(({ parentId }) => parentId)).toEqual([null, null]);
  });

  it("because a category is full, is created outside it with its people", async () => {
    const match = begin(linkedMatch());
    for (let i = 0; i < 50; i += 1) match.addForeign(`room ${i}`);
    await match.pass(0);
    expectCalm(match);
    expect([calls(match, "create"), calls(match, "grant")]).toEqual([4, 0]);
  });
});

describe("a channel whose answer was lost", () => {
  it("may appear between two searches, and is used then", async () => {
    const like = await channelLike();
    const match = begin(linkedMatch());
    match.faultsOf.set("create", ["lost"]);
    await match.pass(SECOND);
    expect([calls(match, "list"), match.ours.length]).toEqual([1, 1]);
    late(match, like);
    await match.pass(MINUTE);
    expectCalm(match);
    expect(match.record?.factions.faction1.room?.channelId).toBe("late");
    expect(calls(match, "create")).toBe(2);
  });

  it("is deleted with the match, also when it appears after another was created", async () => {
    const like = await channelLike();
    const match = begin(linkedMatch());
    match.faultsOf.set("create", ["lost"]);
    await match.pass(MINUTE);
    expectCalm(match);
    expect(calls(match, "create")).toBe(3);
    late(match, like);
    finish(match);
    await match.pass(MINUTE);
    expectCalm(match);
    expect(match.channels.size).toBe(0);
  });
});

describe("a check whether channels still exist", () => {
  it("is repeated after a second when it fails", async () => {
    const match = await readyMatch();
    for (const { id } of match.ours) match.channels.delete(id);
    match.faultsOf.set("list", ["failed"]);
    match.look(true);
    await match.pass(SECOND - 1);
    expect([match.ours.length, calls(match, "list")]).toEqual([0, 1]);
    await match.pass(1);
    expectCalm(match);
  });
});
