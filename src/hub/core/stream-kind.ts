import type { Presence } from "../../protocol/frames.ts";
import { carried } from "./carried.ts";
import type { Dialect } from "./dialect.ts";
import type { JournalBounds } from "./journal.ts";
import type { StreamLimits } from "./stream-limits.ts";
import { factsOf, type Transport } from "./transport.ts";

/** A kind of hub, as far as serving its stream needs it. */
export type StreamKind = {
  readonly name: string;
  /** The first one is spoken where a connection names none. */
  readonly dialects: readonly [Dialect, ...Dialect[]];
  readonly limits: StreamLimits;
  /** The text by which a client asks whether it is still connected, and its answer. The hub sleeps meanwhile. */
  readonly ping: { readonly request: string; readonly answer: string };
  readonly journal: JournalBounds;
  /** Payload of the presence signal, as JSON text. @param hub name of the hub */
  readonly presencePayload: (hub: string, presence: Presence) => string;
};

/** How a connection is served. */
export type Spoken = {
  /** Name of its dialect; absent: the first one of its kind. */
  readonly dialect?: string | undefined;
  /** Absent: the client's own socket. */
  readonly transport?: Transport | undefined;
};

/** The dialect of a connection; null: the kind does not speak it. */
export function dialectOf(
  { dialects }: StreamKind,
  { dialect: name, transport }: Spoken,
): Dialect | null {
  const found = name === undefined ? dialects[0] : dialects.find((one) => one.name === name);
  if (found === undefined) return null;
  return factsOf(transport).isCarried ? carried(found) : found;
}
