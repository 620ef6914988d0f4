import type { z } from "zod";
import type { HubCommand } from "../hub/command.ts";
import type { StreamLimits } from "../hub/core/stream-limits.ts";
import type { Transport } from "../hub/core/transport.ts";
import { HubObject } from "../hub/hub-object.ts";
import { ulidGenerator } from "../platform/ids.ts";
import { HAPPY_SOCKET_IO_DIALECT } from "../features/sync/dialects/happy-socket-io.ts";
import { NATIVE_DIALECT } from "../features/sync/dialects/native.ts";
import { syncHubExtension } from "../features/sync/hub-extension.ts";
import { USER_HUBS } from "../features/sync/env.ts";
import {
  type AccountHubs,
  accountHubs,
  type Caller,
  SYNC_COMMANDS,
} from "../features/sync/hub-commands.ts";
import { UPDATE } from "../features/sync/in-hub/updates.ts";
import { admitted, userKind } from "../features/sync/user-kind.ts";
import { err } from "../platform/result.ts";
import { enterHub, sleepHub } from "./memory-hub.ts";
import { MemoryD1 } from "./memory-d1.ts";
import { MemoryObject, type MemorySocket } from "./memory-platform.ts";
import { seededRandom } from "./random.ts";
import { VirtualGuild } from "./virtual-guild.ts";

/** What a client says of itself. */
export type AboutClient = {
  readonly clientType?: string;
  readonly sessionId?: string;
  readonly machineId?: string;
};

type NewSession = {
  readonly metadata: string;
  readonly agentState: string | null;
  readonly dataEncryptionKey: string | null;
};

/** The account's hub in memory, with native clients and the commands of the routes. */
export class VirtualAccount {
  readonly time;
  readonly hub: MemoryObject<HubObject>;
  readonly caller: Caller;
  readonly hubs: AccountHubs;
  /** What stands between accounts. */
  readonly d1: MemoryD1;
  #acks = 0;

  /**
   * @param beside an account with which it shares the time and D1
   * @param limits replaces some of the kind's
   */
  constructor(account = "account-1", beside?: VirtualAccount, limits: Partial<StreamLimits> = {}) {
    const { time, env } = new VirtualGuild(beside?.time);
    this.caller = { account, epoch: 0 };
    const d1 = beside?.d1 ?? new MemoryD1(time);
    this.d1 = d1;
    let lives = 0;
    const noOne = (): never => {
      throw new Error("this hub calls no other object");
    };
    const usual = userKind(USER_HUBS, async () => err("invalid"), time.clock);
    const kind = { ...usual, limits: { ...usual.limits, ...limits } };
    // One for all lives of the hub: the same numbers would come again after each wake.
    const newId = ulidGenerator(seededRandom(1));
    this.time = time;
    this.hub = new MemoryObject<HubObject>({
      name: this.caller.account,
      time,
      reachFrom: () => ({ hub: noOne, relay: noOne, newId }),
      make: (runtime) => {
        lives += 1;
        const life = lives;
        const DB = d1.binding(() => life === lives);
        return new HubObject(runtime, { ...env, DB }, kind, {
          extensions: [syncHubExtension],
          events: new Set([UPDATE]),
        });
      },
    });
    this.hubs = accountHubs({
      command: (_, name, input) => this.hub.event((impl) => impl.command(name, input)),
    });
  }

  /**
   * @param epoch of its token
   * @param edge what the Worker makes of the socket; absent: it is the client's own
   * @returns its socket, which may be closed already
   */
  async connect(
    about: AboutClient = {},
    {
      epoch = 0,
      socketIo = false,
      edge,
    }: { readonly epoch?: number; readonly socketIo?: boolean; readonly edge?: Transport } = {},
  ): Promise<MemorySocket> {
    const exp = Math.floor(this.time.now / 1_000) + 3_600;
    const owner = { ...this.caller, epoch, exp };
    const dialect = (socketIo ? HAPPY_SOCKET_IO_DIALECT : NATIVE_DIALECT).name;
    const { hub, identity } = admitted(owner, about);
    return enterHub(this.hub, this.time, {
      v: 1,
      hub,
      batch: false,
      dialect,
      identity,
      ...(edge === undefined ? {} : { edge }),
    });
  }

  /** Sends an event of a native client. */
  async say(from: MemorySocket, event: string, data: unknown): Promise<void> {
    this.hub.message(from, JSON.stringify({ event, data }));
    await this.time.quiet();
  }

  /** Sends an event, and waits for its answer. @returns undefined: there was none yet */
  async ask(from: MemorySocket, event: string, data: unknown): Promise<unknown> {
    const ackId = `a${++this.#acks}`;
    this.hub.message(from, JSON.stringify({ event, data, ackId }));
    await this.time.quiet();
    return framesOf(from).find((frame) => frame.ackId === ackId)?.ack;
  }

  /** Runs a command of the routes. @throws when the token was revoked */
  async run<Input extends z.ZodObject, Output extends z.ZodType>(
    command: HubCommand<Input, Output>,
    input: z.input<Input>,
  ): Promise<z.output<Output>> {
    const answer = await this.hubs.call(this.caller, command, input);
    if (!answer.ok) throw new Error(answer.error);
    return answer.value;
  }

  /** Creates a session, or finds the one with this tag. @returns its id */
  async session(tag = "tag", more: Partial<NewSession> = {}): Promise<string> {
    const wanted = { tag, metadata: "m", agentState: null, dataEncryptionKey: null, ...more };
    return (await this.run(SYNC_COMMANDS.createSession, wanted)).id;
  }

  /** Creates a machine. */
  async machine(id: string): Promise<string> {
    const wanted = { id, metadata: "m", daemonState: null, dataEncryptionKey: null };
    return (await this.run(SYNC_COMMANDS.createMachine, wanted)).id;
  }

  /** Lets the hub sleep and wake, once nothing keeps it awake. */
  sleep(): Promise<void> {
    return sleepHub(this.hub, this.time);
  }
}

/** A frame of a native client of sync. */
export type NativeFrame = {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly ackId?: string;
  readonly ack?: unknown;
};

/** What a native client was sent. */
export function framesOf(socket: MemorySocket): NativeFrame[] {
  return socket.sent.map((text) => JSON.parse(text) as NativeFrame);
}
