/**
 * `npm run bench:streams`: what a thousand quiet clients of each adapter of the Worker cost, beside a thousand
 * WebSockets at a hub of their own. Writes its part of docs/benchmarks.md. It fails when a hub was woken or called
 * while nothing happened, or when a client missed an event; never because of timing.
 */
import path from "node:path";
import { setTimeout as rest } from "node:timers/promises";
import { startIdentity, type Identity } from "../dev/testing/identity.ts";
import { usageOf } from "../dev/testing/process-usage.ts";
import { ownAddress } from "../dev/testing/wire/lean-socket.ts";
import { openWire, type Entrance, type Wire } from "../dev/testing/wire/wire.ts";
import { offerHelp } from "../dev/usage.mjs";
import { bundleWorker } from "../dev/workerd/worker-bundle.ts";
import { runBench } from "./bench.ts";
import { wakesBetween, type IdleTrial } from "./idle.ts";
import { inTime } from "./load/in-time.ts";
import { Publisher, readEvents } from "./load/stream.ts";
import { PLAN, SCALE } from "./plan.ts";
import { ms, tableOf, times, verdict, whole } from "./report/table.ts";
import { quantile } from "./statistics.ts";
import { guildHubs } from "./subjects/guild-hub.ts";
import type { RunningSubject } from "./subjects/subject.ts";

offerHelp(`Usage: npm run bench:streams
  What a thousand quiet clients of each kind cost, over HTTP and WebSocket. Writes its part of docs/benchmarks.md.
    BENCH_SCALE=0.1           a smaller run, which is shown and not written down`);

/** Lone events, after the quiet time, and the time between two, milliseconds. */
const EVENTS = 20;
const EVENT_INTERVAL_MS = 400;
/** A hub sleeps this long after the last that happened, milliseconds; and some more for a busy machine. */
const SETTLE_MS = 15_000;

/** The most memory of a quiet client behind an adapter of the Worker, both sides together, KiB. */
const ADAPTER_KIB_MAX = 200;

/** How clients are connected, and whether an adapter of the Worker stands between them and their hub. */
const CARRIERS = {
  "Server-Sent Events": { isAdapted: true },
  "Socket.IO": { isAdapted: true },
  "WebSockets, token in the first frame": { isAdapted: true },
  WebSockets: { isAdapted: false },
} as const;
type Carrier = keyof typeof CARRIERS;

/** Clients of one hub that only listen. */
class Audience {
  readonly #wires: Wire[] = [];
  readonly faults: string[] = [];
  readonly latencies: number[] = [];
  #received = 0;
  #publishedAt = 0;
  #onReceipt = (): void => {};

