import type { HubTurn } from "../../../hub/extension.ts";
import { scopeOf } from "../scope.ts";
import { firstOf } from "./tables.ts";

/**
 * Whether tokens of this epoch are accepted. A later one than is known shows that the earlier ones were revoked, also
 * if the call that should have said so was lost: their connections are closed (sync.md §0b.7).
 */
export function adoptEpoch(hub: HubTurn, epoch: number): boolean {
  const known = Number(
    firstOf<{ value: string }>(hub.sql, "SELECT value FROM sync_facts WHERE key = 'epoch'")
      ?.value ?? 0,
  );
  if (epoch <= known) return epoch === known;
  hub.sql.exec("INSERT OR REPLACE INTO sync_facts (key, value) VALUES ('epoch', ?)", String(epoch));
  for (const client of hub.sockets.of({ all: true })) {
    if (scopeOf(client).epoch < epoch) {
      hub.sockets.close({ connection: client.connectionId }, "unauthorized");
    }
  }
  return true;
}
