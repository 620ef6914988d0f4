import type { Transport } from "../hub/core/transport.ts";
import { type HubEnv, readRelayName, relayName } from "../hub/env.ts";
import type { HubExtension, HubTurn } from "../hub/extension.ts";
import type { Handover } from "../hub/handover.ts";
import { HubObject } from "../hub/hub-object.ts";
import type { Audience, Published } from "../hub/publisher.ts";
import { guildKind } from "../hub/guild-kind.ts";
import type { HubKind } from "../hub/kind.ts";
import { RelayObject } from "../hub/relay-object.ts";
import type { Upgrade } from "../hub/runtime.ts";
import type { Principal } from "../platform/auth/principal.ts";
import { ulidGenerator } from "../platform/ids.ts";
import { ok } from "../platform/result.ts";
import { upgradeOf } from "./memory-hub.ts";
import {
  type Caller,
  MemoryObject,
  type MemorySocket,
  ObjectDied,
  type Reach,
  type Served,
} from "./memory-platform.ts";
import { seededRandom } from "./random.ts";
import { VirtualTime } from "./virtual-time.ts";

export const GUILD = "100000000000000001";
/** Every event that the hub may publish. */
const EVENTS: ReadonlySet<string> = new Set(["test.happened", "test.moved", "x.y"]);
/** Command that runs a turn for the test. */
const TURN = "test.turn";
/** The first epoch of the hub's journal. */
export const EPOCH = "epoch-1";
/** Everything must finish within this time, milliseconds: longer than a call between objects may take. */
const PATIENCE_MS = 20_000;
/** Status when an object died (`routes/entry.ts`), or when it accepts no clients now. */
export const COME_BACK_LATER = 503;

/** The fate of one call between objects: the time of each way, milliseconds, and whether it is lost. */
export type Fate = {
  readonly thereMs?: number;
  readonly backMs?: number;
  readonly lost?: "request" | "answer";
};

/** A call that the network lost. */
class CallLost extends Error {
  override readonly name = "CallLost";
}

/** A call by a stub that has failed before. */
class StubBroken extends Error {
  override readonly name = "StubBroken";
}

/** A call between objects. */
type Call = {
  readonly from: Caller;
  readonly to: MemoryObject<Served>;
  readonly run: (impl: Served) => unknown;
  /** Breaks the stub of this call for all later calls. */
  readonly breaks: () => void;
};

/** How a virtual client connects. */
export type VirtualConnect = {
  readonly sub?: string;
  readonly grants?: readonly string[];
  /** Seconds since 1970, as of a token. */
  readonly exp?: number;
  readonly iat?: number;
  readonly batch?: boolean;
  readonly signals?: boolean;
  readonly epoch?: string | undefined;
  readonly seq?: number;
  readonly base?: number;
  /** What its kind of hub keeps of it. */
  readonly scope?: unknown;
  /** What the Worker makes of the socket; absent: it is the client's own. */
  readonly transport?: Transport | undefined;
};

/** Hubs whose tokens are the JSON of a principal. */
export const KIND = guildKind(async (_, token) => ok(JSON.parse(token) as Principal));

/** An area without state. It runs functions of a test in a turn. */
const AREA: HubExtension = {
  name: "test",
  migrate: () => false,
  commands: [{ name: TURN, run: (hub, work) => hub.turn(work as (turn: HubTurn) => unknown) }],
  snapshot: () => ({ rooms: [] }),
};

/** The real hub and relays, with storage in memory, a virtual clock and a network that can lose calls. */
export class VirtualGuild {
  readonly time: VirtualTime;
  readonly env: HubEnv;
  readonly hub: MemoryObject<HubObject>;
  readonly relays = new Map<number, MemoryObject<RelayObject>>();
  /** Decides the fate of each call. */
  fate: () => Fate = () => ({});
  /** Number of calls, by the name of the method. */
  readonly calls = new Map<string, number>();
  readonly #kind: HubKind;
  readonly #newId = ulidGenerator(seededRandom(1));
  /** Counted metrics, by `name label`. */
  readonly #counts = new Map<string, number>();

