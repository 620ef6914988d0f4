import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";
import type { RequestIds } from "../platform/request-ids.ts";
import type { Presence } from "../protocol/frames.ts";
import type {
  Explanation,
  HubConnection,
  HubReport,
  RevocationResult,
  RevocationTarget,
} from "../protocol/hub-report.ts";
import type { PublisherPosition, Revocation } from "./core/journal.ts";
import type { Placement } from "./core/placement.ts";
import type { JournalPull, RelayAttachment, RelaySnapshot } from "./core/relay-calls.ts";
import { HubObject, type HubParts } from "./hub-object.ts";
import type {
  HubStatus,
  IncomingEvent,
  IngestResult,
  Publication,
  Published,
  Signal,
} from "./publisher.ts";

/**
 * One guild's hub as a Durable Object. Thin on purpose: every method here can be called over RPC, so
 * each only hands on, and the rest is behind `#impl`. `index.ts` names the extensions.
 */
export class GuildHub extends DurableObject<Env> {
  readonly #impl: HubObject;

  constructor(ctx: DurableObjectState, env: Env, parts: HubParts) {
    super(ctx, env);
    this.#impl = new HubObject(ctx, env, parts);
  }

  /** Takes a WebSocket or a stream that the Worker hands over (see `handover.ts`). */
  override fetch(request: Request): Promise<Response> {
    return this.#impl.host.connect(request);
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
  command(name: string, input: unknown, ids?: RequestIds): Promise<unknown> {
    return this.#impl.command(name, input, ids);
  }

  /** {@link HubPublisher.signal} */
  signal(signal: Signal): void {
    this.#impl.signal(signal);
  }

  /** {@link HubPublisher.status} */
  status(): HubStatus {
    return this.#impl.status();
  }

  /** Where new clients go (`placement-cache.ts`). */
  place(): Placement {
    return this.#impl.place();
  }

  /** For relays: the journal after a seq. */
  pull(after: number): JournalPull {
    return this.#impl.pull(after);
  }

  /** For relays: revocations after one. */
  revocationsAfter(revision: number): Revocation[] {
    return this.#impl.revocationsAfter(revision);
  }

  /** For relays: one that has a first client asks to be called from now on. */
  attachRelay(index: number): RelayAttachment {
    return this.#impl.attachRelay(index);
  }

  /** For relays: one that is to be let go has nobody left. @returns false: it is wanted again */
  releaseRelay(index: number): boolean {
    return this.#impl.relays.release(index);
  }

  /** For relays: how many one holds. */
  noteLoad(index: number, sockets: number, users: number): { readonly draining: boolean } {
    return this.#impl.relays.noteLoad(index, sockets, users);
  }

  /** For relays: the whole state for readers with these grants. */
  snapshotsFor(readers: readonly (readonly string[])[]): RelaySnapshot[] {
    return this.#impl.snapshotsFor(readers);
  }

  /** For relays: who is here. */
  presence(): Presence {
    return this.#impl.presence();
  }

  /** For operators: how it does. */
  inspect(): Promise<HubReport> {
    return this.#impl.inspect();
  }

  /** For operators: the connections of a user. */
  connections(sub: string): Promise<HubConnection[]> {
    return this.#impl.connections(sub);
  }

  /** For operators: why a connection did or did not get an event. */
  explain(connectionId: string, seq: number): Promise<Explanation> {
    return this.#impl.explain(connectionId, seq);
  }

  /** For operators: closes a user's connections, or one. */
  revoke(target: RevocationTarget): Promise<RevocationResult> {
    return this.#impl.revoke(target);
  }

  /** For operators: where the outside publisher stands. */
  publisher(): PublisherPosition | null {
    return this.#impl.publisher();
  }

  /** For operators: forgets that. */
  resetPublisher(): PublisherPosition | null {
    return this.#impl.resetPublisher();
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
