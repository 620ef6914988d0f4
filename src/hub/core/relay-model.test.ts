import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type ClientPosition,
  type ClientSide,
  GUILD_CLIENT,
  type Heard,
} from "../../testing/client-side.ts";
import { OPCODE_CLIENT } from "../../testing/opcode-dialect.ts";
import { SMALL_KIND } from "../../testing/small-kind.ts";
import type { MemoryObject, MemorySocket, Served } from "../../testing/memory-platform.ts";
import {
  COME_BACK_LATER,
  EPOCH,
  type Fate,
  KIND,
  VirtualGuild,
} from "../../testing/virtual-guild.ts";
import { takeHubFailures } from "../../testing/hub-failures.ts";
import type { HubKind } from "../kind.ts";
import type { Entry } from "./journal.ts";

const RELAYS = 3;
const CLIENTS = 6;

/** A client: its last position, and what it has seen of the current epoch since its snapshot. */
type Client = {
  readonly sub: string;
  readonly batch: boolean;
  /** Counts attempts to join and drops. An answer to an earlier attempt is ignored. */
  attempt: number;
  joining: boolean;
  socket: MemorySocket | null;
  /** Id of its connection, the last one if it has none. */
  connection: string;
  /** Events that a connection of its caused before it got later ones, so that it never gets them. */
  skipped: Set<string>;
  home: number;
  taken: number;
  epoch: string;
  position: ClientPosition | null;
  seen: string[];
};

const FATE: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  { weight: 2, arbitrary: fc.constant({ lost: "request" as const }) },
  { weight: 2, arbitrary: fc.constant({ lost: "answer" as const }) },
  { weight: 2, arbitrary: fc.record({ thereMs: fc.constantFrom(1, 30, 900, 4_000) }) },
  { weight: 1, arbitrary: fc.record({ backMs: fc.constantFrom(1, 30, 900, 4_000) }) },
);

const USUAL = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("publish" as const),
      to: fc.constantFrom("all", "a", "b", "c"),
      /** The client that causes it. */
      by: fc.option(fc.nat(CLIENTS - 1), { nil: null, freq: 2 }),
      count: fc.constantFrom(1, 1, 2, 30),
      thenCrash: fc.constantFrom(false, false, false, true),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("join" as const),
      client: fc.nat(CLIENTS - 1),
      at: fc.nat(RELAYS),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("drop" as const), client: fc.nat(CLIENTS - 1) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("fates" as const),
      fates: fc.array(FATE, { maxLength: 8 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      ms: fc.constantFrom(1, 10, 600, 1_000, 3_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("evict" as const), at: fc.nat(RELAYS) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("crash" as const), at: fc.nat(RELAYS) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom("trim" as const, "trim" as const, "epoch" as const),
    }),
  },
);

/** Publishes more than one pull carries, visible to no client. */
const BULK = fc.record({ do: fc.constant("bulk" as const) });

const STEP = fc.record({
  /** Whether everything under way finishes before the next step. */
  quiet: fc.boolean(),
  what: fc.oneof({ weight: 100, arbitrary: USUAL }, { weight: 1, arbitrary: BULK }),
});

type Step = typeof STEP extends fc.Arbitrary<infer T> ? T : never;

/** So many events of so much of the largest payload are more than the 1 MB of one pull, if they are a guild's. */
const BULK_EVENTS = 18;
const BULK_SHARE = 0.93;
/** Index of the hub among the objects that clients join. */
const HUB = RELAYS;

class Model {
  readonly guild: VirtualGuild;
  readonly #side: ClientSide;
  readonly clients: Client[] = ["a", "b", "c", "a", "b", "d"].map((sub, i) => ({
    sub,
    batch: i % 2 === 1,
    attempt: 0,
    joining: false,
    socket: null,
    connection: "",
    skipped: new Set(),
    home: HUB,
    taken: 0,
    epoch: "",
    position: null,
    seen: [],
  }));
  /** Every entry that was ever committed, by epoch. */
  readonly history = new Map<string, Entry[]>([[EPOCH, []]]);
  #epochs = 1;
  /** Unexpected errors and answers of attempts to join. */
  readonly #wrong: unknown[] = [];

