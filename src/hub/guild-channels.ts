import { z } from "zod";
import type { Channel, ChannelMessage, ChannelMessages } from "../platform/asyncapi.ts";
import { CLOSE_CODES } from "../protocol/close-codes.ts";
import { DiscordId } from "../protocol/discord-id.ts";
import { FRAME_ERRORS } from "../protocol/error-codes.ts";
import type { EventDefinition } from "../protocol/events/define-event.ts";
import {
  AckFrame,
  AuthExpiringFrame,
  AuthFrame,
  AuthOkFrame,
  BatchFrame,
  ErrorFrame,
  EventFrame,
  PING_FRAME,
  PONG_FRAME,
  Presence,
  ReauthFrame,
  ReauthOkFrame,
  ResumedFrame,
  SignalFrame,
  SnapshotFrame,
  SubscribeFrame,
} from "../protocol/frames.ts";

const FROM_CLIENT: ChannelMessages = {
  auth: { summary: "First frame of a socket without ticket and header", schema: AuthFrame },
  ack: { summary: "Everything up to `seq` has arrived", schema: AckFrame },
  reauth: { summary: "A newer token of the same user", schema: ReauthFrame },
  subscribe: { summary: "Narrow the stream to some channels", schema: SubscribeFrame },
  ping: {
    summary: `Exactly \`${PING_FRAME}\`; answered without waking the hub`,
    schema: z.object({ type: z.literal("ping") }),
  },
};

const FROM_SERVER: ChannelMessages = {
  authOk: { summary: "Always the first frame", schema: AuthOkFrame },
  snapshot: { summary: "The whole state at `seq`", schema: SnapshotFrame },
  resumed: { summary: "After the missed events: what follows is live", schema: ResumedFrame },
  batch: { summary: "Events that share a frame (only with `?batch=1`)", schema: BatchFrame },
  authExpiring: {
    summary: "The token expires in a minute: send `reauth`",
    schema: AuthExpiringFrame,
  },
  signal: {
    summary: "The newest value of what is not journaled (only with `?signals=1`)",
    schema: SignalFrame,
  },
  reauthOk: { summary: "The newer token counts", schema: ReauthOkFrame },
  error: { summary: "A frame of the client was not used", schema: ErrorFrame },
  pong: { summary: `Exactly \`${PONG_FRAME}\``, schema: z.object({ type: z.literal("pong") }) },
};

/** What clients of Socket.IO get beside an event's payload. The offset is the seq as text. */
const About = EventFrame.pick({ seq: true, id: true, ts: true, trace: true });
const Offset = z.string().regex(/^\d+$/);

/** The arguments of the events that a client of Socket.IO gets. */
const TO_SOCKET_IO: ChannelMessages = {
  snapshot: {
    summary: "The whole state at `seq`",
    schema: z.tuple([SnapshotFrame.omit({ type: true }), Offset]),
  },
  resumed: {
    summary: "After the missed events: what follows is live",
    schema: z.tuple([ResumedFrame.pick({ from: true, to: true }), Offset]),
  },
  presence: {
    summary: "Who is connected (only with `signals: true`)",
    schema: z.tuple([
      Presence.extend({ guildId: DiscordId }),
      SignalFrame.pick({ key: true, ts: true }),
    ]),
  },
  "auth.expiring": {
    summary: "The token expires in a minute, emit `reauth`",
    schema: z.tuple([AuthExpiringFrame.pick({ exp: true })]),
  },
  "reauth.ok": {
    summary: "The newer token counts",
    schema: z.tuple([ReauthOkFrame.pick({ exp: true })]),
  },
  error: {
    summary: "An event of the client was not used",
    schema: z.tuple([ErrorFrame.pick({ code: true, message: true })]),
  },
  close: {
    summary: "Why the connection is closed now",
    schema: z.tuple([
      z.object({ code: z.number().int(), reason: z.string(), reconnect: z.string() }),
    ]),
  },
};

/** The arguments of the events that a client of Socket.IO may emit. */
const FROM_SOCKET_IO: ChannelMessages = {
  reauth: {
    summary: "A newer token of the same user",
    schema: z.tuple([ReauthFrame.pick({ token: true })]),
  },
  subscribe: {
    summary: "Narrow the stream to some channels",
    schema: z.tuple([SubscribeFrame.shape.channelIds]),
  },
};

/** The channels of a guild's stream, one for each dialect. @param events those that areas publish there */
export function guildChannels(events: readonly EventDefinition[]): readonly Channel[] {
  const ofEvents = (schemaOf: (event: EventDefinition) => z.ZodType): ChannelMessages =>
    Object.fromEntries(
      events.map((event) => [
        event.name,
        { summary: event.summary, schema: schemaOf(event) } satisfies ChannelMessage,
      ]),
    );
  const shared = { closeCodes: Object.values(CLOSE_CODES), frameErrors: FRAME_ERRORS } as const;
  return [
    {
      name: "stream",
      address: "/ws",
      title: "Guild stream",
      description:
        "One WebSocket per client carries the events of one guild: in order, without gaps, resumable for 24 hours.",
      query: QUERY,
      fromServer: {
        ...FROM_SERVER,
        ...ofEvents(({ name, payload }) => EventFrame.extend({ event: z.literal(name), payload })),
      },
      fromClient: FROM_CLIENT,
      ...shared,
    },
    {
      name: "socketIo",
      address: "/socket.io/",
      title: "Guild stream for clients of Socket.IO",
      description:
        "Socket.IO v5 over Engine.IO v4, WebSocket only, namespace `/`. A message is an event of Socket.IO: its name, and its arguments as the payload. The CONNECT packet carries `{ token, guildId?, signals? }`.",
      query: SOCKET_IO_QUERY,
      fromServer: {
        ...TO_SOCKET_IO,
        ...ofEvents(({ payload }) => z.tuple([payload, About, Offset])),
      },
      fromClient: FROM_SOCKET_IO,
      ...shared,
    },
  ];
}

const QUERY = {
  type: "object",
  properties: {
    ticket: { type: "string", description: "From `POST /ws/ticket`; works once, for 30 seconds" },
    guildId: {
      type: "string",
      description:
        "With a token in the header or in the first frame: one guild of its `guilds` claim. Absent: the primary guild",
    },
    epoch: { type: "string", description: "Resume: the epoch of the last frame" },
    seq: { type: "integer", minimum: 0, description: "Resume: the last seq that arrived" },
    batch: { type: "string", enum: ["1"], description: "Events of a burst may share a frame" },
    signals: { type: "string", enum: ["1"], description: "Last values as well, such as presence" },
  },
};

const SOCKET_IO_QUERY = {
  type: "object",
  required: ["EIO", "transport"],
  properties: {
    EIO: { type: "string", enum: ["4"] },
    transport: { type: "string", enum: ["websocket"] },
  },
};
