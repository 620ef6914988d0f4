import type { HubKind } from "../hub/kind.ts";
import type { StreamServer } from "../hub/core/stream-server.ts";
import type { RuntimeSocket } from "../hub/runtime.ts";
import type { SqliteStore } from "../hub/sqlite-store.ts";
import { CLOSE_CODES, type CloseName } from "../protocol/close-codes.ts";
import type { MemorySocket } from "./memory-platform.ts";
import { KIND, type VirtualConnect, VirtualGuild } from "./virtual-guild.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** A hub without relays, for tests of its core. Clients connect at once, without the entrance and its limits. */
export class VirtualHub extends VirtualGuild {
  #ids = 0;

  constructor(kind: HubKind = KIND) {
    super(undefined, {}, kind);
  }

  /** The core of the current life. */
  get server(): StreamServer<RuntimeSocket> {
    return this.hub.impl.host.server;
  }

  get store(): SqliteStore {
    return this.hub.impl.host.store;
  }

  get clock(): VirtualTime {
    return this.time;
  }

  get now(): number {
    return this.time.now;
  }

  get sockets(): Set<MemorySocket> {
    return this.hub.sockets;
  }

  /** Why we closed sockets, grouped by reason, in the order of each first close. */
  get ended(): CloseName[] {
    const names = Object.keys(CLOSE_CODES) as CloseName[];
    return [...this.counts].flatMap(([counted, times]) => {
      const name = names.find((one) => counted === `closed ${CLOSE_CODES[one].code}`);
      return name === undefined ? [] : Array.from({ length: times }, () => name);
    });
  }

  /** How often a client used up its credit. */
  get lags(): number {
    return this.counts.get("lagging") ?? 0;
  }

  connect(options: VirtualConnect & { readonly pingAt?: number } = {}): MemorySocket {
    const { sub = "alice", grants = [], iat, batch = false, signals = false, epoch, seq } = options;
    const socket = this.hub.accept();
    socket.pingAt = options.pingAt ?? null;
    this.server.open(
      socket,
      {
        sub,
        grants: [`sub:${sub}`, ...grants],
        exp: options.exp ?? Math.floor(this.now / 1000) + 3600,
        ...(iat === undefined ? {} : { iat }),
      },
      { id: `c${++this.#ids}`, batch, signals, resume: { epoch, seq } },
      () => ({ seq: this.store.extent().head, state: { rooms: [] } }),
    );
    this.hub.impl.host.arm();
    return socket;
  }

  drop(socket: MemorySocket): void {
    this.hub.drop(socket);
  }

  ack(socket: MemorySocket, seq: number): void {
    this.hub.message(socket, JSON.stringify({ type: "ack", seq }));
  }

  async pass(ms: number): Promise<void> {
    // Tests that call the core directly do not arm the alarm.
    this.hub.impl.host.arm();
    await this.time.pass(ms);
  }
}
