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
  /** What is sent beyond the last acknowledgement (HUB-10). */
  readonly windowBytes: number;
  readonly windowEvents: number;
  /** The same for clients that neither acknowledge nor ping, summed over all sockets of a user. */
  readonly unacknowledgedBytes: number;
};
