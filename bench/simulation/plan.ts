import { sizeOf, World } from "./world.ts";

/** The results of one run. Times are milliseconds of the virtual clock. */
export type Results = Awaited<ReturnType<typeof runPlan>>;

/** Longest wait before the run ends, milliseconds: some client never reconnects. */
const PATIENCE_MS = 3600 * 1000;
/** All clients connect within this time at first, milliseconds. */
const ARRIVAL_MS = 20 * 60 * 1000;
const STEADY_EVENTS = 30;
const BURSTS = 10;
const BURST_EVENTS = 5;
const FAULTY_EVENTS = 40;
const RESTART_EVENTS = 30;
/** The share of clients that counts as most of them. */
const MOST = 0.99;

/**
 * Does one run: arrival, calm, bursts, faults, a restart of everything, and a final count.
 * @param seed of all random choices
 */
export async function runPlan(clients: number, seed: number) {
  const cpu = process.cpuUsage();
  const size = sizeOf(clients);
  const world = new World(size, seed);
  const pad = "x".repeat(size.pad);
  const { crowd, time, ledger } = world;
  let published = 0;
  const publish = async (): Promise<void> => {
    published += 1;
    const mark = `m${published}`;
    const privileged = published % 5 === 0;
    ledger.publish(mark, privileged);
    for (let tries = 0; !world.publish(mark, pad, privileged); tries += 1) {
      if (tries > 3) throw new Error("the hub accepts no event");
      await time.pass(200);
    }
  };

  const arrival = await arrive(world, clients);
  const { relays, relaySockets, hubSockets } = world.counts();
  const fullest = { hub: hubSockets, relay: Math.max(0, ...relaySockets) };

  const steady = await perEvent(world, STEADY_EVENTS, async () => {
    for (let event = 0; event < STEADY_EVENTS; event += 1) {
      await publish();
      await time.pass(1_000);
    }
  });
  const bursts = await perEvent(world, BURSTS * BURST_EVENTS, async () => {
    for (let burst = 0; burst < BURSTS; burst += 1) {
      for (let event = 0; event < BURST_EVENTS; event += 1) {
        await publish();
        await time.pass(5);
      }
      await time.pass(2_000);
    }
  });

  const before = world.counts();
  world.lossRate = 0.02;
  let crashes = 0;
  for (let event = 0; event < FAULTY_EVENTS; event += 1) {
    // The hub dies with the last event, so no later event reveals that it is missing.
    const dice = event === FAULTY_EVENTS - 1 ? 0 : world.random();
    if (dice < 0.15) world.killHubAfterCommit();
    if (dice < 0.15 || dice > 0.85) crashes += 1;
    await publish();
    if (dice > 0.85) world.crashRelay();
    disturb(world);
    await time.pass(1_000);
    world.sleep(0.2);
  }
  world.lossRate = 0;
  await untilComplete(world, clients);
  const faulty = {
    /** Clients that still missed events long after the last fault. */
    incomplete: crowd.behind().length,
    events: FAULTY_EVENTS,
    lostCalls: world.lostCalls,
    crashes,
    pulls: world.counts().pulls - before.pulls,
  };

  const restart = await restartAll(world, clients, publish);
  await untilComplete(world, clients);
  const used = process.cpuUsage(cpu);
  return {
    clients,
    arrival: { ...arrival, relays },
    fullest,
    steady,
    bursts,
    faulty,
    restart,
    deliveries: crowd.deliveries,
    lags: world.counts().lags,
    faults: { ...ledger.faults },
    /** How often clients got the whole state, by reason. */
    snapshots: Object.fromEntries(crowd.snapshots),
    incomplete: crowd.behind().length,
    /** Real CPU of this process for the whole run. */
    cpuSeconds: (used.user + used.system) / 1e6,
    heapMegabytes: process.memoryUsage().rss / 1e6,
  };
}

async function arrive({ crowd, time }: World, clients: number) {
  const start = time.clock();
  crowd.arrive(ARRIVAL_MS);
  for (let waited = 0; crowd.connected < clients && waited < PATIENCE_MS; waited += 1_000) {
    await time.pass(1_000);
  }
  // The pause lets every object report how many sockets it holds.
  const ms = time.clock() - start;
  await time.pass(10_000);
  return { ms, refused: crowd.refused };
}

/** Calls and rows of a phase, per event. */
async function perEvent(world: World, events: number, work: () => Promise<void>) {
  const before = world.counts();
  await work();
  const after = world.counts();
  return {
    events,
    relays: before.relays,
    calls: (after.calls - before.calls) / events,
    hubRows: (after.hubRows - before.hubRows) / events,
    relayRows: (after.relayRows - before.relayRows) / events,
  };
}

/** One client in a thousand loses its connection, and one in a thousand stops reading for a while. */
function disturb({ crowd, random }: World): void {
  const few = Math.max(2, Math.ceil(crowd.clients.length / 1_000));
  const anybody = (): number => Math.floor(random() * crowd.clients.length);
  for (let one = 0; one < few; one += 1) {
    const [dropped, stalled] = [crowd.clients[anybody()], crowd.clients[anybody()]];
    if (dropped !== undefined) crowd.drop(dropped);
    if (stalled !== undefined) crowd.stall(stalled, random() * 40_000);
  }
}

async function restartAll(world: World, clients: number, publish: () => Promise<void>) {
  const { crowd, time } = world;
  const [start, refused, { snapshotCalls }] = [time.clock(), crowd.refused, world.counts()];
  world.crashAll();
  let isBack = false;
  let mostMs: number | null = null;
  for (let second = 0; second * 1_000 < PATIENCE_MS && !isBack; second += 1) {
    // One event a second while clients reconnect, so the journal grows meanwhile.
    if (second < RESTART_EVENTS) await publish();
    await time.pass(1_000);
    isBack = isComplete(world, clients);
    if (crowd.connected >= MOST * clients) mostMs ??= time.clock() - start;
  }
  const after = world.counts();
  return {
    /** Until all clients had all events. */
    ms: time.clock() - start,
    /** Until 99 of 100 clients were connected again. */
    mostMs: mostMs ?? Number.NaN,
    refused: crowd.refused - refused,
    busiest: world.returnSince(start),
    relays: after.relays,
    snapshotCalls: after.snapshotCalls - snapshotCalls,
  };
}

function isComplete({ crowd }: World, clients: number): boolean {
  return crowd.connected === clients && crowd.behind().length === 0;
}

async function untilComplete(world: World, clients: number): Promise<void> {
  for (let waited = 0; waited < PATIENCE_MS && !isComplete(world, clients); waited += 1_000) {
    await world.time.pass(1_000);
  }
}