  readonly #bulkText: string;

  constructor(side: ClientSide, kind: HubKind) {
    this.#side = side;
    this.#bulkText = "x".repeat(kind.limits.payloadBytes * BULK_SHARE);
    this.guild = new VirtualGuild(undefined, {}, { ...kind, dialects: [side.dialect] });
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const { what, quiet } of steps) {
      await this.#do(what);
      if (quiet) await this.guild.time.quiet();
      this.clients.forEach((client) => this.#take(client));
    }
    await this.#settle();
  }

  async #do(what: Step["what"]): Promise<void> {
    const { guild } = this;
    switch (what.do) {
      case "publish":
        for (let i = 0; i < what.count; i += 1) this.#publish(what.to, "", what.by);
        if (what.thenCrash) guild.hub.crash();
        return;
      case "bulk":
        for (let i = 0; i < BULK_EVENTS; i += 1) this.#publish("nobody", this.#bulkText);
        return;
      case "join":
        return this.#join(this.clients[what.client], what.at);
      case "drop":
        return this.#drop(this.clients[what.client]);
      case "fates": {
        const left = [...what.fates];
        guild.fate = () => left.shift() ?? {};
        return;
      }
      case "pass":
        return guild.time.pass(what.ms);
      case "evict":
        await guild.time.quiet();
        // An object that is busy does not sleep.
        if (!this.#place(what.at).isBusy) this.#place(what.at).evict();
        return;
      case "crash":
        return this.#place(what.at).crash();
      case "trim":
        guild.hub.impl.host.store.trim(
          { maxAgeMs: 1e12, maxBytes: 1e12, maxEvents: 4 },
          guild.time.now,
        );
        return;
      case "epoch": {
        this.#epochs += 1;
        const epoch = `epoch-${this.#epochs}`;
        this.history.set(epoch, []);
        guild.renewEpoch(epoch);
      }
    }
  }

