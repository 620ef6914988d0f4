import { type Clock, systemClock, systemTimer, type Timer } from "../../platform/clock.ts";
import type { Result } from "../../platform/result.ts";
import { isLongerThan } from "../../protocol/bytes.ts";
import type { CloseName } from "../../protocol/close-codes.ts";
import { AUTHENTICATION_DEADLINE_MS, FIRST_FRAME_MS } from "../../protocol/limits.ts";
import type { Dialect, Intent } from "../core/dialect.ts";
import { readBounded } from "../core/read-bounded.ts";
import { countFrame, type FrameWindow } from "../core/frame-rate.ts";
import { readCarried, readTaken, taken } from "../core/carried.ts";
import type { StreamKind } from "../core/stream-kind.ts";
import type { StreamLimits } from "../core/stream-limits.ts";
import type { Absorber } from "../kind.ts";
import { EdgeClient, type ClientPlace } from "./edge-client.ts";
import type { EdgeSocket } from "./edge-socket.ts";
import { NOTHING, SentWindow, TOLD_PART, type Total } from "./sent-window.ts";

/** What a pong costs that the client does not read: the runtime needs that much for each frame (`credit.md`). */
const PONG_COST = 1_100;

/** What is kept of a client while its token is checked, in its longest frames. */
const HELD_FRAMES = 2;

/** Longer frames of clients are calls and answers. They are passed on without a look. */
const LOOKED_AT_MAX_BYTES = 512;

/** A dialect that a client without a ticket may speak, and the hubs that it leads to. */
export type Language = {
  readonly dialect: Dialect;
  readonly limits: StreamLimits;
  readonly ping: StreamKind["ping"];
  /** Decides what of the client's messages says nothing new to its hub. Absent: everything does. */
  readonly absorb?: Absorber;
  /** Opens a socket to the client's hub. Never rejects. */
  readonly enter: (intent: Authenticate) => Promise<Result<EdgeSocket, CloseName>>;
};

type Authenticate = Extract<Intent, { readonly kind: "authenticate" }>;

/** What {@link serveBeforeAuth} needs beside the languages. */
export type PreAuthPorts = ClientPlace & {
  /** Keeps work alive that the client's leaving would cancel. */
  readonly keepAlive: (work: Promise<unknown>) => void;
  readonly timer?: Timer;
  readonly clock?: Clock;
};

/**
 * Serves a client that says by its first frame who it is (HUB-7). It waits in the Worker, where no hub knows of
 * it, and is then connected with its hub: frames, acknowledgements and closes go through.
 *
 * With several languages the first frame decides. A client that says nothing for a moment may expect the server
 * to speak first, so it is greeted by the language that does so.
 */
export function serveBeforeAuth(
  client: EdgeSocket,
  languages: readonly [Language, ...Language[]],
  ports: PreAuthPorts,
): void {
  void new PreAuth(client, languages, ports);
}

class PreAuth {
  readonly #languages: readonly [Language, ...Language[]];
  readonly #client: EdgeClient;
  readonly #keepAlive: PreAuthPorts["keepAlive"];
  readonly #clock: Clock;
  /** The language that speaks first, or that was understood; until then the first one answers. */
  #language: Language;
  /** It has sent something, so it does not wait for a greeting. */
  #hasSpoken = false;
  #frames = 0;
  #bad = 0;
  /** Frames that do not go to the hub, which would count them. */
  #counted: FrameWindow | undefined;
  /** Frames from while the token is checked. */
  #held: (string | ArrayBuffer)[] = [];
  #heldLength = 0;
  #window: SentWindow | null = null;
  /** What had been sent when the hub last heard of a ping. */
  #toldOfPing: Total = NOTHING;
  /** What its pongs cost, if it reads none of them. */
  #pongs = 0;

