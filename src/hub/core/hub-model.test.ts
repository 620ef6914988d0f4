import fc from "fast-check";
import { expect, test } from "vitest";
import { CLOSE_CODES, type CloseName } from "../../protocol/close-codes.ts";
import { takeHubFailures } from "../../testing/hub-failures.ts";
import {
  type ClientPosition,
  type ClientSide,
  GUILD_CLIENT,
  hearCarried,
  type Heard,
  SOCKET_IO_CLIENT,
} from "../../testing/client-side.ts";
import type { MemorySocket } from "../../testing/memory-platform.ts";
import { OPCODE_CLIENT } from "../../testing/opcode-dialect.ts";
import { SMALL_KIND } from "../../testing/small-kind.ts";
import { HAPPY_CLIENT, SYNC_CLIENT, USER_KIND } from "../../testing/sync-client-side.ts";
import { KIND } from "../../testing/virtual-guild.ts";
import { VirtualHub } from "../../testing/virtual-hub.ts";
import type { HubKind } from "../kind.ts";
import { taken } from "./carried.ts";
import { TURN_MS } from "./flow.ts";
import { entryBytes } from "./journal.ts";
import { factsOf, type Transport } from "./transport.ts";

const CLIENTS = 8;
const ROLES = ["r0", "r1"] as const;

/** How a client confirms what it has received; `worker`: the Worker does so for it; `waits`: time stands for it. */
type Manner = "acks" | "pings" | "silent" | "worker" | "waits";

/** The state of a client: its position, and everything that it has received since its snapshot. */
type Client = {
  readonly sub: string;
  readonly batch: boolean;
  readonly signals: boolean;
  manner: Manner;
  /** The roles of its next token. */
  roles: readonly string[];
  socket: MemorySocket | null;
  /** Id of its connection, the last one if it has none. */
  connection: string;
  /** Events that an earlier connection of its caused: it has later ones, so it never gets them. */
  readonly skipped: Set<number>;
  taken: number;
  position: ClientPosition | null;
  seen: number[];
  /** From this seq on its current grants apply. */
  since: number;
  signal: number;
};

type Published = {
  readonly seq: number;
  readonly to: string;
  readonly bytes: number;
  /** When it was published, milliseconds. */
  readonly at: number;
  readonly except: string | undefined;
};

const client = fc.nat(CLIENTS - 1);
const STEP = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant("publish" as const),
      to: fc.constantFrom("all", "all", "sub:a", "sub:b", "scope:r0", "scope:r1"),
      /** Share of the largest payload. */
      size: fc.constantFrom(0, 0, 0.45, 0.9),
      /** A burst can be more than a window. */
      times: fc.constantFrom(1, 1, 1, 3, 12),
      /** One of a few keys, so that some are used twice. */
      key: fc.option(fc.nat(4), { nil: null, freq: 5 }),
      /** The client that causes it. */
      by: fc.option(client, { nil: null, freq: 2 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("connect" as const), client }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("drop" as const), client }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("show" as const),
      client,
      share: fc.constantFrom(0.5, 1, 1),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("evict" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("crash" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      ms: fc.constantFrom(1, 9, 10, 11, 2_000, 30_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("roles" as const),
      client,
      roles: fc.subarray([...ROLES]),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("revoke" as const), client }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("signal" as const) }) },
);
type Step = typeof STEP extends fc.Arbitrary<infer T> ? T : never;

class Model {
  readonly bench: VirtualHub;
  readonly #side: ClientSide;
  readonly history: Published[] = [];
  readonly clients: Client[] = Array.from({ length: CLIENTS }, (_, i) => ({
    sub: ["a", "b", "c", "d"][i % 4] ?? "a",
    batch: i % 2 === 1,
    signals: i % 3 === 0,
    manner:
      (["acks", "acks", "pings", "silent"] as const satisfies Manner[])[Math.floor(i / 2)] ??
      "silent",
    roles: [],
    socket: null,
    connection: "",
    skipped: new Set(),
    taken: 0,
    position: null,
    seen: [],
    since: 0,
    signal: 0,
  }));
  readonly #keys = new Set<number>();
  /** When the tokens of each user were last revoked, milliseconds. */
  readonly #revokedAt = new Map<string, number>();
  #signals = 0;

