import { z } from "zod";
import type { Claim, SeenEvent } from "./history.ts";

const Page = z.object({
  epoch: z.string(),
  seq: z.number(),
  events: z.array(
    z.looseObject({
      event: z.string(),
      payload: z.looseObject({}),
      ts: z.number(),
      seq: z.number(),
      id: z.string(),
    }),
  ),
  more: z.boolean(),
  reset: z.object({ reason: z.string(), snapshot: z.unknown() }).optional(),
});

/** One answer of the long poll. */
type PolledPage = z.infer<typeof Page> & {
  readonly kind: "page";
  readonly events: readonly SeenEvent[];
};

/**
 * One `GET /events` as a long poll.
 * @param headers authenticate it, unless `ticket` does
 * @throws without an answer that a client can read
 */
export async function pollEvents(
  origin: string,
  headers: Readonly<Record<string, string>>,
  claim: Claim | null,
  waitSeconds: number,
  signal: AbortSignal,
  ticket?: string,
): Promise<PolledPage | { readonly kind: "refused"; readonly status: number }> {
  const query = new URLSearchParams({
    wait: String(waitSeconds),
    ...(claim === null ? {} : { epoch: claim.epoch, after: String(claim.seq) }),
    ...(ticket === undefined ? {} : { ticket }),
  });
  const response = await fetch(`${origin}/events?${query}`, {
    headers: { ...headers, accept: "application/json" },
    signal: AbortSignal.any([signal, AbortSignal.timeout((waitSeconds + 20) * 1000)]),
  });
  const text = await response.text();
  if (response.status !== 200) return { kind: "refused", status: response.status };
  return { kind: "page", ...Page.parse(JSON.parse(text)) };
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
  for (let seq = 0; ;) {
    const page = await pollEvents(origin, {}, { epoch, seq }, 0, signal, await ticket());
    if (page.kind === "refused") throw new Error(`GET /events was answered with ${page.status}`);
    if (page.reset !== undefined) throw new Error(`GET /events could not go on from ${seq}`);
    events.push(...page.events);
    seq = page.seq;
    if (!page.more) return events;
  }
}
