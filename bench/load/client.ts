/** Where and how to open one connection of a subject. */
export type Entry = {
  readonly port: number;
  /** Path and query. */
  readonly path: string;
  /** First frame to send. */
  readonly hello?: string;
  /** Text that a frame contains once the connection is served; absent: the upgrade is enough. */
  readonly greeting?: string;
};

/** Sends one text frame. */
export type Send = (text: string) => void;

/**
 * What a client of a subject does by itself, and what it remembers of one connection for the next.
 * The generator counts the events; a client only keeps the protocol of its server.
 */
export type Client = {
  /** How it connects now; after a first connection with its position, where the subject has one. */
  readonly entry: () => Promise<Entry>;
  /** Sees each text frame before its events are counted; the payload is only valid meanwhile. */
  readonly see?: (payload: Buffer, send: Send) => void;
  /** A frame had so many events, of so many bytes together, the last one with this seq. */
  readonly took?: (events: number, bytes: number, lastSeq: number, send: Send) => void;
  /** What it sends to show that it lives; absent: the server asks. */
  readonly ping?: string;
  /** Over what time the server wants its clients to come back, milliseconds, once it has said so. */
  readonly retryWindowMs?: number;
  /** Keeps where it stands. @returns what puts it back there, so that it can miss the same again */
  readonly mark?: () => () => void;
};

/** A client that connects the same way each time and says nothing by itself. */
export function silentClient(entry: () => Promise<Entry>, ping?: string): Client {
  return ping === undefined ? { entry } : { entry, ping };
}
