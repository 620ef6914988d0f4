import { describe, expect, it } from "vitest";
import { rosters } from "../../../testing/faceit-matches.ts";
import { unsettled } from "../../../testing/unsettled.ts";
import { LOBBY } from "../../../testing/virtual-discord.ts";
import { VirtualMatch } from "../../../testing/virtual-match.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

type Config = ConstructorParameters<typeof VirtualMatch>[0];

/** A match with one linked player, who is in the side's channel. */
async function playedMatch(config: Config = {}, hasApi = true): Promise<VirtualMatch> {
  const match = new VirtualMatch(config);
  match.hasApi = hasApi;
  match.members.add("d-a1");
  match.links.set("a1", "d-a1");
  match.voice.set("d-a1", LOBBY);
  match.advance("READY", rosters());
  match.hint("match_status_ready", { rosters: rosters() });
  await match.pass(0);
  expect(match.voice.get("d-a1")).toBe(match.channelOf("faction1")?.id);
  return match;
}

async function finish(match: VirtualMatch, ms: number): Promise<void> {
  match.advance("FINISHED");
  match.hint("match_status_finished");
  await match.pass(ms);
}

const movesAtEnd = (match: VirtualMatch): number =>
  match.calls.filter((name) => name === "move").length - 1;

describe("people who are still in a channel after the match", () => {
  it("keep it until they are in the lobby, for at most 15 seconds", async () => {
    const match = await playedMatch();
    await finish(match, 59 * SECOND);
    match.faultsOf.set(
      "move",
      Array.from({ length: 100 }, () => "rate limited" as const),
    );
    await match.pass(15 * SECOND);
    expect(match.ours).toHaveLength(2);
    await match.pass(SECOND);
    expect(unsettled(match)).toEqual([]);
    expect(movesAtEnd(match)).toBeGreaterThan(3);
  });

  it("are not moved when there is no lobby", async () => {
    const match = await playedMatch({ lobbyId: undefined });
    await finish(match, 59 * SECOND);
    expect(match.ours).toHaveLength(2);
    await match.pass(SECOND);
    expect(unsettled(match)).toEqual([]);
    expect(movesAtEnd(match)).toBe(0);
  });

  it("are not disconnected while the hub cannot tell where they are", async () => {
    const match = await playedMatch();
    match.hubIsDown = true;
    await finish(match, 59 * SECOND);
    expect(match.ours).toHaveLength(2);
    await match.pass(2 * SECOND);
    expect([match.ours.length, match.rows.size]).toEqual([0, 0]);
  });
});

describe("a match that is over", () => {
  it("keeps its channels for a while when nobody knows who is in them", async () => {
    const match = await playedMatch();
    match.voice.clear();
    match.gatewayIsDown = true;
    await finish(match, 59 * SECOND);
    expect(match.ours).toHaveLength(2);
    match.gatewayIsDown = false;
    match.look();
    await match.pass(0);
    expect(match.ours).toEqual([]);
  });

  it.each(["finished", "silent"])("does not wait for a bot in its channel (%s)", async (how) => {
    const match = await playedMatch();
    match.voice.clear();
    match.voice.set("music", match.channelOf("faction1")?.id ?? "");
    match.bots.add("music");
    if (how === "finished") await finish(match, 0);
    else {
      match.faceitFaults.push(...Array.from({ length: 200 }, () => ({ kind: "failed" }) as const));
      await match.pass(7 * HOUR);
    }
    expect([match.ours.length, match.state?.phase]).toEqual([0, "closed"]);
  });

  it("without news for hours keeps its channels until they are known to be empty", async () => {
    const match = await playedMatch();
    match.voice.clear();
    match.gatewayIsDown = true;
    match.faceitFaults.push(...Array.from({ length: 200 }, () => ({ kind: "failed" }) as const));
    await match.pass(7 * HOUR);
    expect(match.ours).toHaveLength(2);
    match.gatewayIsDown = false;
    await match.pass(5 * MINUTE);
    expect(match.ours).toEqual([]);
  });

  it("is not looked at during its grace period when nobody is in a channel", async () => {
    const match = await playedMatch();
    match.voice.clear();
    await finish(match, 0);
    expect([match.state?.phase, match.alarmAt]).toEqual(["closed", null]);
  });

  it("by a webhook lets nobody in, even before FACEIT confirms it", async () => {
    const match = await playedMatch();
    const calls = match.calls.length;
    match.faceitFaults = Array.from({ length: 50 }, () => ({ kind: "failed" }) as const);
    match.hint("match_status_cancelled", { version: 99 });
    match.links.set("b1", "d-b1");
    match.members.add("d-b1");
    match.look(true);
    await match.pass(59 * SECOND);
    expect(match.calls.slice(calls)).toEqual([]);
  });

  it("is also one without news for six hours, when FACEIT cannot be asked", async () => {
    const match = await playedMatch({}, false);
    expect(match.alarmAt).toBe(match.now + 6 * HOUR);
    await match.pass(7 * HOUR);
    expect(match.ours).toHaveLength(2);
    match.voice.clear();
    await match.pass(5 * MINUTE);
    expect([match.ours.length, match.state?.phase, match.record?.state]).toEqual([
      0,
      "closed",
      "ended",
    ]);
  });
});
