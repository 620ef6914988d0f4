import { setTimeout as rest } from "node:timers/promises";
import { z } from "zod";
import { inTime } from "../load/in-time.ts";
import { quantile } from "../statistics.ts";
import { cpuSecondsOf } from "../work.ts";
import { createSession, Device, many, post, signUp } from "./device.ts";
import type { SyncServer } from "./servers.ts";

/** How a session says something: over its socket, or by REST as the newer client does (sync.md §8). */
export const CARRIERS = { socket: "by socket", v3: "by `POST /v3`" } as const;
type Carrier = keyof typeof CARRIERS;

/** How often the messages that are due are sent, milliseconds. */
const TICK_MS = 5;
/** Characters of a message: what an agent says in a turn, encrypted, in base64. */
const CONTENT = "m".repeat(600);

/** The size of a run. */
export type MessagesPlan = {
  /** Each has a session and a phone. */
  readonly accounts: number;
  /** Messages of all sessions in a second of the steady phase, and of each session in that phase. */
  readonly perSecond: number;
  readonly steadyEach: number;
  /** Messages of a session that its phone does not have yet, in the other phase, and of each session in it. */
  readonly underWay: Readonly<Record<Carrier, number>>;
  readonly fastEach: number;
  /** Messages of a session before anything is measured. */
  readonly warmUpEach: number;
  /** Rest between two phases, milliseconds: a client may send a number of frames in ten seconds. */
  readonly pauseMs: number;
};

/** What came of the messages of one phase. */
export type MessagesPhase = {
  readonly carrier: Carrier;
  readonly pace: "steady" | "fast";
  readonly messages: number;
  /** Those that the phone got, in order. */
  readonly arrived: number;
  readonly seconds: number;
  readonly perCpuSecond: number;
  /** From the session to the phone, milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Messages that came twice, late or not at all, and updates that their sender got. */
  readonly faults: readonly string[];
};

const Update = z.object({
  seq: z.number(),
  body: z.object({
    t: z.string(),
    message: z.object({ seq: z.number(), localId: z.string() }).optional(),
  }),
});

/** A session, and the phone that follows it. */
class Account {
  readonly #server: SyncServer;
  readonly #token: string;
  readonly sessionId: string;
  /** When each message was sent, by its number. */
  readonly #sentAt: number[] = [];
  #heard = 0;
  /** Those that were sent before this phase. */
  #before = 0;
  #updateSeq = 0;
  /** Updates that the session has got itself. */
  #echoes = 0;
  #agent: Device | null = null;
  #phone: Device | null = null;
  #times: number[] = [];
  #faults: string[] = [];
  #onHeard: () => void = () => {};
  /** The requests of a session follow each other, or their order would be up to the network. */
  #requests: Promise<unknown> = Promise.resolve();

  constructor(server: SyncServer, token: string, sessionId: string) {
    this.#server = server;
    this.#token = token;
    this.sessionId = sessionId;
  }

  static async open(server: SyncServer, index: number): Promise<Account> {
    const token = await signUp(server);
    const account = new Account(server, token, await createSession(server, token, `s${index}`));
    await account.connect();
    return account;
  }

  async connect(): Promise<void> {
    const { sessionId } = this;
    const onEnd = (code: number): void => void this.#faults.push(`closed with ${code}`);
    const follower = { onEvent: (name: string, data: unknown) => this.#hear(name, data), onEnd };
    const sender = {
      onEvent: (name: string) => {
        if (name === "update") this.#echoes += 1;
      },
      onEnd,
    };
    const session = { clientType: "session-scoped", sessionId } as const;
    this.#phone = await Device.connect(
      this.#server,
      this.#token,
      { clientType: "user-scoped" },
      follower,
    );
    this.#agent = await Device.connect(this.#server, this.#token, session, sender);
  }

  get waiting(): number {
    return this.#sentAt.length - this.#heard;
  }

