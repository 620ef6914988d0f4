import { DurableObject } from "cloudflare:workers";
import type { RequestIds } from "../platform/request-ids.ts";
import type { Presence } from "../protocol/frames.ts";
import type {
  Explanation,
  HubConnection,
  HubState,
  RevocationResult,
  RevocationTarget,
} from "../protocol/hub-report.ts";
import type { PublisherPosition, Revocation } from "./core/journal.ts";
import type { Placement } from "./core/placement.ts";
import type { JournalPull, RelayAttachment, RelaySnapshot } from "./core/relay-calls.ts";
import type { HubEnv, HubRpc } from "./env.ts";
import type { HubKind } from "./kind.ts";
import { HubObject, type HubParts } from "./hub-object.ts";
import type {
  HubStatus,
  IncomingEvent,
  IngestResult,
  Publication,
  Published,
  Signal,
} from "./publisher.ts";
import { workerdRuntime } from "./runtime.ts";

/**
 * One hub as a Durable Object. It is thin on purpose: every method here can be called over RPC, so each one only
 * calls `#impl`. `env.ts` documents them. `src/index.ts` makes a class of each kind, with its extensions.
 */
export class Hub extends DurableObject<HubEnv> implements HubRpc {
  readonly #impl: HubObject;

  constructor(
    ctx: DurableObjectState,
    env: HubEnv,
    kind: HubKind,
    parts: HubParts | { readonly refused: Error },
  ) {
    super(ctx, env);
    this.#impl = new HubObject(workerdRuntime(ctx, env, kind), env, kind, parts);
  }

  /** Accepts a WebSocket that the Worker hands over (see `handover.ts`). */
  override fetch(request: Request): Promise<Response> {
    return this.#impl.host.connect(request);
  }

  publish(publications: readonly Publication[]): Published[] {
    return this.#impl.publish(publications);
  }

  ingest(events: readonly IncomingEvent[]): IngestResult {
    return this.#impl.ingest(events);
  }

  command(name: string, input: unknown, ids?: RequestIds): Promise<unknown> {
    return this.#impl.command(name, input, ids);
  }

  signal(signal: Signal): void {
    this.#impl.signal(signal);
  }

  status(): HubStatus {
    return this.#impl.status();
  }

  place(): Placement {
    return this.#impl.place();
  }

  pull(after: number): JournalPull {
    return this.#impl.pull(after);
  }

  revocationsAfter(revision: number): Revocation[] {
    return this.#impl.revocationsAfter(revision);
  }

  attachRelay(index: number): RelayAttachment {
    return this.#impl.attachRelay(index);
  }

  releaseRelay(index: number): boolean {
    return this.#impl.releaseRelay(index);
  }

  noteLoad(index: number, sockets: number, users: number): { readonly draining: boolean } {
    return this.#impl.noteLoad(index, sockets, users);
  }

  snapshotsFor(readers: readonly (readonly string[])[]): RelaySnapshot[] {
    return this.#impl.snapshotsFor(readers);
  }

  presence(): Presence {
    return this.#impl.presence();
  }

  inspect(): Promise<HubState> {
    return this.#impl.inspect();
  }

  connections(sub: string): Promise<HubConnection[]> {
    return this.#impl.connections(sub);
  }

  explain(connectionId: string, seq: number): Promise<Explanation> {
    return this.#impl.explain(connectionId, seq);
  }

  revoke(target: RevocationTarget): Promise<RevocationResult> {
    return this.#impl.revoke(target);
  }

  publisher(): PublisherPosition | null {
    return this.#impl.publisher();
  }

  resetPublisher(): PublisherPosition | null {
    return this.#impl.resetPublisher();
  }

  renewJournal(): string {
    return this.#impl.renewJournal();
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
