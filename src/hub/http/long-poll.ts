import type { SnapshotReason } from "../../protocol/frames.ts";
import { LONG_POLL_BYTES_MAX, LONG_POLL_EVENTS_MAX } from "../../protocol/limits.ts";
import { type ReceivedMessage, SSE_CLOSE_EVENT, SseReader } from "./sse.ts";

/** The outcome of one long poll. */
export type PollOutcome =
  /** `body` is the JSON text of the answer. */
  | { readonly kind: "answer"; readonly body: string }
  /** The hub closed the stream before it had sent anything to answer with. */
  | { readonly kind: "closed"; readonly code: number }
  /** The stream broke off without a close message. */
  | { readonly kind: "lost" };

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

/**
 * Reads one answer from a hub's event stream: everything that was missed, or the first events within `waitMs`, or
 * a snapshot if the position cannot be resumed. Cancels the stream.
 */
export async function pollOnce(
  stream: ReadableStream<Uint8Array>,
  waitMs: number,
): Promise<PollOutcome> {
  const reader = stream.getReader();
  const parser = new SseReader();
  const poll = new Poll();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let timeIsUp = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return timeIsUp ? poll.answer() : poll.broken();
      for (const message of parser.push(value)) {
        const outcome = poll.take(message);
        if (outcome !== null) return outcome;
      }
      // Only after the whole chunk, so that events that arrived together are one answer.
      if (poll.isLive && (poll.hasEvents || waitMs === 0)) return poll.answer();
      if (poll.isLive && timer === undefined) {
        timer = setTimeout(() => {
          timeIsUp = true;
          void reader.cancel();
        }, waitMs);
      }
    }
  } catch {
    // In workerd our own cancel rejects a pending read. Elsewhere the read returns `done`.
    return timeIsUp ? poll.answer() : poll.broken();
  } finally {
    clearTimeout(timer);
    await reader.cancel().catch(() => undefined);
  }
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

  /** @returns the outcome if the poll ends with this message, otherwise null */
  take({ event, data }: ReceivedMessage): PollOutcome | null {
    const frame = JSON.parse(data) as Frame;
    if (event === SSE_CLOSE_EVENT) {
      const { code } = JSON.parse(data) as { code: number };
      return this.hasEvents ? this.answer() : { kind: "closed", code };
    }
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

  answer(more = !this.isLive): PollOutcome {
    return this.#write(`"events":[${this.#events.join(",")}],"more":${more}`);
  }

  broken(): PollOutcome {
    return this.hasEvents ? this.answer() : { kind: "lost" };
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

  #reset(frame: Frame): PollOutcome {
    const { type: _, epoch, seq, reason, oldest, ...state } = frame;
    this.#epoch = epoch;
    this.#seq = seq;
    const reset = JSON.stringify({ reason, oldest, snapshot: { ...state, v: undefined } });
    return this.#write(`"reset":${reset},"events":[],"more":false`);
  }

  #write(members: string): PollOutcome {
    const epoch = JSON.stringify(this.#epoch);
    const body = `{"v":1,"epoch":${epoch},"seq":${this.#seq},${members},"retryWindowMs":${this.#retryWindowMs}}`;
    return { kind: "answer", body };
  }
}
