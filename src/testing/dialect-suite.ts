import { describe, expect, test } from "vitest";
import { type Transport, factsOf } from "../hub/core/transport.ts";
import {
  CLIENT_FRAMES_PER_WINDOW,
  CLIENT_FRAME_MAX_BYTES,
  EXPIRY_WARNING_MS,
} from "../protocol/limits.ts";
import { type ClientPosition, type ClientSide, hearCarried, type Heard } from "./client-side.ts";
import type { MemorySocket } from "./memory-platform.ts";
import { taken } from "../hub/core/carried.ts";
import { KIND } from "./virtual-guild.ts";
import { VirtualHub } from "./virtual-hub.ts";

type Event = Extract<Heard, { what: "event" }>;
type Snapshot = Extract<Heard, { what: "snapshot" }>;

type Token = { readonly sub: string; readonly exp: number; readonly scopes: readonly string[] };

const KB = 1_024;

/**
 * What every dialect must do, whatever its frames look like. Run it with the client's side of each one.
 * @param transport what the Worker makes of the socket; absent: it is the client's own
 */
export function dialectSuite(client: ClientSide, transport?: Transport): void {
  const { dialect, say } = client;
  const { isCarried } = factsOf(transport);
  const hear = (text: string): readonly Heard[] =>
    isCarried ? hearCarried(client, text) : client.hear(text);
  const newHub = (): VirtualHub => new VirtualHub({ ...KIND, dialects: [dialect] });
  const heard = (socket: MemorySocket): Heard[] => socket.sent.flatMap(hear);
  const events = (socket: MemorySocket): Event[] =>
    heard(socket).filter((one): one is Event => one.what === "event");
  const snapshot = (socket: MemorySocket): Snapshot => {
    const found = heard(socket).find((one): one is Snapshot => one.what === "snapshot");
    if (found === undefined) throw new Error("no state was sent");
    return found;
  };
  /** Numbers of events in the hub's numbers. */
  const seqs = (socket: MemorySocket, base: number): number[] =>
    events(socket).map(({ number }) => number + base);
  const tokenOf = (sub: string, exp: number, scopes: readonly string[] = []): string =>
    JSON.stringify({ sub, exp, scopes });
  /** A client that has shown this token, at its position. */
  const identify = async (hub: VirtualHub, token: string, at?: ClientPosition) => {
    const { sub, exp, scopes } = JSON.parse(token) as Token;
    const grants = scopes.map((scope) => `scope:${scope}`);
    const socket = await hub.join(hub.hub, { sub, exp, grants, transport, ...at });
    if (typeof socket === "number") throw new Error(`refused with ${socket}`);
    return socket;
  };
  const soon = (hub: VirtualHub, seconds = 3_600): number => Math.floor(hub.now / 1_000) + seconds;
  const codeOf = (why: Parameters<typeof dialect.farewell>[0]): number =>
    dialect.farewell(why).code;

  describe(`HUB-23 the dialect ${dialect.name} on ${transport ?? "its own"} sockets`, () => {
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

    test("survives a sleep of the hub: numbers, grants and language", async () => {
      const hub = newHub();
      hub.publish();
      hub.publish();
      const socket = await identify(hub, tokenOf("alice", soon(hub)));
      const { base } = snapshot(socket);
      hub.publish();
      await hub.evict();
      hub.publish(["sub:bob"]);
      hub.publish(["sub:alice"]);
      expect(seqs(socket, base)).toEqual([3, 5]);
      hub.hub.message(socket, say.nonsense());
      expect(heard(socket).at(-1)).toMatchObject({ what: "refused", code: "unknown_type" });
    });

    test("subscribes to topics, and to all again", async () => {
      const hub = newHub();
      const socket = await identify(hub, tokenOf("alice", soon(hub)));
      const { base } = snapshot(socket);
      const [one, other] = ["157356480064913408", "157356480064913409"];
      hub.hub.message(socket, say.subscribe([one]));
      hub.publish(null, other);
      hub.publish(null, one);
      hub.hub.message(socket, say.subscribe([]));
      hub.publish(null, other);
      expect(seqs(socket, base)).toEqual([2, 3]);
    });

    test("a newer token changes what is seen from the next event on", async () => {
      const hub = newHub();
      const socket = await identify(hub, tokenOf("alice", soon(hub)));
      const { base } = snapshot(socket);
      hub.publish(["scope:a"]);
      hub.hub.message(socket, say.renew(tokenOf("alice", soon(hub), ["a"])));
      await hub.time.quiet();
      hub.publish(["scope:a"]);
      expect(seqs(socket, base)).toEqual([2]);
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

    test("a slow reader gets a window, and the rest when it acknowledges, in order", async () => {
      const hub = newHub();
      const socket = await identify(hub, tokenOf("alice", soon(hub)));
      const { base, number } = snapshot(socket);
      hub.hub.message(socket, say.acknowledge(number));
      const text = "x".repeat(30 * KB);
      for (let n = 1; n <= 40; n += 1) hub.publish(null, null, undefined, { text });
      const first = seqs(socket, base);
      expect(first.length).toBeGreaterThan(1);
      expect(first.length).toBeLessThan(40);
      const asked = (): number => heard(socket).filter(({ what }) => what === "probe").length;
      const probes = dialect.probe === undefined ? 0 : 1;
      expect(asked()).toBe(probes);
      for (let i = 0; i < 40 && seqs(socket, base).length < 40; i += 1) {
        hub.hub.message(socket, say.acknowledge(events(socket).at(-1)?.number ?? number));
      }
      expect(seqs(socket, base)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
      // Once for each half of a window, and not again before it is answered.
      expect(asked()).toBeGreaterThanOrEqual(2 * probes);
      expect(socket.closedWith).toBeNull();
    });

    if (isCarried)
      test("the Worker's acknowledgements are no frames of the client", async () => {
        const hub = newHub();
        const socket = await identify(hub, tokenOf("alice", soon(hub)));
        const { number } = snapshot(socket);
        for (let i = 0; i <= CLIENT_FRAMES_PER_WINDOW; i += 1)
          hub.hub.message(socket, taken(number));
        expect(socket.closedWith).toBeNull();
      });

    test("an acknowledgement of what was never sent is refused, and opens no window", async () => {
      const hub = newHub();
      const socket = await identify(hub, tokenOf("alice", soon(hub)));
      hub.hub.message(socket, say.acknowledge(9));
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
      const acknowledgement = say.acknowledge(snapshot(socket).number);
      const read = dialect.read(acknowledgement);
      const isAnswered =
        read.ok && read.value.kind === "acknowledge" && read.value.reply !== undefined;
      hub.hub.message(socket, acknowledgement);
      const answers = heard(socket).filter(({ what }) => what === "answer");
      expect(answers).toHaveLength(isAnswered ? 1 : 0);
      expect(heard(socket).some(({ what }) => what === "refused")).toBe(false);
    });

    test("a bad frame is refused, and a long one closes", async () => {
      const hub = newHub();
      const socket = await identify(hub, tokenOf("alice", soon(hub)));
      hub.hub.message(socket, say.nonsense());
      expect(heard(socket).at(-1)).toMatchObject({ what: "refused", code: "unknown_type" });
      expect(socket.closedWith).toBeNull();
      hub.hub.message(socket, "x".repeat(CLIENT_FRAME_MAX_BYTES + 1));
      expect(socket.closedWith).toBe(codeOf("frameTooBig"));
    });

    test("frames of other languages are refused, and close the socket in the end", async () => {
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
      expect(socket.closedWith).toBe(codeOf("protocolError"));
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
