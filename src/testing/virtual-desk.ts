import type { HubExtension } from "../hub/extension.ts";
import { GUILD_DIALECT } from "../hub/dialects/guild.ts";
import type { Handover } from "../hub/handover.ts";
import { HubObject } from "../hub/hub-object.ts";
import type { HubKind } from "../hub/kind.ts";
import { desk, DESK_EVENTS } from "./desk-extension.ts";
import { enterHub, sleepHub } from "./memory-hub.ts";
import { MemoryObject, type MemorySocket } from "./memory-platform.ts";
import { OPCODE_DIALECT } from "./opcode-dialect.ts";
import { KIND, VirtualGuild } from "./virtual-guild.ts";

/** A kind without relays, so that its extensions may hear its clients. */
const { relays: _, ...RELAYLESS } = KIND;

/** An account's hub in memory, whose clients call each other. */
export class VirtualDesk {
  readonly time;
  readonly hub: MemoryObject<HubObject>;
  #acks = 0;

  /** @param kind replaces what hubs of guilds have */
  constructor(extensions: readonly HubExtension[] = [desk], kind: Partial<HubKind> = {}) {
    const { time, env } = new VirtualGuild();
    const noOne = (): never => {
      throw new Error("this hub calls no other object");
    };
    let ids = 0;
    this.time = time;
    this.hub = new MemoryObject<HubObject>({
      name: "alice",
      time,
      reachFrom: () => ({
        hub: noOne,
        relay: noOne,
        newId: () => `id-${String(++ids).padStart(6, "0")}`,
      }),
      make: (runtime) =>
        new HubObject(
          runtime,
          env,
          { ...RELAYLESS, name: "user", dialects: [OPCODE_DIALECT, GUILD_DIALECT], ...kind },
          { extensions, events: DESK_EVENTS },
        ),
    });
  }

  /** @param more replaces members of the handover. @throws when the client is refused */
  async connect(sub: string, scope?: unknown, more: Partial<Handover> = {}): Promise<MemorySocket> {
    const exp = Math.floor(this.time.now / 1_000) + 3_600;
    const identity = {
      sub,
      grants: [`sub:${sub}`],
      exp,
      ...(scope === undefined ? {} : { scope }),
    };
    const handover: Handover = { v: 1, hub: "alice", batch: false, identity, ...more };
    return enterHub(this.hub, this.time, handover);
  }

  /** Sends a message. @returns the name under which its answer comes */
  async say(from: MemorySocket, name: string, data: unknown): Promise<string> {
    const ack = `a${++this.#acks}`;
    this.hub.message(from, JSON.stringify({ op: 20, d: { name, data, ack } }));
    await this.time.quiet();
    return ack;
  }

  async answer(from: MemorySocket, id: string, data: unknown): Promise<void> {
    this.hub.message(from, JSON.stringify({ op: 21, d: { id, data } }));
    await this.time.quiet();
  }

  /** Lets the hub sleep and wake, once nothing keeps it awake. */
  sleep(): Promise<void> {
    return sleepHub(this.hub, this.time);
  }

  /** A client that has registered a method. */
  async worker(method: string, sub = "worker"): Promise<MemorySocket> {
    const socket = await this.connect(sub);
    await this.say(socket, "desk.register", { method });
    return socket;
  }
}

/** A frame of {@link OPCODE_DIALECT}. */
type OpcodeFrame = {
  readonly op: number;
  readonly s?: number;
  readonly t?: string;
  readonly d: Record<string, unknown>;
};

/** What a client of the opcode dialect was sent. */
export function opcodeFrames(socket: MemorySocket): OpcodeFrame[] {
  return socket.sent.map((text) => JSON.parse(text) as OpcodeFrame);
}
