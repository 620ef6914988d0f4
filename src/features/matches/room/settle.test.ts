import { describe, expect, it } from "vitest";
import { ok } from "../../../platform/result.ts";
import { faceitMatch, rosters } from "../../../testing/faceit-matches.ts";
import { begin, calls, finish, linkedMatch, readyMatch } from "../../../testing/linked-match.ts";
import { unsettled } from "../../../testing/unsettled.ts";
import { LOBBY } from "../../../testing/virtual-discord.ts";
import type { VirtualMatch } from "../../../testing/virtual-match.ts";
import { newRoom, withSide } from "./room-state.ts";
import { expire, settle } from "./settle.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const NOW = 1_800_000_000_000;

/** FACEIT has other people on the first side. */
async function substitute(match: VirtualMatch, ...first: string[]): Promise<void> {
  match.advance("ONGOING", rosters(first));
  match.hint("match_status_configuring");
  await match.pass(10 * SECOND);
}

/** Somebody looks at what is there. */
async function look(match: VirtualMatch, ms = 0): Promise<void> {
  match.look();
  await match.pass(ms);
}

describe("calls on a channel that no longer exists", () => {
  const room = newRoom("1-m", "100", NOW);
  const people = { faction: "faction1", userId: "d-a1", channelId: "old" } as const;

  it.each([
    { ...people, kind: "grant" } as const,
    { ...people, kind: "revoke" } as const,
    { ...people, kind: "delete" } as const,
  ])("($kind) changes nothing of what came since", (action) => {
    const since = withSide(room, "faction1", { channel: { id: "new", access: ["d-a1"] } });
    for (const state of [room, since]) {
      const outcome = { kind: "discord", result: ok(undefined) } as const;
      expect(settle(state, action, outcome, NOW)).toEqual(state);
    }
  });
});

describe("somebody who is not in the guild", () => {
  it("is looked up once, until they are seen in voice", async () => {
    const match = await readyMatch();
    match.members.delete("d-c1");
    match.links.set("c1", "d-c1");
    await substitute(match, "c1", "a2");
    await look(match, HOUR);
    expect(calls(match, "grant")).toBe(1);
  });

  it("is moved when they return, although the hub saw them in voice before", async () => {
    const match = await readyMatch();
    match.members.delete("d-b1");
    match.voice.set("d-b1", LOBBY);
    await look(match, 29 * SECOND);
    // That of `a1` was the first.
    expect(calls(match, "move")).toBe(2);
    match.members.add("d-b1");
    await match.pass(SECOND);
    expect(match.voice.get("d-b1")).toBe(match.channelOf("faction2")?.id);
  });
});

describe("somebody who loses their place", () => {
  it("loses only their own access", async () => {
    const match = await readyMatch();
    match.links.delete("a2");
    await look(match);
    expect(match.accessOf("faction1")).toEqual(["d-a1"]);
    expect([calls(match, "revoke"), calls(match, "grant")]).toEqual([1, 0]);
  });

  it("is removed also when they linked during the match", async () => {
    const match = linkedMatch();
    match.links.delete("a2");
    begin(match);
    await match.pass(0);
    match.links.set("a2", "d-a2");
    match.voice.set("d-a2", LOBBY);
    await look(match);
    expect(match.voice.get("d-a2")).toBe(match.channelOf("faction1")?.id);
    await substitute(match, "a1", "c1");
    expect(match.voice.get("d-a2")).toBe(LOBBY);
  });

  it("is removed once, and may stay when somebody lets them in afterwards", async () => {
    const match = await readyMatch();
    const own = match.channelOf("faction1")?.id ?? "";
    match.voice.set("d-a2", own);
    await substitute(match, "c1", "a2");
    expect(match.voice.get("d-a1")).toBe(LOBBY);
    match.voice.set("d-a1", own);
    await look(match);
    expect(match.voice.get("d-a1")).toBe(own);
    await substitute(match, "c1", "c2");
    expect([match.voice.get("d-a1"), match.voice.get("d-a2")]).toEqual([own, LOBBY]);
  });

  it("is left alone by a bot that may not move members", async () => {
    const match = await readyMatch();
    match.botMayMove = false;
    await substitute(match, "c1", "a2");
    await look(match, HOUR);
    // In; then to the lobby and out of voice, which both are refused.
    expect(calls(match, "move")).toBe(3);
    expect(unsettled(match)).toEqual([]);
  });

  it("waits as long as Discord wants a pause", async () => {
    const match = await readyMatch();
    match.faultsOf.set("move", ["rate limited"]);
    await substitute(match, "c1", "a2");
    expect(match.voice.get("d-a1")).toBe(LOBBY);
    expect(match.state?.retries).toEqual({});
  });
});

