import { type ClientFrame, PING_FRAME, PONG_FRAME } from "../protocol/frames.ts";
import type { Entry } from "./core/journal.ts";
import type { Signal } from "./publisher.ts";
import { GUILD_DIALECT } from "./dialects/guild.ts";
import { SOCKET_IO_DIALECT } from "./dialects/socket-io.ts";

const EPOCH = "01JD2V8Q5W0Z7R3N4M6K8P9T1X";
const GUILD = "100000000000000001";
const CHANNEL = "157356480064913408";
const USER = "200000000000000001";
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const TS = 1_795_237_483_811;

function entry(seq: number, event: string, payload: object, trace: string | null = null): Entry {
  const id = `01JD2X000000000000000000${seq}`;
  const text = JSON.stringify({ guildId: GUILD, ...payload });
  return {
    seq,
    id,
    event,
    payload: text,
    ts: TS + seq,
    at: TS,
    audience: null,
    except: null,
    topic: null,
    trace,
  };
}

const joined = entry(17, "voice.joined", { channelId: CHANNEL, userId: USER }, TRACE);
const named = entry(23, "voice.joined", {
  channelId: CHANNEL,
  userId: USER,
  user: { name: "Ada 🦊", avatarUrl: null },
});
const left = entry(18, "voice.left", { channelId: CHANNEL, userId: USER });
const roomOfMatch = entry(22, "match.room.created", {
  matchId: "1-7c1f0a52-4b1e-4d0e-9a34-2f6d5b8e1c90",
  faction: "faction1",
  channelId: CHANNEL,
  name: "match-7c1f0a52-faction1",
});
const renamed = entry(21, "room.updated", { channelId: CHANNEL, name: 'é 🦊 "x"', userLimit: 4 });

const here: Signal = {
  event: "presence",
  key: "presence",
  payload: JSON.stringify({ guildId: GUILD, count: 1, users: [{ userId: USER, since: TS }] }),
  audience: null,
  topic: null,
  ts: TS,
};

const { event, batch, signal, resumed, expiring, renewed } = GUILD_DIALECT;
const socketIo = SOCKET_IO_DIALECT;
/** Engine.IO's mark of a message, which the Worker writes before each packet. */
const packet = (text: string | null): string => `4${text}`;
const client = (frame: ClientFrame): string => JSON.stringify(frame);

/**
 * Frames byte for byte as the hub writes them and as clients may send them. Clients in any language can test with
 * them (`docs/spec/golden-frames.jsonl`). The hub's own encoders create them.
 */
export function goldenFrames(): string {
  const frames: readonly (readonly [
    from: "hub" | "client" | "socket.io hub" | "socket.io client",
    about: string,
    text: string | null | undefined,
  ])[] = [
    ["client", "authenticate", client({ type: "auth", token: "<jwt>" })],
    [
      "client",
      "authenticate and resume",
      client({ type: "auth", token: "<jwt>", epoch: EPOCH, seq: 16 }),
    ],
    ["client", "everything up to 18 has arrived", client({ type: "ack", seq: 18 })],
    ["client", "a newer token", client({ type: "reauth", token: "<jwt>" })],
    ["client", "one channel only", client({ type: "subscribe", channelIds: [CHANNEL] })],
    ["client", "all channels again", client({ type: "subscribe", channelIds: [] })],
    ["client", "ping: these bytes exactly", PING_FRAME],
    ["hub", "pong: these bytes exactly", PONG_FRAME],
    ["hub", "an event that follows the one before", event(left, 0)],
    ["hub", "an event with the trace of what caused it", event(joined, 0)],
    ["hub", "an event after a jump: 18 was sent before", event(renamed, 0, 18)],
    ["hub", "an event of another area", event(roomOfMatch, 0)],
    ["hub", "an event with a member that was added later", event(named, 0)],
    ["hub", "a batch with a jump inside", batch?.([joined, left, renamed], 0, 16)],
    ["hub", "a batch after a jump", batch?.([joined, left], 0, 12)],
    ["hub", "the end of a resume", resumed({ epoch: EPOCH, base: 0 }, 12, 21)],
    ["hub", "the token ends soon", expiring(1_795_241_083)],
    ["hub", "the newer token counts", renewed(1_795_244_683)],
    ["hub", "who is here", signal(here)],
    ["socket.io client", "authenticate", packet('0{"token":"<jwt>"}')],
    [
      "socket.io client",
      "authenticate and resume",
      packet(`0{"token":"<jwt>","pid":"${EPOCH}.c1","offset":"16"}`),
    ],
    ["socket.io client", "a newer token", packet('2["reauth",{"token":"<jwt>"}]')],
    ["socket.io client", "one channel only", packet(`2["subscribe",["${CHANNEL}"]]`)],
    ["socket.io client", "all channels again", packet('2["subscribe",[]]')],
    ["socket.io hub", "an event", packet(socketIo.event(left, 0))],
    [
      "socket.io hub",
      "an event with the trace of what caused it",
      packet(socketIo.event(joined, 0)),
    ],
    ["socket.io hub", "an event with text of all kinds", packet(socketIo.event(renamed, 0))],
    [
      "socket.io hub",
      "the end of a resume",
      packet(socketIo.resumed({ epoch: EPOCH, base: 0 }, 12, 21)),
    ],
    ["socket.io hub", "the token ends soon", packet(socketIo.expiring(1_795_241_083))],
    ["socket.io hub", "the newer token counts", packet(socketIo.renewed(1_795_244_683))],
    ["socket.io hub", "a frame that was refused", packet(socketIo.refused("invalid_frame"))],
    ["socket.io hub", "who is here", packet(socketIo.signal(here))],
  ];
  return frames.map(([from, about, text]) => `${JSON.stringify({ from, about, text })}\n`).join("");
}
