import type { Result } from "../platform/result.ts";
import type { CloseName } from "../protocol/close-codes.ts";
import type { StreamKind } from "./core/stream-kind.ts";
import type { SessionIdentity } from "./core/session.ts";
import type { HubEnv, HubRelayRpc, HubRpc } from "./env.ts";

/** Why a token opens no session: as the name of the close code. `overloaded`: it cannot be checked now. */
export type TokenRefusal = Extract<CloseName, "unauthorized" | "forbidden" | "overloaded">;

/** Whom a token lets in, and where. */
export type Admitted = {
  /** Name of the hub. */
  readonly hub: string;
  readonly identity: SessionIdentity;
};

/** A kind of hub. A hub is addressed by its kind and its name. The engine knows nothing else about it. */
export type HubKind = StreamKind & {
  /** The objects of this kind, by name. */
  readonly hubs: (env: HubEnv) => DurableObjectNamespace<HubRpc>;
  /** Its relays, by {@link relayName}. Absent: a hub of this kind serves all its clients itself. */
  readonly relays?: (env: HubEnv) => DurableObjectNamespace<HubRelayRpc>;
  /**
   * Checks a token. Never rejects.
   * @param now milliseconds
   * @param hub name of the hub that its user asks for; absent: the kind chooses the user's
   * @returns who may connect to which hub, with the grants of the session
   */
  readonly authenticate: (
    env: HubEnv,
    token: string,
    now: number,
    hub?: string,
  ) => Promise<Result<Admitted, TokenRefusal>>;
  /** The parameter by which a client without a ticket asks for a hub. Absent: the kind chooses it. */
  readonly parameter?: string;
  /** Whether a hub takes events of outside publishers before anybody has used it. */
  readonly isAlwaysServed: (env: HubEnv, hub: string) => boolean;
};
