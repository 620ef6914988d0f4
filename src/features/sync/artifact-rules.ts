import { SYNC_ARTIFACT_MAX_BYTES } from "../../protocol/limits.ts";
import { base64Bytes } from "./base64.ts";
import type { Artifact } from "./records.ts";

/** What a client is told whose artifact cannot be had, by REST and on a socket (sync.md §3.5, §6.9). */
export const ARTIFACT_REFUSALS = {
  missing: "Artifact not found",
  /** Another account has the id. */
  taken: "Artifact with this ID already exists for another account",
  "too-large": "Header and body of the artifact are too large",
  /** D1 does not say whose the id is, or too many wait for that. */
  unavailable: "The artifact cannot be created now. Try again.",
} as const;

/** Whether header and body fit into an artifact (sync.md §0b.13). Both are base64. */
export function isArtifactSize({ header, body }: Pick<Artifact, "header" | "body">): boolean {
  return base64Bytes(header) + base64Bytes(body) <= SYNC_ARTIFACT_MAX_BYTES;
}