  constructor(
    socket: EdgeSocket,
    languages: readonly [Language, ...Language[]],
    { leave, closing, keepAlive, timer = systemTimer, clock = systemClock }: PreAuthPorts,
  ) {
    this.#languages = languages;
    this.#keepAlive = keepAlive;
    this.#clock = clock;
    this.#language = languages[0];
    const isAlone = languages.length === 1;
    const cancelGreeting = isAlone ? () => {} : timer(FIRST_FRAME_MS, () => this.#greet());
    this.#client = new EdgeClient({
      client: socket,
      timer,
      deadlineMs: AUTHENTICATION_DEADLINE_MS,
      onLate: () => this.#refuse("authenticationTimeout"),
      onFrame: (data) => this.#take(data),
      onHubFrame: (frame) => this.#carry(frame),
      leave: () => {
        cancelGreeting();
        leave();
      },
      closing,
      onOver: cancelGreeting,
    });
    if (isAlone) this.#greet();
  }

  /** Until the language is known, a client may do what any of them allows. */
  #limit(of: "frameBytes" | "framesBeforeAuth"): number {
    if (this.#client.state === "open") return this.#language.limits[of];
    return Math.max(...this.#languages.map(({ limits }) => limits[of]));
  }

  #greet(): void {
    if (this.#hasSpoken) return;
    const speaker = this.#languages.find(({ dialect }) => dialect.hello !== undefined);
    const hello = speaker?.dialect.hello?.();
    if (speaker === undefined || hello === undefined) return;
    this.#language = speaker;
    this.#client.send(hello);
  }

  #take(data: string | ArrayBuffer): void {
    this.#hasSpoken = true;
    // The Worker answers pings. In most dialects the hub does not hear of them: one does not show that the client has
    // taken what was sent before, and would look to the hub as if it did (HUB-10).
    if (data === this.#language.ping.request) {
      this.#pong();
      return;
    }
    if (isLongerThan(data, this.#limit("frameBytes"))) {
      this.#refuse("frameTooBig");
      return;
    }
    const { state } = this.#client;
    if (state === "open") {
      this.#passOn(data);
      return;
    }
    this.#frames += 1;
    if (this.#frames > this.#limit("framesBeforeAuth")) this.#refuse("tooManyFrames");
    else if (state === "entering") this.#hold(data);
    else this.#read(data);
  }

  #hold(data: string | ArrayBuffer): void {
    this.#heldLength += typeof data === "string" ? data.length : data.byteLength;
    if (this.#heldLength > HELD_FRAMES * this.#language.limits.frameBytes) {
      this.#refuse("tooManyFrames");
    } else this.#held.push(data);
  }

  /** Counts a frame that does not go to the hub. @returns false: it is one too many, and the client is closed */
  #count(): boolean {
    const { window, allowed } = countFrame(this.#counted, this.#clock(), 0, this.#language.limits);
    this.#counted = window;
    if (!allowed) this.#refuse("tooManyFrames");
    return allowed;
  }

  #pong(): void {
    if (!this.#count()) return;
    const { dialect, ping, limits } = this.#language;
    const window = this.#window;
    this.#pongs += PONG_COST;
    const isOver =
      dialect.takesTurns === true
        ? this.#pongs > limits.unacknowledgedBytes
        : window?.add(PONG_COST, null) === false;
    if (isOver) {
      this.#refuse("overloaded");
      return;
    }
    this.#client.send(ping.answer);
    if (dialect.takesTurns !== true || window === null) return;
    // The hub judges whether this client reads, and a ping is a sign. The runtime answers there, and wakes no hub.
    if (!window.isPart(TOLD_PART, this.#toldOfPing, window.sent)) return;
    this.#toldOfPing = window.sent;
    this.#client.toHub(ping.request);
  }

  #read(data: string | ArrayBuffer): void {
    const { language, read } = understood(this.#languages, this.#language, data);
    this.#language = language;
    const hasNoToken = read.ok
      ? read.value.kind === "authenticate" && read.value.token === ""
      : read.error === "invalid_token";
    if (hasNoToken) {
      this.#refuse("unauthorized");
      return;
    }
    if (!read.ok || read.value.kind !== "authenticate") {
      this.#bad += 1;
      const why = read.ok ? "not_authenticated" : read.error;
      this.#client.send(language.dialect.refused(why));
      if (this.#bad >= language.limits.badFrames) this.#refuse("protocolError");
      return;
    }
    this.#keepAlive(this.#enter(language, read.value));
  }

  async #enter(language: Language, intent: Authenticate): Promise<void> {
    const { dialect, limits } = language;
    // Where time stands for acknowledgements the hub counts what nothing shows.
    const unacknowledgedBytes =
      dialect.takesTurns === true ? Number.POSITIVE_INFINITY : limits.unacknowledgedBytes;
    this.#window = new SentWindow({ ...limits, unacknowledgedBytes });
    const refused = await this.#client.enter(language.enter(intent));
    if (refused !== null) this.#refuse(refused);
    for (const data of this.#held.splice(0)) this.#passOn(data);
  }

  /** Passes a frame of the hub on to the client. */
  #carry(carried: string): void {
    // The runtime's answer to a ping that we passed on.
    if (carried === this.#language.ping.answer) return;
    const { number, frame } = readCarried(carried);
    if (this.#window?.add(frame.length, number) === false) {
      this.#refuse("overloaded");
      return;
    }
    this.#client.send(frame);
    const assumed = this.#window?.assume() ?? null;
    if (assumed !== null) this.#client.toHub(taken(assumed));
  }

  /** Passes a frame of the client on to the hub. */
  #passOn(data: string | ArrayBuffer): void {
    const { dialect, absorb } = this.#language;
    const intent = isLongerThan(data, LOOKED_AT_MAX_BYTES) ? null : readBounded(dialect, data);
    if (intent?.ok === true) {
      const { value } = intent;
      if (value.kind === "acknowledge" && value.number !== null) {
        this.#window?.acknowledge(value.number);
      }
      const isAsking = value.kind !== "message" || value.ack !== undefined;
      if (!isAsking && absorb?.(value.name, value.data) === true) {
        this.#count();
        return;
      }
    }
    // What only the Worker may say reaches the hub as a frame that no dialect has.
    this.#client.toHub(readTaken(data) === null ? data : "");
  }

  #refuse(why: CloseName): void {
    if (this.#client.state === "over") return;
    const { frame, code, reason } = this.#language.dialect.farewell(why);
    if (frame !== undefined) this.#client.send(frame);
    this.#client.end({ code, reason });
  }
}

/**
 * Chooses the language that reads a frame as an authentication, else the one that understands most of it. On a tie the
 * language of the greeting wins.
 */
function understood(
  languages: readonly Language[],
  greeted: Language,
  data: string | ArrayBuffer,
): { readonly language: Language; readonly read: ReturnType<Dialect["read"]> } {
  let best = { language: greeted, read: readBounded(greeted.dialect, data) };
  for (const language of languages) {
    const read = readBounded(language.dialect, data);
    if (rank(read) > rank(best.read)) best = { language, read };
  }
  return best;
}

function rank(read: ReturnType<Dialect["read"]>): number {
  if (read.ok) return read.value.kind === "authenticate" ? 3 : 1;
  return read.error === "invalid_token" ? 2 : 0;
}
