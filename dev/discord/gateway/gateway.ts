import {
  type APIGatewaySessionStartLimit,
  GatewayCloseCodes,
  GatewayDispatchEvents,
  GatewayIntentBits,
  GatewayOpcodes,
} from "discord-api-types/v10";
import type { WebSocket } from "ws";
import type { Clock } from "../../../src/platform/clock.ts";
import { EventFaults } from "../faults.ts";
import type { Dispatch, DispatchData } from "../model.ts";
import { guildCreate, membersChunk, userObject } from "../objects.ts";
import type { World } from "../world.ts";
import { Connection, type ConnectionOwner } from "./connection.ts";
import {
  checkIntents,
  IdentifyBudget,
  type IdentifyBudgetState,
  Session,
  SESSION_LIFETIME_MS,
  type SessionState,
} from "./session.ts";

const GUILD_CREATE: string = GatewayDispatchEvents.GuildCreate;
const RESUMED: string = GatewayDispatchEvents.Resumed;

/** Close codes of the gateway after which the session can't be resumed. */
const ENDING_CODES: ReadonlySet<number> = new Set([
  GatewayCloseCodes.InvalidSeq,
  GatewayCloseCodes.SessionTimedOut,
]);

/** Close codes of the client that end the session. After any other it can be resumed. */
const FAREWELL_CODES: ReadonlySet<number> = new Set([1000, 1001]);

/** The gateway's part of the state file. */
export interface GatewayState {
  readonly sessions: readonly SessionState[];
  readonly budget: IdentifyBudgetState;
  readonly identifies: number;
  readonly resumes: number;
}

interface GatewayPorts {
  readonly world: World;
  readonly botToken: string;
  readonly clock: Clock;
  readonly heartbeatIntervalMs: number;
  readonly identifyIntervalMs: number;
  /** Called after every change, to write the state. */
  readonly changed: () => void;
}

/** The gateway v10: opens and resumes sessions, and sends each the events of its intents. */
export class Gateway implements ConnectionOwner {
  readonly clock: Clock;
  readonly heartbeatIntervalMs: number;
  readonly #ports: GatewayPorts;
  readonly #sessions = new Map<string, Session>();
  readonly #connections = new Set<Connection>();
  readonly #attached = new Map<Session, Connection>();
  readonly #budget: IdentifyBudget;
  /** Faults of events, for tests. */
  readonly eventFaults = new EventFaults();
  #unanswered = 0;
  #identifies: number;
  #resumes: number;

  constructor(ports: GatewayPorts, state?: GatewayState) {
    this.#ports = ports;
    this.clock = ports.clock;
    this.heartbeatIntervalMs = ports.heartbeatIntervalMs;
    this.#budget = new IdentifyBudget(ports.clock, ports.identifyIntervalMs, state?.budget);
    this.#identifies = state?.identifies ?? 0;
    this.#resumes = state?.resumes ?? 0;
    for (const saved of state?.sessions ?? []) {
      // The session was still connected when it was saved, so the process was killed. The file may lack its last
      // dispatches, and their sequence numbers must not be used again.
      if (saved.disconnectedAt === null) continue;
      this.#sessions.set(saved.id, new Session(saved));
    }
  }

  /** Takes an upgraded socket; `url` is the address that the client requested. */
  accept(socket: WebSocket, url: URL): void {
    this.#connections.add(new Connection(socket, url, this));
  }

  /** Records a dispatch for every session with its intents and guild, and sends it if connected. */
  publish(dispatch: Dispatch): void {
    for (const session of this.#sessions.values()) {
      const wanted = session.wants(dispatch.intents) && session.serves(dispatch.guildId);
      if (wanted) this.#dispatch(session, dispatch.event, dispatch.data);
    }
    this.#ports.changed();
  }

