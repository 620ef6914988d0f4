import { describe, expect, it } from "vitest";
import { memoryStore } from "../testing/memory-storage.ts";
import { ulid } from "ulid";
import { PUBLISHER_SEQ_JUMP_MAX } from "../protocol/limits.ts";
import type { HubExtension, Kept, OutsideEvents, Sockets, Taken } from "./extension.ts";
import { ingestEvents, type IngestPorts } from "./ingest.ts";
import type { IncomingEvent, IngestResult, Publication } from "./publisher.ts";

/** There is no SQLite for extensions here. They keep their state in facts, which a rollback undoes as well. */
function area(
  name: string,
  events: readonly string[],
  take: OutsideEvents["take"],
  wholeStates: readonly string[] = [],
): HubExtension {
  return {
    name,
    outside: { events, wholeStates, claims: [], take },
    migrate: () => false,
    snapshot: () => ({}),
  };
}

const publication = (event: string): Publication => ({
  event,
  payload: {},
  audience: null,
  topic: null,
});

class Hub {
  readonly store = memoryStore("e");
  /** Transactions so far. */
  turns = 0;
  readonly #extensions: readonly HubExtension[];

  constructor(...extensions: readonly HubExtension[]) {
    this.#extensions = extensions;
  }

  /** Names and ids of the published events. */
  get published(): string[] {
    return this.store.readAfter(0, 100).map(({ event, id }) => `${event} ${id}`);
  }

  ingest(...events: readonly IncomingEvent[]): IngestResult {
    const { store } = this;
    const ports: IngestPorts = {
      extensions: this.#extensions,
      now: () => 1,
      turn: (work) => {
        this.turns += 1;
        return store.transaction(work);
      },
      hubTurn: (publish, extension) => ({
        name: "g",
        get sql(): SqlStorage {
          throw new Error("there is no SQLite here");
        },
        get kept(): Kept {
          throw new Error("there is no SQLite here");
        },
        get sockets(): Sockets {
          throw new Error("there are no sockets here");
        },
        now: () => 1,
        seq: () => store.extent().head,
        publish,
        schedule: (key, at) => store.writeTask(`${extension.name}/${key}`, at),
        cancel: (key) => store.writeTask(`${extension.name}/${key}`, null),
        scheduledAt: (key) => store.readTask(`${extension.name}/${key}`),
        tell: () => "done",
      }),
      publish: ({ event, payload, audience, topic, id = "new" }) => {
        const seq = store.extent().head + 1;
        const text = JSON.stringify(payload);
        store.append({
          seq,
          id,
          event,
          payload: text,
          ts: 1,
          at: 1,
          audience,
          except: null,
          topic,
          trace: null,
        });
        return { kind: "published", seq };
      },
      remember: (key, expiresAt, now) => store.remember(key, expiresAt, now),
      rememberAll: (keys, expiresAt, now) => store.rememberAll(keys, expiresAt, now),
      readPosition: () => store.readPosition(),
      writePosition: (position) => store.writePosition(position),
    };
    return ingestEvents(ports, events);
  }
}

const EPOCH = ulid(1);

const joined = (seq: number): IncomingEvent => ({
  id: `id-${seq}`,
  event: "voice.joined",
  payload: { guildId: "g" },
  epoch: EPOCH,
  seq,
});
/** An event that the schema refused, as `signed-events.ts` passes it on. */
const refused = (seq: number): IncomingEvent => ({ ...joined(seq), payload: {}, refused: true });

const done = (accepted: number, duplicates = 0): IngestResult => ({
  kind: "done",
  accepted,
  duplicates,
});

