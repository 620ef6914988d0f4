import { setTimeout as delay } from "node:timers/promises";
import { ulid } from "ulid";
import { LOBBY, PRIMARY_GUILD } from "../../dev/discord/seed.ts";
import { doublingPause, type Backoff } from "../../src/protocol/backoff.ts";
import { signBody, type SignedEvent } from "../../src/protocol/signed-events.ts";
import { OTHER_GUILD, type Drill } from "./drill.ts";
import type { Random } from "./random.ts";

const POST_TIMEOUT_MS = 8_000;
const RETRY_BACKOFF: Backoff = { firstMs: 150, mostMs: 1_500 };
/** Most users that are present at the same time, so that a restart of the container removes few of them. */
const PRESENT_MAX = 60;
/** Number of remembered batches, which are sent again when their users have long left. */
const REMEMBERED = 30;
const OTHER_CHANNELS = ["300000000000000001", "300000000000000002"] as const;

/** The Worker's answer to signed events; `status` 0: unknown. */
type PostAnswer = {
  readonly status: number;
  readonly code: string | undefined;
  readonly retryAfterMs: number;
};

/** `POST /internal/events` after the contract (rooms.md §4): one attempt, signed now. Never throws. */
async function post({ stack, secret }: Drill, events: readonly SignedEvent[]): Promise<PostAnswer> {
  const body = Buffer.from(JSON.stringify({ events }));
  try {
    const response = await fetch(`${stack.urls.worker}/internal/events`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(await signBody([secret], body, Date.now())),
      },
      body,
      signal: AbortSignal.timeout(POST_TIMEOUT_MS),
    });
    const [, code] = /"code":"(\w+)"/.exec(await response.text()) ?? [];
    const retryAfterMs = Number(response.headers.get("retry-after") ?? 0) * 1000;
    return { status: response.status, code, retryAfterMs };
  } catch {
    return { status: 0, code: undefined, retryAfterMs: 0 };
  }
}

/**
 * Sends the same events until the hub's answer is final: 200, or a 4xx that a retry cannot change.
 * @returns undefined when the drill is in a hurry
 */
export async function postUntilSettled(
  drill: Drill,
  events: readonly SignedEvent[],
): Promise<PostAnswer | undefined> {
  const { signal } = drill.hurry;
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    const answer = await post(drill, events);
    if (answer.status === 200 || (answer.status >= 400 && answer.status < 500)) return answer;
    const wait = Math.max(answer.retryAfterMs, doublingPause(RETRY_BACKOFF, attempt));
    await delay(wait, undefined, { signal }).catch(() => {});
  }
  return undefined;
}

type Batch = readonly SignedEvent[];
type Send = (batch: Batch) => Promise<void>;

/** Publishes until the signal, at this average rate. */
type Publish = (perSecond: number, signal: AbortSignal) => Promise<void>;

/** A publisher: repeatedly creates a batch, and sends it in one of several ways. */
function publisher(
  { log }: Drill,
  random: Random,
  make: () => Batch,
  send: Send,
  ownWays: readonly Send[],
): Publish {
  const ways: readonly Send[] = [
    send,
    async (batch) => {
      log.fault("publish repeated", `${batch.length} events`);
      await send(batch);
      await send(batch);
    },
    async (batch) => {
      log.fault("publish in parallel", `${batch.length} events, 3 times`);
      await Promise.all([1, 2, 3].map(() => send(batch)));
    },
    ...ownWays,
  ];
  return async (perSecond, signal) => {
    while (!signal.aborted) {
      const startedAt = performance.now();
      const batch = make();
      await random.pick(ways)(batch);
      const due = (batch.length * 1000 * (0.5 + random.next())) / perSecond;
      const rest = due - (performance.now() - startedAt);
      await delay(Math.max(0, rest), undefined, { signal }).catch(() => {});
    }
  };
}

/**
 * A second publisher of the primary guild, besides the container. Its events have ids and no position, so
 * the hub accepts them in any order, each once. It sends them repeatedly, in parallel and out of order.
 * @param rooms the channels of the open rooms
 */
export function loosePublisher(drill: Drill, rooms: () => readonly string[]): Publish {
  const { log } = drill;
  const random = drill.random.fork("loose");
  const visits = new Visits(PRIMARY_GUILD, 1);
  const sent: Batch[] = [];
  const make = (): Batch => {
    const batch = visits.next(random.between(1, 24), random, [LOBBY, ...rooms()]);
    sent.push(batch);
    if (sent.length > REMEMBERED) sent.shift();
    return batch;
  };
  const send: Send = async (batch) => {
    const answer = await postUntilSettled(drill, batch);
    if (answer === undefined) return;
    if (answer.status !== 200) {
      log.problem(`a publish was answered with ${answer.status} ${answer.code}`);
      return;
    }
    // Rooms end, but the lobby always exists, so its events must be in the journal.
    const must = batch.filter(
      ({ event, payload }) => event === "voice.joined" && payload["channelId"] === LOBBY,
    );
    log.truth({ k: "accepted", guild: PRIMARY_GUILD, must: idsOf(must) });
  };
  return publisher(drill, random, make, send, [
    async (batch) => {
      await send(batch);
      const old = random.pick(sent);
      log.fault("publish repeated late", `${old.length} events`);
      await send(old);
    },
    async (batch) => {
      log.fault("publish out of order", `${batch.length} events`);
      const mixed = random.shuffle(batch);
      const cut = random.between(0, mixed.length);
      // Each part also has the end of the other one, so that they overlap.
      const parts = [mixed.slice(Math.max(0, cut - 3)), mixed.slice(0, cut)];
      await Promise.all(parts.filter((part) => part.length > 0).map(send));
    },
  ]);
}

