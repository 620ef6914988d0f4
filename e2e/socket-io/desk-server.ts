import { randomUUID } from "node:crypto";

/**
 * A server of the test's desk (`src/testing/desk-extension.ts`) that speaks Socket.IO. There are two: ours, and the
 * reference implementation with handlers of the same names, against which the tests themselves are checked.
 */
export type DeskServer = {
  /** Where it listens, without a path. */
  readonly url: string;
  /** The payload that connects this person. */
  readonly authOf: (sub: string) => Readonly<Record<string, unknown>>;
  /** A payload that it refuses for good. */
  readonly badAuth: Readonly<Record<string, unknown>>;
  /** Whether the connection stays open when a client leaves the only namespace. */
  readonly staysAfterLeaving: boolean;
  /** Kills it. Absent: it keeps everything in its memory. @returns starts it again in the same place */
  readonly kill?: () => Promise<() => Promise<void>>;
  /** Closes a person's connections so that they must not come back by themselves. */
  readonly expel: (sub: string) => Promise<void>;
  readonly stop: () => Promise<void>;
};

/** The CONNECT packet of a person whom no other test knows, because a user may have few connections. */
export function connectPacket(server: DeskServer): string {
  return `40${JSON.stringify(server.authOf(randomUUID()))}`;
}