  readonly #transport: Transport | undefined;
  readonly #kind: HubKind;
  /** Whether clients get the state or what they missed, and not only what happens from now on. */
  readonly #hasState: boolean;

  constructor(side: ClientSide, transport: Transport | undefined, kind: HubKind) {
    this.#side = side;
    this.#transport = transport;
    this.#kind = kind;
    this.#hasState = side.dialect.snapshot !== undefined;
    if (factsOf(transport).isAcknowledgedByWorker) {
      for (const one of this.clients) if (one.manner !== "acks") one.manner = "worker";
    }
    if (side.say.acknowledge === undefined) {
      const manner = factsOf(transport).isAcknowledgedByWorker ? "worker" : "pings";
      for (const one of this.clients) if (one.manner === "acks") one.manner = manner;
    }
    if (side.dialect.takesTurns === true) for (const one of this.clients) one.manner = "waits";
    this.bench = new VirtualHub({ ...kind, dialects: [side.dialect] });
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      await this.#do(step);
      for (const one of this.clients) this.#take(one);
    }
    await this.#settle();
    expect(takeHubFailures()).toEqual([]);
  }

  async #do(step: Step): Promise<void> {
    const { bench } = this;
    switch (step.do) {
      case "publish":
        for (let i = 0; i < step.times; i += 1) this.#publish(step, i === 0 ? step.key : null);
        return;
      case "evict":
        return bench.evict();
      case "crash":
        return bench.hub.crash();
      case "pass":
        return bench.pass(step.ms);
      case "signal": {
        this.#signals += 1;
        bench.hub.impl.signal({
          event: "test.moved",
          key: "k",
          payload: `{"n":${this.#signals}}`,
          audience: ["sub:a"],
          topic: null,
          ts: bench.now,
        });
        return;
      }
      case "connect":
        return this.#connect(this.clients[step.client]);
      case "drop":
        return this.#drop(this.clients[step.client]);
      case "show":
        return this.#show(this.clients[step.client], step.share);
      case "roles":
        return this.#giveRoles(this.clients[step.client], step.roles);
      case "revoke":
        return this.#revoke(this.clients[step.client]?.sub ?? "");
    }
  }

  #publish({ to, size, by }: Extract<Step, { do: "publish" }>, key: number | null): void {
    // A client that is just joining, or was lost in a crash, has no connection.
    const except = by === null ? undefined : this.clients[by]?.connection || undefined;
    const published = this.bench.publish(
      to === "all" ? null : [to],
      null,
      key === null ? undefined : `k${key}`,
      { text: "x".repeat(this.#kind.limits.payloadBytes * size) },
      except,
    );
    const isDuplicate = key !== null && this.#keys.has(key);
    expect(published.kind).toBe(isDuplicate ? "duplicate" : "published");
    if (isDuplicate) return;
    if (key !== null) this.#keys.add(key);
    const seq = this.history.length + 1;
    expect(published).toEqual({ kind: "published", seq });
    const [entry] = this.bench.store.readBefore(seq + 1, 1);
    if (entry === undefined) throw new Error("the event is not in the journal");
    this.history.push({ seq, to, bytes: entryBytes(entry), at: this.bench.now, except });
    expect(this.bench.store.extent()).toMatchObject({ head: seq, oldest: this.#oldest() });
  }

  /** The oldest event that the bounds of the journal let it keep, after a publish (HUB-3). */
  #oldest(): number {
    const { maxEvents, maxBytes, maxAgeMs } = this.#kind.journal;
    let [events, bytes, oldest] = [0, 0, 0];
    for (const one of this.history.toReversed()) {
      events += 1;
      bytes += one.bytes;
      const isTooOld = this.bench.now - one.at > maxAgeMs;
      if (events > 1 && (events > maxEvents || bytes > maxBytes || isTooOld)) break;
      oldest = one.seq;
    }
    return oldest;
  }

  async #connect(one: Client | undefined): Promise<void> {
    if (one === undefined || one.socket !== null) return;
    one.taken = 0;
    const iat = Math.floor(this.bench.now / 1000);
    const answer = await this.bench.join(this.bench.hub, {
      sub: one.sub,
      grants: one.roles.map((role) => `scope:${role}`),
      batch: one.batch,
      signals: one.signals,
      iat,
      exp: iat + 1_000_000,
      transport: this.#transport,
      scope: this.#side.scope,
      ...(this.#hasState ? one.position : {}),
    });
    // Only a revoked token is refused in this model.
    const revokedAt = this.#revokedAt.get(one.sub) ?? -1;
    const status = typeof answer === "number" ? answer : null;
    expect(status).toBe(iat * 1000 <= revokedAt ? 401 : null);
    one.socket = typeof answer === "number" ? null : answer;
    if (one.socket === null) return;
    one.connection = this.bench.server.sessions.live(one.socket)?.record.id ?? "";
    // It has read elsewhere what happened before, and gets what happens from now on.
    if (!this.#hasState) this.#begin(one, { epoch: "", seq: this.history.length, base: 0 });
  }

  #drop(one: Client | undefined): void {
    if (one === undefined || one.socket === null) return;
    this.#take(one);
    if (one.socket === null) return;
    this.bench.hub.drop(one.socket);
    one.socket = null;
  }

  /** The client confirms what it has received, or a part of it, in its manner. */
  async #show(one: Client | undefined, share: number): Promise<void> {
    if (one === undefined || one.socket === null) return;
    if (one.manner === "acks" || one.manner === "worker") {
      const numbers = one.socket.sent
        .flatMap((text) => this.#hear(text))
        .flatMap((heard) => (heard.what === "event" ? [heard.number] : []));
      const number = numbers[Math.ceil(numbers.length * share) - 1];
      const say = one.manner === "worker" ? taken : this.#side.say.acknowledge;
      if (number !== undefined && say !== undefined) this.#say(one.socket, say(number));
    }
    if (one.manner === "waits") await this.bench.pass(2 * TURN_MS);
    if (one.manner === "pings") {
      await this.bench.pass(1_001);
      one.socket.pingAt = this.bench.now;
      await this.bench.pass(5_000);
    }
    // Any frame is a sign of life, but too many of them close the socket.
    if (one.manner === "silent" && share === 1) {
      await this.bench.pass(1_000);
      const { subscribe, nonsense } = this.#side.say;
      this.#say(one.socket, subscribe?.([]) ?? nonsense());
    }
  }

  #hear(text: string): readonly Heard[] {
    const { isCarried } = factsOf(this.#transport);
    return isCarried ? hearCarried(this.#side, text) : this.#side.hear(text);
  }

  #say(socket: MemorySocket, text: string): void {
    this.bench.hub.message(socket, text);
  }

  async #giveRoles(one: Client | undefined, roles: readonly string[]): Promise<void> {
    if (one === undefined) return;
    const { renew } = this.#side.say;
    if (renew === undefined) this.#drop(one);
    if (one.socket !== null) {
      // Waiting events are sent first, so that it is certain which grants apply to them.
      await this.#drain(one);
      if (one.socket === null) return;
    }
    one.roles = roles;
    one.since = this.history.length;
    if (one.socket === null || renew === undefined) {
      one.position = null;
      return;
    }
    const iat = Math.floor(this.bench.now / 1000);
    const token = JSON.stringify({ sub: one.sub, scopes: roles, exp: iat + 1_000_000, iat });
    const before = one.socket.sent.length;
    this.#say(one.socket, renew(token));
    await this.bench.time.quiet();
    // Otherwise it was one frame too many, and the client connects again without a position.
    if (one.socket.closedWith === null) {
      // The answer can be what uses up half of the window, and then a question follows it.
      const answer = one.socket.sent.slice(before).flatMap((text) => this.#hear(text));
      expect(answer[0]).toEqual({ what: "renewed" });
    } else {
      expect(this.#closedAs(one.socket)).toBe("tooManyFrames");
      one.position = null;
    }
  }

  async #revoke(sub: string): Promise<void> {
    const before = this.clients.filter((one) => one.socket !== null && one.sub === sub);
    for (const one of before) this.#take(one);
    const open = before.filter((one) => one.socket !== null);
    expect(await this.bench.hub.impl.revoke({ sub })).toEqual({ closed: open.length });
    this.#revokedAt.set(sub, this.bench.now);
    for (const { socket } of open) {
      expect(socket === null ? null : this.#closedAs(socket)).toBe("unauthorized");
    }
  }

  /** Reads new frames as a client would, and compares them with what was published. */
  #take(one: Client): void {
    const { socket } = one;
    if (socket === null) return;
    for (const text of socket.sent.slice(one.taken)) {
      for (const heard of this.#hear(text)) this.#takeOne(one, heard);
    }
    one.taken = socket.sent.length;
    if (socket.closedWith !== null) {
      // Too slow, revoked, lost in a crash, or too many frames: nothing else may close a socket here.
      const expected = ["overloaded", "unauthorized", "lost", "tooManyFrames"];
      expect(expected).toContain(this.#closedAs(socket));
      one.socket = null;
    }
  }

  #takeOne(one: Client, heard: Heard): void {
    switch (heard.what) {
      case "snapshot": {
        const { epoch, seq, base, reason } = heard;
        // A client gets the state only if the journal does not have all that it has missed (HUB-4).
        if (one.position === null) expect(reason).toBe("first_connection");
        else {
          expect(reason).toBe("too_old");
          expect(one.position.seq).toBeLessThan(this.bench.store.extent().oldest - 1);
        }
        this.#begin(one, { epoch, seq, base });
        return;
      }
      case "signal":
        if (heard.key === "k") this.#takeSignal(one, Number(heard.payload["n"]));
        return;
      case "event":
        return this.#takeEvent(one, heard);
      case "resumed":
        if (heard.to !== undefined) expect(heard.to).toBe(one.position?.seq);
    }
  }

  /** The client has everything up to here that it may see. */
  #begin(one: Client, position: ClientPosition): void {
    one.position = position;
    one.skipped.clear();
    one.seen = this.#may(one, position.seq);
    one.since = 0;
  }

  /** Why the hub closed a socket; `lost`: it did not. */
  #closedAs({ closedWith }: MemorySocket): string {
    const { farewell } = this.#side.dialect;
    const names = Object.keys(CLOSE_CODES) as CloseName[];
    return names.find((name) => farewell(name).code === closedWith) ?? "lost";
  }

  #takeEvent(one: Client, { number, prev }: Extract<Heard, { what: "event" }>): void {
    if (one.position === null) throw new Error("an event before the state");
    const { base, epoch, seq: before } = one.position;
    const seq = number + base;
    const told = prev ?? seq - 1;
    // After a wake it may be older than that, if the event sent before has been trimmed (HUB-5).
    const isTrimmed = before < this.bench.store.extent().oldest && told <= before;
    if (this.#side.dialect.showsJumps && !isTrimmed) expect(told).toBe(before);
    else expect(seq).toBeGreaterThan(before);
    this.#skip(one, seq);
    one.position = { epoch, seq, base };
    one.seen.push(seq);
    expect(one.seen).toEqual([
      ...one.seen.filter((earlier) => earlier <= one.since),
      ...this.#may(one, seq).filter((earlier) => earlier > one.since),
    ]);
  }

  /** What its present connection caused up to here it will not get, since it has something later. */
  #skip(one: Client, upTo: number): void {
    for (const { seq, except } of this.history) {
      const isNext = seq > (one.position?.seq ?? 0) && seq <= upTo;
      if (isNext && except === one.connection) one.skipped.add(seq);
    }
  }

  #takeSignal(one: Client, n: number): void {
    expect(one.signals && one.sub === "a").toBe(true);
    expect(n).toBeGreaterThan(one.signal);
    one.signal = n;
  }

  /** Seqs that the client may see with its current grants. */
  #may(one: Client, upTo: number): number[] {
    const held = new Set(["all", `sub:${one.sub}`, ...one.roles.map((role) => `scope:${role}`)]);
    return this.history
      .filter(({ seq, to }) => seq <= upTo && held.has(to) && !one.skipped.has(seq))
      .map(({ seq }) => seq);
  }

  /** The client reads and confirms until no event waits for it. */
  async #drain(one: Client): Promise<void> {
    await this.bench.pass(10);
    for (let i = 0; i < 60; i += 1) {
      this.#take(one);
      if (one.socket === null) return;
      const session = this.bench.server.sessions.live(one.socket);
      if (session === null || !session.isLagging) break;
      await this.#show(one, 1);
    }
    for (const other of this.clients) this.#take(other);
  }

  /** At the end every client connects, reads, and has every event that it may see. */
  async #settle(): Promise<void> {
    // So that new tokens are newer than every revocation.
    await this.bench.pass(1_000);
    for (const one of this.clients) {
      this.#take(one);
      await this.#connect(one);
      await this.#drain(one);
      // Pings of other clients take time, in which this client may have been closed as too slow.
      if (one.socket === null) {
        await this.#connect(one);
        await this.#drain(one);
      }
      expect(one.socket?.closedWith ?? null).toBeNull();
      this.#skip(one, this.history.length);
      const may = this.#may(one, this.history.length);
      expect(one.seen.filter((seq) => seq > one.since)).toEqual(
        may.filter((seq) => seq > one.since),
      );
      if (one.signals && one.sub === "a" && this.#signals > 0) {
        expect(one.signal).toBeLessThanOrEqual(this.#signals);
      }
    }
    const stored = this.bench.store.readAfter(0, 10_000).map(({ seq }) => seq);
    const kept = this.history.slice(this.history.length - stored.length);
    expect(stored).toEqual(kept.map(({ seq }) => seq));
  }
}