  async open(count: number, entrance: (index: number) => Entrance): Promise<void> {
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < count) await this.#connect(entrance(next++));
    };
    await Promise.all(Array.from({ length: PLAN.connecting }, work));
  }

  /** Publishes one event, and waits until everybody has it. */
  async hear(publisher: Publisher): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#received = 0;
    this.#onReceipt = () => {
      if (this.#received === this.#wires.length) resolve();
    };
    await publisher.publish(1, () => (this.#publishedAt = performance.now()));
    await inTime(promise, () => `${this.#wires.length - this.#received} clients lack an event`);
  }

  leave(): void {
    for (const wire of this.#wires) wire.terminate();
  }

  async #connect(entrance: Entrance): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let due: number | null = null;
    let hasLeft = false;
    const wire = openWire(entrance, {
      onText: (text) => {
        // Of Socket.IO: its heartbeat.
        if (text === "2") wire.send("3");
        if (text.includes('"type":"snapshot"') || text.startsWith('42["snapshot"')) resolve();
        const named = text.replace(/^42\["(?=voice\.)/, '"event":"');
        readEvents(Buffer.from(named), (index) => {
          if (index !== (due ?? index))
            this.faults.push(`event ${index} came where ${due} was due`);
          due = index + 1;
          this.#received += 1;
          this.latencies.push(performance.now() - this.#publishedAt);
          this.#onReceipt();
        });
      },
      onClose: (code) => {
        reject(new Error(`closed with ${code}`));
        if (!hasLeft) this.faults.push(`a client was closed with ${code}`);
      },
      onRefused: (status) => reject(new Error(`refused with ${status}`)),
    });
    await inTime(promise, () => "a client is not served");
    this.#wires.push({
      ...wire,
      terminate: () => {
        hasLeft = true;
        wire.terminate();
      },
    });
  }
}

type Trial = {
  readonly carrier: Carrier;
  readonly kibPerClient: number;
  readonly calls: number;
  readonly wakes: IdleTrial["wakes"];
  readonly cpuMs: number;
  readonly audience: Audience;
};

function entranceOf(carrier: Carrier, port: number, identity: Identity, index: number): Entrance {
  const token = identity.tokenOf(index);
  const bearer = { authorization: `Bearer ${token}` };
  const socket = (at: string, headers: Entrance["headers"], hello?: string): Entrance => ({
    kind: "socket",
    url: new URL(`ws://127.0.0.1:${port}${at}`),
    headers: { ...headers, ...ownAddress() },
    ...(hello === undefined ? {} : { hello }),
  });
  switch (carrier) {
    case "Server-Sent Events": {
      const headers = { ...bearer, accept: "text/event-stream" };
      return { kind: "stream", url: new URL(`http://127.0.0.1:${port}/events`), headers };
    }
    case "Socket.IO": {
      const at = "/socket.io/?EIO=4&transport=websocket";
      return socket(at, {}, `40${JSON.stringify({ token })}`);
    }
    case "WebSockets, token in the first frame":
      return socket("/ws", {}, JSON.stringify({ type: "auth", token }));
    case "WebSockets":
      return socket("/ws", bearer);
  }
}

/** Opens the clients, and watches the hub while nothing happens. */
async function watch(carrier: Carrier, server: RunningSubject, identity: Identity): Promise<Trial> {
  const audience = new Audience();
  const warm = new Audience();
  const entrance = (index: number): Entrance => entranceOf(carrier, server.port, identity, index);
  await warm.open(PLAN.warmUpSockets, entrance);
  warm.leave();
  await rest(SETTLE_MS);
  const before = await usageOf(server.pid);
  await audience.open(PLAN.sockets, entrance);
  await rest(SETTLE_MS);
  // Reading the wakes wakes the hub, so the minute begins after it has gone back to sleep.
  const wakesBefore = await server.wakes?.();
  await rest(SETTLE_MS);
  const [callsBefore = 0, quiet] = [await server.calls?.(), await usageOf(server.pid)];
  await rest(PLAN.idleMs);
  const [calls = 0, after] = [await server.calls?.(), await usageOf(server.pid)];
  const wakes = wakesBetween(wakesBefore, await server.wakes?.());
  return {
    carrier,
    kibPerClient: (quiet.residentKib - before.residentKib) / PLAN.sockets,
    calls: calls - callsBefore,
    wakes,
    cpuMs: (after.cpuSeconds - quiet.cpuSeconds) * 1000,
    audience,
  };
}

await runBench("streams", "CPU time and memory", async ({ folder, secret, atEnd }) => {
  const identity = await startIdentity(PLAN.sockets);
  atEnd(() => identity.close());
  console.log("bundling …");
  const bundle = await bundleWorker(path.join(folder, "bundle"));
  const { single } = guildHubs({ bundle, identity, secret }, folder);
  const carriers = Object.keys(CARRIERS) as Carrier[];
  const servers = new Map<Carrier, RunningSubject>();
  for (const carrier of carriers) {
    const server = await single.start(path.join(folder, carrier), { observed: true });
    atEnd(() => server.stop());
    servers.set(carrier, server);
  }
  console.log(`${PLAN.sockets} clients each, quiet for ${PLAN.idleMs / 1000} s …`);
  const trials = await Promise.all(
    [...servers].map(([carrier, server]) => watch(carrier, server, identity)),
  );
  const publishers = [...servers.values()].map(({ port }) => new Publisher(port, secret));
  for (const publisher of publishers) atEnd(() => publisher.close());
  for (let event = 0; event < EVENTS; event += 1) {
    for (const [at, publisher] of publishers.entries()) {
      await trials[at]?.audience.hear(publisher);
      await rest(EVENT_INTERVAL_MS / publishers.length);
    }
  }
  for (const { audience } of trials) audience.leave();

  const p50 = ({ audience }: Trial): number => quantile(audience.latencies, 0.5);
  const sockets = trials.find(({ carrier }) => carrier === "WebSockets");
  const faults = trials.flatMap(({ carrier, calls, wakes, audience }) => [
    ...audience.faults.slice(0, 5),
    ...(calls === 0 ? [] : [`${carrier}: the hub was called ${calls} times`]),
    ...(wakes === 0 || SCALE !== 1 ? [] : [`${carrier}: the hub woke: ${wakes}`]),
  ]);
  return {
    waitsForDisk: true,
    extent: `${whole(PLAN.sockets)} clients of each kind, quiet for ${PLAN.idleMs / 1000} s, then ${EVENTS} lone events`,
    faults,
    sound: "Nothing called or woke a hub while it was quiet, and every client got every event.",
    parts: [
      tableOf(trials, [
        [`${whole(PLAN.sockets)} quiet clients`, ({ carrier }) => carrier],
        ["calls to the hub", ({ calls }) => String(calls)],
        ["its wakes", ({ wakes }) => String(wakes)],
        ["server CPU", ({ cpuMs }) => ms(cpuMs)],
        ["KiB per client", ({ kibPerClient }) => whole(kibPerClient)],
        [
          `≤ ${ADAPTER_KIB_MAX}`,
          ({ carrier, kibPerClient }) =>
            CARRIERS[carrier].isAdapted ? verdict(kibPerClient <= ADAPTER_KIB_MAX) : "",
        ],
        ["lone event p50", (trial) => ms(p50(trial))],
        [
          "× WebSockets",
          (trial) => times(sockets === undefined ? Number.NaN : p50(trial) / p50(sockets)),
        ],
      ]),
    ],
    ...(SCALE === 1 ? {} : { withheld: "BENCH_SCALE makes it smaller" }),
  };
});
