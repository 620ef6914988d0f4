import type { Clock } from "../../platform/clock.ts";
import type { Delivery } from "./delivery.ts";
import type { HubStore } from "./journal.ts";
import type { Owed } from "./owed.ts";
import type { StreamKind } from "./stream-kind.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { SessionSender } from "./session-sender.ts";
import type { HubSockets } from "./session.ts";

/** What the parts of a hub that serve sockets share. */
export type ServingParts<Socket extends object> = {
  readonly sockets: HubSockets<Socket>;
  readonly sessions: SessionRegistry<Socket>;
  readonly sender: SessionSender<Socket>;
  readonly delivery: Delivery<Socket>;
  readonly owed: Owed<Socket>;
  readonly store: HubStore;
  readonly kind: StreamKind;
  readonly clock: Clock;
};
