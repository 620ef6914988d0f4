import type { PlacementLimits } from "../../src/hub/core/placement.ts";
import { PLACEMENT_TTL_MS, SOCKETS_PER_HUB, SOCKETS_PER_RELAY } from "../../src/protocol/limits.ts";
import type { Client } from "./client.ts";
import { Crowd } from "./crowd.ts";
import { Ledger } from "./ledger.ts";
import { Network } from "./network.ts";
import type { World } from "./plan.ts";
import { seededRandom } from "./random.ts";
import type { Shared, VirtualHost } from "./virtual-host.ts";
import { VirtualHub } from "./virtual-hub.ts";
import type { VirtualRelay } from "./virtual-relay.ts";
import { VirtualTime } from "./virtual-time.ts";

/** Some day in 2027, milliseconds since 1970. */
const START = 1_800_000_000_000;
/** Worker isolates that remember the placement. */
const ISOLATES = 200;

/** How large a run is. */
export type Size = {
  readonly clients: number;
  readonly limits: PlacementLimits;
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

/** The placement as one isolate knows it. */
type Remembered = { readonly relays: readonly number[]; readonly until: number };

/** Everything of one run, made anew. @param seed of all chance in it */
export function makeWorld({ clients, limits }: Size, seed: number): World {
  const random = seededRandom(seed);
  const time = new VirtualTime(START);
  const network = new Network(time, random);
  const ledger = new Ledger();
  const shared: Shared = { time, network, limits, crowd: () => crowd };
  const hub = new VirtualHub(shared);
  const isolates = new Map<number, Remembered>();
  const crowd = new Crowd({ count: clients, time, random, ledger, enter });
  const triesAt = new Map<number, number>();
  function enter(client: Client): void {
    const second = Math.floor(time.clock() / 1000);
    triesAt.set(second, (triesAt.get(second) ?? 0) + 1);
    const isolate = client.index % ISOLATES;
    // An object that had no room makes its isolate ask again.
    let known = client.attempt > 0 ? undefined : isolates.get(isolate);
    if (known === undefined || known.until <= time.clock()) {
      known = { relays: hub.place(), until: time.clock() + PLACEMENT_TTL_MS };
      isolates.set(isolate, known);
    }
    const relay = known.relays[client.index % known.relays.length];
    if (relay === undefined) hub.enter(client);
    else hub.relay(relay).enter(client);
  }
  const relays = (): VirtualRelay[] => [...hub.relays.values()];
  const hosts = (): VirtualHost[] => [hub, ...relays()];
  return {
    random,
    time,
    network,
    ledger,
    crowd,
    publish: (mark, pad, privileged) => hub.publish(mark, pad, privileged),
    killHubAfterCommit: () => {
      hub.diesAfterCommit = true;
    },
    crashRelay: () => {
      const all = relays();
      all[Math.floor(random() * all.length)]?.crash();
    },
    crashAll: () => {
      for (const host of hosts()) host.crash();
    },
    sleep: (share) => {
      for (const host of hosts()) if (!host.isBusy && random() < share) host.sleep();
    },
    counts: () => ({
      relays: hub.fanout.relays.length,
      relaySockets: relays().map((relay) => relay.sockets.size),
      hubSockets: hub.sockets.size,
      calls: hub.calls,
      pulls: hub.pulls,
      snapshotCalls: relays().reduce((sum, relay) => sum + relay.snapshotCalls, 0),
      places: hub.places,
      lags: hosts().reduce((sum, host) => sum + host.lags, 0),
      hubRows: hub.store.appended,
      relayRows: relays().reduce((sum, { store }) => sum + store.appended, 0),
    }),
    returnSince: (ms) => ({
      accepts: mostAtOnce(
        hosts().map(({ acceptedAt }) => acceptedAt),
        ms,
      ),
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
