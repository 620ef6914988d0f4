import type { PlatformEnv } from "../platform/env.ts";
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
import type {
  JournalPull,
  RelayAck,
  RelayAttachment,
  RelayCall,
  RelayRefusal,
  RelaySnapshot,
} from "./core/relay-calls.ts";
import type {
  HubStatus,
  IncomingEvent,
  IngestResult,
  Publication,
  Published,
  Signal,
} from "./publisher.ts";

/** The bindings of the hubs, beside those of the platform. */
export type HubEnv = PlatformEnv & {
  readonly HUB: DurableObjectNamespace<GuildHubRpc>;
  readonly RELAY: DurableObjectNamespace<HubRelayRpc>;
};

/** The same bindings for code that may know the hubs: the Worker always has them. */
export function hubEnv(env: PlatformEnv): HubEnv {
  return env as HubEnv;
}

/** What is called of `GuildHub`. */
export interface GuildHubRpc extends Rpc.DurableObjectBranded {
  /** {@link HubPublisher.publish} */
  publish(publications: readonly Publication[]): Published[];

  /** {@link HubPublisher.ingest} */
  ingest(events: readonly IncomingEvent[]): IngestResult;

  /** {@link HubPublisher.command} */
  command(name: string, input: unknown, ids?: RequestIds): Promise<unknown>;

  /** {@link HubPublisher.signal} */
  signal(signal: Signal): void;

  /** {@link HubPublisher.status} */
  status(): HubStatus;

  /** Where new clients go (`placement-cache.ts`). */
  place(): Placement;

  /** For relays: the journal after a seq. */
  pull(after: number): JournalPull;

  /** For relays: revocations after one. */
  revocationsAfter(revision: number): Revocation[];

  /** For relays: one that has a first client asks to be called from now on. */
  attachRelay(index: number): RelayAttachment;

  /** For relays: one that is to be let go has nobody left. @returns false: it is wanted again */
  releaseRelay(index: number): boolean;

  /** For relays: how many one holds. */
  noteLoad(index: number, sockets: number, users: number): { readonly draining: boolean };

  /** For relays: the whole state for readers with these grants. */
  snapshotsFor(readers: readonly (readonly string[])[]): RelaySnapshot[];

  /** For relays: who is here. */
  presence(): Presence;

  /** For operators: how it does. */
  inspect(): Promise<HubReport>;

  /** For operators: the connections of a user. */
  connections(sub: string): Promise<HubConnection[]>;

  /** For operators: why a connection did or did not get an event. */
  explain(connectionId: string, seq: number): Promise<Explanation>;

  /** For operators: closes a user's connections, or one. */
  revoke(target: RevocationTarget): Promise<RevocationResult>;

  /** For operators: where the outside publisher stands. */
  publisher(): PublisherPosition | null;

  /** For operators: forgets that. */
  resetPublisher(): PublisherPosition | null;
}

/** What is called of `HubRelay`. */
export interface HubRelayRpc extends Rpc.DurableObjectBranded {
  /** For the hub: what is new. Resolves when it is stored here. */
  take(call: RelayCall): Promise<RelayAck | RelayRefusal>;

  /** For the hub: the connections of a user. */
  connections(sub: string): HubConnection[];

  /** For the hub: why a connection did or did not get an event. */
  explain(connectionId: string, seq: number): Explanation;
}

/** Name of a relay as a Durable Object. Guild ids have no colon. */
export function relayName(guildId: string, index: number): string {
  return `${guildId}:${index}`;
}

/** Reads {@link relayName}; null: it is not one. */
export function readRelayName(
  name: string | undefined,
): { readonly guildId: string; readonly index: number } | null {
  const parts = /^([^:]+):(\d{1,6})$/.exec(name ?? "");
  return parts?.[1] === undefined ? null : { guildId: parts[1], index: Number(parts[2]) };
}
