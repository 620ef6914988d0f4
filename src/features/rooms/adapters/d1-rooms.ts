import { and, desc, eq, lt, or, sql, type SQL } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { roomsTable } from "../../../../drizzle/rooms.ts";
import { replacingOlder, withoutValues } from "../../../platform/compare-and-swap.ts";
import { complete, release } from "../../../platform/idempotency.ts";
import type { LateAnswers, Reader, RoomsCopy } from "../ports.ts";
import { createdRoomAnswer } from "../room-record.ts";

/** {@link RoomsCopy} in D1. */
export function d1Rooms(database: D1Database): RoomsCopy {
  const db = drizzle(database);
  return {
    async ofChannel(channelId) {
      const [row] = await db
        .select()
        .from(roomsTable)
        .where(eq(roomsTable.channelId, channelId))
        .limit(1);
      return row ?? null;
    },

    async list({ guildId, state, reader, before, limit }) {
      return db
        .select()
        .from(roomsTable)
        .where(
          and(
            eq(roomsTable.guildId, guildId),
            eq(roomsTable.state, state),
            before === null ? undefined : lt(roomsTable.id, before),
            visibleTo(reader),
          ),
        )
        .orderBy(desc(roomsTable.id))
        .limit(limit);
    },

    async write(record) {
      const { state, ...rest } = record;
      if (state === "gone") {
        await db.delete(roomsTable).where(eq(roomsTable.id, record.id));
        return;
      }
      const row = { ...rest, state };
      await withoutValues(
        db
          .insert(roomsTable)
          .values(row)
          .onConflictDoUpdate(replacingOlder(roomsTable.id, roomsTable.revision, row)),
      );
    },
  };
}

/** Selects the rooms that a reader may see: `audienceOf` in SQL (rooms.md §3). */
function visibleTo({ sub, discordId, manages }: Reader): SQL | undefined {
  if (manages) return undefined;
  return or(
    eq(roomsTable.private, false),
    eq(roomsTable.createdBy, sub),
    discordId === undefined
      ? undefined
      : sql`exists (select 1 from json_each(${roomsTable.allowedUserIds}) where value = ${discordId})`,
  );
}

/** {@link LateAnswers} to the idempotency keys in D1. */
export function d1LateAnswers(database: D1Database): LateAnswers {
  return {
    async succeeded(room) {
      const answer = createdRoomAnswer(room);
      if (room.idempotencyKey === null || answer === null) return;
      await complete(database, { sub: room.createdBy, key: room.idempotencyKey }, answer);
    },
    async failed(room) {
      if (room.idempotencyKey === null) return;
      const key = { sub: room.createdBy, key: room.idempotencyKey };
      // A later repetition of the request may hold the key now: release only the claim of this one.
      await release(database, key, room.createdAt);
    },
  };
}
