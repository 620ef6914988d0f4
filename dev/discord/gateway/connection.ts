import { GatewayCloseCodes, GatewayOpcodes, GatewayVersion } from "discord-api-types/v10";
import type { RawData, WebSocket } from "ws";
import type { Clock } from "../../../src/platform/clock.ts";
import { parseJson } from "../../../src/protocol/outbound.ts";
import { isFields } from "../rest/form.ts";
import { createTransport, type Transport } from "./transport.ts";

/** Maximum size of one payload from a client, bytes. */
const CLIENT_PAYLOAD_MAX_BYTES = 4_096;

/** Maximum of payloads on one connection in {@link CLIENT_PAYLOAD_WINDOW_MS}, with heartbeats. */
const CLIENT_PAYLOADS_PER_WINDOW = 120;
const CLIENT_PAYLOAD_WINDOW_MS = 60_000;

/** After this many intervals without a heartbeat the connection is closed. */
const MISSED_INTERVALS = 2;

// Typed as numbers, because a client may send any number.
const HEARTBEAT: number = GatewayOpcodes.Heartbeat;
const IDENTIFY: number = GatewayOpcodes.Identify;
const RESUME: number = GatewayOpcodes.Resume;
const REQUEST_MEMBERS: number = GatewayOpcodes.RequestGuildMembers;

/** The close code of a connection that ended without a close frame (RFC 6455 §7.4.1). */
const CUT_CODE = 1006;

/** Opcodes that a client with a session may send, and that change nothing here. */
const ACCEPTED_OPCODES: ReadonlySet<number> = new Set([
  GatewayOpcodes.PresenceUpdate,
  GatewayOpcodes.VoiceStateUpdate,
  GatewayOpcodes.RequestSoundboardSounds,
  GatewayOpcodes.RequestChannelInfo,
]);

/** The part of the gateway that a connection uses. */
export interface ConnectionOwner {
  readonly clock: Clock;
  readonly heartbeatIntervalMs: number;
  identify(connection: Connection, data: Readonly<Record<string, unknown>>): void;
  resume(connection: Connection, data: Readonly<Record<string, unknown>>): void;
  requestMembers(connection: Connection, data: Readonly<Record<string, unknown>>): void;
  /** `code` is 1006 when the connection was cut. */
  closed(connection: Connection, by: "client" | "gateway", code: number): void;
}

/** One WebSocket: heartbeats, limits and the order of the handshake. The gateway keeps the sessions. */
export class Connection {
  readonly transport: Transport;
  /** The host name that the client connected to. */
  readonly host: string;
  /** Whether a session is attached. IDENTIFY and RESUME are not allowed then. */
  authenticated = false;
  readonly #owner: ConnectionOwner;
  #lastHeartbeatAt: number;
  #payloads = { count: 0, resetsAt: 0 };
  /** The code that this side closed with; null: not closed by this side. */
  #closedWith: number | null = null;
  #watchdog: NodeJS.Timeout | undefined;

  constructor(socket: WebSocket, url: URL, owner: ConnectionOwner) {
    this.#owner = owner;
    this.host = url.host;
    this.#lastHeartbeatAt = owner.clock();
    this.transport = createTransport(socket, url.searchParams.get("compress") === "zlib-stream");
    // A close event follows every error.
    socket.on("error", () => undefined);
    socket.on("close", (code) => {
      clearInterval(this.#watchdog);
      if (this.#closedWith === null) owner.closed(this, "client", code);
      else owner.closed(this, "gateway", this.#closedWith);
    });
    if (url.searchParams.get("v") !== GatewayVersion) {
      this.close(GatewayCloseCodes.InvalidAPIVersion, "Invalid API version");
    } else if ((url.searchParams.get("encoding") ?? "json") !== "json") {
      this.close(GatewayCloseCodes.DecodeError, "Only the json encoding is modelled");
    } else {
      socket.on("message", (data: RawData) => this.#receive(data));
      this.#greet();
    }
  }

  /** Closes with one of Discord's codes. */
  close(code: number, reason: string): void {
    this.#closedWith = code;
    clearInterval(this.#watchdog);
    this.transport.close(code, reason);
  }

  /** Cuts the connection without a close frame. */
  cut(): void {
    this.#closedWith = CUT_CODE;
    this.transport.terminate();
  }

  /** Sends a payload that is not a dispatch. */
  send(op: GatewayOpcodes, d: unknown = null): void {
    this.transport.send({ op, t: null, s: null, d });
  }

  #greet(): void {
    const interval = this.#owner.heartbeatIntervalMs;
    this.send(GatewayOpcodes.Hello, { heartbeat_interval: interval, _trace: ["local-discord"] });
    this.#watchdog = setInterval(() => {
      if (this.#owner.clock() - this.#lastHeartbeatAt <= interval * MISSED_INTERVALS) return;
      this.close(GatewayCloseCodes.SessionTimedOut, "Session timed out.");
    }, interval / 2);
  }

  #receive(data: RawData): void {
    if (this.#closedWith !== null) return;
    const bytes = Buffer.isBuffer(data) ? data : Buffer.concat([data].flat().map(asBuffer));
    if (this.#isFlooding()) {
      return this.close(GatewayCloseCodes.RateLimited, "You are being rate limited.");
    }
    const payload = bytes.length > CLIENT_PAYLOAD_MAX_BYTES ? null : parse(bytes.toString());
    if (payload === null) {
      return this.close(GatewayCloseCodes.DecodeError, "Error while decoding payload.");
    }
    return this.#handle(payload.op, payload.d);
  }

  #handle(op: number, data: unknown): void {
    if (op === HEARTBEAT) {
      this.#lastHeartbeatAt = this.#owner.clock();
      return this.send(GatewayOpcodes.HeartbeatAck);
    }
    const opens = op === IDENTIFY || op === RESUME;
    if (!opens && op !== REQUEST_MEMBERS && !ACCEPTED_OPCODES.has(op)) {
      return this.close(GatewayCloseCodes.UnknownOpcode, "Unknown opcode.");
    }
    if (!opens) {
      if (this.authenticated) {
        if (op === REQUEST_MEMBERS && isFields(data)) this.#owner.requestMembers(this, data);
        return undefined;
      }
      return this.close(GatewayCloseCodes.NotAuthenticated, "Not authenticated.");
    }
    if (this.authenticated) {
      return this.close(GatewayCloseCodes.AlreadyAuthenticated, "Already authenticated.");
    }
    if (!isFields(data)) {
      return this.close(GatewayCloseCodes.DecodeError, "Error while decoding payload.");
    }
    return op === IDENTIFY ? this.#owner.identify(this, data) : this.#owner.resume(this, data);
  }

  #isFlooding(): boolean {
    const now = this.#owner.clock();
    if (now >= this.#payloads.resetsAt) {
      this.#payloads = { count: 0, resetsAt: now + CLIENT_PAYLOAD_WINDOW_MS };
    }
    this.#payloads.count += 1;
    return this.#payloads.count > CLIENT_PAYLOADS_PER_WINDOW;
  }
}

function asBuffer(data: Buffer | ArrayBuffer): Buffer {
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}

function parse(text: string): { readonly op: number; readonly d: unknown } | null {
  const value = parseJson(text);
  return isFields(value) && typeof value["op"] === "number"
    ? { op: value["op"], d: value["d"] }
    : null;
}
