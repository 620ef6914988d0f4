import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SYNC_DIALECTS, SyncClient } from "../../../testing/sync-client.ts";
import { VirtualAccount } from "../../../testing/virtual-account.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";
import { ACCESS_KEY_REFUSALS } from "../records.ts";

/** An account with a session on a machine. */
async function furnished() {
  const at = new VirtualAccount();
  const place = { sessionId: await at.session(), machineId: await at.machine("m1") };
  return { at, place };
}

describe.each(SYNC_DIALECTS)("sync.md §6.9 access-key-get (%s)", (dialect) => {
  it("gives the key of a session on a machine, or that there is none", async () => {
    const { at, place } = await furnished();
    const agent = await SyncClient.connect(
      at,
      { clientType: "session-scoped", sessionId: place.sessionId },
      { dialect },
    );
    expect(await agent.ask("access-key-get", place)).toEqual({ ok: true, accessKey: null });
    await at.run(SYNC_COMMANDS.createAccessKey, { ...place, data: "key" });
    const { now } = at.time;
    expect(await agent.ask("access-key-get", place)).toEqual({
      ok: true,
      accessKey: { data: "key", dataVersion: 1, createdAt: now, updatedAt: now },
    });
  });

  it.each([
    ["without a machine", { machineId: undefined }, "Invalid parameters"],
    ["with a number", { sessionId: 1 }, "Invalid parameters"],
    ["of no session", { sessionId: "unknown" }, ACCESS_KEY_REFUSALS.nowhere],
    ["of no machine", { machineId: "unknown" }, ACCESS_KEY_REFUSALS.nowhere],
  ])("is refused %s", async (_, wrong, error) => {
    const { at, place } = await furnished();
    const phone = await SyncClient.connect(at, {}, { dialect });
    const answer = await phone.ask("access-key-get", { ...place, ...wrong });
    expect(answer).toEqual({ ok: false, error });
  });
});

describe("sync.md §3.6 an access key", () => {
  it("goes with its machine, and stays when its session is deleted", async () => {
    const { at, place } = await furnished();
    const other = { ...place, machineId: await at.machine("m2") };
    for (const one of [place, other]) {
      await at.run(SYNC_COMMANDS.createAccessKey, { ...one, data: one.machineId });
    }
    await at.run(SYNC_COMMANDS.deleteMachine, { id: "m1" });
    expect(await at.run(SYNC_COMMANDS.accessKey, place)).toEqual({ refused: "nowhere" });
    await at.machine("m1");
    expect(await at.run(SYNC_COMMANDS.accessKey, place)).toEqual({ accessKey: null });
    const kept = { accessKey: expect.objectContaining({ data: "m2" }) };
    expect(await at.run(SYNC_COMMANDS.accessKey, other)).toEqual(kept);
    await at.run(SYNC_COMMANDS.deleteSession, { id: place.sessionId });
    expect(await at.run(SYNC_COMMANDS.accessKey, other)).toEqual(kept);
    const change = { ...other, value: "new", expected: 1 };
    const nowhere = { result: "error", message: ACCESS_KEY_REFUSALS.nowhere };
    expect(await at.run(SYNC_COMMANDS.changeAccessKey, change)).toEqual(nowhere);
    const created = await at.run(SYNC_COMMANDS.createAccessKey, { ...place, data: "new" });
    expect(created).toEqual({ refused: "nowhere" });
    await at.session();
    expect(await at.run(SYNC_COMMANDS.changeAccessKey, change)).toMatchObject({ version: 2 });
  });

  it("takes each of 50 writers once, on what it has seen", async () => {
    const WRITERS = 50;
    const turns = fc.array(fc.nat(WRITERS - 1), { minLength: 50, maxLength: 300, size: "max" });
    const runs = fc.asyncProperty(turns, async (order) => {
      const { at, place } = await furnished();
      await at.run(SYNC_COMMANDS.createAccessKey, { ...place, data: "" });
      const seen = Array.from({ length: WRITERS }, () => ({ version: 1, value: "" }));
      const left = new Set(seen.keys());
      let stored = { version: 1, value: "" };
      const write = async (i: number): Promise<void> => {
        const known = seen[i];
        if (known === undefined || !left.has(i)) return;
        const value = `${known.value}${i},`;
        const change = { ...place, value, expected: known.version };
        const came = await at.run(SYNC_COMMANDS.changeAccessKey, change);
        if (known.version === stored.version) {
          stored = { version: stored.version + 1, value };
          expect(came).toEqual({ result: "success", ...stored });
          left.delete(i);
        } else {
          expect(came).toEqual({ result: "version-mismatch", ...stored });
          seen[i] = stored;
        }
      };
      for (const i of order) await write(i);
      // Whoever is left has seen an old version, or none but the first.
      for (const i of [...left].flatMap((one) => [one, one])) await write(i);
      expect(left.size).toBe(0);
      const marks = stored.value.split(",").slice(0, -1).map(Number);
      expect(marks.toSorted((a, b) => a - b)).toEqual([...seen.keys()]);
    });
    await fc.assert(runs, { numRuns: 20 });
  });
});
