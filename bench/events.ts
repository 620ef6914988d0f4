import { ulid } from "ulid";
import { PRIMARY_GUILD } from "../dev/discord/seed.ts";
import type { SignedEvent } from "../src/protocol/signed-events.ts";
import { CHANNEL_ID } from "./plan.ts";

/** Digits of a user id; the last nine of them count the visits. */
const USER_ID_DIGITS = 19;
const VISITS_PER_ROUND = 1_000_000_000;
const FIRST_USER = 4_000_000_000n * BigInt(VISITS_PER_ROUND);

/**
 * The `index`th event of a stream, as the gateway-worker would send it: a new user comes, the same
 * user leaves. So every event changes something, and its index can be read back from the wire.
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
/** What stands before the name of an event that somebody left: `"voice.l`, with `l` at its end. */
const EVENT_KEY = Buffer.from('"event":"voice.');

/**
 * Finds the events in a frame's text, alone or in a batch, without parsing it: the generator must
 * be cheaper than what it measures.
 * @param see is called for each, in order; a text that is no event calls nothing
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

/** Reads decimal digits from `start` up to `end` or the first byte that is none. */
function digits(text: Buffer, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at += 1) {
    const digit = (text[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  return value;
}