/**
 * The only publisher of the other guild, with positions (rooms.md §4). It sends events again, sends later
 * ones first, and now and then a newer process replaces it, after which the old one is refused.
 */
export function fencedPublisher(drill: Drill): {
  readonly publish: Publish;
  /** Publishes the last events. */
  readonly finish: Send;
} {
  const { log } = drill;
  const random = drill.random.fork("fenced");
  const visits = new Visits(OTHER_GUILD, 2);
  /** Users of a replaced publisher: its events about them are refused, so no client may see them. */
  const ghosts = new Visits(OTHER_GUILD, 3);
  let epoch = ulid();
  let next = 1;
  const positioned = (events: Batch): Batch =>
    events.map((event) => ({ ...event, epoch, seq: next++ }));
  const make = (of = visits): Batch =>
    positioned(of.next(random.between(1, 16), random, OTHER_CHANNELS));
  const send: Send = async (batch) => {
    const answer = await postUntilSettled(drill, batch);
    if (answer === undefined) return;
    if (answer.status !== 200) {
      log.problem(`positions were answered with ${answer.status} ${answer.code}`);
      return;
    }
    log.truth({ k: "accepted", guild: OTHER_GUILD, must: idsOf(batch), stream: "fenced" });
  };
  const publish = publisher(drill, random, make, send, [
    async (batch) => {
      log.fault("publish out of order", `${batch.length} positions too early`);
      const later = make();
      const early = await post(drill, later);
      if (early.status === 200) log.problem("events after a gap were accepted");
      await Promise.all([send(batch), post(drill, later)]);
      await send(later);
    },
    // A newer process takes over without the old one's knowledge.
    async (batch) => {
      await send(batch);
      const old = epoch;
      const late = make(ghosts);
      epoch = ulid();
      next = 1;
      await send(make());
      log.fault("publisher replaced", `${old} by ${epoch}`);
      const answer = await postUntilSettled(drill, late);
      if (answer !== undefined && answer.code !== "stale_publisher") {
        log.problem(`a replaced publisher was answered with ${answer.status} ${answer.code}`);
      }
      log.truth({ k: "stale", guild: OTHER_GUILD, ids: idsOf(late) });
    },
  ]);
  return { publish, finish: (events) => send(positioned(events)) };
}

function idsOf(batch: Batch): string[] {
  return batch.flatMap(({ id }) => id ?? []);
}

type Visit = { readonly userId: string; readonly channelId: string };

/** Creates events of new users, so each join changes something, however late it arrives. */
class Visits {
  readonly #guildId: string;
  readonly #firstUser: bigint;
  #present: Visit[] = [];
  #made = 0n;

  /** @param series 0 to 99; two of these with different values have different users */
  constructor(guildId: string, series: number) {
    this.#guildId = guildId;
    this.#firstUser = 70_000_000_000_000_000n + BigInt(series) * 100_000_000_000_000n;
  }

  /**
   * A batch that leads to the same state in any order: some users join, and others, who joined with an
   * earlier batch, leave.
   */
  next(size: number, random: Random, channels: readonly string[]): SignedEvent[] {
    const leaving: Visit[] = [];
    const coming: Visit[] = [];
    for (let i = 0; i < size; i += 1) {
      const isFull = this.#present.length > 0 && this.#present.length + coming.length > PRESENT_MAX;
      const mayLeave = this.#present.length > 0 && random.chance(0.5);
      if (isFull || mayLeave) {
        const at = random.between(0, this.#present.length - 1);
        leaving.push(...this.#present.splice(at, 1));
      } else {
        this.#made += 1n;
        const userId = String(this.#firstUser + this.#made);
        coming.push({ userId, channelId: random.pick(channels) });
      }
    }
    this.#present.push(...coming);
    return [
      ...leaving.map((visit) => this.#event("voice.left", visit)),
      ...coming.map((visit) => this.#event("voice.joined", visit)),
    ];
  }

  #event(event: string, visit: Visit): SignedEvent {
    return { id: ulid(), event, payload: { guildId: this.#guildId, ...visit }, ts: Date.now() };
  }
}
