import { describe, expect, test } from "vitest";
import { REVOCATION_TTL_MS } from "../../protocol/limits.ts";
import type { VirtualSocket } from "../../testing/virtual-hub.ts";
import { type Fate, VirtualGuild } from "../../testing/virtual-guild.ts";

const seqs = (socket: VirtualSocket | null): number[] =>
  socket?.events().map((event) => event.seq) ?? [];

/** Fates of the next calls; afterwards all arrive. */
function fates(guild: VirtualGuild, ...next: Fate[]): void {
  guild.wire.fate = () => next.shift() ?? "arrives";
}

async function join(
  guild: VirtualGuild,
  index: number,
  options: { sub?: string; seq?: number; epoch?: string } = {},
): Promise<VirtualSocket> {
  const socket = await guild.relays[index]?.join(options);
  if (socket === undefined || socket === null) throw new Error("nobody was let in");
  return socket;
}

describe("HUB-16 relays", () => {
  test("who is at a relay gets what one at the hub gets: same frames, same audience, same prev", async () => {
    const guild = new VirtualGuild(2);
    guild.publish();
    const here = guild.hub.connect({ sub: "alice" });
    const there = await join(guild, 0, { sub: "alice" });
    const bob = await join(guild, 1, { sub: "bob" });
    guild.publish();
    guild.publish(["sub:alice"]);
    guild.publish();
    await guild.quiet();
    expect(there.sent.slice(2)).toEqual(here.sent.slice(2));
    expect(seqs(there)).toEqual([2, 3, 4]);
    expect(bob.events()).toMatchObject([{ seq: 2 }, { seq: 4, prev: 2 }]);
  });

  test("a guild whose last revocation was forgotten takes a new relay, and calls it no more than needed", async () => {
    const guild = new VirtualGuild(1);
    guild.revoke({ sub: "mallory" });
    await guild.pass(REVOCATION_TTL_MS + 1);
    const socket = await join(guild, 0);
    const before = guild.wire.calls;
    let left = 100;
    guild.wire.fate = () => {
      left -= 1;
      if (left < 0) throw new Error("calls without end");
      return "arrives";
    };
    guild.publish();
    await guild.quiet();
    expect(seqs(socket)).toEqual([1]);
    expect(guild.wire.calls - before).toBeLessThanOrEqual(3);
  });

  test("what is published while a relay is told of a signal reaches it at once", async () => {
    const guild = new VirtualGuild(1);
    const socket = await join(guild, 0);
    guild.publish();
    await guild.quiet();
    guild.signal({
      event: "typing",
      key: "k",
      payload: "{}",
      audience: null,
      topic: null,
      ts: 0,
    });
    guild.publish();
    await guild.quiet();
    expect(seqs(socket)).toEqual([1, 2]);
  });

  test("a lost call is made again, a lost acknowledgement sends nothing twice", async () => {
    const guild = new VirtualGuild(1);
    const socket = await join(guild, 0);
    fates(guild, "request lost");
    guild.publish();
    await guild.quiet();
    expect(seqs(socket)).toEqual([]);
    await guild.pass(1_000);
    expect(seqs(socket)).toEqual([1]);
    fates(guild, "answer lost");
    guild.publish();
    await guild.quiet();
    await guild.pass(1_000);
    guild.publish();
    await guild.quiet();
    expect(seqs(socket)).toEqual([1, 2, 3]);
  });
});
