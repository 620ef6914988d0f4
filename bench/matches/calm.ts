import { randomUUID } from "node:crypto";
import { setTimeout as rest } from "node:timers/promises";
import type { FaceitMatch } from "../../dev/faceit/control-client.ts";
import { MATCH_PLAN } from "./plan.ts";

/**
 * Tells the Worker of each match as FACEIT does when it is made, one after the other.
 * @returns milliseconds until each was answered
 */
export async function tellCalmly(
  url: string,
  secret: string,
  matches: readonly FaceitMatch[],
): Promise<readonly number[]> {
  const answered: Promise<number>[] = [];
  for (const match of matches) {
    answered.push(post(url, secret, createdWebhook(match)));
    await rest(MATCH_PLAN.calmEveryMs);
  }
  return Promise.all(answered);
}

async function post(url: string, secret: string, body: unknown): Promise<number> {
  const began = performance.now();
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "x-webhook-secret": secret },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  const took = performance.now() - began;
  if (response.status !== 200)
    throw new Error(`a webhook was answered ${response.status}: ${text}`);
  return took;
}

/** `match_object_created` (matches-and-music.md §A3): it tells of no teams. */
function createdWebhook({ matchId, version }: FaceitMatch): unknown {
  const now = new Date().toISOString();
  return {
    transaction_id: randomUUID(),
    event: "match_object_created",
    event_id: randomUUID(),
    third_party_id: "3d1f7b52-aaaa-4b7c-9f10-5e6d7c8b9a00",
    app_id: "9c8b7a65-bbbb-4c3d-8e2f-1a0b9c8d7e6f",
    timestamp: now,
    retry_count: 0,
    version: 1,
    payload: {
      id: matchId,
      organizer_id: "a1b2c3d4-0000-4000-8000-00000000abcd",
      region: "EU",
      game: "cs2",
      version,
      entity: { id: "5b0d7c1e-2c55-4a3b-8f0e-9a1b2c3d4e5f", name: "Nordic Night Hub", type: "hub" },
      created_at: now,
      updated_at: now,
    },
  };
}
