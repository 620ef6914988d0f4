import type { Problems } from "../problems.ts";
import type { DeviceScope, SyncFact, UpdateBody } from "./history.ts";
import { JudgedSession } from "./judged-session.ts";

/** What was judged in accounts. */
export type AccountTally = {
  /** Updates that devices were told of. */
  readonly updates: number;
  readonly messages: number;
  /** Changes of metadata that were stored. */
  readonly changes: number;
};

/** Closes of a device that did nothing wrong: the server goes away, or its network was too slow. */
const EXCUSED: ReadonlySet<number> = new Set([1001, 1006, 1012, 1013, 4007]);

/** What is known of a device. Each stretch is one connection: the numbers that it was told, in order. */
type JudgedDevice = {
  readonly name: string;
  readonly account: string;
  readonly scope: DeviceScope;
  readonly stretches: number[][];
  last: number;
};

/** What all devices together were told by a number. */
type Known = { readonly text: string; readonly body: UpdateBody };

/**
 * Judges the accounts of a drill by their records (sync.md §0b.11): every message once and without a gap, every change
 * counted once, and no device that missed, repeated or overheard an update while it was connected.
 */
export function judgeAccounts(lines: Iterable<SyncFact>, problems: Problems): AccountTally {
  const judge = new AccountJudge(problems);
  for (const line of lines) judge.take(line);
  return judge.end();
}

class AccountJudge {
  readonly #problems: Problems;
  readonly #devices = new Map<string, JudgedDevice>();
  readonly #sessions = new Map<string, JudgedSession>();
  /** By account, and then by number. */
  readonly #updates = new Map<string, Map<number, Known>>();
  /** Sessions by message. */
  readonly #sessionOf = new Map<string, JudgedSession>();
  #heard = 0;

  constructor(problems: Problems) {
    this.#problems = problems;
  }

  take(fact: SyncFact): void {
    switch (fact.k) {
      case "device": {
        const { device: name, account, scope } = fact;
        this.#devices.set(name, { name, account, scope, stretches: [], last: 0 });
        return;
      }
      case "session":
        this.#sessions.set(fact.session, new JudgedSession(fact, this.#problems));
        return;
      case "opened":
        this.#devices.get(fact.device)?.stretches.push([]);
        return;
      case "closed":
        if (!EXCUSED.has(fact.code)) {
          this.#problems.add("wrong", `${fact.device} was closed with ${fact.code}`);
        }
        return;
      case "update":
        return this.#told(fact);
      case "sent": {
        const session = this.#sessions.get(fact.session);
        session?.sent(fact.message, fact.device);
        if (session !== undefined) this.#sessionOf.set(fact.message, session);
        return;
      }
      case "accepted":
        this.#sessionOf.get(fact.message)?.accepted(fact);
        return;
      case "changed":
      case "mismatch":
        this.#sessions.get(fact.session)?.version(fact, fact.k === "changed");
        return;
      case "stored":
        this.#sessions.get(fact.session)?.stored(fact);
    }
  }

