import type { HubTurn } from "../../../hub/extension.ts";
import type { MessageRange } from "../hub-commands.ts";
import type { Message } from "../records.ts";
import { newId } from "./ids.ts";
import { openSession } from "./sessions.ts";
import { firstOf, type Rows, rowsOf } from "./tables.ts";
import { messageAdded } from "./updates.ts";

type MessageRow = Omit<Message, "content"> & { readonly content: string };

/** A message that a client sends. */
export type NewMessage = { readonly localId: string | null; readonly content: unknown };

/** A message without its content. */
export type MessageHead = Omit<Message, "content">;

/**
 * Adds messages, each once by its `localId`, and tells the others.
 * @param except the connection that sent them; absent: everybody is told
 * @returns them as they are stored, in the order asked, without contents: those of known ones may be long. null: the
 * account has no such session, or it was deleted
 */
export function addMessages(
  hub: HubTurn,
  sessionId: string,
  messages: readonly NewMessage[],
  except?: string,
): MessageHead[] | null {
  const session = openSession(hub.sql, sessionId);
  if (session === null) return null;
  let { seq } = session;
  const now = hub.now();
  const added = messages.map(({ localId, content }) => {
    const known = localId === null ? null : byLocalId(hub.sql, sessionId, localId);
    if (known !== null) return known;
    seq += 1;
    const message = { id: newId(now), sessionId, localId, seq, createdAt: now, updatedAt: now };
    hub.sql.exec(
      `INSERT INTO sync_messages (id, sessionId, localId, seq, content, createdAt, updatedAt)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)`,
      message.id,
      sessionId,
      localId,
      seq,
      JSON.stringify(content),
      now,
    );
    messageAdded(hub, { ...message, content }, except);
    return message;
  });
  if (seq > session.seq) {
    hub.sql.exec(
      "UPDATE sync_sessions SET seq = ?, updatedAt = ? WHERE id = ?",
      seq,
      now,
      sessionId,
    );
  }
  return added;
}

/** Adds a message, or finds the one with this `localId`. @returns null: as {@link addMessages} */
export function addMessage(hub: HubTurn, sessionId: string, message: NewMessage): Message | null {
  const [added] = addMessages(hub, sessionId, [message]) ?? [];
  if (added === undefined) return null;
  const row = firstOf<MessageRow>(
    hub.sql,
    "SELECT * FROM sync_messages WHERE sessionId = ? AND id = ?",
    sessionId,
    added.id,
  );
  return row === null ? null : messageFrom(row);
}

/**
 * A part of a session's messages. After a seq they are ascending, in all other lists descending.
 * @returns null: the account has no such session
 */
export function listMessages(
  { sql }: HubTurn,
  sessionId: string,
  range: MessageRange,
  limit: number,
): Rows<Message> | null {
  const known = firstOf(sql, "SELECT 1 AS known FROM sync_sessions WHERE id = ?", sessionId);
  if (known === null) return null;
  const [where, order, bound] = partOf(range);
  const found = sql.exec<MessageRow>(
    `SELECT * FROM sync_messages WHERE sessionId = ? AND ${where} ORDER BY ${order} LIMIT ?`,
    sessionId,
    bound,
    limit + 1,
  );
  const { rows, hasMore } = rowsOf(found, limit);
  return { rows: rows.map(messageFrom), hasMore };
}

/** Ids and seqs may disagree: a hub may wake where the clock is behind. So the pages of one list have one order. */
function partOf(range: MessageRange): readonly [string, string, string | number] {
  switch (range.kind) {
    case "newest":
      return ["seq > ?", "seq DESC", 0];
    case "beforeId":
      return range.id === null ? ["id > ?", "id DESC", ""] : ["id < ?", "id DESC", range.id];
    case "afterSeq":
      return ["seq > ?", "seq", range.seq];
    case "beforeSeq":
      return ["seq < ?", "seq DESC", range.seq];
  }
}

function byLocalId(sql: SqlStorage, sessionId: string, localId: string): MessageHead | null {
  return firstOf<MessageHead>(
    sql,
    `SELECT id, sessionId, localId, seq, createdAt, updatedAt FROM sync_messages
     WHERE sessionId = ? AND localId = ?`,
    sessionId,
    localId,
  );
}

function messageFrom({ content, ...row }: MessageRow): Message {
  return { ...row, content: JSON.parse(content) as unknown };
}
