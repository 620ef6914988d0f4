import type { Clock } from "../platform/clock.ts";
import type { UserLimit } from "../platform/http/limit-user.ts";
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
  /** As whom its connections are counted; absent: the user. */
  readonly countedAs?: string;
};

/** @returns whether a message that waits for no answer may be dropped */
export type Absorber = (name: string, data: unknown) => boolean;

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
   * @param about what the client says of itself; absent: nothing
   * @returns who may connect to which hub, with the grants of the session
   */
  readonly authenticate: (
    env: HubEnv,
    token: string,
    now: number,
    hub?: string,
    about?: unknown,
  ) => Promise<Result<Admitted, TokenRefusal>>;
  /** How often a user may connect. */
  readonly connects: UserLimit;
  /** The parameter by which a client without a ticket asks for a hub. Absent: the kind chooses it. */
  readonly parameter?: string;
  /**
   * Makes a filter for one connection, which decides what of its messages the Worker keeps from the hub because it
   * says nothing new. Absent: nothing.
   */
  readonly absorber?: (clock: Clock) => Absorber;
  /** Whether its wakes are counted for operators, which is a row each. Absent: they are. */
  readonly countsWakes?: false;
  /** Whether a hub takes events of outside publishers before anybody has used it. */
  readonly isAlwaysServed: (env: HubEnv, hub: string) => boolean;
};