  /** @param variables replace variables of the deployment */
  constructor(
    time = new VirtualTime(1_000_000_000_000),
    variables: Record<string, string> = {},
    kind: HubKind = KIND,
  ) {
    this.time = time;
    this.#kind = kind;
    this.env = {
      ...VARIABLES,
      ...variables,
      METRICS: {
        // The format that `analyticsEngine` writes.
        writeDataPoint: ({ blobs, doubles }: { blobs: string[]; doubles: number[] }) => {
          const name = `${blobs[1]} ${blobs[2]}`.trim();
          this.#counts.set(name, (this.#counts.get(name) ?? 0) + (doubles[0] ?? 0));
        },
      },
    } as unknown as HubEnv;
    const parts = { extensions: [AREA], events: EVENTS };
    this.hub = new MemoryObject({
      name: GUILD,
      time,
      reachFrom: (from) => this.reachFrom(from),
      make: (runtime) => new HubObject(runtime, this.env, kind, parts),
    });
    this.hub.impl.host.store.adopt(EPOCH);
  }

  /** The relay with this index. It is created if necessary. */
  relay(index: number): MemoryObject<RelayObject> {
    const known = this.relays.get(index);
    if (known !== undefined) return known;
    const relay = new MemoryObject<RelayObject>({
      name: relayName(GUILD, index),
      time: this.time,
      reachFrom: (from) => this.reachFrom(from),
      make: (runtime) => new RelayObject(runtime, this.env, this.#kind),
    });
    this.relays.set(index, relay);
    return relay;
  }

  /** The metrics so far, such as `lagging` or `closed 1012`. The last ones of a killed object are missing. */
  get counts(): ReadonlyMap<string, number> {
    for (const { impl } of [this.hub, ...this.relays.values()]) impl.host.meter.flush();
    return this.#counts;
  }

  /** Publishes in the hub, synchronously. @param except id of the connection that caused it */
  publish(
    audience: Audience = null,
    topic: string | null = null,
    dedupeKey?: string,
    payload: Record<string, unknown> = {},
    except?: string,
  ): Published {
    const { head } = this.hub.impl.host.store.extent();
    const [published] = this.hub.impl.publish([
      {
        event: "test.happened",
        payload: { guildId: GUILD, n: head + 1, ...payload },
        audience,
        topic,
        ...(dedupeKey === undefined ? {} : { dedupeKey }),
        ...(except === undefined ? {} : { except }),
      },
    ]);
    if (published === undefined) throw new Error("the hub has returned no result");
    return published;
  }

  /** Runs a turn in the hub. */
  async turn(work: (hub: HubTurn) => void): Promise<void> {
    await this.hub.event((impl) => impl.command(TURN, work));
  }

  /** Connects a client to the hub or to a relay. @returns its socket, or the status of the refusal */
  async enter(
    object: MemoryObject<Served>,
    options: VirtualConnect = {},
  ): Promise<MemorySocket | number> {
    try {
      return await object.connect(this.#upgrade(object, options));
    } catch (error) {
      if (error instanceof ObjectDied) return COME_BACK_LATER;
      throw error;
    }
  }

  /** Like {@link enter}, and lets time pass until there is an answer. */
  async join(
    object: MemoryObject<Served>,
    options: VirtualConnect = {},
  ): Promise<MemorySocket | number> {
    let isAnswered = false;
    const answer = this.enter(object, options).finally(() => {
      isAnswered = true;
    });
    await this.#passUntil(() => isAnswered);
    return answer;
  }

  /** Lets time pass until the object is idle. Then it sleeps and wakes. */
  async evict(object: MemoryObject<Served> = this.hub): Promise<void> {
    await this.#passUntil(() => !object.isBusy);
    object.evict();
  }

  async #passUntil(isSo: () => boolean): Promise<void> {
    for (let ms = 0; ms < PATIENCE_MS; ms += 1) {
      await this.time.quiet();
      if (isSo()) return;
      await this.time.pass(1);
    }
    throw new Error(`nothing has finished in ${PATIENCE_MS} ms`);
  }

  /** Restarts the hub with a new journal. */
  renewEpoch(epoch: string): void {
    this.hub.crash();
    this.hub.impl.host.store.adopt(epoch);
  }

  /** The request with which the Worker would hand a client over. */
  #upgrade(object: MemoryObject<Served>, options: VirtualConnect): Upgrade {
    const { sub = "alice", grants = [], batch = false, signals = false, iat } = options;
    const { epoch, seq, base, scope, transport } = options;
    const { exp = Math.floor(this.time.now / 1000) + 3600 } = options;
    const relay = readRelayName(object.name)?.index;
    const handover: Handover = {
      v: 1,
      hub: GUILD,
      batch,
      signals,
      ...(relay === undefined ? {} : { relay }),
      ...(epoch === undefined ? {} : { epoch }),
      ...(seq === undefined ? {} : { seq }),
      ...(base === undefined ? {} : { base }),
      ...(transport === undefined ? {} : { edge: transport }),
      identity: {
        sub,
        grants: [`sub:${sub}`, ...grants],
        exp,
        ...(iat === undefined ? {} : { iat }),
        ...(scope === undefined ? {} : { scope }),
      },
    };
    return upgradeOf(handover);
  }