  end(): AccountTally {
    for (const updates of this.#updates.values()) this.#judgeUpdates(updates);
    for (const device of this.#devices.values()) {
      this.#judgeGaps(device);
      this.#judgeUntold(device);
    }
    const sessions = [...this.#sessions.values()];
    return {
      updates: this.#heard,
      messages: sessions.reduce((sum, session) => sum + session.end().messages, 0),
      changes: sessions.reduce((sum, { changes }) => sum + changes, 0),
    };
  }

  #told({ device: name, seq, id, body }: Extract<SyncFact, { k: "update" }>): void {
    const device = this.#devices.get(name);
    const stretch = device?.stretches.at(-1);
    if (device === undefined || stretch === undefined) {
      this.#problems.add("wrong", `${name} was told of something before it was let in`);
      return;
    }
    this.#heard += 1;
    if (seq <= device.last) {
      const isKnown = device.stretches.some((known) => known.includes(seq));
      const kind = isKnown ? "duplicated" : "reordered";
      this.#problems.add(kind, `${name} was told of ${seq} after ${device.last}`);
    }
    device.last = Math.max(device.last, seq);
    stretch.push(seq);
    if (!this.#isFor(device, body)) {
      this.#problems.add("leaked", `${name} was told of ${seq}: ${JSON.stringify(body)}`);
    }
    const updates = this.#updates.get(device.account) ?? new Map<number, Known>();
    this.#updates.set(device.account, updates);
    const text = JSON.stringify([id, body]);
    const known = updates.get(seq);
    if (known === undefined) updates.set(seq, { text, body });
    else if (known.text !== text) {
      this.#problems.add("wrong", `${name} was told of another ${seq} than others`);
    }
  }

  /** Whether an update is for a device: of its own account, and of what it is for. */
  #isFor({ account, scope }: JudgedDevice, body: UpdateBody): boolean {
    const { sid, machineId } = body;
    if (sid !== undefined && this.#sessions.get(sid)?.account !== account) return false;
    if (machineId !== undefined && !machineId.startsWith(`${account}.`)) return false;
    switch (scope.type) {
      case "user-scoped":
        return true;
      case "session-scoped":
        return sid === scope.id;
      case "machine-scoped":
        return machineId === scope.id;
    }
  }

  /** What was told agrees with what is stored, in the order in which it was stored. */
  #judgeUpdates(updates: ReadonlyMap<number, Known>): void {
    const inOrder = [...updates].toSorted(([a], [b]) => a - b);
    for (const [seq, { body }] of inOrder) {
      const session = this.#sessions.get(body.sid ?? "");
      if (session === undefined) continue;
      if (body.message !== undefined) session.told(body.message, seq);
      if (body.metadata !== undefined) session.announced(body.metadata, seq);
    }
  }

  /** While a device was connected, it was told of everything that is for it, but of its own messages. */
  #judgeGaps(device: JudgedDevice): void {
    const updates = this.#updates.get(device.account);
    /** Stored messages of its own that nobody was told of: only it was connected. */
    let untold = [...this.#sessions.values()].reduce(
      (sum, session) =>
        sum + session.untold().filter(({ name }) => session.isBySocketOf(name, device.name)).length,
      0,
    );
    for (const stretch of device.stretches) {
      for (const [at, seq] of stretch.entries()) {
        const before = stretch[at - 1] ?? seq - 1;
        for (let missed = before + 1; missed < seq; missed += 1) {
          const known = updates?.get(missed);
          if (known !== undefined) {
            if (!this.#isFor(device, known.body) || this.#isBy(device, known.body)) continue;
            this.#problems.add("lost", `${device.name} was not told of ${missed}`);
          } else if (device.scope.type === "user-scoped") {
            untold -= 1;
            if (untold < 0) this.#problems.add("lost", `nobody was told of ${missed}`);
          }
        }
      }
    }
  }

  /** Who was told of the messages before and after one, on one connection, must have been told of it too. */
  #judgeUntold({ name: device, account, scope, stretches }: JudgedDevice): void {
    if (scope.type === "machine-scoped") return;
    for (const [id, session] of this.#sessions) {
      const isDue =
        session.account === account && (scope.type === "user-scoped" || scope.id === id);
      if (!isDue) continue;
      for (const { name, before, after } of session.untold()) {
        if (before === null || after === null || session.isBySocketOf(name, device)) continue;
        if (stretches.some((told) => told.includes(before) && told.includes(after))) {
          this.#problems.add("lost", `${device} was not told of ${name}`);
        }
      }
    }
  }

  #isBy(device: JudgedDevice, { message, sid }: UpdateBody): boolean {
    const session = this.#sessions.get(sid ?? "");
    return session?.isBySocketOf(message?.localId ?? "", device.name) ?? false;
  }
}
