import type { Presence } from "../../protocol/frames.ts";
import type { Dialect } from "./dialect.ts";
import type { JournalBounds } from "./journal.ts";
import type { StreamLimits } from "./stream-limits.ts";

/** A kind of hub, as far as serving its stream needs it. */
export type StreamKind = {
  readonly name: string;
  /** The first one is spoken where a connection names none. */
  readonly dialects: readonly [Dialect, ...Dialect[]];
  readonly limits: StreamLimits;
  readonly journal: JournalBounds;
  /** Payload of the presence signal, as JSON text. @param hub name of the hub */
  readonly presencePayload: (hub: string, presence: Presence) => string;
};

/** A dialect of a kind; null: the kind does not speak it. @param name undefined: the first one */
export function dialectOf({ dialects }: StreamKind, name: string | undefined): Dialect | null {
  if (name === undefined) return dialects[0];
  return dialects.find((one) => one.name === name) ?? null;
}