  /** The outside of an object in this guild. */
  reachFrom(from: Caller): Reach {
    return {
      newId: this.#newId,
      hub: () => this.#remote(from, () => this.hub) as ReturnType<Reach["hub"]>,
      relay: (_, index) =>
        this.#remote(from, () => this.relay(index)) as ReturnType<Reach["relay"]>,
    };
  }

  /**
   * A stub of an object. Parameters and results are copied, and each call takes time. A call that is lost, or
   * whose callee dies, breaks the stub for all later calls.
   */
  #remote(from: Caller, to: () => MemoryObject<Served>): object {
    let isBroken = false;
    const breaks = (): void => {
      isBroken = true;
    };
    return new Proxy(
      {},
      {
        get: (_, method) => {
          return (...parameters: unknown[]) => {
            const name = String(method);
            if (isBroken) return Promise.reject(new StubBroken(`${name} by a broken stub`));
            this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
            const copies = structuredClone(parameters);
            const run = (impl: Served): unknown => {
              const called = (impl as unknown as Record<string, (...all: unknown[]) => unknown>)[
                name
              ];
              if (called === undefined) throw new Error(`the object has no method ${name}`);
              return called.apply(impl, copies);
            };
            return this.#carry({ from, to: to(), run, breaks });
          };
        },
      },
    );
  }

  /** Carries one call. It never settles if the caller died meanwhile. */
  #carry({ from, to, run, breaks }: Call): Promise<unknown> {
    const { thereMs = 0, backMs = 0, lost } = this.fate();
    const { isMute } = from;
    const { crashes } = to;
    return new Promise((resolve, reject) => {
      const back = (settle: () => void): void =>
        this.#travel(backMs, () => {
          if (!from.isGone) settle();
        });
      const fail = (): void =>
        back(() => {
          breaks();
          reject(new CallLost("the call was lost"));
        });
      const arrive = (): void => {
        if (lost === "request" || to.crashes !== crashes) return fail();
        void Promise.allSettled([to.event(run)]).then(([outcome]) => {
          if (lost === "answer") return fail();
          return back(() => {
            if (to.crashes !== crashes) breaks();
            if (outcome.status === "rejected") reject(outcome.reason);
            else resolve(structuredClone(outcome.value));
          });
        });
      };
      // The call leaves after the turn that made it, unless its caller is dead by then. After that it arrives.
      queueMicrotask(() => {
        if (isMute || from.isGone) return;
        if (thereMs === 0) arrive();
        else this.time.after(thereMs, arrive);
      });
    });
  }

  #travel(ms: number, arrive: () => void): void {
    if (ms === 0) queueMicrotask(arrive);
    else this.time.after(ms, arrive);
  }
}

/** The variables of a deployment that needs nothing from outside. */
const VARIABLES = {
  PRIMARY_GUILD_ID: GUILD,
  HUB_SECRET: "virtual-hub-secret-0123456789-0123456789",
  DISCORD_BOT_TOKEN: "virtual-bot-token-0123456789-0123456789",
  JWT_ISSUER: "https://idp.test",
  JWT_AUDIENCE: "guildhub",
  JWT_PUBLIC_JWK_URL: "https://idp.test/jwks",
  WEB_ORIGIN: "https://page.test",
};
