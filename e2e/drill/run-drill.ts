import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { LOBBY } from "../../dev/discord/seed.ts";
import { JOURNAL_MAX_EVENTS } from "../../src/protocol/limits.ts";
import { eventually } from "../../dev/testing/eventually.ts";
import { freePorts } from "../../dev/stack/ports.ts";
import { startStack } from "../../dev/testing/stack.ts";
import { startTcpProxy, type TcpProxy } from "../../dev/testing/tcp-proxy.ts";
import { Calls } from "./calls.ts";
import { DrillClient } from "./drill-client.ts";
import { DrillLog, type Drill } from "./drill.ts";
import { Faults } from "./faults.ts";
import { specsOf, type Identity, type Surroundings, type Token } from "./fleet.ts";
import { CLIENT_LINKS, type DrillPlan } from "./plan.ts";
import { fencedPublisher, loosePublisher } from "./publishers.ts";
import { seededRandom } from "./random.ts";
import { RoomLife } from "./room-life.ts";
import { countRelays, readBack, settle } from "./settle.ts";
import { Accounts } from "./sync/accounts.ts";

const TICK_MS = 100;
/** The traffic ends after this many events of one guild, so that the journal still has its start. */
const JOURNALED_MAX = JOURNAL_MAX_EVENTS - 1_000;
/** New clients per second: all of them at once would be a separate fault. */
const ARRIVALS_PER_SECOND = 100;
/** Share of the primary guild's events that come from moves in Discord; the rest is published directly. */
const DISCORD_SHARE = 0.4;
/** Average number of events per move. */
const EVENTS_PER_MOVE = 1.5;

/** Small limits for hubs and relays, so that relays are needed. */
const SMALL_HUBS = { SOCKETS_PER_HUB: "20", SOCKETS_PER_RELAY: "20" } as const;

/**
 * Runs real processes with clients, publishers and faults, and records what each client got. The checker
 * judges it.
 * @param folder for the files
 * @param interrupted ends it early, after every process was stopped
 */
export async function runDrill(
  plan: DrillPlan,
  seed: number,
  folder: string,
  say: (what: string) => void,
  interrupted: AbortSignal,
): Promise<void> {
  const startedAt = performance.now();
  const secret = randomBytes(32).toString("base64url");
  const log = new DrillLog(folder);
  const hurry = new AbortController();
  say("starting the stack …");
  const stack = await startStack({
    HUB_SECRET: secret,
    HAPPY_MASTER_SECRET: randomBytes(32).toString("hex"),
    ...SMALL_HUBS,
  });
  try {
    const random = seededRandom(seed);
    const interruption = new Promise<never>((_, reject) => {
      interrupted.addEventListener("abort", () => reject(new Error("interrupted")));
    });
    await Promise.race([interruption, populate({ plan, random, log, stack, secret, say, hurry })]);
  } catch (error) {
    log.problem(error instanceof Error ? error.message : String(error));
  } finally {
    hurry.abort();
    await stack.stop();
    log.close({ seed, seconds: Math.round((performance.now() - startedAt) / 1000) });
  }
}

async function populate(drill: Drill): Promise<void> {
  const { plan, random, stack } = drill;
  const ports = await freePorts(CLIENT_LINKS);
  const links = await Promise.all(
    ports.map((port) => startTcpProxy(port, stack.process.ports.worker)),
  );
  const calls = await Calls.start(drill);
  const accounts = await Accounts.start(drill, links);
  const rooms = new RoomLife(drill);
  const clients: DrillClient[] = [];
  const beat = setInterval(() => {
    const now = Date.now();
    for (const client of clients) client.tick(now);
    accounts.tick(now);
  }, TICK_MS);
  try {
    drill.say("opening rooms, connecting clients …");
    for (let i = 0; i < plan.rooms; i += 1) await rooms.open(drill.hurry.signal);
    const around = surroundings(drill, () => rooms.channels, clients);
    const arrivals = random.fork("fleet");
    for (const spec of specsOf(plan, arrivals)) {
      const at = around(pickLink(links, clients.length));
      clients.push(new DrillClient(drill.log, spec, at, arrivals));
      await delay(1000 / ARRIVALS_PER_SECOND);
    }
    // Counted once: at any moment some client with an expired token is reconnecting.
    const isServed = (): void => {
      const waiting = clients.filter(({ position }) => position === null);
      if (waiting.length > 0) throw new Error(waiting.map(({ spec }) => spec.name).join());
    };
    await eventually("all clients are served", isServed, plan.settleMs);
    await accounts.served();
    await traffic(drill, { rooms, clients, calls, accounts, links, around });
  } finally {
    clearInterval(beat);
    for (const client of clients) client.stop();
    accounts.stop();
    await calls.stop();
    await Promise.all(links.map((link) => link.close()));
  }
}

