import type { RequestIds } from "../platform/request-ids.ts";
import type { OpenSession } from "./core/session.ts";
import type { Sequencer } from "./core/sequencer.ts";
import type { HubEnv } from "./env.ts";
import type {
  BeforeEnd,
  Client,
  HubContext,
  HubExtension,
  HubTurn,
  Kept,
  Reply,
  Sockets,
  Taken,
  PendingAck,
} from "./extension.ts";
import type { StreamHost } from "./host.ts";
import type { Publication } from "./publisher.ts";

/** What turns need from the hub. */
type TurnPorts = {
  readonly name: string;
  readonly env: HubEnv;
  readonly sql: SqlStorage;
  readonly host: StreamHost;
  readonly sequencer: Sequencer;
  readonly extensions: () => readonly HubExtension[];
  /** Answers a message for an extension, by its name. */
  readonly reply: (extension: string, to: PendingAck, reply: Reply) => void;
  /** The state may change now, or has changed. */
  readonly onTurn: () => void;
};

/** Keeps what {@link Kept} has made. */
export class KeptObjects {
  readonly #made = new Map<unknown, object>();
  readonly #writes: (() => void)[] = [];
  readonly kept: Kept;

  constructor(sql: SqlStorage) {
    const beforeEnd: BeforeEnd = (write) => void this.#writes.push(write);
    this.kept = <T extends object>(
      make: (sql: SqlStorage, kept: Kept, beforeEnd: BeforeEnd) => T,
    ): T => {
      const known = this.#made.get(make);
      // Only `make` itself has put it there.
      if (known !== undefined) return known as T;
      const made = make(sql, this.kept, beforeEnd);
      this.#made.set(make, made);
      return made;
    };
  }

  /** A turn ends, or another one begins inside of it. */
  write(): void {
    for (const write of this.#writes) write();
  }

  /** A turn was rolled back. */
  forget(): void {
    this.#made.clear();
    this.#writes.length = 0;
  }
}

/** Publishes inside a turn. */
export type Publish = (publication: Publication) => void;

/** Runs the extensions of a hub: everything of one turn is stored together, then sent in its order (HUB-2). */
export class ExtensionTurns {
  readonly #ports: TurnPorts;
  readonly #objects: KeptObjects;

  constructor(ports: TurnPorts) {
    this.#ports = ports;
    this.#objects = new KeptObjects(ports.sql);
  }

  /** Runs `work` in one transaction, and then sends what it published. */
  run<T>(work: () => T): T {
    const { onTurn, sequencer } = this.#ports;
    onTurn();
    try {
      // What an outer turn has changed must survive a rollback of this one.
      this.#objects.write();
      return sequencer.turn(() => {
        const result = work();
        this.#objects.write();
        return result;
      });
    } catch (error) {
      this.#objects.forget();
      throw error;
    } finally {
      onTurn();
    }
  }

  /** Something that is kept until a turn is rolled back. */
  get kept(): Kept {
    return this.#objects.kept;
  }

  /** Publishes for an extension. A refusal is a bug of the extension: its whole turn is rolled back. */
  readonly publish: Publish = (publication) => {
    const published = this.#ports.sequencer.publish(publication);
    if (published.kind === "refused") {
      throw new Error(`${publication.event} cannot be published: ${published.why}`);
    }
  };

  /** What an extension can do inside of {@link run}. */
  of(extension: HubExtension, publish: Publish = this.publish): HubTurn {
    return new ExtensionTurn(this.#ports, this.#objects.kept, extension, publish);
  }

  /** What an extension can do outside of a turn. @param trace trace id for everything that it publishes */
  contextOf(extension: HubExtension, trace?: RequestIds["traceId"]): HubContext {
    const { name, env, host } = this.#ports;
    const publish: Publish = (publication) =>
      this.publish(trace === undefined ? publication : { trace, ...publication });
    return {
      name,
      env,
      now: host.clock,
      turn: (work) => {
        const result = this.run(() => work(this.of(extension, publish)));
        host.arm();
        return result;
      },
    };
  }
}

/** {@link HubTurn} of one extension. Each event makes several, so its functions are not made for each. */
class ExtensionTurn implements HubTurn {
  readonly name: string;
  readonly sql: SqlStorage;
  readonly publish: Publish;
  readonly kept: Kept;
  readonly #ports: TurnPorts;
  readonly #extension: HubExtension;

  constructor(ports: TurnPorts, kept: Kept, extension: HubExtension, publish: Publish) {
    this.name = ports.name;
    this.sql = ports.sql;
    this.publish = publish;
    this.kept = kept;
    this.#ports = ports;
    this.#extension = extension;
  }

  now(): number {
    return this.#ports.host.clock();
  }

  seq(): number {
    return this.#ports.host.store.extent().head;
  }

  schedule(key: string, at: number): void {
    this.#ports.host.store.writeTask(`${this.#extension.name}/${key}`, at);
  }

  cancel(key: string): void {
    this.#ports.host.store.writeTask(`${this.#extension.name}/${key}`, null);
  }

  scheduledAt(key: string): number | null {
    return this.#ports.host.store.readTask(`${this.#extension.name}/${key}`);
  }

  tell(said: unknown): Taken {
    for (const other of this.#ports.extensions()) {
      if (other === this.#extension || other.hear === undefined) continue;
      const turn = new ExtensionTurn(this.#ports, this.kept, other, this.publish);
      const heard = other.hear(turn, said);
      if (heard !== "done") return heard;
    }
    return "done";
  }

  get sockets(): Sockets {
    const { host, sequencer, reply } = this.#ports;
    const { direct } = host.server;
    const { name } = this.#extension;
    return {
      of: (to) => direct.selected(to).map(({ record }) => clientOf(record)),
      unheard: (ms) => direct.unheard(host.clock() - ms).map(({ record }) => clientOf(record)),
      send: (to, what, data) =>
        sequencer.defer(() => direct.tell(to, (frames) => frames.message(what, data))),
      deliver: (to, what, data) =>
        sequencer.defer(() => direct.owe(to, (frames) => frames.message(what, data))),
      reply: (to, what) => reply(name, to, what),
      regrant: (to, grants) => sequencer.defer((upTo) => direct.regrant(to, name, grants, upTo)),
      close: (to, why) => sequencer.defer(() => direct.end(to, why)),
    };
  }
}

/** A session as extensions see it. */
export function clientOf({ id, sub, scope }: Pick<OpenSession, "id" | "sub" | "scope">): Client {
  return { connectionId: id, sub, scope: scope ?? null };
}