  /** The hub, or a relay. */
  #place(at: number): MemoryObject<Served> {
    return at === HUB ? this.guild.hub : this.guild.relay(at);
  }

  #publish(to: string, text = "", by: number | null = null): void {
    const { store } = this.guild.hub.impl.host;
    // A client that is just joining, or was lost in a crash, has no connection.
    const except = by === null ? undefined : this.clients[by]?.connection || undefined;
    this.guild.publish(to === "all" ? null : [`sub:${to}`], null, undefined, { text }, except);
    const { epoch, head } = store.extent();
    const [entry] = store.readBefore(head + 1, 1);
    if (entry !== undefined) this.history.get(epoch)?.push(entry);
  }

  #join(client: Client | undefined, at: number): void {
    if (client === undefined || client.socket !== null || client.joining) return;
    client.attempt += 1;
    const { attempt } = client;
    client.joining = true;
    const options = { sub: client.sub, batch: client.batch, ...client.position };
    const come = (answer: MemorySocket | number): void => {
      if (typeof answer === "number" && answer !== COME_BACK_LATER) {
        this.#wrong.push(`a client was refused with ${answer}`);
      }
      const socket = typeof answer === "number" ? null : answer;
      if (client.attempt !== attempt) {
        if (socket !== null) this.#place(at).drop(socket);
        return;
      }
      client.joining = false;
      client.socket = socket;
      client.home = at;
      client.taken = 0;
      if (socket === null) return;
      const session = this.#place(at).impl.host.server.sessions.live(socket);
      client.connection = session?.record.id ?? "";
    };
    void this.guild
      .enter(this.#place(at), options)
      .then(come, (error: unknown) => this.#wrong.push(error));
  }

  #drop(client: Client | undefined): void {
    if (client === undefined) return;
    client.attempt += 1;
    client.joining = false;
    if (client.socket === null) return;
    this.#take(client);
    if (client.socket === null) return;
    this.#place(client.home).drop(client.socket);
    client.socket = null;
  }

  /** Reads new frames as a client would, and compares them with what was published. */
  #take(client: Client): void {
    const { socket } = client;
    if (socket === null) return;
    for (const text of socket.sent.slice(client.taken)) {
      for (const heard of this.#side.hear(text)) {
        if (heard.what === "event") this.#takeEvent(client, heard);
        if (heard.what !== "snapshot") continue;
        const { epoch, seq, base } = heard;
        client.epoch = epoch;
        client.position = { epoch, seq, base };
        client.skipped.clear();
        client.seen = this.#mayBeSeenBy(client, seq);
      }
    }
    client.taken = socket.sent.length;
    if (socket.closedWith !== null) client.socket = null;
  }

  #takeEvent(client: Client, { number, id, prev }: Extract<Heard, { what: "event" }>): void {
    if (client.position === null) throw new Error("an event before the state");
    const { epoch, seq: before, base } = client.position;
    const seq = number + base;
    // If the event sent before was trimmed since, `prev` is older, but never newer.
    if (this.#side.dialect.showsJumps) expect(prev ?? seq - 1).toBeLessThanOrEqual(before);
    this.#skip(client, seq);
    client.position = { epoch, seq, base };
    client.seen.push(id);
    const may = this.#mayBeSeenBy(client, seq);
    expect(client.seen).toEqual(may);
    expect(may.at(-1)).toBe(id);
  }

  /** What its present connection caused up to here it will not get, since it has something later. */
  #skip(client: Client, upTo: number): void {
    for (const { seq, id, except } of this.history.get(client.epoch) ?? []) {
      const isNext = seq > (client.position?.seq ?? 0) && seq <= upTo;
      if (isNext && except === client.connection) client.skipped.add(id);
    }
  }

  #mayBeSeenBy(client: Client, upTo: number): string[] {
    return (this.history.get(client.epoch) ?? [])
      .filter(
        ({ seq, id, audience }) =>
          seq <= upTo &&
          !client.skipped.has(id) &&
          (audience?.[0] ?? `sub:${client.sub}`) === `sub:${client.sub}`,
      )
      .map(({ id }) => id);
  }

  /** The network works again, and all objects and clients become equal. */
  async #settle(): Promise<void> {
    const { guild } = this;
    guild.fate = () => ({});
    // A relay learns about a new journal with the next event.
    this.#publish("all");
    for (let i = 0; i < 6; i += 1) await guild.time.pass(1_001);
    for (const client of this.clients) this.#take(client);
    for (const [i, client] of this.clients.entries()) this.#join(client, i % (RELAYS + 1));
    await guild.time.quiet();
    for (let i = 0; i < 8; i += 1) await guild.time.pass(1_001);
    expect([...this.#wrong, ...takeHubFailures()]).toEqual([]);
    const hub = guild.hub.impl.host.store;
    const { epoch, head } = hub.extent();
    for (const { impl } of guild.relays.values()) {
      const { store } = impl.host;
      if (store.readFact("relay") !== "attached") continue;
      expect(store.extent()).toMatchObject({ epoch, head });
      const from = Math.max(store.extent().oldest, hub.extent().oldest) - 1;
      expect(store.readAfter(from, 10_000)).toEqual(hub.readAfter(from, 10_000));
    }
    // HUB-15: `a` and `b` are at two objects, and count once.
    expect(guild.hub.impl.presence().count).toBe(new Set(this.clients.map(({ sub }) => sub)).size);
    for (const client of this.clients) {
      this.#take(client);
      expect(client.socket).not.toBeNull();
      expect(client.epoch).toBe(epoch);
      this.#skip(client, head);
      expect(client.seen).toEqual(this.#mayBeSeenBy(client, head));
    }
  }
}

test.each([
  { side: GUILD_CLIENT, kind: KIND },
  { side: OPCODE_CLIENT, kind: KIND },
  { side: GUILD_CLIENT, kind: SMALL_KIND },
])(
  "HUB-16 HUB-26 after any loss, delay or restart, relays equal the hub, and clients miss nothing: $side.dialect.name, kind $kind.name",
  async ({ side, kind }) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(STEP, { minLength: 10, maxLength: 80, size: "max" }),
        async (steps) => {
          await new Model(side, kind).run(steps);
        },
      ),
      { numRuns: Number(process.env["MODEL_RUNS"] ?? 150) },
    );
  },
);
