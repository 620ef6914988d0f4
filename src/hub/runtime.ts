import { type Clock, systemClock, systemTimer, type Timer } from "../platform/clock.ts";
import { type IdGenerator, ulidGenerator } from "../platform/ids.ts";
import { type HubEnv, type HubRelayRpc, type HubRpc, relayName } from "./env.ts";
import type { HubKind } from "./kind.ts";

/** A client's WebSocket. It outlives the memory of the object that serves it. */
export type RuntimeSocket = Pick<
  WebSocket,
  "readyState" | "send" | "close" | "serializeAttachment" | "deserializeAttachment"
>;

/** The Worker's request that hands a client over. Only these members are read. */
export type Upgrade = {
  readonly headers: Pick<Headers, "get">;
  /** Aborts when the client leaves before the answer. */
  readonly signal: AbortSignal;
};

/** Another object as its caller sees it. A call rejects when it is lost, or when the object dies. */
export type Remote<Rpc> = {
  readonly [Name in keyof Omit<Rpc, keyof Rpc.DurableObjectBranded>]: Rpc[Name] extends (
    ...parameters: infer Parameters
  ) => infer Result
    ? (...parameters: Parameters) => Promise<Awaited<Result>>
    : never;
};

/**
 * What a hub or a relay needs from the platform. Tests and the simulation run the same objects with memory and a
 * virtual clock (`src/testing/memory-platform.ts`).
 */
export interface HubRuntime {
  /** The name that the object is addressed by. */
  readonly name: string | undefined;
  /** Outlives the object. Writes with no `await` in between are stored together. */
  readonly storage: Pick<DurableObjectStorage, "sql" | "transactionSync">;
  readonly clock: Clock;
  readonly timer: Timer;
  readonly newId: IdGenerator;
  /** Sets when `alarm` is called, milliseconds, also if the object sleeps or was killed; null: never. */
  setAlarm(at: number | null): void;
  /**
   * When the alarm was set for at the wake, milliseconds; null: never; undefined: not read yet, in a constructor.
   * Setting it costs a row, and reading it nothing.
   */
  readonly alarmAtWake: number | null | undefined;
  /** Keeps the object awake, and the work alive after the event that began it. */
  waitUntil(work: Promise<unknown>): void;
  /** All sockets, including closing ones. */
  sockets(): RuntimeSocket[];
  /** Creates a socket for the client of the current request. @returns our end of it, and the answer */
  accept(): { readonly socket: RuntimeSocket; readonly response: Response };
  /** Makes the runtime answer one text with another on every socket, without waking the object. */
  setAutoResponse(request: string, response: string): void;
  /** When the runtime last answered a socket like that, milliseconds; null: never. */
  autoRespondedAt(socket: RuntimeSocket): number | null;
  /** A hub of the same kind. A stub that threw stays broken, so each call takes a new one. */
  hub(name: string): Remote<HubRpc>;
  /** A relay of that hub; as {@link hub}. */
  relay(name: string, index: number): Remote<HubRelayRpc>;
}

/** A Durable Object in workerd. */
export function workerdRuntime(ctx: DurableObjectState, env: HubEnv, kind: HubKind): HubRuntime {
  let alarmAtWake: number | null | undefined;
  // No event arrives before it is read.
  void ctx.blockConcurrencyWhile(async () => {
    alarmAtWake = await ctx.storage.getAlarm();
  });
  return {
    name: ctx.id.name,
    storage: ctx.storage,
    clock: systemClock,
    timer: systemTimer,
    newId: ulidGenerator(),
    setAlarm: (at) => {
      void (at === null ? ctx.storage.deleteAlarm() : ctx.storage.setAlarm(at));
    },
    get alarmAtWake() {
      return alarmAtWake;
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
    hub: (name) => kind.hubs(env).getByName(name),
    relay: (name, index) => {
      const relays = kind.relays?.(env);
      if (relays === undefined) throw new Error(`hubs of kind ${kind.name} have no relays`);
      return relays.getByName(relayName(name, index));
    },
  };
}
