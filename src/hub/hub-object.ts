import { guildFor, type Principal } from "../platform/auth/principal.ts";
import { verifyToken, type TokenFailure } from "../platform/auth/verify-token.ts";
import { systemClock } from "../platform/clock.ts";
import { ulidGenerator } from "../platform/ids.ts";
import { log } from "../platform/log.ts";
import type { Result } from "../platform/result.ts";
import { configOf, type Env } from "../env.ts";
import { PING_FRAME, PONG_FRAME } from "../protocol/frames.ts";
import { DEADLINES_TASK } from "./core/deadlines.ts";
import type { TokenRequest } from "./core/frame-intake.ts";
import { Hub } from "./core/hub.ts";
import type { HubContext, HubExtension, HubTurn } from "./extension.ts";
import { HANDOVER_HEADER, identityOf, readHandover, type Handover } from "./handover.ts";
import { ingestEvents } from "./ingest.ts";
import type {
  HubStatus,
  IncomingEvent,
  IngestResult,
  Publication,
  Published,
} from "./publisher.ts";
import { SocketSet } from "./socket-set.ts";
import { SqliteStore } from "./sqlite-store.ts";

/** A task that failed is tried again after this time, milliseconds. */
const TASK_RETRY_MS = 5_000;

/** Everything behind a `GuildHub`: it wires the pure hub to storage, sockets, alarm and extensions. */
export class HubObject {
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  readonly #extensions: readonly HubExtension[];
  readonly #guildId: string;
  readonly #store: SqliteStore;
  readonly #sockets: SocketSet;
  readonly #hub: Hub<WebSocket>;
  readonly #newId = ulidGenerator();
  /** When the alarm is set for; undefined: not known since the last wake. */
  #armedAt: number | null | undefined;

