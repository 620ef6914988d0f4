import type { HubContext, HubTurn } from "../../../hub/extension.ts";
import { log } from "../../../platform/log.ts";
import { SYNC_ARTIFACTS_LISTED_MAX } from "../../../protocol/limits.ts";
import type { ArtifactClaims, Claim } from "../adapters/d1-claims.ts";
import { isArtifactSize } from "../artifact-rules.ts";
import type { Artifact, ArtifactChange, ArtifactHeader, NewArtifact } from "../records.ts";
import { beginClaim, beginRelease, settleClaim } from "./artifact-claims.ts";
import { firstOf, type Rows, rowsOf } from "./tables.ts";
import { artifactUpdates } from "./updates.ts";
import type { Change } from "./versioned.ts";

/** How often D1 is asked for a claim when it fails, and how often a create begins anew after a deletion. */
const ATTEMPTS = 3;

/** What came of a create. `taken`: another account has the id. `unavailable`: D1 does not say whose it is. */
export type Created =
  | { readonly artifact: Artifact }
  | { readonly refused: "taken" | "unavailable" };

type Stored = { readonly value: string; readonly version: number };

/** The parts of an artifact that have a version. */
type Parts<Value> = { readonly header?: Value; readonly body?: Value };

/** What came of a change: one part with another version than expected blocks both (sync.md §3.5). */
export type ArtifactChanged =
  /** The parts that were written, or those that have another version, with what is there. */
  | ({ readonly result: "success" | "version-mismatch" } & Parts<Stored>)
  | { readonly result: "missing" | "too-large" };

/** The artifacts that were changed last, newest first, without their bodies: those are not even read. */
export function listArtifacts({ sql }: HubTurn): Rows<ArtifactHeader> {
  const found = sql.exec<ArtifactHeader>(
    `SELECT id, header, headerVersion, dataEncryptionKey, seq, createdAt, updatedAt FROM sync_artifacts
     ORDER BY updatedAt DESC, id DESC LIMIT ?`,
    SYNC_ARTIFACTS_LISTED_MAX + 1,
  );
  return rowsOf(found, SYNC_ARTIFACTS_LISTED_MAX);
}

/** null: the account has no artifact with this id. */
export function findArtifact({ sql }: HubTurn, id: string): Artifact | null {
  return firstOf<Artifact>(sql, "SELECT * FROM sync_artifacts WHERE id = ?", id);
}

/**
 * Creates an artifact, or finds the one with this id. Its id is claimed in D1 before (sync.md §0b.1), so it takes two
 * turns. Whatever happens in between, it may be called again.
 */
export async function createArtifact(
  hub: HubContext,
  claims: ArtifactClaims,
  wanted: NewArtifact,
): Promise<Created> {
  const { id } = wanted;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const begun = hub.turn((turn) => findArtifact(turn, id) ?? beginClaim(turn, id));
    if ("header" in begun) return { artifact: begun };
    const taken = await take(hub, claims, begun);
    if (taken === "unavailable") continue;
    // The claim is forgotten by the task, as that of a hub that has died.
    if (taken === "taken") return { refused: taken };
    const artifact = hub.turn((turn) => {
      const known = findArtifact(turn, id);
      if (known !== null) return known;
      return settleClaim(turn, begun) ? insertArtifact(turn, wanted) : null;
    });
    if (artifact !== null) return { artifact };
  }
  return { refused: "unavailable" };
}

async function take(
  hub: HubContext,
  claims: ArtifactClaims,
  claim: Claim,
): Promise<"mine" | "taken" | "unavailable"> {
  try {
    return (await claims.take(claim)) ? "mine" : "taken";
  } catch (error) {
    log("warn", "sync.claim_failed", { hub: hub.name, error });
    return "unavailable";
  }
}

function insertArtifact(hub: HubTurn, wanted: NewArtifact): Artifact {
  const { id, header, body, dataEncryptionKey } = wanted;
  const now = hub.now();
  hub.sql.exec(
    `INSERT INTO sync_artifacts (id, headerVersion, bodyVersion, dataEncryptionKey, seq, createdAt,
       updatedAt, header, body) VALUES (?1, 1, 1, ?2, 0, ?3, ?3, ?4, ?5)`,
    id,
    dataEncryptionKey,
    now,
    header,
    body,
  );
  const versions = { headerVersion: 1, bodyVersion: 1, seq: 0 };
  const artifact = { ...wanted, ...versions, createdAt: now, updatedAt: now };
  artifactUpdates.created(hub, artifact);
  return artifact;
}

/** Replaces one part or both if the expected versions are those that are there. No part: nothing changes. */
export function changeArtifact(
  hub: HubTurn,
  { id, header, body }: ArtifactChange,
): ArtifactChanged {
  const before = findArtifact(hub, id);
  if (before === null) return { result: "missing" };
  const stored = {
    header: { value: before.header, version: before.headerVersion },
    body: { value: before.body, version: before.bodyVersion },
  };
  const late = {
    ...(isLate(stored.header, header) ? { header: stored.header } : {}),
    ...(isLate(stored.body, body) ? { body: stored.body } : {}),
  };
  if (late.header !== undefined || late.body !== undefined) {
    return { result: "version-mismatch", ...late };
  }
  if (header === undefined && body === undefined) return { result: "success" };
  const next = { header: after(stored.header, header), body: after(stored.body, body) };
  const values = { header: next.header.value, body: next.body.value };
  if (!isArtifactSize(values)) return { result: "too-large" };
  hub.sql.exec(
    `UPDATE sync_artifacts SET header = ?, headerVersion = ?, body = ?, bodyVersion = ?, seq = seq + 1,
       updatedAt = ? WHERE id = ?`,
    next.header.value,
    next.header.version,
    next.body.value,
    next.body.version,
    hub.now(),
    id,
  );
  const parts = {
    ...(header === undefined ? {} : { header: next.header }),
    ...(body === undefined ? {} : { body: next.body }),
  };
  artifactUpdates.changed(hub, id, parts);
  return { result: "success", ...parts };
}

function isLate({ version }: Stored, change: Change<string> | undefined): boolean {
  return change !== undefined && change.expected !== version;
}

function after(stored: Stored, change: Change<string> | undefined): Stored {
  return change === undefined ? stored : { value: change.value, version: stored.version + 1 };
}

/**
 * Deletes an artifact. Its id is anybody's once its claim is released.
 * @param releaseAt when the task releases it, if the caller has not done it before; milliseconds
 * @returns the claim; null: the account has no such artifact
 */
export function deleteArtifact(hub: HubTurn, id: string, releaseAt: number): Claim | null {
  const had = hub.sql.exec("DELETE FROM sync_artifacts WHERE id = ? RETURNING 1", id).toArray();
  if (had.length === 0) return null;
  artifactUpdates.deleted(hub, id);
  return beginRelease(hub, id, releaseAt);
}
