import { log } from "../platform/log.ts";
import { err, ok } from "../platform/result.ts";
import { type CallFailure, Calls } from "./core/calls.ts";
import type { DirectIntent } from "./core/dialect.ts";
import type { LiveSession } from "./core/live-session.ts";
import type { Admit } from "./core/opening.ts";
import type { OpenSession } from "./core/session.ts";
import type { Direct } from "./core/direct.ts";
import { clientOf, type ExtensionTurns } from "./extension-turns.ts";
import type { Client, HubExtension, Reply, SocketExtension, PendingAck } from "./extension.ts";
import type { StreamHost } from "./host.ts";
import type { RuntimeSocket } from "./runtime.ts";
import { SqliteCalls } from "./sqlite-calls.ts";
import type { SqliteConnections } from "./sqlite-connections.ts";

/** Task that fails the calls whose deadline has passed. */
export const CALLS_TASK = "hub/calls";

/** Closes that have woken the hub arrive within this time, milliseconds. */
const LOST_AFTER_MS = 1_000;

/** Task that tells the extensions of lost connections. */
export const LOST_TASK = "hub/lost";

/** A closed connection that its hub did not see closing: it was lost in a crash. */
const LOST_CODE = 1006;

const callsIn = (sql: SqlStorage): SqliteCalls => new SqliteCalls(sql);

/** A session that was closed, and its code. */
type Gone = {
  readonly client: Client;
  readonly code: number;
  /** Whether a frame of it was over the limit. */
  readonly isTooLarge: boolean;
};

/** What the extensions of a hub hear from its sockets, and say to them (HUB-21). */
export class Duplex {
  readonly #direct: Direct<RuntimeSocket>;
  readonly #store: SqliteConnections;
  readonly #ears: readonly (readonly [HubExtension, SocketExtension])[];
  readonly #defer: (act: () => void) => void;
  readonly #turns: ExtensionTurns;
  readonly #calls: Calls;
  readonly #wakeSoon: () => void;
  /** Closed since the last event ended. */
  readonly #gone: Gone[] = [];
  /** Not connected at the wake. If a close has woken the hub, it is still to come, and knows the code. */
  readonly #lost: Gone[] = [];

  /**
   * @param defer does something after the present turn, in order with its events
   */
  constructor(parts: {
    readonly host: StreamHost;
    readonly store: SqliteConnections;
    readonly extensions: readonly HubExtension[];
    readonly turns: ExtensionTurns;
    readonly defer: (act: () => void) => void;
  }) {
    const { host, store, extensions, turns, defer } = parts;
    this.#direct = host.server.direct;
    this.#store = store;
    this.#defer = defer;
    this.#turns = turns;
    this.#ears = extensions.flatMap((one) =>
      one.sockets === undefined ? [] : [[one, one.sockets] as const],
    );
    const answer = (caller: string, ack: string, data: unknown): void =>
      defer(() => this.#answer(caller, ack, data));
    this.#wakeSoon = () => {
      host.store.writeTask(LOST_TASK, host.clock() + LOST_AFTER_MS);
      host.schedule();
    };
    this.#calls = new Calls({
      store: () => turns.kept(callsIn),
      clock: host.clock,
      newId: host.newId,
      canBeAsked: (connection, caller) => this.#direct.canBeAsked(connection, caller),
      ask: (call, name, data) =>
        defer(() =>
          this.#direct.ask(call.target, call, (frames) => frames.call(call.id, name, data)),
        ),
      forget: (call) => defer(() => this.#direct.forget(call.target, call)),
      answer: ({ caller, ack, extension }, data) =>
        answer(caller, ack, this.#answeredFor(extension, data)),
      fail: ({ caller, ack, extension }, why) =>
        answer(caller, ack, this.#failureOf(extension, why)),
      runBy: (at) => {
        const known = host.store.readTask(CALLS_TASK);
        // The one that runs is over, whatever it was scheduled for.
        if (known === null || at < known || known <= host.clock()) {
          host.store.writeTask(CALLS_TASK, at);
        }
      },
    });
  }