function pickLink(links: readonly TcpProxy[], index: number): TcpProxy {
  const link = links[index % links.length];
  if (link === undefined) throw new Error("there are no links");
  return link;
}

function surroundings(
  { plan, stack }: Drill,
  channels: () => readonly string[],
  clients: readonly DrillClient[],
): (link: TcpProxy) => Surroundings {
  const token = async (identity: Identity, lifeSeconds: number): Promise<Token> => {
    const text = await stack.token(identity.sub, { ...identity, expiresIn: lifeSeconds });
    const payload = Buffer.from(text.split(".")[1] ?? "", "base64url").toString();
    return { text, exp: (JSON.parse(payload) as { readonly exp: number }).exp };
  };
  return (link) => ({
    origin: `http://127.0.0.1:${link.port}`,
    token,
    shortTokenSeconds: plan.shortTokenSeconds,
    channels: () => [...channels(), LOBBY],
    foreignEpoch: (guild) =>
      clients.find(({ spec }) => spec.guild !== guild)?.position?.epoch ?? "none",
  });
}

/** Events and faults at the same time; then everything is repaired and all clients catch up. */
async function traffic(
  parts: Drill,
  {
    rooms,
    clients,
    calls,
    accounts,
    links,
    around,
  }: {
    readonly rooms: RoomLife;
    readonly clients: DrillClient[];
    readonly calls: Calls;
    readonly accounts: Accounts;
    readonly links: readonly TcpProxy[];
    readonly around: (link: TcpProxy) => Surroundings;
  },
): Promise<void> {
  const { plan, log, stack, say, hurry } = parts;
  const publishLoosely = loosePublisher(parts, () => rooms.channels);
  const fenced = fencedPublisher(parts);
  const faults = new Faults(parts, {
    clientLinks: links.slice(0, -1),
    clients,
    calls,
    accounts,
    undisturbed: clients.filter((_, index) => index % links.length === links.length - 1),
  });
  const byDiscord = plan.eventsPerSecond * DISCORD_SHARE;

  say("traffic and faults …");
  await rooms.open(hurry.signal);
  await rooms.endOne(hurry.signal);
  const progress = setInterval(() => say(progressOf(clients)), 30_000);
  const { signal: ending, stop } = endingOf(plan, clients);
  try {
    const sources = [
      publishLoosely(plan.eventsPerSecond - byDiscord, ending),
      fenced.publish(plan.otherEventsPerSecond, ending),
      calls.run(ending),
      accounts.run(ending),
      rooms.moveAround(byDiscord / EVENTS_PER_MOVE, ending),
      ...(plan.roomTurnoverMs === null ? [] : [rooms.turnOver(plan.roomTurnoverMs, ending)]),
    ];
    await faults.run(ending);
    faults.heal();
    await new Promise<void>((resolve) => {
      if (ending.aborted) resolve();
      else ending.addEventListener("abort", () => resolve());
    });
    say("everything is repaired; waiting for what is under way …");
    const tooLong = setTimeout(() => hurry.abort(), plan.settleMs);
    await Promise.all(sources);
    clearTimeout(tooLong);
  } finally {
    clearInterval(progress);
    stop();
  }
  await Promise.all([calls.settle(), accounts.settle()]);
  await settle(parts, fenced.finish, clients);
  log.relays = await countRelays(stack);
  await accounts.readBack();
  await readBack(parts, clients, around(pickLink(links, 0)));
}

/** The end of the traffic: when enough was delivered, or when the time or the journal is used up. */
function endingOf(
  plan: DrillPlan,
  clients: readonly DrillClient[],
): { readonly signal: AbortSignal; readonly stop: () => void } {
  const ending = new AbortController();
  const startedAt = performance.now();
  const timer = setInterval(() => {
    const ms = performance.now() - startedAt;
    const isEnough = ms >= plan.trafficMs && deliveriesTo(clients) >= plan.deliveries;
    const isFull = clients.some(({ position }) => (position?.seq ?? 0) > JOURNALED_MAX);
    if (isEnough || isFull || ms >= plan.trafficMaxMs) ending.abort();
  }, TICK_MS);
  return { signal: ending.signal, stop: () => clearInterval(timer) };
}

function deliveriesTo(clients: readonly DrillClient[]): number {
  return clients.reduce((sum, client) => sum + client.deliveries, 0);
}

function progressOf(clients: readonly DrillClient[]): string {
  const deliveries = deliveriesTo(clients);
  const served = clients.filter((client) => client.isServed).length;
  return `  ${deliveries} deliveries, ${served} of ${clients.length} clients served`;
}
