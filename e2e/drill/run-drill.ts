import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { ulid } from "ulid";
import type { SignedEvent } from "../../src/protocol/signed-events.ts";
import { eventually } from "../eventually.ts";
import { freePorts } from "../free-ports.ts";
import { LocalDiscord } from "../local-discord.ts";
import { PRIMARY_GUILD, startStack, type Stack } from "../stack.ts";
import { startTcpProxy, type TcpProxy } from "../tcp-proxy.ts";
import type { ClientSpec, Surroundings, Token } from "./client-spec.ts";
import { DrillClient } from "./drill-client.ts";
import { DrillLog } from "./drill-log.ts";
import { Faults } from "./faults.ts";
import { FencedPublisher } from "./fenced-publisher.ts";
import { GUESTS, OWNERS, observer, specsOf } from "./fleet.ts";
import type { Claim } from "./history.ts";
import { LoosePublisher } from "./loose-publisher.ts";
import { CLIENT_LINKS, type DrillPlan } from "./plan.ts";
import { readJournal } from "./read-journal.ts";
import { seededRandom, type Random } from "./random.ts";
import { RoomLife } from "./room-life.ts";
import { SignedPost } from "./signed-post.ts";

/** A second guild: Discord's bot is not in it, and its one publisher has positions. */
const OTHER_GUILD = "100000000000000002";
const OTHER_CHANNELS = ["300000000000000001", "300000000000000002"] as const;
/** The voice channel that the local Discord starts with: no room of ours. */
const LOBBY = "100000000000000012";
const TICK_MS = 100;
/** Clients that connect for the first time, a second: all at once would be a fault of its own. */
const ARRIVALS_PER_SECOND = 100;
/** Of the primary guild's events, what moves in Discord brings; the rest is published beside it. */
const DISCORD_SHARE = 0.4;
/** What one move is in events, on the average. */
const EVENTS_PER_MOVE = 1.5;

/** What the Worker's hubs and relays hold at most: small, so that there are relays. */
const SMALL_HUBS = { SOCKETS_PER_HUB: "40", SOCKETS_PER_RELAY: "40" } as const;

/** A drill that is under way. */
type Drill = {
  readonly plan: DrillPlan;
  readonly random: Random;
  readonly log: DrillLog;
  readonly stack: Stack;
  readonly secret: string;
  readonly say: (what: string) => void;
  /** Ends what would wait for ever. */
  readonly hurry: AbortController;
};

/**
 * Runs real processes with clients, publishers and faults, and writes down what each of them was
 * sent. Whether that is right, the checker says.
 * @param folder gets the files
 */
