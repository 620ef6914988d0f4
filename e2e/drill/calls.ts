import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePorts } from "../../dev/stack/ports.ts";
import { eventually } from "../../dev/testing/eventually.ts";
import { startTcpProxy, type TcpProxy } from "../../dev/testing/tcp-proxy.ts";
import {
  CallFailed,
  CONNECTION_ENDED,
  DeskCaller,
} from "../../dev/testing/user-hub/desk-caller.ts";
import { bundleUserHubs, startUserHubs, userHubUrl } from "../../dev/testing/user-hub/user-hub.ts";
import { openWire, type Wire } from "../../dev/testing/wire/wire.ts";
import type { Server } from "../../dev/workerd/processes.ts";
import { doublingPause, type Backoff } from "../../src/protocol/backoff.ts";
import type { Drill, DrillLog } from "./drill.ts";
import type { CallFact } from "./history.ts";
import type { Random } from "./random.ts";

/** How long the owner of a method may take, milliseconds. */
const CALL_MS = { from: 500, to: 4_000 } as const;
/** Share of calls of a method that is never answered: they end by their deadline. */
const MUTE_SHARE = 0.1;
const RETRY_BACKOFF: Backoff = { firstMs: 100, mostMs: 1_000 };

/**
 * Clients of one hub of an account that call each other, on a workerd of their own that is killed: every call ends,
 * by one answer or with a failure.
 */
export class Calls {
  readonly #drill: Drill;
  readonly #random: Random;
  readonly #module: string;
  readonly #folder: string;
  /** The network of every second client. */
  readonly link: TcpProxy;
  readonly #callers: Caller[];
  #server: Server;
  #restarting = Promise.resolve();
  #underWay = 0;