describe("HUB-11 a refused event", () => {
  const hubOfRooms = (): Hub =>
    new Hub(
      area("rooms", ["voice.joined"], (turn) => {
        turn.publish(publication("voice.joined"));
        return "done";
      }),
    );

  it("moves no position, whatever position it has", () => {
    const hub = hubOfRooms();
    expect(hub.ingest(refused(1))).toEqual(done(0));
    expect(hub.ingest({ ...refused(1), epoch: ulid(1_000) })).toEqual(done(0));
    expect(hub.store.readPosition()).toBeNull();
    expect(hub.ingest(joined(1))).toEqual(done(1));
    expect(hub.ingest(refused(7))).toEqual({ kind: "gap", expected: 2 });
    expect(hub.store.readPosition()).toEqual({ epoch: EPOCH, seq: 1 });
  });

  it("leaves no gap before later events of the same request", () => {
    const hub = hubOfRooms();
    const sent = [refused(1), joined(2), refused(3), refused(4), joined(5), refused(6)];
    expect(hub.ingest(...sent)).toEqual(done(2));
    expect(hub.store.readPosition()).toEqual({ epoch: EPOCH, seq: 5 });
    // The sender continues from the last accepted event.
    expect(hub.ingest(joined(7))).toEqual({ kind: "gap", expected: 6 });
    expect(hub.ingest({ ...joined(7), seq: 6 })).toEqual(done(1));
    expect(hub.published).toEqual(["id-2", "id-5", "id-7"].map((id) => `voice.joined ${id}`));
  });

  it("of a newer epoch replaces no publisher", () => {
    const hub = hubOfRooms();
    hub.ingest(joined(1));
    expect(hub.ingest({ ...refused(1), epoch: ulid(1_000) }, joined(2))).toEqual(done(1));
    expect(hub.store.readPosition()).toEqual({ epoch: EPOCH, seq: 2 });
    // The first event of a new publisher is refused, and its later events are accepted nevertheless.
    const newer = { epoch: ulid(2_000) };
    expect(hub.ingest({ ...refused(1), ...newer }, { ...joined(2), ...newer, id: "n" })).toEqual(
      done(1),
    );
    expect(hub.store.readPosition()).toEqual({ ...newer, seq: 2 });
    expect(hub.ingest(refused(3), joined(4))).toEqual({ kind: "stale_publisher" });
  });

  it("moves the position no further than a snapshot may jump, however many there are", () => {
    const kinds = ["voice.joined", "guild.snapshot"];
    const hub = new Hub(area("rooms", kinds, () => "done", ["guild.snapshot"]));
    hub.ingest(joined(1));
    const far = (n: number): IncomingEvent => ({
      ...refused(1 + n * PUBLISHER_SEQ_JUMP_MAX),
      event: "guild.snapshot",
    });
    const next = joined(2 + 2 * PUBLISHER_SEQ_JUMP_MAX);
    expect(hub.ingest(far(1), far(2), next)).toEqual({ kind: "gap", expected: 2 });
    expect(hub.store.readPosition()).toEqual({ epoch: EPOCH, seq: 1 });
    // A snapshot that jumps exactly so far is accepted.
    const taken = { ...joined(1 + PUBLISHER_SEQ_JUMP_MAX), event: "guild.snapshot" };
    expect(hub.ingest(taken)).toEqual(done(1));
  });

  it("is skipped when the request is sent again, also when an id in between is known", () => {
    const hub = hubOfRooms();
    hub.ingest({ ...joined(3), seq: 1 });
    const sent = [joined(2), refused(3), { ...joined(4), id: "id-3" }, joined(5)];
    expect(hub.ingest(...sent)).toEqual(done(2, 1));
    expect(hub.ingest(...sent)).toEqual(done(0, 4));
    expect(hub.store.readPosition()).toEqual({ epoch: EPOCH, seq: 5 });
  });
});

