import { GatewayIntentBits, GatewayOpcodes } from "discord-api-types/v10";
import { WebSocket, type RawData } from "ws";
import type { GatewayState } from "../../src/protocol/events/rooms.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Session, SettingsStore } from "../store/settings-store.ts";
import { connectionUrl, parseFrame } from "./frame.ts";
import { USER_AGENT } from "../../src/protocol/outbound.ts";
import { fetchGatewayBot } from "./gateway-bot.ts";
import { INFLATED_MAX_BYTES, Inflater } from "./inflater.ts";
import { HELLO_DEADLINE_MS } from "./machine-draft.ts";
import {
  initialState,
  type Effect,
  type Input,
  type MachineState,
  type TimerName,
} from "./machine-state.ts";
import { step } from "./machine.ts";

/** GUILDS and GUILD_VOICE_STATES; neither intent is privileged. */
const INTENTS = GatewayIntentBits.Guilds | GatewayIntentBits.GuildVoiceStates;

/** When the peer does not answer our close, the connection is cut after this time, milliseconds. */
const CLOSE_GRACE_MS = 1_000;

/** Dependencies of a {@link GatewayClient}. */
export type GatewayClientParts = {
  readonly apiUrl: string;
  readonly token: string;
  readonly compress: boolean;
  readonly settings: SettingsStore;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Stores a dispatch, synchronously. */
  readonly onDispatch: (session: Session, name: string, data: unknown) => void;
  readonly onState: (state: GatewayState) => void;
  /** Discord acknowledged a heartbeat. `sentAt` is when we sent it, milliseconds since 1970. */
  readonly onAnswered: (sentAt: number) => void;
  /** Whether Discord lists the primary guild but does not serve it. */
  readonly guildDue: () => boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
};

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}

/** Runs the state machine of `machine.ts` with a real socket, timers and a disk. */
export class GatewayClient {
  readonly #parts: GatewayClientParts;
  readonly #timers = new Map<TimerName, NodeJS.Timeout>();
  #state: MachineState;
  #socket: WebSocket | null = null;
  /** Settles when the last socket that we closed is gone. */
  #closed: Promise<void> = Promise.resolve();
  readonly #inputs: Input[] = [];
  #working = false;

  constructor(parts: GatewayClientParts) {
    this.#parts = parts;
    this.#state = initialState(parts.settings.session(), parts.settings.identifyRecord());
  }

  /** The phase of the connection, and in words what prevents a connection. */
  get status(): Pick<MachineState, "phase" | "obstacle" | "retryAt"> {
    return this.#state;
  }

  /** Connects and stays connected until {@link stop}. */
  start(): void {
    this.#input({ type: "start" });
  }

  /** Closes so that the next process can resume. Settles when the socket is closed. */
  async stop(): Promise<void> {
    this.#input({ type: "stop" });
    await this.#closed;
  }

