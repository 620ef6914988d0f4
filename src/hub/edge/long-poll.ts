import type { SnapshotReason } from "../../protocol/frames.ts";
import { LONG_POLL_BYTES_MAX, LONG_POLL_EVENTS_MAX } from "../../protocol/limits.ts";
import { within } from "../../platform/clock.ts";
import type { HubFeed } from "./hub-feed.ts";

/** The outcome of one long poll. */
export type PollOutcome =
  /** `body` is the JSON text of the answer. */
  | { readonly kind: "answer"; readonly body: string }
  /**
   * The hub closed the socket, or was lost (1006), before it had sent anything to answer with. `body`: an answer
   * without events, for a client that has a status already; null: the position is not known.
   */
  | { readonly kind: "closed"; readonly code: number; readonly body: string | null };

/** The members of the hub's frames that an answer needs. They are not validated: the hub is our own. */
type Frame = {
  readonly type: string;
  readonly epoch: string;
  readonly seq: number;
  readonly to: number;
  readonly reason: SnapshotReason;
  readonly oldest?: number;
  readonly retryWindowMs?: number;
  readonly events: readonly Event[];
};
type Event = { readonly seq: number };
type Answer = Extract<PollOutcome, { readonly kind: "answer" }>;

/**
 * Reads one answer from a feed: everything that was missed, or the first events within `waitMs`, or a snapshot if
 * the position cannot be resumed. Leaves the feed.
 */
export async function pollOnce(feed: HubFeed, waitMs: number): Promise<PollOutcome> {
  const poll = new Poll();
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    for (;;) {
      const portion = await feed.take();
      if (portion.kind === "ended") {
        const answer = poll.answer();
        if (poll.hasEvents) return answer;
        return { kind: "closed", code: portion.code, body: poll.isLive ? answer.body : null };
      }
      // The time is up, or the client has left and gets no answer.
      if (portion.kind !== "frames") return poll.answer();
      for (const { text } of portion.frames) {
        const outcome = poll.take(text);
        if (outcome !== null) return outcome;
      }
      // Only after the whole portion, so that events that arrived together are one answer.
      if (poll.isLive && (poll.hasEvents || waitMs === 0)) return poll.answer();
      if (poll.isLive) timer ??= setTimeout(() => feed.leave("normal"), waitMs);
    }
  } finally {
    clearTimeout(timer);
    feed.leave("normal");
  }
}

/**
 * The body of an answer that is not there yet: a space at once and after each `everyMs`, then the answer. JSON may
 * begin with spaces. A write is the only way to notice that a client has closed its connection, because until then
 * it looks like one that only sends nothing more.
 *
 * If the hub closes the stream meanwhile, the client gets an answer without events, and its next request gets the
 * reason as a status. Without a position to answer with, the connection breaks.
 */
export function waitingBody(
  polling: Promise<PollOutcome>,
  everyMs: number,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const space = encoder.encode(" ");
  return new ReadableStream(
    {
      start: (controller) => controller.enqueue(space),
      pull: async (controller) => {
        const outcome = await within(everyMs, polling, () => null);
        if (outcome === null) {
          controller.enqueue(space);
          return;
        }
        const { body } = outcome;
        if (body === null) throw new Error("the hub has closed the stream, and told no position");
        controller.enqueue(encoder.encode(body));
        controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

class Poll {
  /** Everything missed has arrived. Further events are live. */
  isLive = false;
  #epoch = "";
  #retryWindowMs = 0;
  /** The client has everything that it may see up to this seq. */
  #seq = 0;
  /** The hub's newest seq when the stream was opened. */
  #head = 0;
  #events: string[] = [];
  #length = 0;

  get hasEvents(): boolean {
    return this.#events.length > 0;
  }

  /** @returns the outcome if the poll ends with this frame, otherwise null */
  take(text: string): PollOutcome | null {
    const frame = JSON.parse(text) as Frame;
    switch (frame.type) {
      case "ack":
        this.#epoch = frame.epoch;
        this.#head = frame.seq;
        this.#retryWindowMs = frame.retryWindowMs ?? 0;
        return null;
      case "snapshot":
        return this.#reset(frame);
      case "resumed":
        this.isLive = true;
        // Everything up to the head was sent, or is not for this client.
        this.#seq = Math.max(this.#seq, frame.to, this.#head);
        return null;
      case "event":
        return this.#add([frame]);
      case "batch":
        return this.#add(frame.events);
      default:
        return null;
    }
  }

  answer(more = !this.isLive): Answer {
    return this.#write(`"events":[${this.#events.join(",")}],"more":${more}`);
  }

  #add(events: readonly Event[]): PollOutcome | null {
    for (const event of events) {
      const text = JSON.stringify({ ...event, v: undefined, type: undefined });
      const fits =
        this.#events.length < LONG_POLL_EVENTS_MAX &&
        this.#length + text.length <= LONG_POLL_BYTES_MAX;
      // A first event is always added, also above the limit: the client could never get past it otherwise.
      if (!fits && this.hasEvents) return this.answer(true);
      this.#events.push(text);
      this.#length += text.length;
      this.#seq = event.seq;
    }
    return null;
  }

  #reset(frame: Frame): Answer {
    const { type: _, epoch, seq, reason, oldest, ...state } = frame;
    this.#epoch = epoch;
    this.#seq = seq;
    const reset = JSON.stringify({ reason, oldest, snapshot: { ...state, v: undefined } });
    return this.#write(`"reset":${reset},"events":[],"more":false`);
  }

  #write(members: string): Answer {
    const epoch = JSON.stringify(this.#epoch);
    const body = `{"v":1,"epoch":${epoch},"seq":${this.#seq},${members},"retryWindowMs":${this.#retryWindowMs}}`;
    return { kind: "answer", body };
  }
}
