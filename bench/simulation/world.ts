import { shareOf } from "../../src/platform/rate-limit.ts";
import { PLACEMENT_TTL_MS, SOCKETS_PER_HUB, SOCKETS_PER_RELAY } from "../../src/protocol/limits.ts";
import type { MemoryObject, Served } from "../../src/testing/memory-platform.ts";
import { type Random, seededRandom } from "../../src/testing/random.ts";
import {
  COME_BACK_LATER,
  type Fate,
  type VirtualConnect,
  VirtualGuild,
} from "../../src/testing/virtual-guild.ts";
import { VirtualTime } from "../../src/testing/virtual-time.ts";
import { type Client, Connection, Crowd } from "./crowd.ts";
import { KINDS, Ledger } from "./ledger.ts";

/** Some day in 2027, milliseconds since 1970. */
const START = 1_800_000_000_000;
/** Worker isolates, each with a placement of its own in its cache. */
const ISOLATES = 200;

/** The size of a run. */
export type Size = {
  readonly clients: number;
  /** Sockets that the hub accepts before there are relays, and sockets of each relay. */
  readonly limits: { readonly hub: number; readonly relay: number };
  /** Characters of an event in addition to its mark. */
  readonly pad: number;
};

/** A thousand clients with proportionally small objects, so that there are many relays. */
const SMALL: Size = { clients: 1_000, limits: { hub: 40, relay: 80 }, pad: 6_000 };

/** The size of a run with so many clients. Above a thousand, objects have their real size. */
export function sizeOf(clients: number): Size {
  if (clients <= SMALL.clients) return { ...SMALL, clients };
  return { clients, limits: { hub: SOCKETS_PER_HUB, relay: SOCKETS_PER_RELAY }, pad: 300 };
}

/** Expiry of all tokens, seconds since 1970: after the end of every run. */
const FAR_FUTURE = 4e9;

/** The hub or a relay. */
type Place = MemoryObject<Served>;

/** The placement in the cache of one isolate. */
type Remembered = { readonly relays: readonly number[]; readonly until: number };

/** The world of one run: a hub with its relays, the network between them, and the crowd. */
export class World {
  readonly random: Random;
  readonly time = new VirtualTime(START);
  readonly ledger = new Ledger();
  readonly crowd: Crowd;
  /** Share of calls between objects that are lost, and share of answers that are lost. */
  lossRate = 0;
  lostCalls = 0;
  readonly #guild: VirtualGuild;
  readonly #isolates = new Map<number, Remembered>();
  readonly #triesAt = new Map<number, number>();
  /** Tickets that were asked for, by rate limiter and second. */
  readonly #countedAt = new Map<number, Map<number, number>>();
  /** Clients let in, by object and second. */
  readonly #acceptedAt = new Map<Place, Map<number, number>>();
  #hubDies = false;