  /** Asks the extensions whether a client may connect, and with which grants. */
  readonly admit: Admit = (record) => {
    const lookups = this.#ears.filter(([, { grantsOf }]) => grantsOf !== undefined);
    if (lookups.length === 0) return ok(undefined);
    const client = clientOf(record);
    return this.#turns.run(() => {
      const extra: Record<string, string[]> = {};
      for (const [extension, { grantsOf }] of lookups) {
        const grants = grantsOf?.(this.#turns.of(extension), client) ?? [];
        if ("code" in grants) return err(grants);
        extra[extension.name] = [...grants];
      }
      return ok(extra);
    });
  };

  /** A session has begun. */
  opened(record: OpenSession): void {
    if (this.#ears.length === 0) return;
    const client = clientOf(record);
    const { connectionId, sub } = client;
    this.#turns.run(() => {
      this.#store.rememberConnection({ connectionId, sub, scope: JSON.stringify(client.scope) });
      for (const [extension, ears] of this.#ears) ears.onOpen?.(this.#turns.of(extension), client);
    });
  }

  /** A client has said something. @returns whether anybody takes it */
  said(from: OpenSession, intent: DirectIntent): boolean {
    if (this.#ears.length === 0) return false;
    const client = clientOf(from);
    const { connectionId } = client;
    if (intent.kind === "answer") {
      // If nobody waits for it any more, or it is not this client's to give, there is nothing to tell the client.
      this.#turns.run(() => this.#calls.answered(connectionId, intent.call, intent.data));
      this.#direct.answered(connectionId, intent.call);
      return true;
    }
    const { name, data, ack = null } = intent;
    const found = this.#ears.find(([, ears]) => ears.takes(name));
    if (found === undefined) return false;
    const [extension, ears] = found;
    this.#turns.run(() => {
      const message = { name, data, ack };
      const reply = ears.onMessage(this.#turns.of(extension), client, message);
      if (reply !== null && ack !== null) this.reply(extension.name, { connectionId, ack }, reply);
    });
    return true;
  }

  /** Answers a message, or has another client do so, unless its sender has left. Inside a turn. */
  reply(extension: string, { connectionId, ack }: PendingAck, reply: Reply): void {
    // Nobody would get the answer of a client that is asked in vain.
    if (this.#direct.selected({ connection: connectionId }).length === 0) return;
    if ("data" in reply) {
      this.#defer(() => this.#answer(connectionId, ack, reply.data));
      return;
    }
    const { to: target, timeoutMs, name, data } = reply.call;
    this.#calls.place({ caller: connectionId, ack, target, extension }, name, data, timeoutMs);
  }

  /** A session was closed. The extensions hear of it when the present event ends. */
  closed({ record, dialect }: LiveSession, code: number): void {
    if (this.#ears.length === 0) return;
    const isTooLarge = code === dialect.farewell("frameTooBig").code;
    this.#gone.push({ client: clientOf(record), code, isTooLarge });
  }

  /** Tells the extensions of the sessions that were closed since. Call it at the end of each event. */
  settle(): void {
    for (let gone = this.#gone.shift(); gone !== undefined; gone = this.#gone.shift()) {
      const { client, code, isTooLarge } = gone;
      let isKnown = false;
      this.#turns.run(() => {
        isKnown = this.#store.forgetConnection(client.connectionId);
        if (isKnown) this.#calls.gone(client.connectionId, isTooLarge);
      });
      if (!isKnown) continue;
      for (const [extension, ears] of this.#ears) {
        try {
          this.#turns.run(() => ears.onClose?.(this.#turns.of(extension), client, code));
        } catch (error) {
          // The others hear of it nevertheless.
          log("error", "hub.close_not_heard", { extension: extension.name, error });
        }
      }
    }
  }

  /** After a crash all sockets are gone, and nobody saw them closing. Call it at each wake. */
  findLost(): void {
    for (const { connectionId, sub, scope } of this.#store.connections()) {
      if (this.#direct.selected({ connection: connectionId }).length > 0) continue;
      const client = { connectionId, sub, scope: JSON.parse(scope) as unknown };
      this.#lost.push({ client, code: LOST_CODE, isTooLarge: false });
    }
    if (this.#lost.length > 0) this.#wakeSoon();
  }

  /** The task is due: nobody has seen these connections closing. */
  tellLost(): void {
    this.#gone.push(...this.#lost.splice(0));
  }

  /** The task is due. */
  expire(): void {
    this.#turns.run(() => this.#calls.expire());
  }

  #answer(connection: string, ack: string, data: unknown): void {
    this.#direct.owe({ connection }, (frames) => frames.answer(ack, data));
  }

  #answeredFor(name: string, answer: unknown): unknown {
    const { callAnswered } = this.#earsOf(name) ?? {};
    return callAnswered === undefined ? answer : callAnswered(answer);
  }

  #failureOf(name: string, why: CallFailure): unknown {
    return this.#earsOf(name)?.callFailed(why);
  }

  #earsOf(name: string): SocketExtension | undefined {
    return this.#ears.find(([extension]) => extension.name === name)?.[1];
  }
}
