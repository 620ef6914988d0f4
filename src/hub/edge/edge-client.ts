import type { Timer } from "../../platform/clock.ts";
import type { Result } from "../../platform/result.ts";
import type { CloseName } from "../../protocol/close-codes.ts";
import {
  CLIENT_LOST,
  close,
  type EdgeSocket,
  HUB_LOST,
  LOST,
  passedOn,
  send,
  type SocketEnd,
} from "./edge-socket.ts";

/** What becomes of the place of a client among those who wait. */
export type ClientPlace = {
  /** It is free: the client has entered its hub, or its end is closed. Called once. */
  readonly leave: () => void;
  /** The client was closed before it had entered, and has not answered yet. Called before `leave`, at most once. */
  readonly closing: () => void;
};

/** What a protocol hears of its client and its hub. */
export type EdgeClientPorts = ClientPlace & {
  readonly client: EdgeSocket;
  readonly timer: Timer;
  /** Milliseconds until {@link EdgeClientPorts.onLate}, unless the client has entered. */
  readonly deadlineMs: number;
  readonly onLate: () => void;
  /** The client has sent a frame. */
  readonly onFrame: (data: string | ArrayBuffer) => void;
  /** The hub has sent a frame. */
  readonly onHubFrame: (frame: string) => void;
  /** The hub has closed, or was lost. The client is closed in the same way after this. */
  readonly onHubEnd?: (end: SocketEnd) => void;
  /** How the hub is told of a close of the client. Absent: as it was. */
  readonly toldOf?: (end: SocketEnd) => SocketEnd;
  /** Both ends are closed, or will be as soon as they answer. */
  readonly onOver?: () => void;
};

/**
 * A client that has not said who it is, and later its connection with the hub. What one end closes, the other end
 * closes as well (HUB-24).
 */
export class EdgeClient {
  readonly #ports: EdgeClientPorts;
  #state: "waiting" | "entering" | "open" | "over" = "waiting";
  #hub: EdgeSocket | null = null;
  /** Whether it has its place among those who wait. */
  #hasPlace = true;
  readonly #cancelDeadline: () => void;

  /** Accepts the client's socket. */
  constructor(ports: EdgeClientPorts) {
    this.#ports = ports;
    const { client, timer, deadlineMs, onLate, onFrame } = ports;
    this.#cancelDeadline = timer(deadlineMs, onLate);
    // Otherwise the runtime gives a Blob: its length has another name, and no hub could be sent it.
    client.binaryType = "arraybuffer";
    client.addEventListener("message", ({ data }) => {
      if (this.#state !== "over") onFrame(data as string | ArrayBuffer);
    });
    client.addEventListener("close", (end) => this.#clientEnded(end));
    client.addEventListener("error", () => this.#clientEnded({ code: LOST, reason: "" }));
    client.accept();
  }

  /** `open`: it is connected with its hub. */
  get state(): "waiting" | "entering" | "open" | "over" {
    return this.#state;
  }

  /**
   * Connects the client with its hub.
   * @param entering the hub's socket, or why there is none. Never rejects
   * @returns null: it is connected, or has left meanwhile
   */
  async enter(entering: Promise<Result<EdgeSocket, CloseName>>): Promise<CloseName | null> {
    this.#state = "entering";
    const entered = await entering;
    if (!entered.ok) return this.#state === "entering" ? entered.error : null;
    const hub = entered.value;
    if (this.#state !== "entering") {
      hub.accept();
      close(hub, CLIENT_LOST);
      return null;
    }
    this.#leave();
    this.#state = "open";
    this.#hub = hub;
    hub.addEventListener("message", ({ data }) => {
      if (this.#state === "open") this.#ports.onHubFrame(String(data));
    });
    hub.addEventListener("close", (end) => this.#hubEnded(end));
    hub.addEventListener("error", () => this.#hubEnded({ code: LOST, reason: "" }));
    hub.accept();
    return null;
  }

  /** Sends the client a frame. */
  send(data: string): void {
    send(this.#ports.client, data);
  }

  /** Sends the hub a frame. */
  toHub(data: string | ArrayBuffer): void {
    if (this.#hub !== null) send(this.#hub, data);
  }

  /** Closes both ends. Does nothing when they are closed. */
  end(end: SocketEnd): void {
    if (this.#state === "over") return;
    this.#over();
    if (this.#hasPlace) this.#ports.closing();
    close(this.#ports.client, end);
    if (this.#hub !== null) close(this.#hub, end);
  }

  #clientEnded(end: SocketEnd): void {
    if (this.#state !== "over") {
      this.#over();
      const told = this.#ports.toldOf?.(end) ?? end;
      if (this.#hub !== null) close(this.#hub, passedOn(told, CLIENT_LOST));
    }
    this.#leave();
    // Its close is answered.
    close(this.#ports.client, passedOn(end, CLIENT_LOST));
  }

  #hubEnded(end: SocketEnd): void {
    const passed = passedOn(end, HUB_LOST);
    if (this.#state !== "over") {
      this.#ports.onHubEnd?.(passed);
      this.#over();
      close(this.#ports.client, passed);
    }
    if (this.#hub !== null) close(this.#hub, passed);
  }

  #over(): void {
    this.#state = "over";
    this.#cancelDeadline();
    this.#ports.onOver?.();
  }

  #leave(): void {
    if (!this.#hasPlace) return;
    this.#hasPlace = false;
    this.#cancelDeadline();
    this.#ports.leave();
  }
}