  /** Inputs that an effect causes are handled after all effects of the current step. */
  #input(input: Input): void {
    this.#inputs.push(input);
    if (this.#working) return;
    this.#working = true;
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
        const { state, effects } = step(this.#state, next, {
          now: this.#parts.now(),
          random: this.#parts.random(),
        });
        this.#state = state;
        for (const effect of effects) this.#perform(effect);
      }
    } finally {
      this.#working = false;
    }
  }

  #perform(effect: Effect): void {
    const { settings, metrics, log } = this.#parts;
    switch (effect.type) {
      case "discover":
        void this.#discover();
        return;
      case "connect":
        this.#connect(effect.connection, effect.url);
        return;
      case "beat":
        this.#send(GatewayOpcodes.Heartbeat, effect.seq);
        return;
      case "identify":
        // Stored before it is sent: after a crash in between, the IDENTIFY must still count.
        settings.saveIdentifyRecord(effect.record);
        metrics.identifies.inc();
        log.log("info", "identifying at Discord", { streak: effect.record.streak });
        this.#send(GatewayOpcodes.Identify, {
          token: this.#parts.token,
          intents: INTENTS,
          properties: { os: process.platform, browser: "guildhub", device: "guildhub" },
        });
        return;
      case "resume":
        metrics.resumes.inc();
        log.log("info", "resuming the Discord session", { seq: effect.session.seq });
        this.#send(GatewayOpcodes.Resume, {
          token: this.#parts.token,
          session_id: effect.session.sessionId,
          seq: effect.session.seq,
        });
        return;
      case "close":
        this.#close(effect.code, effect.reason);
        return;
      case "set-timer":
        this.#setTimer(effect.name, effect.ms);
        return;
      case "clear-timer":
        clearTimeout(this.#timers.get(effect.name));
        this.#timers.delete(effect.name);
        return;
      case "dispatch":
        this.#parts.onDispatch(effect.session, effect.name, effect.data);
        this.#input({ type: "guild", due: this.#parts.guildDue() });
        return;
      case "repeated-dispatch":
        metrics.dispatches.inc({ outcome: "repeated" });
        return;
      case "drop-session":
        settings.dropSession();
        log.log("warn", "the Discord session is lost", { reason: effect.reason });
        return;
      case "identify-settled":
        settings.saveIdentifyRecord(effect.record);
        return;
      case "state":
        log.log("info", "the Discord connection changed", { state: effect.state });
        this.#parts.onState(effect.state);
        return;
      case "fatal":
        log.log("alert", "Discord is not tried again", { reason: effect.reason });
        return;
      case "answered":
        metrics.heartbeatLatency.observe(effect.ms / 1000);
        this.#parts.onAnswered(effect.sentAt);
        return;
      case "lost":
      case "held":
        log.log(
          "warn",
          effect.type === "lost"
            ? "the Discord connection is lost"
            : "a new Discord session has to wait",
          { reason: effect.reason, until: new Date(effect.until).toISOString() },
        );
        return;
    }
  }

  async #discover(): Promise<void> {
    this.#input(await fetchGatewayBot(this.#parts.apiUrl, this.#parts.token));
  }

  #connect(connection: number, base: string): void {
    const { compress, metrics } = this.#parts;
    const socket = new WebSocket(connectionUrl(base, compress), {
      headers: { "User-Agent": USER_AGENT },
      handshakeTimeout: HELLO_DEADLINE_MS,
      perMessageDeflate: false,
      maxPayload: INFLATED_MAX_BYTES,
    });
    this.#socket = socket;
    const receive = (text: string): void => {
      const frame = parseFrame(text);
      this.#input(
        frame === null
          ? { type: "unusable", connection, reason: "Discord sent a frame that is not JSON" }
          : { type: "frame", connection, frame },
      );
    };
    const inflater = compress
      ? new Inflater(receive, (reason) => this.#input({ type: "unusable", connection, reason }))
      : null;
    let failure = "";
    socket.on("message", (data, isBinary) => {
      if (isBinary && inflater !== null) inflater.push(bytesOf(data));
      else receive(bytesOf(data).toString("utf8"));
    });
    // `close` always follows and handles it.
    socket.on("error", (error) => {
      failure = error.message;
    });
    const closed = new Promise<void>((resolve) => {
      socket.on("close", (code, reason) => {
        resolve();
        metrics.closes.inc({ code });
        const reportClose = (): void => {
          inflater?.close();
          const detail = reason.toString("utf8");
          this.#input({
            type: "closed",
            connection,
            code,
            reason: detail === "" ? failure : detail,
          });
        };
        // Frames that arrived before the close are handled before it.
        if (inflater === null) reportClose();
        else void inflater.drained().then(reportClose);
      });
    });
    this.#closed = closed;
  }

  #send(op: GatewayOpcodes, d: unknown): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ op, d }));
  }

  #close(code: number, reason: string): void {
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null || socket.readyState === WebSocket.CLOSED) return;
    if (socket.readyState === WebSocket.CONNECTING) {
      socket.terminate();
      return;
    }
    socket.close(code, reason);
    // A half-open connection never answers the close.
    const cut = setTimeout(() => socket.terminate(), CLOSE_GRACE_MS);
    socket.on("close", () => clearTimeout(cut));
  }

  #setTimer(name: TimerName, ms: number): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.set(
      name,
      setTimeout(() => {
        this.#timers.delete(name);
        this.#input({ type: "timer", name });
      }, ms),
    );
  }
}
