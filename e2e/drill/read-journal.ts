import { z } from "zod";
import type { SeenEvent } from "./history.ts";

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
  reset: z.unknown(),
});

/**
 * Reads a journal from its start over `GET /events`, without waiting for more.
 * @returns null when the Worker has no such route
 * @throws when it answers anything but what was asked for
 */
export async function readJournal(
  origin: string,
  token: string,
  guildId: string,
  epoch: string,
): Promise<SeenEvent[] | null> {
  const events: SeenEvent[] = [];
  for (let after = 0; ;) {
    const query = new URLSearchParams({ guildId, epoch, after: String(after), wait: "0" });
    const response = await fetch(`${origin}/events?${query}`, {
      headers: { authorization: `Bearer ${token}`, accept: "application/json" },
      signal: AbortSignal.timeout(30_000),
    });
    if (response.status === 404) return null;
    const text = await response.text();
    if (response.status !== 200) throw new Error(`GET /events: ${response.status} ${text}`);
    const page = Page.parse(JSON.parse(text));
    if (page.reset !== undefined) throw new Error(`GET /events could not go on from ${after}`);
    events.push(...page.events);
    after = page.seq;
    if (!page.more) return events;
  }
}
