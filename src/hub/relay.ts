import { DurableObject } from "cloudflare:workers";
import type { Explanation, HubConnection } from "../protocol/hub-report.ts";
import type {
  RelayAck,
  RelayCall,
  RelayRefusal,
  UsersAnswer,
  UsersQuestion,
} from "./core/relay-calls.ts";
import type { HubEnv, HubRelayRpc } from "./env.ts";
import type { HubKind } from "./kind.ts";
import { RelayObject } from "./relay-object.ts";
import { workerdRuntime } from "./runtime.ts";

/**
 * Holds sockets of a hub that has too many for itself (hub.md, scale-out). It is thin on purpose: every method here
 * can be called over RPC. `src/index.ts` makes a class of each kind that has relays.
 */
export class Relay extends DurableObject<HubEnv> implements HubRelayRpc {
  readonly #impl: RelayObject;

  constructor(ctx: DurableObjectState, env: HubEnv, kind: HubKind) {
    super(ctx, env);
    this.#impl = new RelayObject(workerdRuntime(ctx, env, kind), env, kind);
  }

  /** Accepts a WebSocket that the Worker hands over (see `handover.ts`). */
  override fetch(request: Request): Promise<Response> {
    return this.#impl.host.connect(request);
  }

  take(call: RelayCall): Promise<RelayAck | RelayRefusal> {
    return this.#impl.take(call);
  }

  users(question: UsersQuestion): UsersAnswer {
    return this.#impl.users(question);
  }

  connections(sub: string): HubConnection[] {
    return this.#impl.connections(sub);
  }

  explain(connectionId: string, seq: number): Explanation {
    return this.#impl.explain(connectionId, seq);
  }

  override webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    return this.#impl.host.message(socket, data);
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    this.#impl.host.closed(socket, code);
  }

  override webSocketError(socket: WebSocket): void {
    this.#impl.host.closed(socket, 1006);
  }

  override alarm(): Promise<void> {
    return this.#impl.host.alarm();
  }
}
