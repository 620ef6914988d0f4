import type { RoomsView } from "../checker.ts";
import { addOne, ClientCheck, type SeenSnapshot, type Tally } from "./client-check.ts";
import type { CallLine, ClientLine, FaultLine, SeenEvent, TruthLine } from "./history.ts";
import { Journal } from "./journal.ts";
import { judgeCalls, type CallTally } from "./judge-calls.ts";
import { Problems } from "./problems.ts";
import type { SyncFact } from "./sync/history.ts";
import { type AccountTally, judgeAccounts } from "./sync/judge-accounts.ts";

/** The records of a run. Each may be read several times. */
type DrillHistory = {
  readonly truth: readonly TruthLine[];
  readonly clients: readonly {
    readonly name: string;
    readonly lines: () => Iterable<ClientLine>;
  }[];
  readonly calls: Iterable<CallLine>;
  readonly accounts: Iterable<SyncFact>;
  readonly faults: Iterable<FaultLine>;
};

/** The result of a run. */
export type Verdict = Readonly<Tally> & {
  readonly problems: Problems;
  readonly clients: number;
  readonly calls: CallTally;
  readonly accounts: AccountTally;
  /** Injected faults by kind. */
  readonly faults: ReadonlyMap<string, number>;
  /** Events of each guild. */
  readonly journals: ReadonlyMap<string, number>;
};

/**
 * Judges a run only by its records: what was published, what each client got, and what it may see (rooms.md
 * §3). Pure.
 */
export function judge(history: DrillHistory): Verdict {
  const problems = new Problems();
  const journals = readJournals(history, problems);
  const tally: Tally = { deliveries: 0, resumes: 0, snapshots: new Map(), closes: new Map() };
  const seen = new Map<Journal, SeenSnapshot[]>();

  for (const { name, lines } of history.clients) {
    let check: ClientCheck | undefined;
    for (const line of lines()) {
      if (line.k === "client") {
        const journal = journals.get(line.guild);
        if (journal === undefined) break;
        check = new ClientCheck(name, journal, problems, tally);
      }
      check?.take(line);
    }
    if (check === undefined) {
      problems.add("wrong", `${name} has no history of a known guild`);
      continue;
    }
    const { journal } = check;
    check.end(endOf(journal, history.truth));
    seen.set(journal, [...(seen.get(journal) ?? []), ...check.snapshots]);
  }
  for (const [journal, shown] of seen) checkSnapshots(journal, shown, problems);

  const faults = new Map<string, number>();
  for (const { k } of history.faults) addOne(faults, k);
  return {
    ...tally,
    problems,
    clients: history.clients.length,
    calls: judgeCalls(history.calls, problems),
    accounts: judgeAccounts(history.accounts, problems),
    faults,
    journals: new Map([...journals].map(([guild, journal]) => [guild, journal.head])),
  };
}

/** Builds the journals from the clients that may see everything. */
function readJournals(history: DrillHistory, problems: Problems): Map<string, Journal> {
  const journals = new Map<string, Journal>();
  const journalOf = (guild: string): Journal => {
    const known = journals.get(guild) ?? new Journal(guild);
    journals.set(guild, known);
    return known;
  };
  for (const { name, lines } of history.clients) {
    let epoch = "";
    let journal: Journal | undefined;
    for (const line of lines()) {
      if (line.k === "client") {
        if (!line.observer) break;
        journal = journalOf(line.guild);
      }
      if (line.k !== "in") continue;
      if (line.f.type === "ack") epoch = line.f.epoch;
      for (const event of eventsOf(line.f)) journal?.add(epoch, event, name, problems);
    }
  }
  for (const line of history.truth) {
    if (line.k !== "journal") continue;
    const journal = journalOf(line.guild);
    for (const event of line.events) journal.add(line.epoch, event, "the journal", problems);
  }
  const rooms = new Map(
    history.truth.flatMap((line) => (line.k === "room" ? [[line.name, line.audience]] : [])),
  );
  for (const journal of journals.values()) {
    journal.close(rooms, problems);
    journal.check(history.truth, problems);
    if (endOf(journal, history.truth) === 0) {
      problems.add("lost", `the last event of ${journal.guild} is not in its journal`);
    }
  }
  return journals;
}

function eventsOf(frame: (ClientLine & { k: "in" })["f"]): readonly SeenEvent[] {
  return frame.type === "event" ? [frame] : frame.type === "batch" ? frame.events : [];
}

/** The seq that every client must have reached; 0: unknown. */
function endOf(journal: Journal, truth: readonly TruthLine[]): number {
  const marker = truth.findLast((line) => line.k === "marker" && line.guild === journal.guild);
  return marker?.k === "marker" ? (journal.seqOf(marker.id) ?? 0) : 0;
}

/** Each snapshot must show the rooms that its reader may see, as in the journal at its seq. */
function checkSnapshots(
  journal: Journal,
  snapshots: readonly SeenSnapshot[],
  problems: Problems,
): void {
  const sorted = snapshots.toSorted((a, b) => a.seq - b.seq);
  let next = 0;
  for (const due of journal.views(sorted.map(({ seq }) => seq))) {
    const snapshot = sorted[next];
    next += 1;
    if (snapshot !== undefined) checkSnapshot(journal, due, snapshot, problems);
  }
}

function checkSnapshot(
  journal: Journal,
  due: RoomsView,
  { client, seq, rooms, views }: SeenSnapshot,
  problems: Problems,
): void {
  const say = (kind: "leaked" | "lost" | "wrong", what: string): void =>
    problems.add(kind, `${client}: the snapshot of ${seq} ${what}`);
  const maySee = (channelId: string): boolean =>
    views.mayRead({ audience: journal.audienceOf(channelId) });
  const shown = new Map<string, ReadonlySet<string>>();
  for (const { channelId, members } of rooms) {
    shown.set(channelId, new Set(members.map(({ userId }) => userId)));
    if (!maySee(channelId)) say("leaked", `shows the room ${channelId}`);
    if (!due.has(channelId)) say("wrong", `shows ${channelId}, which is not open then`);
  }
  for (const [channelId, members] of due) {
    if (!maySee(channelId)) continue;
    const users = shown.get(channelId);
    if (users === undefined) say("lost", `lacks the room ${channelId}`);
    else if (users.size !== members.size || [...members].some((user) => !users.has(user))) {
      say("wrong", `shows ${[...users].join()} in ${channelId}, not ${[...members].join()}`);
    }
  }
}
