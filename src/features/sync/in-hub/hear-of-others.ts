import type { HubTurn } from "../../../hub/extension.ts";
import { SYNC_NOTIFIED_AGAIN_MS, SYNC_OUTBOX_REMEMBERED_MS } from "../../../protocol/limits.ts";
import type { RelationshipNews } from "../friends.ts";
import type { OutboxMessage } from "../hub-commands.ts";
import { postedAt, postToFeed } from "./feed.ts";
import { accountChanged, relationshipUpdated } from "./updates.ts";

/**
 * Takes what was changed in D1, mostly between accounts, each message once and in order (sync.md §0b.3). Whoever tells a message also
 * tells those before it that may not have been told, so a message that is known can be skipped.
 */
export function hearOfOthers(hub: HubTurn, messages: readonly OutboxMessage[]): void {
  const now = hub.now();
  hub.sql.exec("DELETE FROM sync_heard WHERE heardAt <= ?", now - SYNC_OUTBOX_REMEMBERED_MS);
  for (const { id, news } of messages) {
    const { rowsWritten } = hub.sql.exec(
      "INSERT INTO sync_heard (id, heardAt) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
      id,
      now,
    );
    if (rowsWritten === 0) continue;
    if (news.kind === "account") accountChanged(hub, news.changed);
    else hearOfFriend(hub, news);
  }
}

function hearOfFriend(hub: HubTurn, news: RelationshipNews): void {
  relationshipUpdated(hub, news);
  const { post: kind, uid, at: createdAt } = news;
  if (kind === null) return;
  const repeatKey = `${kind}_${uid}`;
  const before = postedAt(hub.sql, repeatKey);
  // D1 knows it of requests. Two that end and renew their friendship all day are told of it once as well.
  if (before !== null && createdAt - before < SYNC_NOTIFIED_AGAIN_MS) return;
  postToFeed(hub, { body: { type: kind, kind, uid }, repeatKey, createdAt });
}
