import fc from "fast-check";
import { expect, it } from "vitest";
import { ENDED_STATUSES } from "../../../protocol/match.ts";
import { rosters } from "../../../testing/faceit-matches.ts";
import { unsettled } from "../../../testing/unsettled.ts";
import { LOBBY, type CallFault } from "../../../testing/virtual-discord.ts";
import { VirtualMatch, type WriteFault } from "../../../testing/virtual-match.ts";

import { revived } from "./revive.ts";

/** The mutation run repeats them thousands of times. */
const RUNS = Number(process.env["MODEL_RUNS"] ?? 300);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const PLAYERS = ["a1", "a2", "b1", "b2", "c1"];
const EVENTS = [
  "match_object_created",
  "match_status_configuring",
  "match_status_ready",
  "match_status_finished",
  "match_status_aborted",
  "match_status_cancelled",
];
const FAULTS: CallFault[] = [
  "refused",
  "failed",
  "failed after effect",
  "lost",
  "lost after effect",
  "late",
  "rate limited",
  "crash",
  "crash after effect",
];

const WRITE_FAULTS: (WriteFault | null)[] = [
  null,
  "failed",
  "failed after effect",
  "crash",
  "crash after effect",
];

type Step =
  | { readonly kind: "advance"; readonly status: string }
  | { readonly kind: "webhook"; readonly event: string; readonly behind: number }
  | { readonly kind: "substitute"; readonly side: boolean; readonly who: string }
  | { readonly kind: "link" | "unlink"; readonly who: string }
  | { readonly kind: "voice"; readonly who: string; readonly where: string | null }
  | { readonly kind: "faults"; readonly faults: readonly CallFault[] }
  | { readonly kind: "faceit"; readonly down: number }
  | { readonly kind: "hub" | "links"; readonly down: boolean }
  | { readonly kind: "writes"; readonly faults: readonly (WriteFault | null)[] }
  /** FACEIT answers as it did some versions before. */
  | { readonly kind: "replica"; readonly behind: number }
  | { readonly kind: "lose storage" }
  | { readonly kind: "delete by hand" }
  | { readonly kind: "pass"; readonly ms: number };

const who = fc.constantFrom(...PLAYERS);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("advance" as const),
    status: fc.constantFrom(
      "CHECK_IN",
      "VOTING",
      "CONFIGURING",
      "READY",
      "ONGOING",
      "FINISHED",
      "CANCELLED",
    ),
  }),
  fc.record({
    kind: fc.constant("webhook" as const),
    event: fc.constantFrom(...EVENTS),
    behind: fc.constantFrom(0, 0, 0, 3, 20),
  }),
  fc.record({ kind: fc.constant("substitute" as const), side: fc.boolean(), who }),
  fc.record({ kind: fc.constantFrom("link" as const, "unlink" as const), who }),
  fc.record({
    kind: fc.constant("voice" as const),
    who,
    where: fc.constantFrom(null, LOBBY, "elsewhere"),
  }),
  fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(0, 2_000, 20_000) }),
  fc.record({
    kind: fc.constant("faults" as const),
    faults: fc.array(fc.constantFrom(...FAULTS), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant("faceit" as const), down: fc.integer({ min: 1, max: 4 }) }),
  fc.record({
    kind: fc.constantFrom("hub" as const, "links" as const),
    down: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("writes" as const),
    faults: fc.array(fc.constantFrom(...WRITE_FAULTS), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant("replica" as const), behind: fc.integer({ min: 0, max: 2 }) }),
  fc.constant({ kind: "lose storage" as const }),
  fc.constant({ kind: "delete by hand" as const }),
  fc.record({
    kind: fc.constant("pass" as const),
    ms: fc.constantFrom(0, 100, 2_000, 30_000, 5 * MINUTE),
  }),
);

async function take(match: VirtualMatch, one: Step): Promise<void> {
  switch (one.kind) {
    case "advance":
      match.advance(
        one.status,
        one.status === "CHECK_IN" ? null : (match.faceit.rosters ?? rosters()),
      );
      return;
    case "webhook":
      match.hint(one.event, { version: Math.max(0, match.faceit.version - one.behind) });
      return;
    case "substitute": {
      const side = one.side ? "faction1" : "faction2";
      const now = match.faceit.rosters;
      if (now === null) return;
      const [, ...rest] = now[side].players;
      const players = rest.filter(({ playerId }) => playerId !== one.who);
      players.push({ playerId: one.who, nickname: one.who, skillLevel: null });
      match.advance(match.faceit.status, { ...now, [side]: { ...now[side], players } });
      return;
    }
    case "link":
      match.links.set(one.who, `d-${one.who}`);
      match.look();
      return;
    case "unlink":
      match.links.delete(one.who);
      match.look();
      return;
    case "voice":
      if (one.where === null) match.voice.delete(`d-${one.who}`);
      else match.voice.set(`d-${one.who}`, one.where);
      match.look();
      return;
    case "faults":
      match.faults.push(...one.faults);
      return;
    case "faceit":
      match.faceitFaults.push(
        ...Array.from({ length: one.down }, () => ({ kind: "failed" }) as const),
      );
      return;
    case "hub":
      match.hubIsDown = one.down;
      return;
    case "links":
      match.linksAreDown = one.down;
      return;
    case "writes":
      match.writeFaults.push(...one.faults);
      return;
    case "replica":
      match.replicaBehind = one.behind;
      return;
    case "lose storage":
      if (match.record?.state !== "live") return;
      match.now += 1_000;
      match.store(revived(match.record, match.now));
      match.look();
      return;
    case "delete by hand": {
      const [channel] = match.ours;
      if (channel !== undefined) match.channels.delete(channel.id);
      match.look(true);
      return;
    }
    case "pass":
      await match.pass(one.ms);
  }
}

it("whatever happens in whatever order, Discord, D1 and clients end up as FACEIT says", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(step, { minLength: 1, maxLength: 25 }),
      async (isReady, steps) => {
        const match = new VirtualMatch();
        for (const player of PLAYERS) if (player !== "b2") match.members.add(`d-${player}`);
        const foreign = match.addForeign("match-7c1f0a52-faction1");
        let byHand = 0;
        match.hint("match_object_created");
        if (isReady) {
          for (const player of ["a1", "a2", "b1"]) match.links.set(player, `d-${player}`);
          match.advance("READY", rosters());
          match.voice.set("d-a1", LOBBY);
          match.hint("match_status_ready");
        }
        for (const one of steps) {
          await take(match, one);
          byHand += one.kind === "delete by hand" ? 1 : 0;
        }
        // Now everything works again, and FACEIT is asked by the clock alone.
        match.faults = [];
        match.faceitFaults = [];
        match.writeFaults = [];
        match.hubIsDown = false;
        match.linksAreDown = false;
        match.replicaBehind = 0;
        // FACEIT delivers at least once; a reopened match is heard of by that alone.
        if (!ENDED_STATUSES.has(match.faceit.status)) match.hint("match_status_configuring");
        await match.pass(HOUR);
        // Somebody who deletes channels again and again gets what they want.
        if (byHand < 3) {
          const left = unsettled(match).filter(
            // An answer that was lost may have left a second channel; the sweep finds it, or the end does.
            (sentence) => !(match.state?.phase === "live" && sentence.endsWith(" has 2 channels")),
          );
          expect(left).toEqual([]);
        }
        match.advance("FINISHED");
        match.hint("match_status_finished");
        await match.pass(HOUR);
        expect(unsettled(match)).toEqual([]);
        expect(match.channels.has(foreign)).toBe(true);
      },
    ),
    { numRuns: RUNS },
  );
});