  /** @param seed of all random choices */
  constructor({ clients, limits }: Size, seed: number) {
    const { time, ledger } = this;
    const random = seededRandom(seed);
    this.random = random;
    this.#guild = new VirtualGuild(time, {
      SOCKETS_PER_HUB: String(limits.hub),
      SOCKETS_PER_RELAY: String(limits.relay),
    });
    this.#guild.fate = () => this.#fate();
    const enter = (client: Client): void => {
      countSecond(this.#triesAt, time.now);
      const limiter = shareOf({ name: "ws-ticket", key: client.sub });
      countSecond(secondsOf(this.#countedAt, limiter), time.now);
      void this.#come(client, this.#placeOf(client));
    };
    this.crowd = new Crowd({ count: clients, time, random, ledger, enter });
  }

  /** @returns false: the hub died before it answered, so the result is unknown */
  publish(mark: string, pad: string, privileged: boolean): boolean {
    const { hub } = this.#guild;
    const dies = this.#hubDies;
    hub.isMute = dies;
    const published = this.#guild.publish(privileged ? ["mods"] : null, null, mark, { mark, pad });
    if (dies) {
      this.#hubDies = false;
      hub.crash();
      return false;
    }
    if (published.kind === "refused") throw new Error(published.why);
    return true;
  }

  killHubAfterCommit(): void {
    this.#hubDies = true;
  }

  crashRelay(): void {
    const all = this.#relays();
    all[Math.floor(this.random() * all.length)]?.crash();
  }

  crashAll(): void {
    for (const object of this.#objects()) object.crash();
  }

  /** Evicts a share of the idle objects: they lose their memory and keep their sockets. */
  sleep(share: number): void {
    for (const object of this.#objects()) {
      if (!object.isBusy && this.random() < share) object.evict();
    }
  }

  /** Counters and sizes of all objects. */
  counts() {
    const { hub, calls, counts } = this.#guild;
    const relays = this.#relays();
    const rowsOf = ({ impl }: Place): number => impl.host.store.extent().head;
    return {
      /** Relays that the hub calls. */
      relays: hub.impl.relays.rows.length,
      relaySockets: relays.map((relay) => relay.sockets.size),
      hubSockets: hub.sockets.size,
      calls: calls.get("take") ?? 0,
      pulls: calls.get("pull") ?? 0,
      snapshotCalls: calls.get("snapshotsFor") ?? 0,
      /** Times that a client used up its credit. */
      lags: counts.get("lagging") ?? 0,
      hubRows: rowsOf(hub),
      relayRows: relays.reduce((sum, relay) => sum + rowsOf(relay), 0),
    };
  }

  /** The busiest second of a return. @param ms start of the return */
  returnSince(ms: number) {
    return {
      /** Clients accepted by one object, and by all. */
      accepts: mostAtOnce([...this.#acceptedAt.values()], ms),
      /** Clients that tried, each with a ticket. */
      tries: mostAtOnce([this.#triesAt], ms).all,
      /** Requests to one rate limiter. */
      limiter: mostAtOnce([...this.#countedAt.values()], ms).one,
    };
  }

  /** The fate of the next call between objects: its latency, and whether the call or its answer is lost. */
  #fate(): Fate {
    const fate = { thereMs: this.#latencyMs(), backMs: this.#latencyMs() };
    if (this.#isLost()) return { ...fate, lost: "request" };
    return this.#isLost() ? { ...fate, lost: "answer" } : fate;
  }

  #latencyMs(): number {
    return 10 + Math.floor(this.random() * 30);
  }

  #isLost(): boolean {
    const isLost = this.random() < this.lossRate;
    if (isLost) this.lostCalls += 1;
    return isLost;
  }

  #relays(): Place[] {
    return [...this.#guild.relays.values()];
  }

  #objects(): Place[] {
    return [this.#guild.hub, ...this.#relays()];
  }

  #placeOf(client: Client): Place {
    const { hub } = this.#guild;
    const isolate = client.index % ISOLATES;
    // After a refusal the isolate does not use its cached placement.
    let known = client.attempt > 0 ? undefined : this.#isolates.get(isolate);
    if (known === undefined || known.until <= this.time.now) {
      known = { relays: hub.impl.place().relays, until: this.time.now + PLACEMENT_TTL_MS };
      this.#isolates.set(isolate, known);
    }
    const relay = known.relays[client.index % known.relays.length];
    return relay === undefined ? hub : this.#guild.relay(relay);
  }

  async #come(client: Client, object: Place): Promise<void> {
    const { crowd } = this;
    const socket = await this.#guild.enter(object, optionsOf(client));
    if (socket === COME_BACK_LATER) return crowd.turnedAway(client);
    if (typeof socket === "number") throw new Error(`a client was refused with ${socket}`);
    const { now } = this.time;
    countSecond(secondsOf(this.#acceptedAt, object), now);
    const connection = new Connection(crowd, { client, object, socket, openedAt: now });
    crowd.entered(connection);
    socket.attach(connection);
  }
}

/** The counts of one of many. */
function secondsOf<Key>(all: Map<Key, Map<number, number>>, one: Key): Map<number, number> {
  const counts = all.get(one) ?? new Map<number, number>();
  all.set(one, counts);
  return counts;
}

/** The highest counts of one second since a time, milliseconds: of one object, and of all together. */
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

/** The options of a client's upgrade. */
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
