import { systemTimer, type Timer } from "../../platform/clock.ts";
import type { Result } from "../../platform/result.ts";
import type { CloseName } from "../../protocol/close-codes.ts";
import {
  AUTHENTICATION_DEADLINE_MS,
  BAD_FRAMES_MAX,
  FIRST_FRAME_MS,
  UNAUTHENTICATED_FRAMES_MAX,
} from "../../protocol/limits.ts";
import type { Dialect, Intent } from "../core/dialect.ts";
import { readCarried, taken } from "../core/carried.ts";
import type { StreamLimits } from "../core/stream-limits.ts";
import type { EdgeSocket, SocketEnd } from "./edge-socket.ts";
import { close, isLonger, Pipe, pongFor, send } from "./pipe.ts";
import { SentWindow } from "./sent-window.ts";

/** Longer frames of clients are no acknowledgements. */
const ACKNOWLEDGEMENT_MAX_BYTES = 256;

/** A dialect that a client without a ticket may speak, and the hubs that it leads to. */
export type Language = {
  readonly dialect: Dialect;
  readonly limits: StreamLimits;
  /** Opens a socket to the client's hub. Never rejects. */
  readonly enter: (intent: Authenticate) => Promise<Result<EdgeSocket, CloseName>>;
};

type Authenticate = Extract<Intent, { readonly kind: "authenticate" }>;

/** What {@link serveBeforeAuth} needs beside the languages. */
export type PreAuthPorts = {
  /** Frees the client's place among those who wait. */
  readonly leave: () => void;
  readonly timer?: Timer;
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
  new PreAuth(client, languages, ports).listen();
}

class PreAuth {
  readonly #client: EdgeSocket;
  readonly #languages: readonly [Language, ...Language[]];
  readonly #leave: () => void;
  readonly #timer: Timer;
  /** The language that speaks first, or that was understood; until then the first one answers. */
  #language: Language;
  #state: "waiting" | "entering" | "open" | "over" = "waiting";
  /** It has sent something, so it does not wait for a greeting. */
  #hasSpoken = false;
  #frames = 0;
  #bad = 0;
  /** Frames from while the token is checked. */
  #held: (string | ArrayBuffer)[] = [];
  #pipe: Pipe | null = null;
  #window: SentWindow | null = null;
  #cancelTimers: () => void = () => {};

  constructor(
    client: EdgeSocket,
    languages: readonly [Language, ...Language[]],
    { leave, timer = systemTimer }: PreAuthPorts,
  ) {
    this.#client = client;
    this.#languages = languages;
    this.#language = languages[0];
    this.#leave = leave;
    this.#timer = timer;
  }

