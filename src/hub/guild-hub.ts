import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";
import type { HubExtension } from "./extension.ts";
import { HubObject } from "./hub-object.ts";
import type {
  HubStatus,
  IncomingEvent,
  IngestResult,
  Publication,
  Published,
} from "./publisher.ts";

/**
 * One guild's hub as a Durable Object. Thin on purpose: every method here can be called over RPC, so
 * there are few, and the rest is behind `#impl`. `index.ts` names the extensions.
 */
export class GuildHub extends DurableObject<Env> {
  readonly #impl: HubObject;

  constructor(ctx: DurableObjectState, env: Env, extensions: readonly HubExtension[]) {
    super(ctx, env);
    this.#impl = new HubObject(ctx, env, extensions);
  }

  /** Takes a WebSocket that the Worker hands over (see `handover.ts`). */
  override fetch(request: Request): Response {
    return this.#impl.upgrade(request);
  }

  /** {@link HubPublisher.publish} */
  publish(publications: readonly Publication[]): Published[] {
    return this.#impl.publish(publications);
  }

  /** {@link HubPublisher.ingest} */
  ingest(events: readonly IncomingEvent[]): IngestResult {
    return this.#impl.ingest(events);
  }

  /** {@link HubPublisher.command} */
  command(name: string, input: unknown): Promise<unknown> {
    return this.#impl.command(name, input);
  }

  /** {@link HubPublisher.status} */
  status(): HubStatus {
    return this.#impl.status();
  }

  override webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    return this.#impl.message(socket, data);
  }

  override webSocketClose(socket: WebSocket): void {
    this.#impl.closed(socket);
  }

  override webSocketError(socket: WebSocket): void {
    this.#impl.closed(socket);
  }

  override alarm(): Promise<void> {
    return this.#impl.alarm();
  }
}