export async function runDrill(
  plan: DrillPlan,
  seed: number,
  folder: string,
  say: (what: string) => void,
): Promise<void> {
  const startedAt = performance.now();
  const secret = randomBytes(32).toString("base64url");
  const log = new DrillLog(folder);
  const hurry = new AbortController();
  say("starting the stack …");
  const stack = await startStack({ HUB_SECRET: secret, ...SMALL_HUBS });
  try {
    await populate({ plan, random: seededRandom(seed), log, stack, secret, say, hurry });
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
  const rooms = new RoomLife({
    stack,
    discord: new LocalDiscord(stack),
    random: random.fork("rooms"),
    log: drill.log,
    owners: OWNERS,
    guests: GUESTS,
  });
  const clients: DrillClient[] = [];
  const beat = setInterval(() => {
    const now = Date.now();
    for (const client of clients) client.tick(now);
  }, TICK_MS);
  try {
    drill.say("opening rooms, connecting clients …");
    for (let i = 0; i < plan.rooms; i += 1) await rooms.open(drill.hurry.signal);
    const around = surroundings(drill, () => rooms.channels, clients);
    const arrivals = random.fork("fleet");
    for (const spec of specsOf(plan, PRIMARY_GUILD, OTHER_GUILD, arrivals)) {
      clients.push(startClient(drill, spec, around(pickLink(links, clients.length)), arrivals));
      await delay(1000 / ARRIVALS_PER_SECOND);
    }
    await eventually("everybody is served", () => {
      const waiting = clients.filter((client) => !client.isServed);
      if (waiting.length > 0) throw new Error(waiting.map(({ spec }) => spec.name).join());
    });
    await traffic(drill, rooms, clients, links, around);
  } finally {
    clearInterval(beat);
    for (const client of clients) client.stop();
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
  const token = async (identity: ClientSpec["identity"], lifeSeconds: number): Promise<Token> => {
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

function startClient(
  { log }: Drill,
  spec: ClientSpec,
  around: Surroundings,
  random: Random,
  from: Claim | null = null,
): DrillClient {
  const own = random.fork(spec.name);
  const client = new DrillClient(spec, around, own, log.clientWriter(spec.name), from);
  client.start();
  return client;
}

/** Events and faults at the same time; then everything is repaired and everybody catches up. */
async function traffic(
  parts: Drill,
  rooms: RoomLife,
  clients: DrillClient[],
  links: readonly TcpProxy[],
  around: (link: TcpProxy) => Surroundings,
): Promise<void> {
  const { plan, random, log, stack, secret, say, hurry } = parts;
  const post = new SignedPost(`${stack.urls.worker}/internal/events`, secret);
  const loose = new LoosePublisher({
    post,
    guildId: PRIMARY_GUILD,
    random: random.fork("loose"),
    log,
    lobbies: [LOBBY],
    rooms: () => rooms.channels,
  });
  const fenced = new FencedPublisher({
    post,
    guildId: OTHER_GUILD,
    random: random.fork("fenced"),
    log,
    channels: OTHER_CHANNELS,
  });
  const faults = new Faults(
    { stack, clientLinks: links, clients },
    plan,
    random.fork("faults"),
    log,
  );
  const seconds = plan.trafficMs / 1000;
  const ending = AbortSignal.timeout(plan.trafficMs);
  const byDiscord = plan.events * DISCORD_SHARE;

  say(`traffic and faults for ${seconds} s …`);
  await rooms.open(ending);
  await rooms.endOne(ending);
  const progress = setInterval(() => say(progressOf(clients)), 30_000);
  try {
    const sources = [
      loose.run((plan.events - byDiscord) / seconds, ending, hurry.signal),
      fenced.run(plan.otherEvents / seconds, ending, hurry.signal),
      rooms.moveAround(byDiscord / EVENTS_PER_MOVE / seconds, LOBBY, ending),
      ...(plan.roomTurnoverMs === null ? [] : [rooms.turnOver(plan.roomTurnoverMs, ending)]),
    ];
    await faults.run(ending);
    faults.heal();
    say("everything is repaired; what is under way comes to its end …");
    setTimeout(() => hurry.abort(), plan.settleMs).unref();
    await Promise.all(sources);
  } finally {
    clearInterval(progress);
  }
  await settle(parts, post, fenced, clients);
  await readBack(parts, clients, around(pickLink(links, 0)));
}

function progressOf(clients: readonly DrillClient[]): string {
  const deliveries = clients.reduce((sum, client) => sum + client.deliveries, 0);
  const served = clients.filter((client) => client.isServed).length;
  return `  ${deliveries} deliveries, ${served} of ${clients.length} clients served`;
}

/** Publishes the last event of each guild, and waits until everybody has got that far. */
async function settle(
  { plan, log, stack, hurry }: Drill,
  post: SignedPost,
  fenced: FencedPublisher,
  clients: readonly DrillClient[],
): Promise<void> {
  await stack.untilReady();
  await eventually(
    "the container has handed over everything",
    async () => {
      const text = await (await fetch(`${stack.urls.gateway}/metrics`)).text();
      const left = [...text.matchAll(/^guildhub_outbox_events(?:{[^}]*})? (.+)$/gm)];
      if (left.some(([, value]) => Number(value) > 0)) throw new Error(left.join());
    },
    plan.settleMs,
  );
  const last = [markers(PRIMARY_GUILD), markers(OTHER_GUILD)] as const;
  await post.untilSettled(last[0], hurry.signal);
  await fenced.finish(last[1], hurry.signal);
  for (const [guild, events] of [
    [PRIMARY_GUILD, last[0]],
    [OTHER_GUILD, last[1]],
  ] as const) {
    log.truth({ k: "marker", guild, id: events.at(-1)?.id ?? "" });
  }
  await eventually(
    "everybody has caught up",
    () => {
      for (const guild of [PRIMARY_GUILD, OTHER_GUILD]) {
        const own = clients.filter(({ spec }) => spec.guild === guild);
        const head = Math.max(...own.map(({ position }) => position?.seq ?? 0));
        const behind = own.filter(({ position }) => (position?.seq ?? 0) < head);
        if (behind.length > 0) {
          throw new Error(`behind ${head}: ${behind.map(({ spec }) => spec.name).join()}`);
        }
      }
    },
    plan.settleMs,
  ).catch((error: unknown) => {
    const cause = error instanceof Error ? error.cause : undefined;
    log.problem(`${String(error)} ${String(cause)}`);
  });
}

/** Two changes of a state that everybody may see: the second one changes something for certain. */
function markers(guildId: string): SignedEvent[] {
  return ["down", "resuming"].map((state) => ({
    id: ulid(),
    event: "gateway.state",
    payload: { guildId, state, since: Date.now() },
    ts: Date.now(),
  }));
}

/** Reads both journals from their start, as a client that has missed everything, and over HTTP. */
async function readBack(parts: Drill, clients: DrillClient[], around: Surroundings): Promise<void> {
  const { plan, log, random, say } = parts;
  for (const guild of [PRIMARY_GUILD, OTHER_GUILD]) {
    const head = clients.find(({ spec }) => spec.guild === guild)?.position;
    if (head === null || head === undefined) continue;
    const guilds = guild === OTHER_GUILD ? [guild] : undefined;
    const spec = observer(`auditor-${guild}`, guild, true, guilds);
    const auditor = startClient(parts, spec, around, random, { epoch: head.epoch, seq: 0 });
    clients.push(auditor);
    await eventually(
      `the journal of ${guild} is read from its start`,
      () => {
        const seq = auditor.position?.seq ?? 0;
        if (seq < head.seq) throw new Error(`at ${seq} of ${head.seq}`);
      },
      plan.settleMs,
    ).catch((error: unknown) => log.problem(String(error)));
    const { text } = await around.token(spec.identity, 600);
    const events = await readJournal(around.origin, text, guild, head.epoch);
    if (events === null) say("  this Worker does not serve GET /events");
    else log.truth({ k: "journal", guild, epoch: head.epoch, events });
  }
}
