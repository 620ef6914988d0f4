/** What the Worker makes of the socket between itself and a hub (`src/hub/edge`). */
export const TRANSPORTS = ["sse", "poll", "socket-io", "pre-auth"] as const;

/** A transport. Without one the socket is the client's own. */
export type Transport = (typeof TRANSPORTS)[number];

type TransportFacts = {
  /** The Worker acknowledges for a client that does not do so itself. So the window applies from the start. */
  readonly isAcknowledgedByWorker: boolean;
  /** Every frame is the Worker's, and none the client's. */
  readonly isClientSilent: boolean;
  /** Frames are sent with the number of a client that has them (`carried.ts`). */
  readonly isCarried: boolean;
};

const FACTS: Readonly<Record<Transport, TransportFacts>> = {
  sse: { isAcknowledgedByWorker: true, isClientSilent: true, isCarried: false },
  poll: { isAcknowledgedByWorker: true, isClientSilent: true, isCarried: false },
  "socket-io": { isAcknowledgedByWorker: true, isClientSilent: false, isCarried: true },
  // Authenticated by its first frame, in the Worker, which acknowledges for it until it does so itself.
  "pre-auth": { isAcknowledgedByWorker: true, isClientSilent: false, isCarried: true },
};

const OWN_SOCKET: TransportFacts = {
  isAcknowledgedByWorker: false,
  isClientSilent: false,
  isCarried: false,
};

/** The facts about a transport. */
export function factsOf(transport: Transport | undefined): TransportFacts {
  return transport === undefined ? OWN_SOCKET : FACTS[transport];
}
