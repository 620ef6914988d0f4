/** What the connections of one object may use. */
export type StreamLimits = {
  /** Sockets of one object. */
  readonly sockets: number;
  /** Sockets of one user in one object; the oldest is closed. */
  readonly socketsPerUser: number;
  /** Bytes of a client's frame. */
  readonly frameBytes: number;
  /** Frames of a client in each window of `windowMs`. */
  readonly framesPerWindow: number;
  readonly windowMs: number;
  /** Frames of a client that has not authenticated. One more closes. */
  readonly framesBeforeAuth: number;
  /** Unusable frames of a client: the last one closes. */
  readonly badFrames: number;
  /** What is sent beyond the last acknowledgement (HUB-10). */
  readonly windowBytes: number;
  readonly windowEvents: number;
  /** The same for clients that neither acknowledge nor ping, summed over all sockets of a user. */
  readonly unacknowledgedBytes: number;
  /** Bytes of one event's payload as JSON. A larger one is refused. */
  readonly payloadBytes: number;
};
