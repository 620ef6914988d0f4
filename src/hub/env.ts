import type { PlatformEnv } from "../platform/env.ts";
import type { RequestIds } from "../platform/request-ids.ts";
import type { Presence } from "../protocol/frames.ts";
import type {
  Explanation,
  HubConnection,
  HubState,
  RevocationResult,
  RevocationTarget,
} from "../protocol/hub-report.ts";
import { HUB_NAME_MAX_LENGTH } from "../protocol/limits.ts";
import type { PublisherPosition, Revocation } from "./core/journal.ts";
import type { Placement } from "./core/placement.ts";
import type {
  JournalPull,
  RelayAck,
  RelayAttachment,
  RelayCall,
  RelayRefusal,
  RelaySnapshot,
  UsersAnswer,
  UsersQuestion,
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
  readonly HUB: DurableObjectNamespace<HubRpc>;
  readonly RELAY: DurableObjectNamespace<HubRelayRpc>;
};

/** The same bindings, for code that may use the hubs. The cast holds because the Worker always has them. */
export function hubEnv(env: PlatformEnv): HubEnv {
  return env as HubEnv;
}

/** The RPC methods of a hub. */
export interface HubRpc extends Rpc.DurableObjectBranded {
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

  /** For relays: revocations after this revision. */
  revocationsAfter(revision: number): Revocation[];

  /** For relays: a relay with a first client asks to be called from now on. */
  attachRelay(index: number): RelayAttachment;

  /** For relays: a draining relay is empty and may be released. @returns false: it is needed again */
  releaseRelay(index: number): boolean;

  /** For relays: how many sockets and users a relay has. */
  noteLoad(index: number, sockets: number, users: number): { readonly draining: boolean };

  /** For relays: the whole state for readers with these grants. */
  snapshotsFor(readers: readonly (readonly string[])[]): RelaySnapshot[];

  /** For relays: the users who are connected. */
  presence(): Presence;

  /** For operators: the hub's report. */
  inspect(): Promise<HubState>;

  /** For operators: the connections of a user. */
  connections(sub: string): Promise<HubConnection[]>;

  /** For operators: why a connection did or did not get an event. */
  explain(connectionId: string, seq: number): Promise<Explanation>;

  /** For operators: closes the connections of a user, or one connection. */
  revoke(target: RevocationTarget): Promise<RevocationResult>;

  /** For operators: position of the outside publisher. */
  publisher(): PublisherPosition | null;

  /** For operators: forgets that position, and returns it. */
  resetPublisher(): PublisherPosition | null;

  /** For operators, after a restore of the storage: begins another journal. @returns its epoch */
  renewJournal(): string;
}

/** The RPC methods of `HubRelay`. */
export interface HubRelayRpc extends Rpc.DurableObjectBranded {
  /** For the hub: brings everything new. Resolves when it is stored here. */
  take(call: RelayCall): Promise<RelayAck | RelayRefusal>;

  /** For the hub: who is connected here. Relays of the version before do not have it. */
  users(question: UsersQuestion): UsersAnswer;

  /** For the hub: the connections of a user. */
  connections(sub: string): HubConnection[];

  /** For the hub: why a connection did or did not get an event. */
  explain(connectionId: string, seq: number): Explanation;
}

/**
 * Whether a hub may have this name. One with a colon could be that of a relay, and the runtime would tell the object
 * another one, or none, if it is too long or no well-formed text.
 */
export function isHubName(name: string): boolean {
  const isInBounds = name !== "" && name.length <= HUB_NAME_MAX_LENGTH;
  return isInBounds && !name.includes(":") && name.isWellFormed();
}

/** Name of a relay as a Durable Object. */
export function relayName(hub: string, index: number): string {
  return `${hub}:${index}`;
}

/** Reads {@link relayName}; null: it is not the name of a relay. */
export function readRelayName(
  name: string | undefined,
): { readonly hub: string; readonly index: number } | null {
  const parts = /^([^:]+):(\d{1,6})$/.exec(name ?? "");
  return parts?.[1] === undefined ? null : { hub: parts[1], index: Number(parts[2]) };
}