  listen(): void {
    this.#client.addEventListener("message", ({ data }) =>
      this.#take(data as string | ArrayBuffer),
    );
    this.#client.addEventListener("close", (end) => this.#clientEnded(end));
    this.#client.addEventListener("error", () => this.#clientEnded({ code: 1006, reason: "" }));
    const deadline = this.#timer(AUTHENTICATION_DEADLINE_MS, () =>
      this.#refuse("authenticationTimeout"),
    );
    const isAlone = this.#languages.length === 1;
    const greeting = isAlone ? () => {} : this.#timer(FIRST_FRAME_MS, () => this.#greet());
    this.#cancelTimers = () => {
      deadline();
      greeting();
    };
    this.#client.accept();
    if (isAlone) this.#greet();
  }

  /** Until the language is known, a frame may be as long as any of them allows. */
  get #frameBytes(): number {
    if (this.#state === "open") return this.#language.limits.frameBytes;
    return Math.max(...this.#languages.map(({ limits }) => limits.frameBytes));
  }

  #greet(): void {
    if (this.#state !== "waiting" || this.#hasSpoken) return;
    const speaker = this.#languages.find(({ dialect }) => dialect.hello !== undefined);
    const hello = speaker?.dialect.hello?.();
    if (speaker === undefined || hello === undefined) return;
    this.#language = speaker;
    send(this.#client, hello);
  }

  #take(data: string | ArrayBuffer): void {
    const pong = pongFor(data);
    if (this.#state === "over") return;
    this.#hasSpoken = true;
    if (pong !== null) {
      send(this.#client, pong);
      return;
    }
    if (isLonger(data, this.#frameBytes)) {
      this.#refuse("frameTooBig");
      return;
    }
    if (this.#state === "open") {
      this.#passOn(data);
      return;
    }
    this.#frames += 1;
    if (this.#frames > UNAUTHENTICATED_FRAMES_MAX) this.#refuse("tooManyFrames");
    else if (this.#state === "entering") this.#held.push(data);
    else this.#read(data);
  }

  #read(data: string | ArrayBuffer): void {
    const { language, read } = understood(this.#languages, this.#language, data);
    this.#language = language;
    if (!read.ok && read.error === "invalid_token") {
      this.#refuse("unauthorized");
      return;
    }
    if (!read.ok || read.value.kind !== "authenticate") {
      this.#bad += 1;
      const why = read.ok ? "not_authenticated" : read.error;
      send(this.#client, language.dialect.refused(why));
      if (this.#bad >= BAD_FRAMES_MAX) this.#refuse("protocolError");
      return;
    }
    this.#state = "entering";
    void this.#enter(language, read.value);
  }

  async #enter(language: Language, intent: Authenticate): Promise<void> {
    const entered = await language.enter(intent);
    if (this.#state === "over") {
      // The client has left, or its time was up.
      if (entered.ok) {
        entered.value.accept();
        entered.value.close(1001, "the client has left");
      }
      return;
    }
    if (!entered.ok) {
      this.#refuse(entered.error);
      return;
    }
    this.#cancelTimers();
    this.#leave();
    this.#state = "open";
    this.#window = new SentWindow(language.limits);
    this.#pipe = new Pipe(this.#client, entered.value, (frame) => this.#carry(frame));
    for (const data of this.#held.splice(0)) this.#passOn(data);
  }

  /** Passes a frame of the hub on to the client. */
  #carry(carried: string): void {
    const window = this.#window;
    const { number, frame } = readCarried(carried);
    // The hub ends its own side as well: it hears of the close.
    if (window?.add(frame.length, number) === false) {
      this.#refuse("overloaded");
      return;
    }
    send(this.#client, frame);
    const assumed = window?.assume() ?? null;
    if (assumed !== null) this.#pipe?.toHub(taken(assumed));
  }

  /** Passes a frame of the client on to the hub. */
  #passOn(data: string | ArrayBuffer): void {
    const number = acknowledgedBy(data, this.#language.dialect);
    if (number === null) this.#window?.signOfLife();
    else this.#window?.acknowledge(number);
    this.#pipe?.toHub(data);
  }

  #clientEnded(end: SocketEnd): void {
    if (this.#state === "over") return;
    this.#over();
    if (this.#pipe === null) close(this.#client, { code: 1000, reason: "" });
    else this.#pipe.clientEnded(end);
  }

  #refuse(why: CloseName): void {
    if (this.#state === "over") return;
    const { frame, code, reason } = this.#language.dialect.farewell(why);
    if (frame !== undefined) send(this.#client, frame);
    this.#over();
    if (this.#pipe === null) close(this.#client, { code, reason });
    else this.#pipe.end({ code, reason });
  }

  #over(): void {
    this.#state = "over";
    this.#held = [];
    this.#cancelTimers();
    this.#leave();
  }
}

/** The number that a frame acknowledges, or null. */
function acknowledgedBy(data: string | ArrayBuffer, dialect: Dialect): number | null {
  // Longer frames are calls and answers. They are not parsed twice.
  if (isLonger(data, ACKNOWLEDGEMENT_MAX_BYTES)) return null;
  const read = dialect.read(data);
  return read.ok && read.value.kind === "acknowledge" ? read.value.number : null;
}

/**
 * The language in which a frame says who the client is, or the one that gets furthest with it. Languages that get
 * equally far: the one that the client was greeted in.
 */
function understood(
  languages: readonly Language[],
  greeted: Language,
  data: string | ArrayBuffer,
): { readonly language: Language; readonly read: ReturnType<Dialect["read"]> } {
  let best = { language: greeted, read: greeted.dialect.read(data) };
  for (const language of languages) {
    const read = language.dialect.read(data);
    if (rank(read) > rank(best.read)) best = { language, read };
  }
  return best;
}

function rank(read: ReturnType<Dialect["read"]>): number {
  if (read.ok) return read.value.kind === "authenticate" ? 3 : 1;
  return read.error === "invalid_token" ? 2 : 0;
}
