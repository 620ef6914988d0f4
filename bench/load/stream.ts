import { once } from "node:events";
import { Agent, request, type IncomingMessage } from "node:http";
import { text as textOf } from "node:stream/consumers";
import { ulid } from "ulid";
import { PRIMARY_GUILD } from "../../dev/discord/seed.ts";
import { signBody, type SignedEvent } from "../../src/protocol/signed-events.ts";

/** A voice channel that was not opened through the Worker. */
const CHANNEL_ID = "300000000000000001";

/** Digits of a user id. The last nine count the visits. */
const USER_ID_DIGITS = 19;
const VISITS_PER_ROUND = 1_000_000_000;
const FIRST_USER = 4_000_000_000n * BigInt(VISITS_PER_ROUND);

/**
 * The `index`th event of a stream, as the gateway-worker would send it: a new user joins, then the same user
 * leaves. So every event changes the state, and its index can be read back from the wire.
 */
export function eventAt(index: number, epoch: string): SignedEvent {
  const userId = String(FIRST_USER + BigInt(Math.floor(index / 2)));
  return {
    id: ulid(),
    event: index % 2 === 0 ? "voice.joined" : "voice.left",
    payload: { guildId: PRIMARY_GUILD, channelId: CHANNEL_ID, userId },
    ts: Date.now(),
    epoch,
    seq: index + 1,
  };
}

const USER_KEY = Buffer.from('"userId":"');
const SEQ_KEY = Buffer.from('"seq":');
/** The part that all these events share. The letter `l` follows when the user left. */
const EVENT_KEY = Buffer.from('"event":"voice.');

/**
 * Finds the events in a frame's text, single or in a batch, without parsing it: the generator must be cheaper than
 * the server that it measures.
 * @param see called for each event, in order; not called for a frame without events
 */
export function readEvents(text: Buffer, see: (index: number, seq: number) => void): void {
  let at = text.indexOf(EVENT_KEY);
  while (at >= 0) {
    const left = text[at + EVENT_KEY.length] === 0x6c;
    const user = text.indexOf(USER_KEY, at) + USER_KEY.length;
    const visit = digits(text, user + USER_ID_DIGITS - 9, user + USER_ID_DIGITS);
    const seqAt = text.indexOf(SEQ_KEY, user) + SEQ_KEY.length;
    see(visit * 2 + (left ? 1 : 0), digits(text, seqAt, seqAt + 15));
    at = text.indexOf(EVENT_KEY, seqAt);
  }
}

/** Reads decimal digits from `start` up to `end` or the first byte that is no digit. */
function digits(text: Buffer, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at += 1) {
    const digit = (text[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  return value;
}

/**
 * Publishes one stream of events to a subject, in order, one request at a time, as the
 * gateway-worker does.
 */
export class Publisher {
  readonly #port: number;
  readonly #secret: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #epoch = ulid();
  /** Index of the next event. */
  next = 0;

  constructor(port: number, secret: string) {
    this.#port = port;
    this.#secret = secret;
  }

  /**
   * Publishes `count` events in one signed request.
   * @param onSent called right before the request is sent
   * @throws when the answer is not 200
   */
  async publish(count: number, onSent: () => unknown = () => undefined): Promise<void> {
    const events = Array.from({ length: count }, (_, at) => eventAt(this.next + at, this.#epoch));
    this.next += count;
    const body = Buffer.from(JSON.stringify({ events }));
    const signature = await signBody([this.#secret], body, Date.now());
    onSent();
    const outgoing = request({
      host: "127.0.0.1",
      port: this.#port,
      path: "/internal/events",
      method: "POST",
      agent: this.#agent,
      headers: {
        ...signature,
        "Content-Type": "application/json",
        "Content-Length": body.length,
      },
    });
    // `once` throws the first error; more may follow after an answer.
    outgoing.on("error", () => {});
    outgoing.end(body);
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    const answer = await textOf(response);
    if (response.statusCode !== 200) {
      throw new Error(`publishing was answered with ${response.statusCode}: ${answer}`);
    }
  }

  close(): void {
    this.#agent.destroy();
  }
}
