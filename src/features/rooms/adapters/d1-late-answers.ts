import { complete, release } from "../../../platform/idempotency.ts";
import { createdRoomAnswer } from "../created-room.ts";
import type { LateAnswers } from "../ports.ts";

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
      // Who repeated the request meanwhile holds the key by now.
      await release(database, key, room.createdAt);
    },
  };
}
