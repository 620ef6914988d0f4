import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { eventually } from "../../../dev/testing/eventually.ts";
import type { TcpProxy } from "../../../dev/testing/tcp-proxy.ts";
import type { Drill } from "../drill.ts";
import type { Random } from "../random.ts";
import { type Account, AccountTraffic, type DrillSession } from "./account-traffic.ts";
import { Device, type DeviceSpec } from "./device.ts";
import type { Counted, StoredMessage, SyncFact } from "./history.ts";
import type { DeviceEntry } from "./language.ts";
import { ask, askUntilAnswered, type RestAt, signUp } from "./rest.ts";

const SESSIONS = 2;
const PHONES: readonly DeviceEntry[] = ["ticket", "header", "auth", "socket-io"];
/** How long the devices have to hear of one message, milliseconds. */
const HEARD_WITHIN_MS = 5_000;
/** Messages of one page of the read-back. */
const PAGE = 500;

const Session = z.object({
  session: z.object({ id: z.string(), metadata: z.string(), metadataVersion: z.int() }),
});
const Page = z.object({
  messages: z.array(z.custom<StoredMessage>((one) => typeof one === "object" && one !== null)),
  hasMore: z.boolean(),
});

/**
 * Accounts with phones, sessions and machines, at the same Worker and behind the same links as the clients of guilds.
 * They write, change, and call each other, while that Worker is killed and its links break.
 */
export class Accounts {
  readonly #drill: Drill;
  readonly #random: Random;
  readonly #links: readonly TcpProxy[];
  readonly #accounts: readonly Account[];
  readonly #traffic: AccountTraffic;

  private constructor(drill: Drill, links: readonly TcpProxy[], accounts: readonly Account[]) {
    this.#drill = drill;
    this.#links = links;
    this.#accounts = accounts;
    this.#random = drill.random.fork("accounts");
    this.#traffic = new AccountTraffic(drill, accounts, this.#random, () => this.#origin());
  }

  /** Signs up, and starts the devices. */
  static async start(drill: Drill, links: readonly TcpProxy[]): Promise<Accounts> {
    const names = Array.from({ length: drill.plan.accounts }, (_, at) => `account-${at}`);
    const random = drill.random.fork("devices");
    const accounts = await Promise.all(names.map((name) => open(drill, links, name, random)));
    return new Accounts(drill, links, accounts);
  }

  /** What the devices were told of so far. */
  get deliveries(): number {
    return this.#devices.reduce((sum, { deliveries }) => sum + deliveries, 0);
  }

  tick(now: number): void {
    for (const device of this.#devices) device.tick(now);
  }

  /** Waits until every device is let in. */
  async served(): Promise<void> {
    await eventually(
      "every device is served",
      () => {
        const waiting = this.#devices.filter(({ isServed }) => !isServed);
        if (waiting.length > 0) throw new Error(waiting.map(({ spec }) => spec.name).join());
      },
      this.#drill.plan.settleMs,
    );
  }

  /** Acts steadily until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const ms = 1_000 / this.#drill.plan.accountActionsPerSecond;
    while (!signal.aborted) {
      this.#traffic.act();
      await delay(ms, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Breaks the connection of a device that is served. @returns its name */
  async drop(): Promise<string> {
    const device = await eventually("a device is served", () =>
      this.#random.pick(this.#devices.filter(({ isServed }) => isServed)),
    );
    device.drop();
    return device.spec.name;
  }

  /** Waits until everything that was begun has ended, and every device has heard of a last message. */
  async settle(): Promise<void> {
    const { log, plan } = this.#drill;
    const failed = (error: unknown): void => {
      const cause = error instanceof Error ? error.cause : undefined;
      log.problem(`${String(error)} ${String(cause)}`);
    };
    await eventually(
      "everything in accounts has ended",
      () => this.#traffic.expectIdle(),
      plan.settleMs,
    ).catch(failed);
    // A device whose connection breaks just now hears of the next one.
    await eventually(
      "every device hears of a last message",
      async () => {
        await this.served();
        await Promise.all(this.#accounts.map((account) => this.#sendLast(account)));
      },
      plan.settleMs,
    ).catch(failed);
  }

  /** Reads everything back over HTTP, also with the token of another account. */
  async readBack(): Promise<void> {
    const { hurry } = this.#drill;
    const origin = this.#origin();
    for (const [at, { token, sessions }] of this.#accounts.entries()) {
      const other = this.#accounts[(at + 1) % this.#accounts.length]?.token ?? "";
      for (const { id } of sessions) {
        const path = `/v1/sessions/${id}`;
        const { session } = await askUntilAnswered({ origin, token }, path, Session, hurry.signal);
        this.#write({
          k: "stored",
          session: id,
          messages: await this.#messages({ origin, token }, id),
          metadata: { value: session.metadata, version: session.metadataVersion },
          toOthers: (await ask({ origin, token: other }, `/v3/sessions/${id}/messages`)).status,
        });
      }
    }
  }

