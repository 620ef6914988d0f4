import type { HubContext, HubTurn } from "../../../hub/extension.ts";
import { log } from "../../../platform/log.ts";
import {
  SYNC_ARTIFACT_CLAIM_MS,
  SYNC_ARTIFACT_RELEASE_RETRY_MS,
} from "../../../protocol/limits.ts";
import type { ArtifactClaims, Claim } from "../adapters/d1-claims.ts";
import { firstOf } from "./tables.ts";

/** Task that releases claims without an artifact. */
export const CLAIMS_TASK = "artifact-claims";

/**
 * A claim that is under way: `claiming` until its artifact is there, `releasing` from then on that it has none. A claim
 * whose artifact is there needs no row.
 */
type ClaimRow = {
  readonly id: string;
  readonly number: number;
  readonly releasing: number;
};

/**
 * The next claim on an id. It is written down before D1 is asked: if the hub dies meanwhile, it is used again by the
 * next create, or released after {@link SYNC_ARTIFACT_CLAIM_MS}. Creates of one id at the same time share it.
 */
export function beginClaim(hub: HubTurn, id: string): Claim {
  const known = claimRow(hub.sql, id);
  const number = known?.releasing === 0 ? known.number : nextNumber(hub);
  writeClaim(hub, { id, number, releasing: 0 }, hub.now() + SYNC_ARTIFACT_CLAIM_MS);
  return { id, account: hub.name, number };
}

/** The artifact of a claim is written in this turn. @returns false: the claim may have been released meanwhile */
export function settleClaim(hub: HubTurn, { id, number }: Claim): boolean {
  const known = claimRow(hub.sql, id);
  if (known === null || known.releasing === 1 || known.number !== number) return false;
  forgetClaim(hub, id);
  return true;
}

/**
 * The artifact of a claim is deleted in this turn.
 * @param at when the task releases the claim, unless {@link releaseClaim} has done it before; milliseconds
 */
export function beginRelease(hub: HubTurn, id: string, at: number): Claim {
  const number = nextNumber(hub);
  writeClaim(hub, { id, number, releasing: 1 }, at);
  return { id, account: hub.name, number };
}

/** Releases a claim. If D1 cannot be reached, the task tries again. Never rejects. */
export async function releaseClaim(
  hub: HubContext,
  claims: ArtifactClaims,
  claim: Claim,
): Promise<void> {
  const { id, number } = claim;
  const isReleased = await claims.release(claim).then(
    () => true,
    (error: unknown) => {
      log("warn", "sync.claim_not_released", { hub: hub.name, error });
      return false;
    },
  );
  hub.turn((turn) => {
    const known = claimRow(turn.sql, id);
    // A create has claimed the id again.
    if (known?.releasing !== 1 || known.number !== number) return;
    if (isReleased) forgetClaim(turn, id);
    else writeClaim(turn, known, turn.now() + SYNC_ARTIFACT_RELEASE_RETRY_MS);
  });
}

/** The task is due: releases the claims whose artifact was deleted, or has not come. */
export async function releaseDueClaims(hub: HubContext, claims: ArtifactClaims): Promise<void> {
  // Until none is due: a deletion of this moment would not set the task again.
  for (;;) {
    const due = hub.turn(dueClaim);
    if (due === null) return;
    await releaseClaim(hub, claims, due);
  }
}

/** A claim that is due, from now on to be released. null: there is none. */
function dueClaim(hub: HubTurn): Claim | null {
  const row = firstOf<ClaimRow>(
    hub.sql,
    "SELECT id, number, releasing FROM sync_artifact_claims WHERE due <= ? ORDER BY due LIMIT 1",
    hub.now(),
  );
  if (row === null) {
    scheduleClaims(hub);
    return null;
  }
  const { id, number } = row;
  hub.sql.exec("UPDATE sync_artifact_claims SET releasing = 1 WHERE id = ?", id);
  return { id, account: hub.name, number };
}

function claimRow(sql: SqlStorage, id: string): ClaimRow | null {
  return firstOf<ClaimRow>(
    sql,
    "SELECT id, number, releasing FROM sync_artifact_claims WHERE id = ?",
    id,
  );
}

function writeClaim(hub: HubTurn, { id, number, releasing }: ClaimRow, due: number): void {
  hub.sql.exec(
    "INSERT OR REPLACE INTO sync_artifact_claims (id, number, releasing, due) VALUES (?, ?, ?, ?)",
    id,
    number,
    releasing,
    due,
  );
  scheduleClaims(hub);
}

function forgetClaim(hub: HubTurn, id: string): void {
  hub.sql.exec("DELETE FROM sync_artifact_claims WHERE id = ?", id);
  scheduleClaims(hub);
}

/** A number that no claim of this account had: also if the clock was set back. */
function nextNumber(hub: HubTurn): number {
  const known = firstOf<{ value: string }>(
    hub.sql,
    "SELECT value FROM sync_facts WHERE key = 'artifactClaim'",
  );
  const next = Math.max(hub.now(), Number(known?.value ?? 0) + 1);
  hub.sql.exec(
    "INSERT OR REPLACE INTO sync_facts (key, value) VALUES ('artifactClaim', ?)",
    String(next),
  );
  return next;
}

function scheduleClaims(hub: HubTurn): void {
  const next = firstOf<{ at: number | null }>(
    hub.sql,
    "SELECT MIN(due) AS at FROM sync_artifact_claims",
  );
  const at = next?.at ?? null;
  if (at === null) hub.cancel(CLAIMS_TASK);
  else hub.schedule(CLAIMS_TASK, at);
}