  private constructor(drill: Drill, { module, folder, server, link }: Started) {
    this.#drill = drill;
    this.#random = drill.random.fork("calls");
    this.#module = module;
    this.#folder = folder;
    this.#server = server;
    this.link = link;
    this.#callers = Array.from({ length: drill.plan.callers }, (_, at) => {
      const name = `caller-${at}`;
      const port = at % 2 === 0 ? server.port : link.port;
      return new Caller(drill.log, name, userHubUrl(port, "account", name), this.#random);
    });
  }

  /** Starts the hub and its clients, which are all served then. */
  static async start(drill: Drill): Promise<Calls> {
    const folder = path.join(drill.log.folder, "hubs");
    const module = await bundleUserHubs(path.join(folder, "bundle"));
    const server = await startUserHubs(module, path.join(folder, "server"));
    const [port = 0] = await freePorts(1);
    const link = await startTcpProxy(port, server.port);
    const calls = new Calls(drill, { module, folder, server, link });
    await eventually("every caller is served", () => {
      if (calls.#callers.some(({ isServed }) => !isServed)) throw new Error("some are not");
    });
    return calls;
  }

  /** Calls steadily until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#callOne();
      const ms = 1_000 / this.#drill.plan.callsPerSecond;
      await delay(ms, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Kills the hub's process, and starts it again. */
  kill(): Promise<void> {
    this.#restarting = this.#restart(this.#restarting);
    return this.#restarting;
  }

  /** Breaks the connection of a client that is served. @returns its name */
  async drop(): Promise<string> {
    const caller = await eventually("a caller is served", () =>
      this.#random.pick(this.#callers.filter(({ isServed }) => isServed)),
    );
    caller.drop();
    return caller.name;
  }

  /** Waits until every call has ended. Those that have not, the judge finds. */
  async settle(): Promise<void> {
    await this.#restarting;
    await eventually(
      "every call has ended",
      () => {
        if (this.#underWay > 0) throw new Error(`${this.#underWay} are under way`);
      },
      this.#drill.plan.settleMs,
    ).catch((error: unknown) => this.#drill.log.problem(String(error)));
  }

  /** Ends everything. */
  async stop(): Promise<void> {
    for (const caller of this.#callers) caller.stop();
    await this.link.close();
    await this.#restarting.catch(() => undefined);
    await this.#server.stop();
  }

  /** @param before the restart that must be over first */
  async #restart(before: Promise<void>): Promise<void> {
    await before;
    const { port } = this.#server;
    await this.#server.kill();
    this.#server = await startUserHubs(this.#module, path.join(this.#folder, "server"), port);
  }

  #callOne(): void {
    const served = this.#callers.filter(({ isServed }) => isServed);
    if (served.length < 2) return;
    const caller = this.#random.pick(served);
    const { name } = this.#random.pick(this.#callers.filter((one) => one !== caller));
    const method = this.#random.chance(MUTE_SHARE) ? `mute-${name}` : name;
    this.#underWay += 1;
    void caller
      .call(method, this.#random.between(CALL_MS.from, CALL_MS.to))
      .finally(() => (this.#underWay -= 1));
  }
}

type Started = {
  readonly module: string;
  readonly folder: string;
  readonly server: Server;
  readonly link: TcpProxy;
};

/** The parameters of a call in the drill, and its answer. */
type Asked = { readonly call: string; readonly mute: boolean };
type Answered = { readonly call: string; readonly by: string };

/** A client that calls and is called, and always reconnects. */
class Caller {
  readonly name: string;
  readonly #log: DrillLog;
  readonly #url: URL;
  readonly #random: Random;
  #wire: Wire | null = null;
  #desk: DeskCaller | null = null;
  #attempt = 0;
  #calls = 0;
  #isOver = false;
  #retry: NodeJS.Timeout | undefined;
  /** Whether its methods are registered. */
  isServed = false;

  constructor(log: DrillLog, name: string, url: URL, random: Random) {
    this.#log = log;
    this.name = name;
    this.#url = url;
    this.#random = random.fork(name);
    this.#connect();
  }

  /** Calls a method, and records how that ends. Never rejects. */
  async call(method: string, timeoutMs: number): Promise<void> {
    this.#calls += 1;
    const call = `${this.name}:${this.#calls}`;
    this.#write({ k: "called", call });
    try {
      const asked: Asked = { call, mute: method.startsWith("mute-") };
      const answer = (await this.#desk?.call(method, asked, timeoutMs)) as Answered;
      this.#write({ k: "answered", call, to: answer.call, by: answer.by });
    } catch (error) {
      const why = error instanceof CallFailed ? error.message : String(error);
      this.#write(why === CONNECTION_ENDED ? { k: "left", call } : { k: "failed", call, why });
    }
  }

  drop(): void {
    this.#wire?.terminate();
  }

  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#retry);
    this.#wire?.terminate();
    this.#countStrays();
  }

  #connect(): void {
    const wire = openWire(
      { kind: "socket", url: this.#url, headers: {} },
      {
        onText: (text) => {
          if (text.includes('"READY"')) void this.#register(desk);
          desk.hear(text);
        },
        onClose: () => this.#later(),
        onRefused: () => this.#later(),
      },
    );
    const desk = new DeskCaller(
      (text) => wire.send(text),
      (params) => this.#answer(params as Asked),
    );
    this.#wire = wire;
    this.#desk = desk;
  }

  async #register(desk: DeskCaller): Promise<void> {
    try {
      await desk.register(this.name);
      await desk.register(`mute-${this.name}`);
      this.isServed = true;
      this.#attempt = 0;
    } catch {
      // Its connection has ended, and it comes back.
    }
  }

  #answer({ call, mute }: Asked): Answered | undefined {
    this.#write({ k: "asked", call, by: this.name });
    return mute ? undefined : { call, by: this.name };
  }

  #later(): void {
    this.isServed = false;
    this.#countStrays();
    this.#desk?.ended();
    if (this.#isOver) return;
    const pause = this.#random.next() * doublingPause(RETRY_BACKOFF, this.#attempt);
    this.#attempt += 1;
    this.#retry = setTimeout(() => this.#connect(), pause);
  }

  #countStrays(): void {
    const count = this.#desk?.strays ?? 0;
    if (count > 0) this.#write({ k: "strays", by: this.name, count });
  }

  #write(fact: CallFact): void {
    this.#log.call({ t: Date.now(), ...fact });
  }
}
