import type { Principal } from "../platform/auth/principal.ts";
import { type TokenFailure, verifyToken } from "../platform/auth/verify-token.ts";
import { type Clock, systemClock, systemTimer, type Timer } from "../platform/clock.ts";
import { type IdGenerator, ulidGenerator } from "../platform/ids.ts";
import type { Result } from "../platform/result.ts";
import { type GuildHubRpc, type HubEnv, type HubRelayRpc, relayName } from "./env.ts";

/** A WebSocket of a client, which outlives the memory of the object that serves it. */
export type RuntimeSocket = Pick<
  WebSocket,
  "readyState" | "send" | "close" | "serializeAttachment" | "deserializeAttachment"
>;

/** What the Worker hands over when a client comes: only these of its request are read. */
export type Upgrade = {
  readonly headers: Pick<Headers, "get">;
  /** Aborts when the client leaves before it was answered, or while its stream is read. */
  readonly signal: AbortSignal;
};

/** Another object, as who calls it sees it. A call rejects when it is lost, or its object dies. */
export type Remote<Rpc> = {
  readonly [Name in keyof Omit<Rpc, keyof Rpc.DurableObjectBranded>]: Rpc[Name] extends (
    ...parameters: infer Parameters
  ) => infer Result
    ? (...parameters: Parameters) => Promise<Awaited<Result>>
    : never;
};

/**
 * What a hub or a relay needs of what is around it: the platform that it lives on, and who signs tokens. Tests
 * and the simulation run the same objects over memory and a clock of their own (`src/testing/memory-platform.ts`).
 */
export interface HubRuntime {
  /** The name by which the object is reached. */
  readonly name: string | undefined;
  /** Outlives the object. Writes without an `await` between them are stored together. */
  readonly storage: Pick<DurableObjectStorage, "sql" | "transactionSync" | "sync">;
  readonly clock: Clock;
  readonly timer: Timer;
  readonly newId: IdGenerator;
  /** When `alarm` is called, milliseconds, also of an object that sleeps or was killed; null: not at all. */
  setAlarm(at: number | null): void;
  /** Keeps the object awake, and work alive when the event that began it is over. */
  waitUntil(work: Promise<unknown>): void;
  /** All sockets, also those that are closing. */
  sockets(): RuntimeSocket[];
  /** A socket for the client that is being answered. @returns our end of it, and the answer */
  accept(): { readonly socket: RuntimeSocket; readonly response: Response };
  /** Answers one text with another on every socket, without waking the object. */
  setAutoResponse(request: string, response: string): void;
  /** When a socket was last answered so, milliseconds; null: never. */
  autoRespondedAt(socket: RuntimeSocket): number | null;
  /** Whose token it is. Never rejects. */
  verifyToken(token: string): Promise<Result<Principal, TokenFailure>>;
  /** The hub of a guild. A stub that threw stays broken, so each call takes a new one. */
  hub(guildId: string): Remote<GuildHubRpc>;
  /** A relay of a guild; as {@link hub}. */
  relay(guildId: string, index: number): Remote<HubRelayRpc>;
}

/** A Durable Object in workerd. */
export function workerdRuntime(ctx: DurableObjectState, env: HubEnv): HubRuntime {
  const { HUB, RELAY } = env;
  return {
    name: ctx.id.name,
    storage: ctx.storage,
    clock: systemClock,
    timer: systemTimer,
    newId: ulidGenerator(),
    setAlarm: (at) => {
      void (at === null ? ctx.storage.deleteAlarm() : ctx.storage.setAlarm(at));
    },
    waitUntil: (work) => ctx.waitUntil(work),
    sockets: () => ctx.getWebSockets(),
    accept: () => {
      const { 0: client, 1: socket } = new WebSocketPair();
      ctx.acceptWebSocket(socket);
      return { socket, response: new Response(null, { status: 101, webSocket: client }) };
    },
    setAutoResponse: (request, response) =>
      ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(request, response)),
    autoRespondedAt: (socket) =>
      ctx.getWebSocketAutoResponseTimestamp(socket as WebSocket)?.getTime() ?? null,
    verifyToken: (token) => verifyToken(env, token),
    hub: (guildId) => HUB.get(HUB.idFromName(guildId)),
    relay: (guildId, index) => RELAY.get(RELAY.idFromName(relayName(guildId, index))),
  };
}
