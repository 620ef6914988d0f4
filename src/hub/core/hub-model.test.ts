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
import { KIND } from "../../testing/virtual-guild.ts";
import { VirtualHub } from "../../testing/virtual-hub.ts";
import { taken } from "./carried.ts";
import { factsOf, type Transport } from "./transport.ts";

const CLIENTS = 8;
const ROLES = ["r0", "r1"] as const;

/** How a client confirms what it has received; `worker`: the Worker does so for it. */
type Manner = "acks" | "pings" | "silent" | "worker";

/** The state of a client: its position, and everything that it has received since its snapshot. */
type Client = {
  readonly sub: string;
  readonly batch: boolean;
  readonly signals: boolean;
  manner: Manner;
  /** The roles of its next token. */
  roles: readonly string[];
  socket: MemorySocket | null;
  taken: number;
  position: ClientPosition | null;
  seen: number[];
  /** From this seq on its current grants apply. */
  since: number;
  signal: number;
};

type Published = { readonly seq: number; readonly to: string; readonly large: boolean };

const client = fc.nat(CLIENTS - 1);
const STEP = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant("publish" as const),
      to: fc.constantFrom("all", "all", "sub:a", "sub:b", "scope:r0", "scope:r1"),
      kilobytes: fc.constantFrom(0, 0, 30, 60),
      /** One of a few keys, so that some are used twice. */
      key: fc.option(fc.nat(4), { nil: null, freq: 5 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("connect" as const), client }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("drop" as const), client }) },
  {
    weight: 5,
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

  constructor(side: ClientSide, transport: Transport | undefined) {
    this.#side = side;
    this.#transport = transport;
    if (factsOf(transport).isAcknowledgedByWorker) {
      for (const one of this.clients) if (one.manner !== "acks") one.manner = "worker";
    }
    this.bench = new VirtualHub({ ...KIND, dialects: [side.dialect] });
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
        return this.#publish(step.to, step.kilobytes, step.key);
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

  #publish(to: string, kilobytes: number, key: number | null): void {
    const published = this.bench.publish(
      to === "all" ? null : [to],
      null,
      key === null ? undefined : `k${key}`,
      { text: "x".repeat(kilobytes * 1024) },
    );
    const isDuplicate = key !== null && this.#keys.has(key);
    expect(published.kind).toBe(isDuplicate ? "duplicate" : "published");
    if (isDuplicate) return;
    if (key !== null) this.#keys.add(key);
    this.history.push({ seq: this.history.length + 1, to, large: kilobytes > 0 });
    expect(published).toEqual({ kind: "published", seq: this.history.length });
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
      ...one.position,
    });
    // Only a revoked token is refused in this model.
    const revokedAt = this.#revokedAt.get(one.sub) ?? -1;
    const status = typeof answer === "number" ? answer : null;
    expect(status).toBe(iat * 1000 <= revokedAt ? 401 : null);
    one.socket = typeof answer === "number" ? null : answer;
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
      if (number !== undefined) this.#say(one.socket, say(number));
    }
    if (one.manner === "pings") {
      await this.bench.pass(1_001);
      one.socket.pingAt = this.bench.now;
      await this.bench.pass(5_000);
    }
    // Any frame is a sign of life, but too many of them close the socket.
    if (one.manner === "silent" && share === 1) {
      await this.bench.pass(1_000);
      this.#say(one.socket, this.#side.say.subscribe([]));
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
    if (one.socket !== null) {
      // Waiting events are sent first, so that it is certain which grants apply to them.
      await this.#drain(one);
      if (one.socket === null) return;
    }
    one.roles = roles;
    one.since = this.history.length;
    if (one.socket === null) {
      one.position = null;
      return;
    }
    const iat = Math.floor(this.bench.now / 1000);
    const token = JSON.stringify({ sub: one.sub, scopes: roles, exp: iat + 1_000_000, iat });
    this.#say(one.socket, this.#side.say.renew(token));
    await this.bench.time.quiet();
    // Otherwise it was one frame too many, and the client connects again without a position.
    if (one.socket.closedWith === null) {
      const last = this.#hear(one.socket.sent.at(-1) ?? "").at(-1);
      expect(last).toMatchObject({ what: "renewed" });
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
        const { epoch, seq, base } = heard;
        one.position = { epoch, seq, base };
        one.seen = this.#may(one, seq);
        one.since = 0;
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
    if (this.#side.dialect.showsJumps) expect(prev ?? seq - 1).toBe(before);
    else expect(seq).toBeGreaterThan(before);
    one.position = { epoch, seq, base };
    one.seen.push(seq);
    expect(one.seen).toEqual([
      ...one.seen.filter((earlier) => earlier <= one.since),
      ...this.#may(one, seq).filter((earlier) => earlier > one.since),
    ]);
  }

  #takeSignal(one: Client, n: number): void {
    expect(one.signals && one.sub === "a").toBe(true);
    expect(n).toBeGreaterThan(one.signal);
    one.signal = n;
  }

  /** Seqs that the client may see with its current grants. */
  #may(one: Client, upTo: number): number[] {
    const held = new Set(["all", `sub:${one.sub}`, ...one.roles.map((role) => `scope:${role}`)]);
    return this.history.filter(({ seq, to }) => seq <= upTo && held.has(to)).map(({ seq }) => seq);
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
      const may = this.#may(one, this.history.length);
      expect(one.seen.filter((seq) => seq > one.since)).toEqual(
        may.filter((seq) => seq > one.since),
      );
      if (one.signals && one.sub === "a" && this.#signals > 0) {
        expect(one.signal).toBeLessThanOrEqual(this.#signals);
      }
    }
    const stored = this.bench.store.readAfter(0, 10_000).map(({ seq }) => seq);
    expect(stored).toEqual(this.history.map(({ seq }) => seq));
  }
}

test.each([
  [GUILD_CLIENT.dialect.name, "its own", GUILD_CLIENT, undefined],
  [OPCODE_CLIENT.dialect.name, "its own", OPCODE_CLIENT, undefined],
  [OPCODE_CLIENT.dialect.name, "carried", OPCODE_CLIENT, "pre-auth"],
  [SOCKET_IO_CLIENT.dialect.name, "carried", SOCKET_IO_CLIENT, "socket-io"],
] as const)(
  "what a client has seen is always a prefix of what it may see, whatever happens: %s on %s sockets",
  async (_, __, side, transport) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(STEP, { minLength: 20, maxLength: 150, size: "max" }),
        async (steps) => {
          await new Model(side, transport).run(steps);
        },
      ),
      { numRuns: Number(process.env["MODEL_RUNS"] ?? 200) },
    );
  },
);
