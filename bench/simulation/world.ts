import { PLACEMENT_TTL_MS, SOCKETS_PER_HUB, SOCKETS_PER_RELAY } from "../../src/protocol/limits.ts";
import type { MemoryObject, Served } from "../../src/testing/memory-platform.ts";
import {
  COME_BACK_LATER,
  type VirtualConnect,
  VirtualGuild,
} from "../../src/testing/virtual-guild.ts";
import { type Client, Connection } from "./client.ts";
import { Crowd } from "./crowd.ts";
import { KINDS, Ledger } from "./ledger.ts";
import { Network } from "./network.ts";
import type { World } from "./plan.ts";
import { seededRandom } from "../../src/testing/random.ts";
import { VirtualTime } from "../../src/testing/virtual-time.ts";

/** Some day in 2027, milliseconds since 1970. */
const START = 1_800_000_000_000;
/** Worker isolates that remember the placement. */
const ISOLATES = 200;

/** How large a run is. */
export type Size = {
  readonly clients: number;
  /** Sockets that the hub takes before there are relays, and that each relay takes. */
  readonly limits: { readonly hub: number; readonly relay: number };
  /** Characters of an event beside its mark. */
  readonly pad: number;
};

/** A thousand clients with objects that are small in the same proportion, so that relays are many. */
const SMALL: Size = { clients: 1_000, limits: { hub: 40, relay: 80 }, pad: 6_000 };

/** The size of a run with so many clients: beyond a thousand, with objects as large as they are. */
export function sizeOf(clients: number): Size {
  if (clients <= SMALL.clients) return { ...SMALL, clients };
  return { clients, limits: { hub: SOCKETS_PER_HUB, relay: SOCKETS_PER_RELAY }, pad: 300 };
}

/** The hub or a relay. */
type Place = MemoryObject<Served>;

/** Seconds since 1970 at which nobody's token has ended. */
const FAR_FUTURE = 4e9;

/** The placement as one isolate knows it. */
type Remembered = { readonly relays: readonly number[]; readonly until: number };

/** Everything of one run, made anew. @param seed of all chance in it */
export function makeWorld({ clients, limits }: Size, seed: number): World {
  const random = seededRandom(seed);
  const time = new VirtualTime(START);
  const network = new Network(random);
  const ledger = new Ledger();
  const guild = new VirtualGuild(time, {
    SOCKETS_PER_HUB: String(limits.hub),
    SOCKETS_PER_RELAY: String(limits.relay),
  });
  guild.fate = network.fate;
  const { hub } = guild;
  const isolates = new Map<number, Remembered>();
  const crowd = new Crowd({ count: clients, time, random, ledger, enter });
  const triesAt = new Map<number, number>();
  /** Clients let in, by object and second. */
  const acceptedAt = new Map<Place, Map<number, number>>();
  let places = 0;
  let dies = false;
  function placeOf(client: Client): Place {
    const isolate = client.index % ISOLATES;
    // An object that had no room makes its isolate ask again.
    let known = client.attempt > 0 ? undefined : isolates.get(isolate);
    if (known === undefined || known.until <= time.now) {
      places += 1;
      known = { relays: hub.impl.place().relays, until: time.now + PLACEMENT_TTL_MS };
      isolates.set(isolate, known);
    }
    const relay = known.relays[client.index % known.relays.length];
    return relay === undefined ? hub : guild.relay(relay);
  }
  function enter(client: Client): void {
    countSecond(triesAt, time.now);
    void come(client, placeOf(client));
  }
  async function come(client: Client, object: Place): Promise<void> {
    const socket = await guild.enter(object, optionsOf(client));
    if (socket === COME_BACK_LATER) return crowd.turnedAway(client);
    if (typeof socket === "number") throw new Error(`a client was refused with ${socket}`);
    const counts = acceptedAt.get(object) ?? new Map<number, number>();
    acceptedAt.set(object, counts);
    countSecond(counts, time.now);
    const connection = new Connection(crowd, { client, object, socket, now: time.now });
    crowd.entered(connection);
    socket.attach(connection);
  }
  const relays = (): Place[] => [...guild.relays.values()];
  const objects = (): Place[] => [hub, ...relays()];
  const called = (name: string): number => guild.calls.get(name) ?? 0;
  const rowsOf = ({ impl }: Place): number => impl.host.store.extent().head;
  return {
    random,
    time,
    network,
    ledger,
    crowd,
    publish: (mark, pad, privileged) => {
      hub.isMute = dies;
      const published = guild.publish(privileged ? ["mods"] : null, null, mark, { mark, pad });
      if (dies) {
        dies = false;
        hub.crash();
        return null;
      }
      if (published.kind === "refused") throw new Error(published.why);
      return published.kind;
    },
    killHubAfterCommit: () => {
      dies = true;
    },
    crashRelay: () => {
      const all = relays();
      all[Math.floor(random() * all.length)]?.crash();
    },
    crashAll: () => {
      for (const object of objects()) object.crash();
    },
    sleep: (share) => {
      for (const object of objects()) if (!object.isBusy && random() < share) object.evict();
    },
    counts: () => ({
      relays: hub.impl.relays.rows.length,
      relaySockets: relays().map((relay) => relay.sockets.size),
      hubSockets: hub.sockets.size,
      calls: called("take"),
      pulls: called("pull"),
      snapshotCalls: called("snapshotsFor"),
      places,
      lags: guild.counts.get("lagging") ?? 0,
      hubRows: rowsOf(hub),
      relayRows: relays().reduce((sum, relay) => sum + rowsOf(relay), 0),
    }),
    returnSince: (ms) => ({
      accepts: mostAtOnce([...acceptedAt.values()], ms),
      tries: mostAtOnce([triesAt], ms).all,
    }),
  };
}

/** The highest counts of one second since a time, milliseconds: of one place, and of all together. */
function mostAtOnce(
  places: readonly ReadonlyMap<number, number>[],
  since: number,
): { one: number; all: number } {
  let one = 0;
  const bySecond = new Map<number, number>();
  for (const counts of places) {
    for (const [second, count] of counts) {
      if (second * 1000 < since - 999) continue;
      one = Math.max(one, count);
      bySecond.set(second, (bySecond.get(second) ?? 0) + count);
    }
  }
  return { one, all: Math.max(0, ...bySecond.values()) };
}

/** What a client's upgrade asks for. */
function optionsOf({ sub, kind, batch, epoch, last }: Client): VirtualConnect {
  return {
    sub,
    grants: kind === KINDS.privileged ? ["mods"] : [],
    exp: FAR_FUTURE,
    batch,
    ...(epoch === undefined ? {} : { epoch, seq: last }),
  };
}

function countSecond(counts: Map<number, number>, now: number): void {
  const second = Math.floor(now / 1000);
  counts.set(second, (counts.get(second) ?? 0) + 1);
}