  identify(connection: Connection, data: Readonly<Record<string, unknown>>): void {
    if (!this.#isBot(data["token"])) {
      return connection.close(GatewayCloseCodes.AuthenticationFailed, "Authentication failed.");
    }
    const intents = checkIntents(data["intents"]);
    if (intents === "invalid") {
      return connection.close(GatewayCloseCodes.InvalidIntents, "Invalid intent(s).");
    }
    if (intents === "disallowed") {
      return connection.close(GatewayCloseCodes.DisallowedIntents, "Disallowed intent(s).");
    }
    const shard = readShard(data["shard"]);
    if (shard === null) return connection.close(GatewayCloseCodes.InvalidShard, "Invalid shard.");
    const budget = this.#budget.take(shard[0]);
    if (budget === "too_soon") return connection.send(GatewayOpcodes.InvalidSession, false);
    if (budget === "exhausted") {
      // Discord resets a token that opened too many sessions, so the old token is no longer valid.
      return connection.close(GatewayCloseCodes.AuthenticationFailed, "Authentication failed.");
    }
    if (this.#isUnanswered()) return undefined;
    if (data["compress"] === true) connection.transport.compressPayloads();
    const session = new Session({ intents: Number(data["intents"]), shard });
    this.#sessions.set(session.id, session);
    this.#identifies += 1;
    this.#attach(session, connection);
    this.#greet(session, connection.host);
    return this.#ports.changed();
  }

  resume(connection: Connection, data: Readonly<Record<string, unknown>>): void {
    if (!this.#isBot(data["token"])) {
      return connection.close(GatewayCloseCodes.AuthenticationFailed, "Authentication failed.");
    }
    if (this.#isUnanswered()) return undefined;
    const { session_id: id, seq } = data;
    this.#forgetExpired();
    const session = typeof id === "string" ? this.#sessions.get(id) : undefined;
    if (session === undefined || typeof seq !== "number")
      return connection.send(GatewayOpcodes.InvalidSession, false);
    const missed = session.missedAfter(seq);
    if (missed === "ahead") {
      this.#sessions.delete(session.id);
      return connection.close(GatewayCloseCodes.InvalidSeq, "Invalid seq.");
    }
    if (missed === "gone") {
      this.#sessions.delete(session.id);
      return connection.send(GatewayOpcodes.InvalidSession, false);
    }
    // The client has given up its old connection, even if it still looks open here.
    const old = this.#attached.get(session);
    if (old !== undefined) {
      this.#detach(old);
      old.cut();
    }
    this.#resumes += 1;
    this.#attach(session, connection);
    for (const sent of missed) {
      if (sent.t !== RESUMED) connection.transport.send(sent);
    }
    this.#dispatch(session, RESUMED, { _trace: ["local-discord"] });
    return this.#ports.changed();
  }

  /** Answers opcode 8 with the members whose ids are given, or whose names begin with the query. */
  requestMembers(connection: Connection, data: Readonly<Record<string, unknown>>): void {
    const session = [...this.#attached].find(([, holder]) => holder === connection)?.[0];
    const guild = this.#ports.world.guilds.get(String(data["guild_id"]));
    if (session === undefined || guild === undefined || !this.#ports.world.isIn(guild)) return;
    const chunk = membersChunk(this.#ports.world, guild, data);
    this.#dispatch(session, GatewayDispatchEvents.GuildMembersChunk, chunk);
    return this.#ports.changed();
  }

  closed(connection: Connection, by: "client" | "gateway", code: number): void {
    this.#connections.delete(connection);
    const session = this.#detach(connection);
    const ending = by === "client" ? FAREWELL_CODES : ENDING_CODES;
    if (session !== null && ending.has(code)) this.#sessions.delete(session.id);
    this.#ports.changed();
  }

  /** Ends every connection with a close code; null: without a close frame. */
  drop(code: number | null): void {
    for (const connection of this.#connections) {
      if (code === null) connection.cut();
      else connection.close(code, "Dropped by the control API");
    }
  }

  /** Tells every client to reconnect and resume (op 7). */
  requestReconnects(): void {
    for (const connection of this.#connections) connection.send(GatewayOpcodes.Reconnect);
  }

  /** Invalidates all sessions (op 9). If not `resumable`, they are deleted. */
  invalidate(resumable: boolean): void {
    for (const connection of this.#connections) {
      this.#detach(connection);
      connection.send(GatewayOpcodes.InvalidSession, resumable);
    }
    if (!resumable) this.#sessions.clear();
    this.#ports.changed();
  }

  /** Makes the open connections silent for `ms` milliseconds, like half-open connections; null: forever. */
  freeze(ms: number | null): void {
    const frozen = [...this.#connections];
    for (const connection of frozen) connection.transport.hold(true);
    if (ms === null) return;
    const thaw = (): void => {
      for (const connection of frozen) connection.transport.hold(false);
    };
    setTimeout(thaw, ms).unref();
  }

  /** Leaves the next `times` IDENTIFY and RESUME without an answer. Heartbeats are still answered. */
  leaveUnanswered(times: number): void {
    this.#unanswered = times;
  }

  /** Requests a heartbeat from every client (op 1), as the real gateway sometimes does. */
  requestHeartbeats(): void {
    for (const connection of this.#connections) connection.send(GatewayOpcodes.Heartbeat);
  }

  /** The gateway's part of the control API's state. */
  report() {
    const newest = [...this.#attached.keys()].at(-1) ?? [...this.#sessions.values()].at(-1);
    return {
      connected: this.#attached.size > 0,
      /** Counts since the state file was created: sessions opened by IDENTIFY, and resumed sessions. */
      identifies: this.#identifies,
      resumes: this.#resumes,
      /** The last sequence number of the newest session. */
      seq: newest?.seq ?? 0,
    };
  }

  /** The `session_start_limit` of `GET /gateway/bot`. */
  sessionStartLimit(): APIGatewaySessionStartLimit {
    return this.#budget.limit();
  }

  state(): GatewayState {
    this.#forgetExpired();
    return {
      sessions: [...this.#sessions.values()].map((session) => session.state()),
      budget: this.#budget.state(),
      identifies: this.#identifies,
      resumes: this.#resumes,
    };
  }

  /** Sends READY with the guilds as unavailable, then each complete guild. */
  #greet(session: Session, host: string): void {
    const { world } = this.#ports;
    const mine = [...world.guilds.values()].filter(
      (guild) => session.serves(guild.id) && world.isIn(guild),
    );
    const [shard, count] = session.shard;
    this.#dispatch(session, GatewayDispatchEvents.Ready, {
      v: 10,
      user: { ...userObject(world.bot()), verified: true, mfa_enabled: false, email: null },
      user_settings: {},
      session_type: "normal",
      session_id: session.id,
      resume_gateway_url: `ws://${host}`,
      relationships: [],
      private_channels: [],
      presences: [],
      guilds: mine.map(({ id }) => ({ id, unavailable: true })),
      guild_join_requests: [],
      geo_ordered_rtc_regions: [],
      application: { id: world.botId, flags: 0 },
      shard: [shard, count],
      _trace: ["local-discord"],
    });
    if (!session.wants(GatewayIntentBits.Guilds)) return;
    for (const guild of mine.filter(({ unavailable }) => !unavailable)) {
      this.#dispatch(session, GUILD_CREATE, guildCreate(world, guild));
    }
  }

  #dispatch(session: Session, event: string, data: DispatchData): void {
    const hidesVoice = event === GUILD_CREATE && !session.wants(GatewayIntentBits.GuildVoiceStates);
    const whole = hidesVoice ? { ...data, voice_states: [] } : data;
    for (const copy of this.eventFaults.copiesOf(event, whole)) {
      const sent = session.record(event, copy);
      this.#attached.get(session)?.transport.send(sent);
    }
  }

  /** Some libraries send the token in its REST form (`Bot …`), and Discord accepts that, too. */
  #isBot(token: unknown): boolean {
    const { botToken } = this.#ports;
    return token === botToken || token === `Bot ${botToken}`;
  }

  #isUnanswered(): boolean {
    if (this.#unanswered === 0) return false;
    this.#unanswered -= 1;
    return true;
  }

  #attach(session: Session, connection: Connection): void {
    session.disconnectedAt = null;
    connection.authenticated = true;
    this.#attached.set(session, connection);
  }

  #detach(connection: Connection): Session | null {
    connection.authenticated = false;
    for (const [session, holder] of this.#attached) {
      if (holder !== connection) continue;
      this.#attached.delete(session);
      session.disconnectedAt = this.clock();
      return session;
    }
    return null;
  }

  #forgetExpired(): void {
    for (const session of this.#sessions.values()) {
      if (session.isExpired(this.clock, SESSION_LIFETIME_MS)) this.#sessions.delete(session.id);
    }
  }
}

/** `[id, count]` of IDENTIFY; absent: one shard. @returns null when it is invalid */
function readShard(value: unknown): readonly [number, number] | null {
  if (value === undefined || value === null) return [0, 1];
  if (!Array.isArray(value) || value.length !== 2) return null;
  const [id, count]: unknown[] = value;
  if (typeof id !== "number" || typeof count !== "number") return null;
  const valid = Number.isInteger(id) && Number.isInteger(count) && id >= 0 && id < count;
  return valid ? [id, count] : null;
}
