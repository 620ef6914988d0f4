import { describe, expect, it } from "vitest";
import { ok } from "../../../platform/result.ts";
import { faceitMatch, rosters } from "../../../testing/faceit-matches.ts";
import { begin, calls, finish, linkedMatch, readyMatch } from "../../../testing/linked-match.ts";
import { unsettled } from "../../../testing/unsettled.ts";
import type { FaceitFailure } from "../ports.ts";
import { newRoom } from "./room-state.ts";
import { settleRead } from "./settle-read.ts";
import { retryLater } from "./timetable.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const NOW = 1_800_000_000_000;

describe("FACEIT without an answer", () => {
  it.each<[FaceitFailure, number, number]>([
    [{ kind: "failed" }, SECOND, 2 * SECOND],
    [{ kind: "not_found" }, SECOND, 2 * SECOND],
    [{ kind: "refused" }, MINUTE, 2 * MINUTE],
    [{ kind: "rate_limited", retryAfterMs: 7 * SECOND }, 7 * SECOND, 7 * SECOND],
  ])("($kind) is asked again after its time, and then it is forgotten", async (fault, one, two) => {
    const match = begin(linkedMatch());
    match.faceitFaults = [fault, fault];
    await match.pass(one - 1);
    expect(match.faceitReads).toBe(1);
    await match.pass(two);
    expect(match.faceitReads).toBe(2);
    await match.pass(1);
    expect(match.faceitReads).toBe(3);
    expect(unsettled(match)).toEqual([]);
    expect(match.state?.retries).toEqual({});
  });
});

describe("an answer of FACEIT that is older than a webhook", () => {
  it("is used as far as it is not older than the answer before", async () => {
    const match = linkedMatch();
    match.hint("match_object_created");
    await match.pass(MINUTE);
    match.advance("READY", rosters());
    match.hint("match_status_ready", { version: 99 });
    await match.pass(0);
    expect(unsettled(match)).toEqual([]);
    // It may also know more without a new version.
    match.faceit = { ...match.faceit, map: "de_nuke" };
    await match.pass(SECOND);
    expect(match.record?.map).toBe("de_nuke");
    match.faceit = { ...match.faceit, version: 99 };
    await match.pass(MINUTE);
    expect(match.state?.retries).toEqual({});
  });

  it("for good is repeated soon five times, and then as for any match", async () => {
    const match = await readyMatch();
    match.hint("match_status_ready", { version: 9_999 });
    await match.pass(MINUTE);
    const reads = match.faceitReads;
    expect(reads).toBe(7);
    await match.pass(HOUR);
    expect(match.faceitReads - reads).toBe(12);
  });

  it("with less than before is used the sixth time", async () => {
    const match = await readyMatch();
    match.faceit = faceitMatch("FINISHED", 2, rosters());
    match.voice.clear();
    match.hint("match_status_ready", { version: 9 });
    await match.pass(30 * SECOND - 1);
    expect([match.state?.phase, match.faceitReads]).toEqual(["live", 6]);
    await match.pass(1);
    expect([match.state?.phase, match.faceitReads]).toEqual(["closed", 7]);
  });
});

describe("rosters that FACEIT takes back", () => {
  it("are searched for as at the beginning", async () => {
    const match = linkedMatch();
    match.hint("match_object_created");
    await match.pass(4 * MINUTE);
    begin(match);
    await match.pass(10 * SECOND);
    match.advance("CHECK_IN", null);
    match.hint("match_object_created");
    await match.pass(0);
    const reads = match.faceitReads;
    match.advance("READY", rosters());
    await match.pass(15 * SECOND);
    expect(match.faceitReads - reads).toBe(1);
    expect(unsettled(match)).toEqual([]);
  });
});

describe("a match that turns out to belong to another guild", () => {
  it("is over for us, with FACEIT's status", () => {
    const before = { ...retryLater(newRoom("1-m", "100", NOW), "read", NOW), mustRead: true };
    const read = {
      kind: "read",
      result: ok(faceitMatch("READY", 8, null)),
      guildId: null,
    } as const;
    expect(settleRead(before, read, NOW + 5)).toEqual({
      ...newRoom("1-m", "100", NOW),
      phase: "closed",
      end: { version: 8, status: "READY", at: NOW + 5, confirmed: true, contradicted: 0 },
      readAt: NOW + 5,
      heardAt: NOW + 5,
    });
  });
});

describe("an end", () => {
  it("from FACEIT closes the channels", () => {
    const room = retryLater(newRoom("1-m", "100", NOW), "tell", NOW);
    const match = faceitMatch("FINISHED", 8, null);
    const read = { kind: "read", result: ok(match), guildId: "100" } as const;
    expect(settleRead(room, read, NOW + 5)).toEqual({
      ...newRoom("1-m", "100", NOW),
      match,
      phase: "closing",
      end: { version: 8, status: "FINISHED", at: NOW + 5, confirmed: true, contradicted: 0 },
      readAt: NOW + 5,
      heardAt: NOW + 5,
      emptyReads: 1,
    });
  });

  it("that FACEIT confirmed stays, whatever webhooks of the same version say", async () => {
    const match = await readyMatch();
    finish(match);
    await match.pass(MINUTE);
    match.faceit = { ...match.faceit, status: "ONGOING" };
    match.faceitFaults = [{ kind: "failed" }];
    const reads = match.faceitReads;
    match.hint("match_demo_ready");
    await match.pass(HOUR);
    expect([match.record?.state, match.faceitReads - reads]).toEqual(["ended", 2]);
    expect(match.state?.retries).toEqual({});
    match.hint("match_status_ready", { version: 9_999 });
    await match.pass(HOUR);
    expect(match.record?.state).toBe("ended");
  });

  it("that FACEIT confirms late does not hurry what Discord refused", async () => {
    const match = await readyMatch();
    match.faceitFaults = [{ kind: "failed" }];
    match.faultsOf.set("delete", ["refused", "refused"]);
    finish(match);
    await match.pass(29 * SECOND);
    expect([match.state?.end?.confirmed, calls(match, "delete")]).toEqual([true, 2]);
    await match.pass(SECOND);
    expect(unsettled(match)).toEqual([]);
    expect(match.state?.retries).toEqual({});
  });

  it("that FACEIT denies five times is taken back", async () => {
    const match = await readyMatch();
    match.voice.clear();
    // Of the version that FACEIT has, so it is not behind.
    match.hint("match_status_finished", { version: match.faceit.version });
    // An answer is fresh for 5 s; after the fourth denial FACEIT has 8 s.
    await match.pass(28 * SECOND - 1);
    expect([match.record?.state, match.faceitReads]).toEqual(["ended", 5]);
    await match.pass(1);
    expect([match.record?.state, match.faceitReads]).toEqual(["live", 6]);
    expect(unsettled(match)).toEqual([]);
    expect(match.state?.retries).toEqual({});
  });
});