/** The kind of accounts, with events and a window of the size that the model fills. */
const SYNC_KIND: HubKind = {
  ...USER_KIND,
  limits: {
    ...USER_KIND.limits,
    windowBytes: KIND.limits.windowBytes,
    payloadBytes: KIND.limits.payloadBytes,
  },
};

/** A dialect, and what the Worker makes of its sockets; absent: they are the clients' own. */
const SPOKEN: readonly { readonly side: ClientSide; readonly transport?: Transport }[] = [
  { side: GUILD_CLIENT },
  { side: OPCODE_CLIENT },
  { side: OPCODE_CLIENT, transport: "pre-auth" },
  { side: SOCKET_IO_CLIENT, transport: "socket-io" },
];

/** The same for the dialects of accounts. */
const SPOKEN_IN_ACCOUNTS: typeof SPOKEN = [
  { side: SYNC_CLIENT },
  { side: SYNC_CLIENT, transport: "pre-auth" },
  { side: HAPPY_CLIENT, transport: "socket-io" },
];

const RUNS = [
  ...[KIND, SMALL_KIND].flatMap((kind) => SPOKEN.map((spoken) => ({ ...spoken, kind }))),
  ...SPOKEN_IN_ACCOUNTS.map((spoken) => ({ ...spoken, kind: SYNC_KIND })),
];

test.each(RUNS.map((run) => ({ ...run, by: run.transport ?? "own socket" })))(
  "HUB-26 what a client has seen is always a prefix of what it may see, whatever happens: $side.dialect.name by $by, kind $kind.name",
  async ({ side, transport, kind }) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(STEP, { minLength: 20, maxLength: 150, size: "max" }),
        async (steps) => {
          await new Model(side, transport, kind).run(steps);
        },
      ),
      { numRuns: Number(process.env["MODEL_RUNS"] ?? 100) },
    );
  },
);
