import { describe, expect, test } from "vitest";
import { readCarried, taken } from "../hub/core/carried.ts";
import { factsOf } from "../hub/core/transport.ts";
import { EXPIRY_WARNING_MS } from "../protocol/limits.ts";
import type { ClientSide } from "./client-side.ts";
import { dialectBench, type Setting } from "./dialect-bench.ts";

/**
 * What every dialect must do, whatever its frames look like, and whatever the limits of its hub are. Run it with the
 * client's side of each one.
 */
export function dialectSuite(client: ClientSide, setting: Setting): void {
  const { dialect, say } = client;
  const { transport, kind } = setting;
  const { limits, journal } = kind;
  const { isCarried } = factsOf(transport);
  const bench = dialectBench(client, setting);
  const { newHub, identify, tokenOf, soon, start, show, hear, heard } = bench;
  const { events, snapshot, seqs, codeOf, nonsenseCode } = bench;

  /** A dialect without a state: its clients read elsewhere what they do not get. */
  const stateless = (): void => {
    test("welcomes without a state, and every later event follows in order", async () => {
      const hub = newHub();
      hub.publish();
      hub.publish();
      const socket = await identify(hub, tokenOf("alice", soon(hub)));
      expect(heard(socket)).toEqual([{ what: "opened" }]);
      if (isCarried) expect(readCarried(socket.sent[0] ?? "").number).toBe(2);
      hub.publish();
      hub.publish(["sub:bob"]);
      hub.publish();
      expect(seqs(socket, 0)).toEqual([3, 5]);
      const [first, second] = events(socket);
      expect(first).toMatchObject({
        event: client.eventName ?? "test.happened",
        payload: { n: 3 },
      });
      expect(first?.id).not.toBe(second?.id);
      expect(second?.prev).toBeUndefined();
      expect(heard(socket)).toHaveLength(3);
    });

    test("a client that comes back gets what happens from then on, and nothing of what it missed", async () => {
      const hub = newHub();
      const before = await identify(hub, tokenOf("alice", soon(hub)));
      hub.publish();
      hub.drop(before);
      hub.publish();
      const socket = await identify(hub, tokenOf("alice", soon(hub)));
      hub.publish();
      expect(seqs(before, 0)).toEqual([1]);
      expect(seqs(socket, 0)).toEqual([3]);
      expect(heard(socket).map(({ what }) => what)).toEqual(["opened", "event"]);
    });
  };

  /** A dialect whose clients get the state, or what they missed. */
  const stateful = (): void => {
    test("welcomes with the state, and every later event follows in order", async () => {
      const hub = newHub();
      hub.publish();
      hub.publish();
      const socket = await identify(hub, tokenOf("alice", soon(hub)));
      const { number, epoch, reason, base, state } = snapshot(socket);
      expect([number + base, epoch, reason]).toEqual([2, "epoch-1", "first_connection"]);
      expect(number).toBe(dialect.firstNumber ?? 2);
      expect(state).toMatchObject({ rooms: [] });
      hub.publish();
      hub.publish(["sub:bob"]);
      hub.publish();
      expect(seqs(socket, base)).toEqual([3, 5]);
      const [first, second] = events(socket);
      expect(first).toMatchObject({ event: "test.happened", payload: { n: 3 } });
      expect(first?.id).not.toBe(second?.id);
      expect(second?.prev).toBe(dialect.showsJumps ? 3 - base : undefined);
    });

    test("a resume brings all that was missed, goes on with the same numbers, and says its end", async () => {
      const hub = newHub();
      for (let n = 1; n <= 3; n += 1) hub.publish();
      const before = await identify(hub, tokenOf("alice", soon(hub)));
      const { epoch, seq, base } = snapshot(before);
      hub.publish();
      hub.drop(before);
      hub.publish();
      hub.publish(["sub:bob"]);
      const socket = await identify(hub, tokenOf("alice", soon(hub)), { epoch, seq, base });
      expect(heard(socket).some(({ what }) => what === "snapshot")).toBe(false);
      expect(seqs(socket, base)).toEqual([4, 5]);
      expect(heard(socket).at(-1)?.what).toBe("resumed");
      hub.publish();
      expect(seqs(socket, base)).toEqual([4, 5, 7]);
    });

    test("a position that cannot be resumed brings the state, with its reason", async () => {
      const hub = newHub();
      hub.publish();
      const at = { epoch: "another", seq: 1, base: 0 };
      expect(snapshot(await identify(hub, tokenOf("alice", soon(hub)), at))).toMatchObject({
        reason: "unknown_epoch",
      });
    });

    test("HUB-3 a position that the journal has no longer brings the state, with its reason", async () => {
      const hub = newHub();
      hub.publish();
      const before = await identify(hub, tokenOf("alice", soon(hub)));
      const { epoch, seq, base } = snapshot(before);
      hub.drop(before);
      hub.publish();
      await hub.pass(journal.maxAgeMs + 1);
      // The next publish trims.
      hub.publish();
      const at = { epoch, seq, base };
      const socket = await identify(hub, tokenOf("alice", soon(hub)), at);
      expect(snapshot(socket)).toMatchObject({
        reason: "too_old",
        number: dialect.firstNumber ?? 3,
      });
      expect(events(socket)).toEqual([]);
    });
  };

  describe(`HUB-23 the dialect ${dialect.name} on ${transport ?? "its own"} sockets of a hub of kind ${kind.name}`, () => {
    if (dialect.snapshot !== undefined) stateful();
    else stateless();

    test("survives a sleep of the hub: numbers, grants and language", async () => {
      const hub = newHub();
      hub.publish();
      hub.publish();
      const socket = await identify(hub, tokenOf("alice", soon(hub)));
      const { base } = start(hub, socket);
      hub.publish();
      await hub.evict();
      hub.publish(["sub:bob"]);
      hub.publish(["sub:alice"]);
      expect(seqs(socket, base)).toEqual([3, 5]);
      hub.hub.message(socket, say.nonsense());
      expect(heard(socket).at(-1)).toEqual({ what: "refused", code: nonsenseCode() });
    });

    test("events that a client causes itself go to all others", async () => {
      const hub = newHub();
      const socket = await identify(hub, tokenOf("alice", soon(hub)));
      const other = await identify(hub, tokenOf("alice", soon(hub)));
      const [base, otherBase] = [start(hub, socket).base, start(hub, other).base];
      hub.publish(null, null, undefined, {}, hub.server.sessions.live(socket)?.record.id);
      hub.publish();
      expect(seqs(socket, base)).toEqual([2]);
      expect(seqs(other, otherBase)).toEqual([1, 2]);
    });

    test("a client that asks for batches gets each event once, alone if the dialect has none", async () => {
      const hub = newHub();
      const socket = await identify(hub, tokenOf("alice", soon(hub)), { batch: true });
      const { base } = start(hub, socket);
      hub.publish();
      hub.publish();
      hub.publish();
      await hub.pass(1_000);
      expect(seqs(socket, base)).toEqual([1, 2, 3]);
      const most = Math.max(...socket.sent.map((text) => hear(text).length));
      expect(most > 1).toBe(dialect.batch !== undefined);
    });

    const { acknowledge, renew, subscribe } = say;
    if (subscribe !== undefined)
      test("subscribes to topics, and to all again", async () => {
        const hub = newHub();
        const socket = await identify(hub, tokenOf("alice", soon(hub)));
        const { base } = start(hub, socket);
        const [one, other] = ["157356480064913408", "157356480064913409"];
        hub.hub.message(socket, subscribe([one]));
        hub.publish(null, other);
        hub.publish(null, one);
        hub.hub.message(socket, subscribe([]));
        hub.publish(null, other);
        expect(seqs(socket, base)).toEqual([2, 3]);
      });

    if (renew !== undefined)
      test("a newer token changes what is seen from the next event on", async () => {
        const hub = newHub();
        const socket = await identify(hub, tokenOf("alice", soon(hub)));
        const { base } = start(hub, socket);
        hub.publish(["scope:a"]);
        hub.hub.message(socket, renew(tokenOf("alice", soon(hub), ["a"])));
        await hub.time.quiet();
        hub.publish(["scope:a"]);
        expect(seqs(socket, base)).toEqual([2]);
      });

    test("a client is shown only what its token grants, on each of its connections", async () => {
      const hub = newHub();
      const plain = await identify(hub, tokenOf("alice", soon(hub)));
      const more = await identify(hub, tokenOf("alice", soon(hub), ["a"]));
      const [{ base }, { base: moreBase }] = [start(hub, plain), start(hub, more)];
      hub.publish(["scope:a"]);
      hub.publish(["scope:b"]);
      hub.publish(["sub:alice"]);
      expect(seqs(plain, base)).toEqual([3]);
      expect(seqs(more, moreBase)).toEqual([1, 3]);
    });

    test("closes a session whose token ends, after a warning if the dialect has one", async () => {
      const hub = newHub();
      const socket = await identify(hub, tokenOf("alice", soon(hub, 100)));
      await hub.pass(100_000 - EXPIRY_WARNING_MS);
      const warned = heard(socket).filter(({ what }) => what === "expiring");
      expect(warned).toHaveLength(dialect.expiring(1) === null ? 0 : 1);
      await hub.pass(EXPIRY_WARNING_MS);
      expect(socket.closedWith).toBe(codeOf("unauthorized"));
    });

    test("a slow reader gets a window, and the rest when it shows that it reads, in order", async () => {
      const hub = newHub();
      const socket = await identify(hub, tokenOf("alice", soon(hub)));
      const { base, number } = start(hub, socket);
      await show(hub, socket, number);
      // More than a window, and no more than the journal keeps.
      const most = Math.min(40, journal.maxEvents);
      const text = "x".repeat(Math.floor(limits.windowBytes / 6.5));
      for (let n = 1; n <= most; n += 1) hub.publish(null, null, undefined, { text });
      const first = seqs(socket, base);
      expect(first.length).toBeGreaterThan(1);
      expect(first.length).toBeLessThan(most);
      const asked = (): number => heard(socket).filter(({ what }) => what === "probe").length;
      const probes = dialect.probe === undefined ? 0 : 1;
      expect(asked()).toBe(probes);
      for (let i = 0; i < most && seqs(socket, base).length < most; i += 1) {
        await show(hub, socket, events(socket).at(-1)?.number ?? number);
      }
      expect(seqs(socket, base)).toEqual(Array.from({ length: most }, (_, i) => i + 1));
      // Once for each half of a window, and not again before it is answered.
      expect(asked()).toBeGreaterThanOrEqual(2 * probes);
      expect(socket.closedWith).toBeNull();
    });

    if (isCarried)
      test("the Worker's acknowledgements are no frames of the client", async () => {
        const hub = newHub();
        const socket = await identify(hub, tokenOf("alice", soon(hub)));
        const { number } = start(hub, socket);
        for (let i = 0; i <= limits.framesPerWindow; i += 1) hub.hub.message(socket, taken(number));
        expect(socket.closedWith).toBeNull();
      });
    else
      test("the Worker's acknowledgements are refused from a client", async () => {
        const hub = newHub();
        const socket = await identify(hub, tokenOf("alice", soon(hub)));
        hub.hub.message(socket, taken(start(hub, socket).number));
        expect(heard(socket).at(-1)?.what).toBe("refused");
      });

    if (acknowledge !== undefined) {
      test("an acknowledgement of what was never sent is refused, and opens no window", async () => {
        const hub = newHub();
        const socket = await identify(hub, tokenOf("alice", soon(hub)));
        hub.hub.message(socket, acknowledge(9));
        // The Worker's own acknowledgements are believed.
        const refused = heard(socket).filter(({ what }) => what === "refused");
        // A client of Socket.IO acknowledges nothing: the Worker does, and is believed.
        const isRefused = transport !== "socket-io";
        expect(refused).toEqual(isRefused ? [{ what: "refused", code: "invalid_ack" }] : []);
      });

      test("an acknowledgement is answered if the dialect does so", async () => {
        const hub = newHub();
        hub.publish();
        const socket = await identify(hub, tokenOf("alice", soon(hub)));
        const acknowledgement = acknowledge(start(hub, socket).number);
        const read = dialect.read(acknowledgement);
        const isAnswered =
          read.ok && read.value.kind === "acknowledge" && read.value.reply !== undefined;
        hub.hub.message(socket, acknowledgement);
        const answers = heard(socket).filter(({ what }) => what === "answer");
        expect(answers).toHaveLength(isAnswered ? 1 : 0);
        expect(heard(socket).some(({ what }) => what === "refused")).toBe(false);
      });
    }

    test("a bad frame is refused, and a long one closes", async () => {
      const hub = newHub();
      const socket = await identify(hub, tokenOf("alice", soon(hub)));
      hub.hub.message(socket, say.nonsense());
      expect(heard(socket).at(-1)).toEqual({ what: "refused", code: nonsenseCode() });
      expect(socket.closedWith).toBeNull();
      hub.hub.message(socket, "x".repeat(limits.frameBytes + 1));
      expect(socket.closedWith).toBe(codeOf("frameTooBig"));
    });

    test("frames of other languages are refused, and close the socket if its kind of hub says so", async () => {
      const hub = newHub();
      const socket = await identify(hub, tokenOf("alice", soon(hub)));
      for (const text of [
        "",
        "42",
        '42["x",{}]',
        '{"op":99,"d":{}}',
        '{"type":"auth","token":7}',
      ]) {
        hub.hub.message(socket, text);
      }
      await hub.time.quiet();
      expect(heard(socket).filter(({ what }) => what === "refused").length).toBeGreaterThan(0);
      const closes = Number.isFinite(limits.badFrames);
      expect(socket.closedWith).toBe(closes ? codeOf("protocolError") : null);
    });

    test("its last words and codes say why a connection ends", async () => {
      const hub = newHub();
      const socket = await identify(hub, tokenOf("alice", soon(hub)));
      hub.server.sendAway(1);
      expect(socket.closedWith).toBe(codeOf("restart"));
      const { frame } = dialect.farewell("restart");
      const last = socket.sent.at(-1);
      if (frame !== undefined) expect(last).toBe(isCarried ? `:${frame}` : frame);
      expect(Buffer.byteLength(dialect.farewell("overloaded").reason)).toBeLessThanOrEqual(123);
    });
  });
}