  stop(): void {
    for (const device of this.#devices) {
      device.stop();
      const { spec, strays: count } = device;
      if (count > 0) this.#drill.log.call({ t: Date.now(), k: "strays", by: spec.name, count });
    }
  }

  get #devices(): readonly Device[] {
    return this.#accounts.flatMap(({ devices }) => devices);
  }

  async #sendLast(account: Account): Promise<void> {
    for (const session of account.sessions) {
      const message = await this.#traffic.sendLast(account, session);
      const due = account.devices.filter(({ spec: { scope } }) =>
        scope.type === "session-scoped" ? scope.id === session.id : scope.type === "user-scoped",
      );
      await eventually(
        `${message} is heard of`,
        () => {
          const waiting = due.filter(({ told }) => !told.has(message));
          if (waiting.length > 0) throw new Error(waiting.map(({ spec }) => spec.name).join());
        },
        HEARD_WITHIN_MS,
      );
    }
  }

  async #messages(at: RestAt, session: string): Promise<StoredMessage[]> {
    const all: StoredMessage[] = [];
    for (;;) {
      const path = `/v3/sessions/${session}/messages?after_seq=${all.at(-1)?.seq ?? 0}&limit=${PAGE}`;
      const { messages, hasMore } = await askUntilAnswered(
        at,
        path,
        Page,
        this.#drill.hurry.signal,
      );
      all.push(...messages);
      if (!hasMore) return all;
    }
  }

  #origin(): string {
    return `http://127.0.0.1:${this.#random.pick(this.#links).port}`;
  }

  #write(fact: SyncFact): void {
    this.#drill.log.sync({ t: Date.now(), ...fact });
  }
}

async function open(
  { log, stack, hurry }: Drill,
  links: readonly TcpProxy[],
  name: string,
  random: Random,
): Promise<Account> {
  const { signal } = hurry;
  const write = (fact: SyncFact): void => log.sync({ t: Date.now(), ...fact });
  const token = await signUp(stack.urls.worker, signal);
  const at = { origin: stack.urls.worker, token };
  const sessions: DrillSession[] = [];
  for (let index = 0; index < SESSIONS; index += 1) {
    const tag = `${name}.session-${index}`;
    const metadata: Counted = { of: tag, count: 0, by: "start" };
    const wanted = { tag, metadata: JSON.stringify(metadata), agentState: null };
    const { session } = await askUntilAnswered(at, "/v1/sessions", Session, signal, wanted);
    sessions.push({ id: session.id, tag });
    write({ k: "session", session: session.id, account: name, tag });
  }
  const machine = `${name}.machine`;
  await askUntilAnswered(at, "/v1/machines", z.unknown(), signal, { id: machine, metadata: "m" });
  const specs: DeviceSpec[] = [
    ...PHONES.map((entry): DeviceSpec => {
      return {
        name: `${name}.phone-${entry}`,
        account: name,
        scope: { type: "user-scoped" },
        entry,
      };
    }),
    ...sessions.map(({ id, tag }): DeviceSpec => {
      const scope = { type: "session-scoped", id } as const;
      return { name: tag, account: name, scope, entry: "socket-io", method: `${id}:echo` };
    }),
    {
      name: machine,
      account: name,
      scope: { type: "machine-scoped", id: machine },
      entry: "socket-io",
      method: `${machine}:echo`,
    },
  ];
  const devices = specs.map((spec) => {
    const origin = `http://127.0.0.1:${random.pick(links).port}`;
    const asked = (call: string): void =>
      log.call({ t: Date.now(), k: "asked", call, by: spec.name });
    return new Device(spec, { origin, token }, { random, write, asked, hurry: signal });
  });
  return { name, token, sessions, devices };
}