describe("a pause that Discord asked for", () => {
  it.each([
    ["move", "d-a1"],
    ["notice", "notices"],
  ])("is all that comes of a %s, which is done afterwards", async (call, to) => {
    const match = linkedMatch();
    match.links.delete("b2");
    match.faultsOf.set(call, ["rate limited"]);
    begin(match);
    await match.pass(2 * SECOND);
    const isDone = (): boolean =>
      [...match.messages.map((one) => one.to), ...match.moves.map((one) => one.userId)].includes(
        to,
      );
    expect(isDone()).toBe(false);
    await match.pass(SECOND);
    expect(isDone()).toBe(true);
  });

  it.each(["message", "notice"])("for our token delays a %s as well", async (call) => {
    const match = linkedMatch();
    match.links.delete("b2");
    match.refusal = { kind: "unauthorized", retryAfterMs: MINUTE };
    match.faultsOf.set(call, ["refused"]);
    begin(match);
    await match.pass(MINUTE - 1);
    const sent = calls(match, call);
    await match.pass(1);
    expect(calls(match, call) - sent).toBe(1);
    await match.pass(HOUR);
    expect(calls(match, call)).toBe(sent + 1);
  });

  it("delays the report that there is no room for channels", async () => {
    const match = linkedMatch();
    match.guildMax = 0;
    match.faultsOf.set("notice", ["rate limited", "failed"]);
    begin(match);
    await match.pass(10 * MINUTE);
    // It failed then, and perhaps it arrived.
    expect(calls(match, "notice")).toBe(2);
    expect(match.messages).toEqual([]);
  });

  it("is not caused by a message that failed", async () => {
    const match = linkedMatch();
    match.links.delete("b2");
    match.faultsOf.set("message", ["failed", "lost"]);
    match.faultsOf.set("notice", ["failed"]);
    begin(match);
    await match.pass(HOUR);
    expect([calls(match, "message"), calls(match, "notice")]).toEqual([2, 1]);
    expect(match.messages).toEqual([]);
  });
});

describe("the end", () => {
  it("does not wait for somebody who left voice unnoticed: one move is tried", async () => {
    const match = await readyMatch();
    match.gone.add("d-a1");
    match.advance("FINISHED");
    match.hint("match_status_finished");
    await match.pass(HOUR);
    expect(unsettled(match)).toEqual([]);
    expect(calls(match, "move")).toBe(2);
  });

  it("keeps its time, however long Discord refuses to delete the channels", async () => {
    const match = await readyMatch();
    match.faultsOf.set(
      "delete",
      Array.from({ length: 1_000 }, () => "refused"),
    );
    finish(match);
    await match.pass(0);
    const { endedAt } = match.record ?? {};
    await match.pass(23 * HOUR);
    expect([match.record?.endedAt, match.state?.phase]).toEqual([endedAt, "closing"]);
    await match.pass(2 * HOUR);
    expect([match.state?.phase, match.rows.size]).toEqual(["closed", 0]);
  });

  it("comes after exactly six hours without news, with the last known status", async () => {
    const match = await readyMatch();
    match.voice.clear();
    match.faceitFaults = Array.from({ length: 500 }, () => ({ kind: "failed" }) as const);
    await match.pass(6 * HOUR - 1);
    expect(match.record?.state).toBe("live");
    await match.pass(1);
    expect(match.record).toMatchObject({ state: "ended", status: "READY" });
    expect(match.ours).toEqual([]);
  });

  it("that only silence implies is not attributed to FACEIT", () => {
    const room = { ...newRoom("1-m", "100", NOW), version: 3 };
    const at = NOW + 6 * HOUR;
    const end = { version: 3, status: "CANCELLED", at, confirmed: false, contradicted: 0 };
    expect(expire(room, true, at)).toEqual({ ...room, phase: "closing", end });
    const known = { ...room, match: faceitMatch("VOTING", 3, null) };
    expect(expire(known, true, at).end).toEqual({ ...end, status: "VOTING" });
    expect([expire(room, false, at), expire(room, true, at - 1)]).toEqual([room, room]);
  });
});
