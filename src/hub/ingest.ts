import { DEDUPE_TTL_MS, PUBLISHER_SEQ_JUMP_MAX } from "../protocol/limits.ts";
import type { PublisherPosition } from "./core/journal.ts";
import { decidePosition } from "./core/position.ts";
import type { HubExtension, HubTurn, OutsideEvents } from "./extension.ts";
import { causedBy, type IncomingEvent, type IngestResult, type Publication } from "./publisher.ts";

/** What {@link ingestEvents} needs from the hub. */
export type IngestPorts = {
  readonly extensions: readonly HubExtension[];
  readonly now: () => number;
  /** Runs one transaction. */
  readonly turn: <T>(work: () => T) => T;
  readonly hubTurn: (
    publish: (publication: Publication) => void,
    extension: HubExtension,
  ) => HubTurn;
  readonly publish: (publication: Publication) => void;
  readonly remember: (key: string, expiresAt: number, now: number) => boolean;
  /** Remembers several keys. @returns false when one of them is known already: some may be remembered then */
  readonly rememberAll: (keys: readonly string[], expiresAt: number, now: number) => boolean;
  readonly readPosition: () => PublisherPosition | null;
  readonly writePosition: (position: PublisherPosition) => void;
};

type Outcome = "accepted" | "duplicate" | IngestResult;

/** Rolls back the transaction of an event that has to be sent again later. */
class Held extends Error {
  readonly holdMs: number;
  constructor(holdMs: number) {
    super("held");
    this.holdMs = holdMs;
  }
}

/** Rolls back the transaction of several events: they are taken one by one instead. */
class Apart extends Error {}

/**
 * Accepts events of an outside publisher in order (HUB-11, rooms.md §4): of each its position, its id, the changes
 * of the extensions and what these publish are stored together. The first event that cannot be accepted ends the
 * batch. Events before it stay accepted, and count as duplicates when they are sent again.
 */
export function ingestEvents(ports: IngestPorts, events: readonly IncomingEvent[]): IngestResult {
  if (events.length > 1) {
    try {
      return ingestTogether(ports, events);
    } catch {
      // Nothing of them is stored. One by one shows which of them is the cause.
    }
  }
  return ingestEach(ports, events);
}

/**
 * Takes all events in one transaction, which costs a third of one for each: position and ids are stored once.
 * Throws when any of them would have to be rolled back alone.
 */
function ingestTogether(ports: IngestPorts, events: readonly IncomingEvent[]): IngestResult {
  return ports.turn(() => {
    const now = ports.now();
    const before = ports.readPosition();
    const ids = new Set<string>();
    let position = before;
    const result = ingestEach(
      {
        ...ports,
        // Time does not pass inside of a turn.
        now: () => now,
        turn: (work) => work(),
        readPosition: () => position,
        writePosition: (reached) => {
          position = reached;
        },
        remember: (key) => {
          if (ids.has(key)) return false;
          ids.add(key);
          return true;
        },
      },
      events,
    );
    if (result.kind === "hold") throw new Apart();
    if (position !== null && position !== before) ports.writePosition(position);
    if (!ports.rememberAll([...ids], now + DEDUPE_TTL_MS, now)) throw new Apart();
    return result;
  });
}

function ingestEach(ports: IngestPorts, events: readonly IncomingEvent[]): IngestResult {
  let accepted = 0;
  let duplicates = 0;
  // Position of the last refused event: it did arrive, so it leaves no gap before the next event.
  let passed: PublisherPosition | null = null;
  const takersOf = new Map<string, readonly Taker[]>();
  for (const given of events) {
    const now = ports.now();
    // The sender's clock may be ahead of ours.
    const event = given.ts === undefined || given.ts <= now ? given : { ...given, ts: now };
    let takers = takersOf.get(event.event);
    if (takers === undefined) {
      takers = takersAmong(ports.extensions, event.event);
      takersOf.set(event.event, takers);
    }
    const outcome = ingestOne(ports, takers, event, passed, now);
    if (typeof outcome !== "string") return outcome;
    if (outcome === "duplicate") duplicates += 1;
    else if (event.refused === true) passed = positionOf(event);
    else accepted += 1;
  }
  return { kind: "done", accepted, duplicates };
}

/** An extension that applies an event. */
type Taker = { readonly extension: HubExtension; readonly outside: OutsideEvents };

function takersAmong(extensions: readonly HubExtension[], event: string): readonly Taker[] {
  return extensions.flatMap((extension) => {
    const { outside } = extension;
    return outside?.events.includes(event) === true ? [{ extension, outside }] : [];
  });
}

function positionOf({ epoch, seq }: IncomingEvent): PublisherPosition | null {
  return epoch === undefined || seq === undefined ? null : { epoch, seq };
}

/** The position that an event of this epoch has to follow. Refused events count only in their own epoch. */
function positionBefore(
  epoch: string,
  passed: PublisherPosition | null,
  stored: PublisherPosition | null,
): PublisherPosition | null {
  if (passed?.epoch !== epoch) return stored;
  if (stored === null) return passed;
  if (stored.epoch !== epoch) return stored.epoch > epoch ? stored : passed;
  return stored.seq > passed.seq ? stored : passed;
}

/** Whether refused events carry the position further than a single snapshot may. */
function isTooFar(position: PublisherPosition, stored: PublisherPosition | null): boolean {
  const last = stored?.epoch === position.epoch ? stored.seq : 0;
  return position.seq > last + PUBLISHER_SEQ_JUMP_MAX;
}

function ingestOne(
  ports: IngestPorts,
  takers: readonly Taker[],
  event: IncomingEvent,
  passed: PublisherPosition | null,
  now: number,
): Outcome {
  const wholeState = takers.some(({ outside }) => outside.wholeStates.includes(event.event));
  try {
    return ports.turn((): Outcome => {
      const position = positionOf(event);
      if (position !== null) {
        const stored = ports.readPosition();
        const known = positionBefore(position.epoch, passed, stored);
        const decision = decidePosition(known, position, wholeState, now);
        if (decision.kind === "stale") return { kind: "stale_publisher" };
        if (decision.kind === "gap") return { kind: "gap", expected: decision.expected };
        if (decision.kind === "duplicate") return "duplicate";
        if (isTooFar(position, stored)) {
          return { kind: "gap", expected: stored?.epoch === position.epoch ? stored.seq + 1 : 1 };
        }
      }
      if (event.refused === true) return "accepted";
      if (position !== null) ports.writePosition(position);
      if (takers.length === 0) return "accepted";
      if (event.id !== undefined && !ports.remember(`id:${event.id}`, now + DEDUPE_TTL_MS, now)) {
        return "duplicate";
      }
      const publish = causedBy(event, ports.publish);
      for (const { extension, outside } of takers) {
        const result = outside.take(ports.hubTurn(publish, extension), event);
        if (result !== "done") throw new Held(result.holdMs);
      }
      return "accepted";
    });
  } catch (error) {
    if (error instanceof Held) return { kind: "hold", retryAfterMs: error.holdMs };
    throw error;
  }
}