  /** Sends the next message. It rejects when the server refuses it. */
  async say(carrier: Carrier): Promise<void> {
    const localId = String(this.#sentAt.length);
    this.#sentAt.push(performance.now());
    const sid = this.sessionId;
    if (carrier === "socket") this.#agent?.emit("message", { sid, message: CONTENT, localId });
    else {
      const messages = [{ localId, content: CONTENT }];
      const request = this.#requests.then(() =>
        post(this.#server, `/v3/sessions/${sid}/messages`, { messages }, this.#token),
      );
      this.#requests = request.catch(() => undefined);
      await request;
    }
  }

  /**
   * Resolves when the phone has got so many messages that at most `left` are under way, or when one came wrongly: the
   * others would then wait for it in vain.
   */
  async until(left: number): Promise<void> {
    while (this.waiting > left && this.#faults.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onHeard = resolve;
      await promise;
    }
  }

  /** What has come since the last time. */
  take(carrier: Carrier, messages: number): { times: number[]; faults: string[] } {
    const [times, faults] = [this.#times, this.#faults];
    const echoes = carrier === "socket" ? 0 : messages;
    if (this.#echoes > echoes) faults.push(`the sender got ${this.#echoes} updates of ${echoes}`);
    if (this.#sentAt.length !== this.#before + messages || this.waiting > 0) {
      faults.push(`${this.#heard - this.#before} of ${messages} messages came`);
    }
    this.#before = this.#sentAt.length;
    [this.#times, this.#faults, this.#echoes] = [[], [], 0];
    return { times, faults };
  }

  leave(): void {
    this.#agent?.kill();
    this.#phone?.kill();
  }

  #hear(name: string, data: unknown): void {
    if (name !== "update") return;
    const { seq, body } = Update.parse(data);
    if (seq <= this.#updateSeq) this.#faults.push(`update ${seq} came after ${this.#updateSeq}`);
    this.#updateSeq = seq;
    if (body.message === undefined) return;
    const { localId, seq: messageSeq } = body.message;
    if (localId !== String(this.#heard) || messageSeq !== this.#heard + 1) {
      this.#faults.push(
        `message ${localId} with seq ${messageSeq} came where ${this.#heard} was due`,
      );
      this.#onHeard();
      return;
    }
    this.#times.push(performance.now() - (this.#sentAt[this.#heard] ?? Number.NaN));
    this.#heard += 1;
    this.#onHeard();
  }
}

/**
 * Lets sessions talk to their phones at a steady rate, then as fast as it goes, in both ways. A phase with faults is the
 * last one: what it has missed would be missing in the others.
 */
export async function runMessages(
  server: SyncServer,
  plan: MessagesPlan,
): Promise<MessagesPhase[]> {
  const accounts = await many(plan.accounts, (index) => Account.open(server, index));
  const phases: MessagesPhase[] = [];
  try {
    for (const carrier of ["socket", "v3"] as const) {
      // Warms both up.
      const warm = { ...plan, fastEach: plan.warmUpEach };
      const warmed = await phase(server, accounts, carrier, "fast", warm);
      if (warmed.faults.length > 0) return [...phases, warmed];
      for (const pace of ["steady", "fast"] as const) {
        await rest(plan.pauseMs);
        const done = await phase(server, accounts, carrier, pace, plan);
        phases.push(done);
        if (done.faults.length > 0) return phases;
      }
    }
    return phases;
  } finally {
    for (const account of accounts) account.leave();
  }
}

async function phase(
  server: SyncServer,
  accounts: readonly Account[],
  carrier: Carrier,
  pace: MessagesPhase["pace"],
  plan: MessagesPlan,
): Promise<MessagesPhase> {
  const each = pace === "steady" ? plan.steadyEach : plan.fastEach;
  const refusals: string[] = [];
  const say = (account: Account): void =>
    void account.say(carrier).catch((error: unknown) => void refusals.push(String(error)));
  const startedAt = performance.now();
  let seconds = 0;
  const cpuSeconds = await cpuSecondsOf(server, async () => {
    if (pace === "steady") await steadily(accounts, each, plan.perSecond, say);
    else
      await Promise.all(
        accounts.map((account) => fast(account, each, plan.underWay[carrier], say)),
      );
    const all = Promise.all(accounts.map((account) => account.until(0)));
    // What never comes is counted below.
    await inTime(all, () => "late").catch(() => undefined);
    seconds = (performance.now() - startedAt) / 1_000;
  });
  const came = accounts.map((account) => account.take(carrier, each));
  const times = came.flatMap((one) => one.times);
  return {
    carrier,
    pace,
    messages: each * accounts.length,
    arrived: times.length,
    seconds,
    perCpuSecond: times.length / cpuSeconds,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    faults: [...refusals, ...came.flatMap((one) => one.faults)],
  };
}

/** Sends at a steady rate, the sessions in turn, however many messages are under way. */
async function steadily(
  accounts: readonly Account[],
  each: number,
  perSecond: number,
  say: (account: Account) => void,
): Promise<void> {
  const startedAt = performance.now();
  const turns = Array.from({ length: each }, () => accounts).flat();
  for (let said = 0; said < turns.length;) {
    const due = ((performance.now() - startedAt) * perSecond) / 1_000;
    for (const account of turns.slice(said, Math.ceil(due))) {
      say(account);
      said += 1;
    }
    await rest(TICK_MS);
  }
}

/** Keeps so many messages of a session under way, until one does not come. */
async function fast(
  account: Account,
  each: number,
  underWay: number,
  say: (account: Account) => void,
): Promise<void> {
  for (let said = 0; said < each; said += 1) {
    const isLate = await inTime(account.until(underWay - 1), () => "late").then(
      () => false,
      () => true,
    );
    if (isLate) return;
    say(account);
  }
}
