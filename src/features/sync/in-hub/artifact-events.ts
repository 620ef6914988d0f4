import type { Client, ClientMessage, HubContext, HubTurn, Reply } from "../../../hub/extension.ts";
import { log } from "../../../platform/log.ts";
import { SYNC_ARTIFACTS_WAITING_MAX } from "../../../protocol/limits.ts";
import type { ArtifactClaims } from "../adapters/d1-claims.ts";
import { ARTIFACT_REFUSALS, isArtifactSize } from "../artifact-rules.ts";
import { CLIENT_EVENTS } from "../events/from-client.ts";
import type { NewArtifact } from "../records.ts";
import {
  type ArtifactChanged,
  changeArtifact,
  createArtifact,
  type Created,
  deleteArtifact,
  findArtifact,
} from "./artifacts.ts";
import { firstOf } from "./tables.ts";

/** Task that creates the artifacts that sockets have asked for. A turn cannot: it would have to wait for D1. */
export const CREATE_TASK = "artifact-requests";

const failed = (message: string): Reply => ({ data: { result: "error", message } });
const refused = (why: keyof typeof ARTIFACT_REFUSALS): Reply => failed(ARTIFACT_REFUSALS[why]);
const INVALID = failed("Invalid parameters");

/** A create that waits for its claim, as it is stored. */
type Request = NewArtifact & {
  readonly request: number;
  readonly connection: string;
  /** null: its client does not wait for an answer. */
  readonly ack: string | null;
};

/** `artifact-read` */
export function readArtifact(hub: HubTurn, data: unknown): Reply {
  const read = CLIENT_EVENTS["artifact-read"].data.safeParse(data);
  if (!read.success) return INVALID;
  const artifact = findArtifact(hub, read.data.artifactId);
  return artifact === null ? refused("missing") : { data: { result: "success", artifact } };
}

/** `artifact-update` */
export function updateArtifact(hub: HubTurn, data: unknown): Reply {
  const read = CLIENT_EVENTS["artifact-update"].data.safeParse(data);
  if (!read.success) {
    const [part] = read.error.issues[0]?.path ?? [];
    return part === "header" || part === "body" ? failed(`Invalid ${part} parameters`) : INVALID;
  }
  const { artifactId: id, header, body } = read.data;
  if (!header && !body) return failed("No updates provided");
  const parts = { ...(header ? { header } : {}), ...(body ? { body } : {}) };
  return answerOf(changeArtifact(hub, { id, ...parts }));
}

function answerOf(came: ArtifactChanged): Reply {
  switch (came.result) {
    case "missing":
    case "too-large":
      return refused(came.result);
    case "success":
    case "version-mismatch": {
      const { result, ...parts } = came;
      const named = Object.entries(parts).map(([part, { value, version }]) => [
        part,
        result === "success"
          ? { version, data: value }
          : { currentVersion: version, currentData: value },
      ]);
      return { data: { result, ...Object.fromEntries(named) } };
    }
  }
}

/** `artifact-delete` */
export function removeArtifact(hub: HubTurn, data: unknown): Reply {
  const read = CLIENT_EVENTS["artifact-delete"].data.safeParse(data);
  if (!read.success) return INVALID;
  const claim = deleteArtifact(hub, read.data.artifactId, hub.now());
  return claim === null ? refused("missing") : { data: { result: "success" } };
}

/** `artifact-create`: answered at once if the artifact is there, otherwise by {@link createRequested}. */
export function requestArtifact(
  hub: HubTurn,
  { connectionId }: Client,
  { data, ack }: ClientMessage,
): Reply | null {
  const read = CLIENT_EVENTS["artifact-create"].data.safeParse(data);
  if (!read.success) return INVALID;
  const wanted = read.data;
  if (!isArtifactSize(wanted)) return refused("too-large");
  const artifact = findArtifact(hub, wanted.id);
  if (artifact !== null) return createdAnswer({ artifact });
  const waiting = firstOf<{ count: number }>(
    hub.sql,
    "SELECT COUNT(*) AS count FROM sync_artifact_requests",
  );
  if ((waiting?.count ?? 0) >= SYNC_ARTIFACTS_WAITING_MAX) return refused("unavailable");
  hub.sql.exec(
    `INSERT INTO sync_artifact_requests (connection, ack, id, dataEncryptionKey, header, body)
     VALUES (?, ?, ?, ?, ?, ?)`,
    connectionId,
    ack,
    wanted.id,
    wanted.dataEncryptionKey,
    wanted.header,
    wanted.body,
  );
  hub.schedule(CREATE_TASK, hub.now());
  return null;
}

/** The task is due: creates what was asked for, in this order, and answers. Clients may have left meanwhile. */
export async function createRequested(hub: HubContext, claims: ArtifactClaims): Promise<void> {
  // Until none waits: a request of this moment would not set the task again.
  for (;;) {
    const next = hub.turn(({ sql }) =>
      firstOf<Request>(sql, "SELECT * FROM sync_artifact_requests ORDER BY request LIMIT 1"),
    );
    if (next === null) return;
    const { request, connection: connectionId, ack, ...wanted } = next;
    const created = await createArtifact(hub, claims, wanted).catch((error: unknown): Created => {
      // A request that always fails must not keep the others waiting.
      log("error", "sync.artifact_failed", { hub: hub.name, error });
      return { refused: "unavailable" };
    });
    hub.turn(({ sql, sockets }) => {
      sql.exec("DELETE FROM sync_artifact_requests WHERE request = ?", request);
      if (ack !== null) sockets.reply({ connectionId, ack }, createdAnswer(created));
    });
  }
}

function createdAnswer(created: Created): Reply {
  if ("artifact" in created) return { data: { result: "success", artifact: created.artifact } };
  return refused(created.refused);
}
