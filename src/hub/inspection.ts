import type { Explanation, HubConnection, HubState, RelayReport } from "../protocol/hub-report.ts";
import { explain } from "./core/explain.ts";
import type { StreamKind } from "./core/stream-kind.ts";
import type { LiveSession } from "./core/live-session.ts";
import { factsOf } from "./core/transport.ts";
import { COUNTED_SINCE_FACT, type StreamHost } from "./host.ts";

/** The report of a hub for operators. */
export function reportOf(
  host: StreamHost,
  { limits, journal }: StreamKind,
  relays: readonly RelayReport[],
): HubState {
  host.writeCounts();
  const { server, store } = host;
  const { epoch, head, oldest } = store.extent();
  const { events, bytes, oldestAt } = store.usage();
  const counters = store.readCounters();
  const closes: Record<string, number> = {};
  for (const [name, n] of Object.entries(counters)) {
    if (name.startsWith("close:")) closes[name.slice("close:".length)] = n;
  }
  const { sessions } = server;
  const behind = [...sessions.open()].flatMap(([, session]) =>
    session.isLagging ? [head - (session.lastSent ?? head)] : [],
  );
  return {
    at: host.clock(),
    epoch,
    seq: head,
    sockets: relays.reduce((sum, relay) => sum + relay.sockets, sessions.openCount),
    users: sessions.usersCount,
    streams: streamsAmong(sessions),
    journal: { events, bytes, oldestSeq: events === 0 ? null : oldest, oldestAt },
    lag: { sockets: sessions.lagging().size, events: Math.max(0, ...behind) },
    countedSince: Number(store.readFact(COUNTED_SINCE_FACT) ?? 0),
    closes,
    wakes: counters["wakes"] ?? 0,
    relays: [...relays],
    limits: {
      sockets: limits.sockets,
      socketsPerUser: limits.socketsPerUser,
      journalEvents: journal.maxEvents,
      journalBytes: journal.maxBytes,
      journalAgeMs: journal.maxAgeMs,
      windowEvents: limits.windowEvents,
      windowBytes: limits.windowBytes,
    },
  };
}

/** How many connections are `GET /events`. */
function streamsAmong(sessions: StreamHost["server"]["sessions"]): number {
  let streams = 0;
  for (const { record } of sessions.open().values()) {
    if (factsOf(record.transport).isClientSilent) streams += 1;
  }
  return streams;
}

/** The connections of one user here. @param relay index; null: the hub itself */
export function connectionsOf(
  { server, store }: StreamHost,
  relay: number | null,
  sub: string,
): HubConnection[] {
  const { head } = store.extent();
  return [...server.sessions.open()].flatMap(([, session]) =>
    session.record.sub === sub
      ? [connectionOf(session, relay, session.sentBefore(head + 1, store))]
      : [],
  );
}

/** Why a connection here did or did not get an event. */
export function explainHere(
  { server, store, clock }: StreamHost,
  relay: number | null,
  connectionId: string,
  seq: number,
): Explanation {
  const extent = store.extent();
  const entry = store.readAfter(seq - 1, 1).find((one) => one.seq === seq);
  const session = [...server.sessions.open()].find(([, { record }]) => record.id === connectionId);
  const sent = session?.[1].sentBefore(extent.head + 1, store) ?? 0;
  const code =
    session === undefined
      ? "unknown_connection"
      : explain(session[1], sent, { seq, entry, extent, now: clock() });
  return {
    code,
    seq,
    connection: session === undefined ? null : connectionOf(session[1], relay, sent),
    event:
      entry === undefined
        ? null
        : {
            id: entry.id,
            event: entry.event,
            ts: entry.ts,
            audience: entry.audience === null ? null : [...entry.audience],
            topic: entry.topic,
            trace: entry.trace,
          },
  };
}

function connectionOf(session: LiveSession, relay: number | null, sent: number): HubConnection {
  const { id, sub, transport, since, start, from } = session.record;
  return {
    connectionId: id,
    sub,
    transport: transport ?? "websocket",
    relay,
    since,
    expiresAt: session.expiresAtMs,
    grants: [...session.grants],
    topics: session.topics,
    from: start ?? from,
    sent,
    acked: session.acked,
    lagging: session.isLagging,
  };
}
