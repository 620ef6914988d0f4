import { PEOPLE_KEEP_MS, PEOPLE_MAX } from "../../../protocol/limits.ts";
import type { DiscordUser } from "../../../protocol/person.ts";
import type { VoiceState } from "../../../gateway/guild-voice.ts";
import type { BeforeEnd, HubTurn } from "../../../hub/extension.ts";
import { KeptRows } from "../../../hub/kept-rows.ts";
import type { PeopleQuery } from "../hub-commands.ts";

/** A user whom the hub has seen in voice. */
type KnownPerson = DiscordUser & {
  readonly userId: string;
  /**
   * Whether the user was seen in a channel that everybody in the guild may see. Others are not listed, because
   * the list would reveal that they were in a private room.
   */
  readonly listed: boolean;
  /** Milliseconds since 1970. */
  readonly seenAt: number;
};

/** The part of a turn of the rooms that concerns people. */
type PeopleTurn = {
  readonly state: ReturnType<typeof sqlPeople> & {
    roomOfChannel(channelId: string): { readonly private: boolean } | null;
  };
  readonly hub: Pick<HubTurn, "now" | "schedule">;
};

/** The task of {@link sweepPeople}. */
export const PEOPLE_TASK = "people/sweep";

const DAY_MS = 24 * 60 * 60 * 1000;

/** The end of the day, so that scheduling it again on the same day does not postpone it. */
function nextSweep(now: number): number {
  return (Math.floor(now / DAY_MS) + 1) * DAY_MS;
}

/** Stores the name of a user in a voice channel, if Discord sent it. */
export function rememberPerson(
  { state, hub }: PeopleTurn,
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
export function sweepPeople({ state, hub }: PeopleTurn): void {
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
  readonly folded: string;
  readonly avatar: string | null;
  readonly bot: number;
  readonly listed: number;
  readonly seen_at: number;
};

function personOf({ user_id: userId, name, avatar, bot, listed, seen_at }: PersonRow): KnownPerson {
  const isBot = bot === 1 ? { bot: true as const } : {};
  return { userId, name, avatar, ...isBot, listed: listed === 1, seenAt: seen_at };
}

/** So many people are kept in memory. */
const PEOPLE_KEPT = 2_000;

/** The names that a guild's hub knows, about {@link PEOPLE_MAX} at most, in its SQLite. */
export function sqlPeople(sql: SqlStorage, beforeEnd: BeforeEnd) {
  const people = new KeptRows<KnownPerson, PersonRow>(
    sql,
    {
      name: "rooms_person",
      columns: ["user_id", "name", "folded", "avatar", "bot", "listed", "seen_at"],
      keyOf: ({ userId }) => userId,
      valuesOf: ({ userId, name, avatar, bot, listed, seenAt }) => [
        userId,
        name,
        folded(name),
        avatar,
        Number(bot === true),
        Number(listed),
        seenAt,
      ],
      rowOf: personOf,
    },
    PEOPLE_KEPT,
    beforeEnd,
  );
  /** How many people are stored, with those that the present turn adds; null: not counted yet. */
  let known: number | null = null;
  const count = (): number => {
    people.write();
    return sql.exec<{ n: number }>("SELECT count(*) AS n FROM rooms_person").one().n;
  };
  beforeEnd(() => {
    const surplus = (known ?? 0) - PEOPLE_MAX;
    if (surplus <= 0) return;
    people.release();
    sql.exec(
      `DELETE FROM rooms_person WHERE user_id IN
         (SELECT user_id FROM rooms_person ORDER BY seen_at, user_id LIMIT ?)`,
      surplus,
    );
    known = PEOPLE_MAX;
  });
  return {
    person: (userId: string): DiscordUser | null => people.get(userId),
    /** Stores a person. Once listed, always listed. @returns whether the person is new */
    savePerson: (person: KnownPerson): boolean => {
      const before = people.get(person.userId);
      // Counting reads every row, so only the first new person is counted.
      if (before === null) known = (known ?? count()) + 1;
      people.set({ ...person, listed: person.listed || before?.listed === true });
      return before === null;
    },
    /** Listed people whose name contains `q` in any case, except bots. Names that begin with it come first. */
    findPeople: ({ q, limit }: PeopleQuery): readonly KnownPerson[] => {
      people.write();
      return sql
        .exec<PersonRow>(
          `SELECT * FROM rooms_person WHERE listed = 1 AND bot = 0 AND instr(folded, ?1) > 0
           ORDER BY instr(folded, ?1) <> 1, folded, user_id LIMIT ?2`,
          folded(q),
          limit,
        )
        .toArray()
        .map(personOf);
    },
    /** Deletes people last seen before this time, milliseconds since 1970. @returns whether anybody is left */
    forgetPeople: (seenBefore: number): boolean => {
      people.release();
      sql.exec("DELETE FROM rooms_person WHERE seen_at < ?", seenBefore);
      known = count();
      return known > 0;
    },
  };
}
