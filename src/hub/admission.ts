import { log } from "../platform/log.ts";
import type { Result } from "../platform/result.ts";
import type { After } from "./core/batch-window.ts";
import type { ConnectionOptions } from "./core/frame-intake.ts";
import type { SnapshotSource } from "./core/opening.ts";
import { NO_SEQ } from "./core/resume.ts";
import type { SessionIdentity } from "./core/session.ts";
import type { StreamServer } from "./core/stream-server.ts";
import { Entrance } from "./entrance.ts";
import { HANDOVER_HEADER, readHandover, type Handover } from "./handover.ts";
import type { Admitted, TokenRefusal } from "./kind.ts";
import type { HubRuntime, RuntimeSocket, Upgrade } from "./runtime.ts";
import type { SqliteStore } from "./sqlite-store.ts";

/** Status for a client that has left, as nginx logs it. Nobody receives it. */
const CLIENT_CLOSED_REQUEST = 499;

/** What a client starts from. It is prepared before the client is let in, and may be outdated by then. */
export type Start = {
  /** Whether it still fits the journal. */
  readonly holds: () => boolean;
  /** The whole state, for a client that needs it. */
  readonly snapshot: SnapshotSource;
};

/** Where a hub and a relay differ when they let a client in. */
export type AdmissionPorts = {
  /** Name of the hub. */
  readonly hub: string;
  /** Index; null: the hub itself. */
  readonly relay: number | null;
  /** Gets this object ready to serve. @returns whether it takes clients */
  readonly attach: () => boolean | Promise<boolean>;
  /** Prepares the start of a connection. Rejects when it cannot now; the client tries again. */
  readonly prepare: (
    identity: SessionIdentity,
    options: ConnectionOptions,
  ) => Start | Promise<Start>;
  /** A client was let in. */
  readonly onServed: () => void;
};

/** What admission is built from: parts of the host, and what it calls there. */
type AdmissionParts = {
  readonly runtime: HubRuntime;
  readonly store: SqliteStore;
  readonly server: StreamServer<RuntimeSocket>;
  readonly ports: AdmissionPorts;
  readonly after: After;
  readonly writeCounts: () => void;
  readonly arm: () => void;
};

/** Lets clients in, and renews their tokens. */
export class Admission {
  readonly #parts: AdmissionParts;
  readonly #runtime: HubRuntime;
  readonly #server: StreamServer<RuntimeSocket>;
  readonly #ports: AdmissionPorts;
  readonly #entrance: Entrance;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
    this.#runtime = parts.runtime;
    this.#server = parts.server;
    this.#ports = parts.ports;
    this.#entrance = new Entrance(parts.after);
  }

  /** Takes a WebSocket that the Worker hands over, or refuses with a status. */
  async connect(request: Upgrade): Promise<Response> {
    const handover = readHandover(request.headers.get(HANDOVER_HEADER));
    if (handover === null || !this.#isForUs(handover)) return refused(503);
    // Worker and object may differ by one version, and the other one has a dialect more.
    const { dialect, edge: transport, identity } = handover;
    if (!this.#server.speaks({ dialect, transport })) return refused(503);
    const options: ConnectionOptions = {
      id: this.#runtime.newId(this.#runtime.clock()),
      batch: handover.batch,
      signals: handover.signals === true,
      ...(transport === undefined ? {} : { transport }),
      ...(dialect === undefined ? {} : { dialect }),
      resume: {
        epoch: handover.epoch,
        seq: handover.seq === null ? NO_SEQ : handover.seq,
        base: handover.base,
      },
    };
    // The rate comes first: what follows costs work for each client.
    if (!this.#server.accepts() || !(await this.#ports.attach())) return refused(503);
    const start = await this.#prepared(identity, options);
    if (start === null) return refused(503);
    return this.#entrance.enter(() => {
      const status = request.signal.aborted
        ? CLIENT_CLOSED_REQUEST
        : this.#admit(identity, handover, start);
      if (status !== null) {
        this.#server.notAccepted();
        return refused(status);
      }
      this.#ports.onServed();
      const { socket, response } = this.#runtime.accept();
      try {
        this.#server.open(socket, identity, options, start.snapshot);
      } catch (error) {
        // Nobody is at its other end, and nobody would ever close it.
        log("error", "hub.not_opened", { hub: this.#ports.hub, error });
        this.#server.notAccepted();
        this.#server.end(socket, "restart");
        return refused(503);
      } finally {
        this.#parts.arm();
      }
      return response;
    });
  }

  /** Answers a newer token of a client, once that was checked. */
  renew(socket: RuntimeSocket, hub: string, admitted: Result<Admitted, TokenRefusal>): void {
    // During the check the socket may have closed.
    if (socket.readyState !== WebSocket.OPEN) return;
    const server = this.#server;
    if (!admitted.ok) server.tokenRefused(socket, admitted.error);
    else if (admitted.value.hub !== hub) server.tokenRefused(socket, "forbidden");
    else if (server.isRevoked(admitted.value.identity)) server.end(socket, "unauthorized");
    else server.renew(socket, admitted.value.identity);
  }

  /** @returns an HTTP status to refuse with, or null */
  #admit(identity: SessionIdentity, { ticket }: Handover, start: Start): 401 | 503 | null {
    if (!start.holds() || !this.#server.hasPlace(identity.sub)) return 503;
    if (this.#server.isRevoked(identity)) return 401;
    if (ticket === undefined) return null;
    const now = this.#runtime.clock();
    this.#parts.writeCounts();
    // Read and write without an `await` in between, so that a ticket works only once (HUB-7).
    const fresh =
      ticket.expiresAt > now &&
      this.#parts.store.remember(`ticket:${ticket.id}`, ticket.expiresAt, now);
    return fresh ? null : 401;
  }

  async #prepared(identity: SessionIdentity, options: ConnectionOptions): Promise<Start | null> {
    try {
      return await this.#ports.prepare(identity, options);
    } catch (error) {
      log("warn", "hub.not_prepared", { hub: this.#ports.hub, error });
      return null;
    }
  }

  #isForUs({ hub, relay }: Handover): boolean {
    return hub === this.#ports.hub && (relay ?? null) === this.#ports.relay;
  }
}

function refused(status: 401 | 499 | 503): Response {
  return new Response(null, { status });
}
