import type { HubTurn } from "../../../hub/extension.ts";
import { SYNC_FEED_POSTS_MAX } from "../../../protocol/limits.ts";
import { FeedPost } from "../records.ts";
import { newId } from "./ids.ts";
import { firstOf, type Rows, rowsOf } from "./tables.ts";
import { feedPosted } from "./updates.ts";

type PostRow = Omit<FeedPost, "body"> & { readonly body: string };

/** The number of the newest post; 0: there was none. It is `Account.feedSeq` (sync.md §0b.2). */
export function feedSeqOf(sql: SqlStorage): number {
  // The newest post is never deleted, only replaced by a newer one.
  return (
    firstOf<{ counter: number | null }>(sql, "SELECT MAX(counter) AS counter FROM sync_feed_posts")
      ?.counter ?? 0
  );
}

/** When the post with this key was made, milliseconds; null: there is none. */
export function postedAt(sql: SqlStorage, repeatKey: string): number | null {
  const row = firstOf<{ createdAt: number }>(
    sql,
    "SELECT createdAt FROM sync_feed_posts WHERE repeatKey = ?",
    repeatKey,
  );
  return row?.createdAt ?? null;
}

/** Puts a post into the feed, as the newest one, in place of the one with the same `repeatKey` (sync.md §3.9). */
export function postToFeed(
  hub: HubTurn,
  { body, repeatKey, createdAt }: Omit<FeedPost, "id" | "counter">,
): void {
  const { sql } = hub;
  const counter = feedSeqOf(sql) + 1;
  const post: FeedPost = { id: newId(hub.now()), body, repeatKey, counter, createdAt };
  sql.exec("DELETE FROM sync_feed_posts WHERE repeatKey = ?", repeatKey);
  sql.exec(
    "INSERT INTO sync_feed_posts (counter, id, repeatKey, body, createdAt) VALUES (?, ?, ?, ?, ?)",
    counter,
    post.id,
    repeatKey,
    JSON.stringify(body),
    createdAt,
  );
  sql.exec("DELETE FROM sync_feed_posts WHERE counter <= ?", counter - SYNC_FEED_POSTS_MAX);
  feedPosted(hub, post);
}

/**
 * A part of the feed, newest first. With `after` it is the one nearest to that number, and `hasMore` tells of even
 * newer posts; otherwise it is the newest one, and `hasMore` tells of older posts (sync.md §0b.22).
 */
export function listFeed(
  { sql }: HubTurn,
  { before, after, limit }: { before: number | null; after: number | null; limit: number },
): Rows<FeedPost> {
  const found = sql.exec<PostRow>(
    `SELECT * FROM sync_feed_posts WHERE counter > ? AND counter < ?
     ORDER BY counter ${after === null ? "DESC" : "ASC"} LIMIT ?`,
    after ?? 0,
    before ?? Number.MAX_SAFE_INTEGER,
    limit + 1,
  );
  const { rows, hasMore } = rowsOf(found, limit);
  if (after !== null) rows.reverse();
  return { rows: rows.map(postFrom), hasMore };
}

function postFrom({ body, ...row }: PostRow): FeedPost {
  return FeedPost.parse({ ...row, body: JSON.parse(body) as unknown });
}
