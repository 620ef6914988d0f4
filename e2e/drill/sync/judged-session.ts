import type { Problems } from "../problems.ts";
import type { Counted, StoredMessage, SyncFact } from "./history.ts";

type Stored = Extract<SyncFact, { k: "stored" }>;
type Place = { readonly id: string; readonly seq: number };

/** A message that nobody was told of, and the numbers of the updates that tell of those before and after it. */
type Untold = {
  readonly name: string;
  readonly before: number | null;
  readonly after: number | null;
};

/** The first version of a session's metadata (sync.md §0b.18). */
const FIRST_VERSION = 1;

/** One session of a drill: what was sent to it, what it said of that, and what it has in the end. */
export class JudgedSession {
  readonly account: string;
  readonly #tag: string;
  readonly #problems: Problems;
  /** Devices whose sockets sent a message, by its name. */
  readonly #sent = new Map<string, Set<string>>();
  readonly #accepted = new Map<string, Place>();
  /** Values by version. */
  readonly #values = new Map<number, string>();
  /** Versions whose change was answered with success. */
  readonly #changed = new Set<number>();
  /** Numbers of the updates that told of messages. */
  readonly #told = new Map<string, number>();
  #announced = FIRST_VERSION;
  #stored: Stored | null = null;

  constructor({ account, tag }: Extract<SyncFact, { k: "session" }>, problems: Problems) {
    this.account = account;
    this.#tag = tag;
    this.#problems = problems;
  }

  /** Changes that were stored. */
  get changes(): number {
    return (this.#stored?.metadata.version ?? FIRST_VERSION) - FIRST_VERSION;
  }

  /** @param device by its socket; null: by REST */
  sent(message: string, device: string | null): void {
    const devices = this.#sent.get(message) ?? new Set();
    if (device !== null) devices.add(device);
    this.#sent.set(message, devices);
  }

  isBySocketOf(message: string, device: string): boolean {
    return this.#sent.get(message)?.has(device) ?? false;
  }

  accepted({ message, id, seq }: Extract<SyncFact, { k: "accepted" }>): void {
    this.#expectPlace(message, { id, seq }, "was accepted");
    this.#accepted.set(message, { id, seq });
  }

  /** A value was seen with its version. @param isNew the change of somebody has succeeded */
  version(
    { version, value }: { readonly version: number; readonly value: string },
    isNew: boolean,
  ): void {
    if (isNew && this.#changed.has(version)) {
      this.#problems.add("lost", `${this.#tag} had two changes that are version ${version}`);
    }
    if (isNew) this.#changed.add(version);
    const known = this.#values.get(version);
    if (known !== undefined && known !== value) {
      this.#problems.add("lost", `${this.#tag} had two values with version ${version}`);
    }
    this.#values.set(version, value);
    const { of, count } = JSON.parse(value) as Counted;
    if (of !== this.#tag) this.#problems.add("leaked", `${this.#tag} has the metadata of ${of}`);
    if (count !== version - FIRST_VERSION) {
      this.#problems.add("lost", `${this.#tag} counts ${count} changes in version ${version}`);
    }
  }

  stored(stored: Stored): void {
    this.#stored = stored;
    this.version(stored.metadata, false);
  }

  /** A device was told of a message. Called in the order of the updates. */
  told(message: StoredMessage, seq: number): void {
    const { localId } = message;
    const name = localId ?? "";
    if (this.#told.has(name)) {
      this.#problems.add("duplicated", `${name} was told of twice, again as ${seq}`);
    }
    this.#told.set(name, seq);
    this.#expectPlace(name, message, "was told of");
  }

  /** A device was told of a change. Called in the order of the updates. */
  announced(metadata: { readonly value: string; readonly version: number }, seq: number): void {
    const { version } = metadata;
    if (version <= this.#announced) {
      this.#problems.add("duplicated", `version ${version} of ${this.#tag} came again as ${seq}`);
    }
    this.#announced = version;
    this.version(metadata, false);
  }

  /** Stored messages that nobody was told of, each between the updates of its neighbours; null: there is none. */
  untold(): Untold[] {
    const messages = this.#stored?.messages ?? [];
    let before: number | null = null;
    const found: Untold[] = [];
    let open: Omit<Untold, "after">[] = [];
    for (const { localId } of messages) {
      const name = localId ?? "";
      const seq = this.#told.get(name);
      if (seq === undefined) open.push({ name, before });
      else {
        const after = seq;
        found.push(...open.map((one) => ({ ...one, after })));
        open = [];
        before = seq;
      }
    }
    return [...found, ...open.map((one) => ({ ...one, after: null }))];
  }

  /** Compares what is stored with all of that. */
  end(): { readonly messages: number } {
    const stored = this.#stored;
    if (stored === null) {
      this.#problems.add("lost", `${this.#tag} was not read back`);
      return { messages: 0 };
    }
    const { messages, metadata, toOthers } = stored;
    if (toOthers !== 404) {
      this.#problems.add("leaked", `another account gets ${toOthers} for ${this.#tag}`);
    }
    const highest = Math.max(FIRST_VERSION, ...this.#values.keys());
    if (metadata.version < highest) {
      this.#problems.add("lost", `${this.#tag} is at version ${metadata.version} of ${highest}`);
    }
    const places = new Map<string, Place>();
    for (const [at, message] of messages.entries()) {
      this.#judgeStored(message, at + 1);
      const name = message.localId ?? "";
      if (places.has(name)) this.#problems.add("duplicated", `${name} is stored twice`);
      places.set(name, message);
    }
    for (const [name, { id, seq }] of this.#accepted) {
      const place = places.get(name);
      if (place === undefined) this.#problems.add("lost", `${name} was accepted, and is not there`);
      else if (place.id !== id || place.seq !== seq) {
        this.#problems.add("wrong", `${name} was accepted as ${seq}, and is ${place.seq}`);
      }
    }
    for (const name of this.#told.keys()) {
      if (!places.has(name)) this.#problems.add("wrong", `${name} was told of, and is not there`);
    }
    return { messages: messages.length };
  }

  /** @param due the number that it must have: there are no gaps */
  #judgeStored({ localId, seq, content }: StoredMessage, due: number): void {
    const name = localId ?? "";
    if (seq !== due) this.#problems.add("lost", `${this.#tag} has ${seq} where ${due} is due`);
    if (!this.#sent.has(name)) {
      const kind = name.startsWith(`${this.#tag}.`) ? "wrong" : "leaked";
      this.#problems.add(kind, `${this.#tag} has ${name}, which nobody sent to it`);
    }
    if (Buffer.from(content.c, "base64").toString() !== name) {
      this.#problems.add("wrong", `${name} has the content of another message`);
    }
  }

  /** A message has one id and one number, whoever tells them. */
  #expectPlace(message: string, { id, seq }: Place, how: string): void {
    const known = this.#accepted.get(message);
    if (known !== undefined && (known.id !== id || known.seq !== seq)) {
      this.#problems.add("wrong", `${message} ${how} as ${seq}, and before as ${known.seq}`);
    }
  }
}