describe("HUB-11 events of one request", () => {
  const failingAt = (seq: number, outcome: () => Taken): Hub =>
    new Hub(
      area("rooms", ["voice.joined"], (turn, event) => {
        turn.publish(publication("voice.joined"));
        return event.seq === seq ? outcome() : "done";
      }),
    );

  it("are one transaction", () => {
    const hub = failingAt(0, () => "done");
    expect(hub.ingest(joined(1), joined(2), joined(3))).toEqual(done(3));
    expect(hub.turns).toBe(1);
    expect(hub.store.readPosition()).toEqual({ epoch: EPOCH, seq: 3 });
    // Each id is known from now on, also under another position.
    expect(hub.ingest({ ...joined(4), id: "id-2" }, joined(5))).toEqual(done(1, 1));
    expect(hub.published).toHaveLength(4);
  });

  it("may have one id twice: the second is a duplicate", () => {
    const hub = failingAt(0, () => "done");
    expect(hub.ingest(joined(1), { ...joined(2), id: "id-1" }, joined(3))).toEqual(done(2, 1));
    expect(hub.published).toEqual(["voice.joined id-1", "voice.joined id-3"]);
  });

  it.each([
    ["has to wait", (): Taken => ({ holdMs: 250 })],
    [
      "fails",
      (): Taken => {
        throw new Error("a bug");
      },
    ],
  ])("stay accepted up to the one that %s", (_, outcome) => {
    let isBroken = true;
    const hub = failingAt(3, () => (isBroken ? outcome() : "done"));
    const sent = [joined(1), joined(2), joined(3), joined(4)];
    let answer: IngestResult | string;
    try {
      answer = hub.ingest(...sent);
    } catch (error) {
      answer = String(error);
    }
    expect([{ kind: "hold", retryAfterMs: 250 }, "Error: a bug"]).toContainEqual(answer);
    expect(hub.published).toEqual(["voice.joined id-1", "voice.joined id-2"]);
    expect(hub.store.readPosition()).toEqual({ epoch: EPOCH, seq: 2 });
    isBroken = false;
    expect(hub.ingest(...sent)).toEqual(done(2, 2));
    expect(hub.published).toHaveLength(4);
  });
});

describe("the time of an outside event", () => {
  it("is never later than now, also if the sender's clock is ahead", () => {
    const seen: (number | undefined)[] = [];
    const hub = new Hub(
      area("rooms", ["voice.joined"], (_, { ts }) => {
        seen.push(ts);
        return "done";
      }),
    );
    hub.ingest({ ...joined(1), ts: Number.MAX_SAFE_INTEGER }, { ...joined(2), ts: 0 }, joined(3));
    expect(seen).toEqual([1, 0, undefined]);
  });
});

describe("an outside event that two areas take", () => {
  it("reaches both in one turn; its own entry keeps its id, other entries that it causes do not", () => {
    const hub = new Hub(
      area("rooms", ["voice.joined"], (turn) => {
        turn.publish(publication("room.updated"));
        turn.publish(publication("voice.joined"));
        return "done";
      }),
      area("matches", ["voice.joined", "voice.left"], (turn) => {
        turn.publish(publication("voice.joined"));
        turn.schedule("look", 5);
        return "done";
      }),
      area("music", ["voice.left"], () => {
        throw new Error("this area does not take the event");
      }),
    );
    expect(hub.ingest(joined(1))).toEqual({ kind: "done", accepted: 1, duplicates: 0 });
    expect(hub.published).toEqual(["room.updated new", "voice.joined id-1", "voice.joined new"]);
    expect(hub.store.readTask("matches/look")).toBe(5);
  });

  it.each([
    ["the first", 0],
    ["the second", 1],
  ])("leaves nothing of either while %s holds it, and comes again", (_, holding) => {
    let holds = true;
    const taker = (name: string, place: number): HubExtension =>
      area(name, ["voice.joined"], (turn) => {
        turn.publish(publication(`${name}.told`));
        turn.schedule("task", 5);
        return holds && place === holding ? { holdMs: 250 } : "done";
      });
    const hub = new Hub(taker("rooms", 0), taker("matches", 1));
    hub.store.writePosition({ epoch: EPOCH, seq: 0 });

    expect(hub.ingest(joined(1), joined(2))).toEqual({ kind: "hold", retryAfterMs: 250 });
    expect(hub.published).toEqual([]);
    expect([hub.store.readTask("rooms/task"), hub.store.readTask("matches/task")]).toEqual([
      null,
      null,
    ]);
    expect(hub.store.readPosition()).toEqual({ epoch: EPOCH, seq: 0 });

    holds = false;
    expect(hub.ingest(joined(1), joined(2))).toEqual({ kind: "done", accepted: 2, duplicates: 0 });
    expect(hub.published.map((one) => one.split(" ")[0])).toEqual([
      "rooms.told",
      "matches.told",
      "rooms.told",
      "matches.told",
    ]);
    expect(hub.ingest(joined(1), joined(2))).toEqual({ kind: "done", accepted: 0, duplicates: 2 });
  });
});
