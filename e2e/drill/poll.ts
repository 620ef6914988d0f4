import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import {
  LOST,
  type Entrance,
  type Refused,
  type Wire,
  type WireEvents,
} from "../../dev/testing/wire/wire.ts";
import type { SeenEvent } from "./history.ts";

/** Time between two polls, milliseconds: a user may send 240 a minute and has up to three clients. */
const BETWEEN_MS = 800;
const WAIT_SECONDS = 3;
/** A connection ends after this many polls, so that the judge checks how the next one resumes. */
const POLLS_PER_CONNECTION = 8;

/** One answer of the long poll. */
const Page = z.object({
  epoch: z.string(),
  seq: z.int(),
  events: z.array(
    z.looseObject({
      event: z.string(),
      // As it was sent: the judge compares the order of its members too.
      payload: z.custom<SeenEvent["payload"]>((value) => typeof value === "object"),
      ts: z.number(),
      seq: z.int(),
      id: z.string(),
      prev: z.int().exactOptional(),
    }),
  ),
  more: z.boolean(),
  reset: z.object({ reason: z.string(), snapshot: z.looseObject({}) }).exactOptional(),
});
type Page = { readonly kind: "page" } & z.infer<typeof Page>;

/**
 * One `GET /events` as a long poll.
 * @param query parameters of the poll, and a ticket if there is one
 * @throws without an answer, and a `ZodError` when the answer is malformed
 */
async function poll(
  { url, headers }: Pick<Entrance, "url" | "headers">,
  waitSeconds: number,
  query: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Page | Refused> {
  const asked = new URL(url);
  for (const [name, value] of Object.entries({ ...query, wait: String(waitSeconds) })) {
    asked.searchParams.set(name, value);
  }
  const response = await fetch(asked, {
    headers: { ...headers, accept: "application/json" },
    signal: AbortSignal.any([signal, AbortSignal.timeout((waitSeconds + 20) * 1000)]),
  });
  const text = await response.text();
  const { status } = response;
  const retryAfterMs = Number(response.headers.get("retry-after") ?? 0) * 1000;
  if (status !== 200) return { kind: "refused", status, retryAfterMs };
  return { ...Page.parse(JSON.parse(text)), kind: "page" };
}

/** Follows a guild by long polls, and turns each answer into the equivalent frames. */
export function openPoll(entrance: Entrance, events: WireEvents): Wire {
  const over = new AbortController();
  let reading = Promise.resolve();
  let readOn = (): void => {};
  const follow = async (): Promise<void> => {
    let position: Readonly<Record<string, string>> = {};
    for (let polls = 0; polls < POLLS_PER_CONNECTION; polls += 1) {
      const page = await poll(entrance, WAIT_SECONDS, position, over.signal);
      await reading;
      over.signal.throwIfAborted();
      if (page.kind === "refused") {
        events.onRefused(page.status, page.retryAfterMs);
        return;
      }
      const { epoch, seq, reset } = page;
      const tell = (frame: object): void => events.onText(JSON.stringify(frame));
      if (polls === 0) tell({ type: "ack", epoch, seq });
      if (reset === undefined) {
        if (page.events.length > 0) tell({ type: "batch", events: page.events });
        tell({ type: "position", seq });
      } else {
        tell({ type: "snapshot", epoch, seq, reason: reset.reason, ...reset.snapshot });
      }
      position = { epoch, after: String(seq) };
      await delay(BETWEEN_MS, undefined, { signal: over.signal });
    }
    events.onClose(LOST);
  };
  // The connection was lost, or there was no answer. A malformed one ends the process, and so the drill.
  follow().catch((error: unknown) => {
    if (error instanceof z.ZodError) throw error;
    events.onClose(LOST);
  });
  return {
    send: () => {},
    terminate: () => {
      over.abort();
      readOn();
    },
    pause: () => ({ promise: reading, resolve: readOn } = Promise.withResolvers<void>()),
    resume: () => readOn(),
  };
}

/**
 * Reads a journal from its start, page by page, without waiting for new events.
 * @param ticket returns one for each page
 * @throws when a page is refused or starts over
 */
export async function readJournal(
  origin: string,
  epoch: string,
  ticket: () => Promise<string>,
  signal: AbortSignal,
): Promise<SeenEvent[]> {
  const events: SeenEvent[] = [];
  const entrance = { url: new URL("/events", origin), headers: {} };
  for (let seq = 0; ;) {
    const query = { epoch, after: String(seq), ticket: await ticket() };
    const page = await poll(entrance, 0, query, signal);
    if (page.kind === "refused") throw new Error(`GET /events was answered with ${page.status}`);
    if (page.reset !== undefined) throw new Error(`GET /events could not go on from ${seq}`);
    events.push(...page.events);
    seq = page.seq;
    if (!page.more) return events;
  }
}