  constructor(ctx: DurableObjectState, env: Env, extensions: readonly HubExtension[]) {
    this.#ctx = ctx;
    this.#env = env;
    this.#extensions = extensions;
    this.#store = new SqliteStore(ctx.storage);
    for (const extension of extensions) extension.migrate(ctx.storage.sql);
    this.#guildId = this.#knowGuild();
    this.#sockets = new SocketSet(ctx);
    const publish = (publication: Publication): Published => this.#hub.publish(publication);
    this.#hub = new Hub({
      guildId: this.#guildId,
      store: this.#store,
      sockets: this.#sockets,
      clock: systemClock,
      newId: this.#newId,
      after: (ms, run) => this.#after(ms, run),
      snapshot: (mayRead) => {
        const parts = extensions.map((one) => one.snapshot(this.#turnOf(publish, one), mayRead));
        return Object.assign({}, ...parts) as Record<string, unknown>;
      },
    });
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING_FRAME, PONG_FRAME));
  }

  /** Takes a socket that the Worker hands over. */
  upgrade(request: Request): Response {
    const handover = readHandover(request.headers.get(HANDOVER_HEADER));
    if (handover === null) return new Response(null, { status: 503 });
    const refused = this.#admit(handover);
    if (refused !== null) return new Response(null, { status: refused });
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server);
    const options = {
      id: this.#newId(systemClock()),
      batch: handover.batch,
      resume: { epoch: handover.epoch, seq: handover.seq === null ? Number.NaN : handover.seq },
    };
    if (handover.identity === undefined) this.#hub.wait(server, options);
    else {
      this.#serve();
      this.#hub.open(server, handover.identity, options);
    }
    this.#arm();
    return new Response(null, { status: 101, webSocket: client });
  }

  async message(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    const request = this.#hub.message(socket, data);
    this.#arm();
    if (request === null) return;
    const verified = await verifyToken(this.#env, request.token);
    this.#answerToken(socket, request, verified);
    this.#arm();
  }

  closed(socket: WebSocket): void {
    this.#hub.closed(socket);
    this.#sockets.reciprocateClose(socket);
  }

  async alarm(): Promise<void> {
    this.#armedAt = undefined;
    const due = this.#store.dueTasks(systemClock());
    if (due.includes(DEADLINES_TASK)) this.#hub.checkDeadlines();
    await Promise.all(due.filter((key) => key !== DEADLINES_TASK).map((key) => this.#runTask(key)));
    this.#arm();
  }

  publish(publications: readonly Publication[]): Published[] {
    this.#serve();
    const results = this.#hub.turn(() =>
      publications.map((publication) => this.#hub.publish(publication)),
    );
    this.#arm();
    return results;
  }

  ingest(events: readonly IncomingEvent[]): IngestResult {
    if (!this.#isServed(events)) return { kind: "done", accepted: 0, duplicates: 0 };
    this.#serve();
    const result = ingestEvents(
      {
        extensions: this.#extensions,
        now: systemClock,
        turn: (work) => this.#hub.turn(work),
        hubTurn: (publish, extension) => this.#turnOf(publish, extension),
        publish: (publication, id) => this.#hub.publish(publication, id),
        remember: (key, expiresAt, now) => this.#store.remember(key, expiresAt, now),
        readPosition: () => this.#store.readPosition(),
        writePosition: (position) => this.#store.writePosition(position),
      },
      events,
    );
    this.#arm();
    return result;
  }

  async command(name: string, input: unknown): Promise<unknown> {
    const [prefix, command] = name.split(".", 2);
    const extension = this.#extensions.find((one) => one.name === prefix);
    const run = command === undefined ? undefined : extension?.commands[command];
    if (extension === undefined || run === undefined) throw new Error(`no hub command ${name}`);
    this.#serve();
    try {
      return await run(this.#contextOf(extension), input);
    } finally {
      this.#arm();
    }
  }

  status(): HubStatus {
    return this.#hub.status();
  }

  /** @returns an HTTP status to refuse with, or null */
  #admit(handover: Handover): number | null {
    if (handover.identity === undefined) return this.#hub.hasRoomToWait() ? null : 503;
    if (!this.#hub.hasRoom()) return 503;
    if (handover.ticket === undefined) return null;
    const { id, expiresAt } = handover.ticket;
    const now = systemClock();
    // Single use: between this read and this write nothing can come (HUB-7).
    const fresh = expiresAt > now && this.#store.remember(`ticket:${id}`, expiresAt, now);
    return fresh ? null : 401;
  }

  #answerToken(
    socket: WebSocket,
    request: TokenRequest,
    verified: Result<Principal, TokenFailure>,
  ): void {
    const waiting = this.#hub.isWaiting(socket);
    // While the token was verified the socket may have closed, or another frame may have opened it.
    if (socket.readyState !== WebSocket.OPEN || waiting !== (request.kind === "auth")) return;
    if (!verified.ok) {
      // Without the provider's keys nothing is known of the token: the client comes back with it.
      const isUnknown = verified.error.reason === "keys_unavailable";
      this.#hub.tokenRefused(socket, isUnknown ? "overloaded" : "unauthorized");
      return;
    }
    const principal = verified.value;
    const primary = configOf(this.#env).primaryGuildId;
    const identity = identityOf(principal);
    if (guildFor(principal, this.#guildId, primary) !== this.#guildId || !identity.ok) {
      this.#hub.tokenRefused(socket, "forbidden");
      return;
    }
    if (request.kind === "reauth") this.#hub.renew(socket, identity.value);
    else {
      this.#serve();
      this.#hub.open(socket, identity.value, request.options);
    }
  }

  async #runTask(key: string): Promise<void> {
    const at = this.#store.readTask(key);
    const slash = key.indexOf("/");
    const extension = this.#extensions.find((one) => one.name === key.slice(0, slash));
    try {
      if (extension !== undefined) {
        await extension.task(this.#contextOf(extension), key.slice(slash + 1));
      }
      // Unless it was scheduled anew meanwhile.
      if (this.#store.readTask(key) === at) this.#store.writeTask(key, null);
    } catch (error) {
      log("error", "hub.task_failed", { guildId: this.#guildId, task: key, error });
      this.#store.writeTask(key, systemClock() + TASK_RETRY_MS);
    }
  }

  #contextOf(extension: HubExtension): HubContext {
    return {
      guildId: this.#guildId,
      env: this.#env,
      now: systemClock,
      turn: (work) => {
        const publish = (publication: Publication): Published => this.#hub.publish(publication);
        const result = this.#hub.turn(() => work(this.#turnOf(publish, extension)));
        this.#arm();
        return result;
      },
    };
  }

  #turnOf(publish: (publication: Publication) => Published, extension: HubExtension): HubTurn {
    const prefix = extension.name;
    return {
      guildId: this.#guildId,
      sql: this.#ctx.storage.sql,
      now: systemClock,
      publish,
      schedule: (key, at) => this.#store.writeTask(`${prefix}/${key}`, at),
      cancel: (key) => this.#store.writeTask(`${prefix}/${key}`, null),
    };
  }

  /** A hub that nobody ever used ignores events of its guild: it is a foreign one (rooms.md §4). */
  #isServed(events: readonly IncomingEvent[]): boolean {
    if (this.#store.readFact("served") !== null) return true;
    if (this.#guildId === configOf(this.#env).primaryGuildId) return true;
    return events.some(
      (event) =>
        event.refused !== true &&
        this.#extensions.some((one) => one.wholeStates.includes(event.event)),
    );
  }

  #serve(): void {
    if (this.#store.readFact("served") === null) this.#store.writeFact("served", "1");
  }

  #knowGuild(): string {
    const known = this.#store.readFact("guild");
    if (known !== null) return known;
    const { name } = this.#ctx.id;
    if (name === undefined) throw new Error("a hub is reached by the name of its guild");
    this.#store.writeFact("guild", name);
    return name;
  }

  #arm(): void {
    const next = this.#store.nextTaskAt();
    if (next === this.#armedAt) return;
    this.#armedAt = next;
    void (next === null ? this.#ctx.storage.deleteAlarm() : this.#ctx.storage.setAlarm(next));
  }

  #after(ms: number, run: () => void): void {
    const done = new Promise<void>((resolve) => {
      setTimeout(() => {
        run();
        resolve();
      }, ms);
    });
    this.#ctx.waitUntil(done);
  }
}
