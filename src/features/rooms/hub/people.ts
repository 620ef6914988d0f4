import { PEOPLE_KEEP_MS, PEOPLE_MAX } from "../../../protocol/limits.ts";
import type { DiscordUser } from "../../../protocol/person.ts";
import type { VoiceState } from "../../../gateway/guild-voice.ts";
import type { KnownPerson, PeopleState, RoomsTurn } from "./rooms-state.ts";

/** The task of {@link sweepPeople}. */
export const PEOPLE_TASK = "people/sweep";

const DAY_MS = 24 * 60 * 60 * 1000;

/** The end of the day, so that scheduling it again on the same day does not postpone it. */
function nextSweep(now: number): number {
  return (Math.floor(now / DAY_MS) + 1) * DAY_MS;
}

/** Stores the name of a user in a voice channel, if Discord sent it. */
export function rememberPerson(
  { state, hub }: RoomsTurn,
  {
    userId,
    channelId,
    user,
  }: Pick<VoiceState, "userId" | "channelId"> & { user?: DiscordUser | undefined },
): void {
  if (user === undefined) return;
  const listed = state.roomOfChannel(channelId)?.private !== true;
  const isNew = state.savePerson({ ...user, userId, listed, seenAt: hub.now() });
  if (isNew) hub.schedule(PEOPLE_TASK, nextSweep(hub.now()));
}

/** Deletes people who were not seen for {@link PEOPLE_KEEP_MS}. */
export function sweepPeople({ state, hub }: RoomsTurn): void {
  const now = hub.now();
  if (state.forgetPeople(now - PEOPLE_KEEP_MS)) hub.schedule(PEOPLE_TASK, nextSweep(now));
}

/** The form in which names are compared: without case and accents. */
function folded(text: string): string {
  return text.normalize("NFKD").replaceAll(/\p{M}/gu, "").toLowerCase();
}

/** Creates the table of {@link sqlPeople}. Runs again at each wake. */
export function createPeopleTable(sql: SqlStorage): void {
  sql.exec(`
    CREATE TABLE IF NOT EXISTS rooms_person (
      user_id TEXT PRIMARY KEY,
      name TEXT NOT NULL,
      folded TEXT NOT NULL,
      avatar TEXT,
      bot INTEGER NOT NULL,
      listed INTEGER NOT NULL,
      seen_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS rooms_person_seen ON rooms_person (seen_at);
  `);
}

type PersonRow = {
  readonly user_id: string;
  readonly name: string;
  readonly avatar: string | null;
  readonly bot: number;
  readonly listed: number;
  readonly seen_at: number;
};

function personOf(row: PersonRow): KnownPerson {
  return {
    userId: row.user_id,
    name: row.name,
    avatar: row.avatar,
    listed: row.listed === 1,
    seenAt: row.seen_at,
    ...(row.bot === 1 ? { bot: true } : {}),
  };
}

/** {@link PeopleState} in the SQLite of a guild's hub. */
export function sqlPeople(sql: SqlStorage): PeopleState {
  const count = (): number =>
    sql.exec<{ n: number }>("SELECT count(*) AS n FROM rooms_person").one().n;
  return {
    person: (userId) => {
      const [row] = sql
        .exec<PersonRow>("SELECT * FROM rooms_person WHERE user_id = ?", userId)
        .toArray();
      return row === undefined ? null : personOf(row);
    },
    savePerson: ({ userId, name, avatar, bot, listed, seenAt }) => {
      const isNew =
        sql.exec("SELECT 1 FROM rooms_person WHERE user_id = ?", userId).toArray().length === 0;
      sql.exec(
        `INSERT INTO rooms_person (user_id, name, folded, avatar, bot, listed, seen_at)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (user_id) DO UPDATE SET name = excluded.name, folded = excluded.folded,
           avatar = excluded.avatar, bot = excluded.bot, listed = max(listed, excluded.listed),
           seen_at = excluded.seen_at`,
        userId,
        name,
        folded(name),
        avatar,
        Number(bot === true),
        Number(listed),
        seenAt,
      );
      // Count only for a new person, because counting reads every row.
      const surplus = isNew ? count() - PEOPLE_MAX : 0;
      if (surplus > 0) {
        sql.exec(
          `DELETE FROM rooms_person WHERE user_id IN
             (SELECT user_id FROM rooms_person ORDER BY seen_at, user_id LIMIT ?)`,
          surplus,
        );
      }
      return isNew;
    },
    findPeople: ({ q, limit }) => {
      const part = folded(q);
      return sql
        .exec<PersonRow>(
          `SELECT * FROM rooms_person WHERE listed = 1 AND bot = 0 AND instr(folded, ?1) > 0
           ORDER BY instr(folded, ?1) <> 1, folded, user_id LIMIT ?2`,
          part,
          limit,
        )
        .toArray()
        .map(personOf);
    },
    forgetPeople: (seenBefore) => {
      sql.exec("DELETE FROM rooms_person WHERE seen_at < ?", seenBefore);
      return count() > 0;
    },
  };
}
