import type { DatabaseSync } from "node:sqlite";
import { SIGNED_BODY_MAX_BYTES } from "../../src/protocol/limits.ts";
import type { GatewayState } from "../../src/protocol/events/rooms.ts";
import { parseDispatch, type GuildDispatch, type SentList } from "../guild/dispatch.ts";
import { changesOf, eventsOf, snapshotOf, type GuildState } from "../guild/guild-state.ts";
import { transact } from "./database.ts";
import type { GuildStore } from "./guild-store.ts";
import type { Outbox } from "./outbox.ts";
import type { Session, SettingsStore, ReportedGatewayState } from "./settings-store.ts";

/** Upper bound of a snapshot's envelope on the wire, bytes. */
const ENVELOPE_BYTES = 1024;

/** The result of a dispatch, for metrics and log. */
export type IntakeOutcome =
  | {
      readonly kind: "taken";
      /** The trace that its events share; null: it caused none. */
      readonly trace: string | null;
      /** Its unreadable parts. */
      readonly skipped: readonly string[];
    }
  | { readonly kind: "ignored" }
  | { readonly kind: "malformed"; readonly detail: string };

/** Dependencies of an {@link Intake}. */
export type IntakeParts = {
  readonly db: DatabaseSync;
  readonly settings: SettingsStore;
  readonly guilds: GuildStore;
  readonly outbox: Outbox;
  readonly primaryGuildId: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly newId: (now: number) => string;
  /** A W3C trace id. */
  readonly newTrace: () => string;
  /** Called after the commit, for each guild that got events. */
  readonly onAppended: (guildId: string) => void;
  readonly onOverflow: (guildId: string, trace: string | null) => void;
};

/**
 * Turns Discord's dispatches into events. Each dispatch is one transaction over the guild's state, the
 * outbox and Discord's sequence (rooms.md §4): after a crash, either all of it is stored or Discord sends
 * it again.
 */
export class Intake {
  readonly #parts: IntakeParts;
  /** Guilds that got events in the current turn. */
  #touched = new Set<string>();
  /** Trace of the current turn: created with its first event and shared by the others. */
  #trace: string | null = null;
  #reported: ReportedGatewayState | null;
  /** Time from which all hubs need a snapshot, milliseconds since 1970; null: they need none. */
  #repeatSince: number | null = null;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
    this.#reported = parts.settings.gatewayState();
  }

  /** The state of the connection that was last sent to the hubs. */
  get gatewayState(): ReportedGatewayState | null {
    return this.#reported;
  }

  /**
   * Called at process start. The hubs may have less than the outbox assumes (a dead letter, a hub that lost
   * its state), so each gets a snapshot as soon as our state is current.
   */
  begin(): void {
    this.#turn(() => {
      for (const guild of this.#parts.guilds.all()) this.#markSnapshotDue(guild);
    });
  }

  /**
   * Handles one dispatch.
   * @param session the session with this dispatch's sequence, stored together with its effect
   */
  dispatch(session: Session, name: string, data: unknown): IntakeOutcome {
    const parsed = parseDispatch(name, data);
    this.#turn(() => {
      this.#parts.settings.saveSession(session);
      if (parsed.kind === "ready") this.#ready(parsed.guilds);
      if (parsed.kind === "resumed") this.#repeatSnapshots();
      if (parsed.kind === "guild") this.#guild(parsed.dispatch);
    });
    if (parsed.kind === "malformed" || parsed.kind === "ignored") return parsed;
    const skipped = parsed.kind === "resumed" ? [] : parsed.skipped;
    return { kind: "taken", trace: this.#trace, skipped };
  }

  /** Tells each hub that the connection to Discord changed. */
  setGatewayState(state: GatewayState): void {
    if (this.#reported?.state === state) return;
    const reported = { state, since: this.#parts.now() };
    this.#turn(() => {
      this.#reported = reported;
      this.#parts.settings.saveGatewayState(reported);
      const guildIds = new Set(this.#parts.guilds.all().map((guild) => guild.guildId));
      guildIds.add(this.#parts.primaryGuildId);
      for (const guildId of guildIds) this.#appendGatewayState(guildId);
    });
  }

  /** Replaces all unsent events of a guild by a snapshot, because the hub asked for it. */
  resync(guildId: string): void {
    this.#turn(() => this.#replaceBySnapshot(guildId));
  }

  /**
   * The hubs may have considered us dead: each gets a snapshot, which says that the state is known again. It waits
   * until Discord has acknowledged a heartbeat that is sent from now on: the same network failure may have cut us
   * off from Discord, and then our state is outdated.
   */
  repeatSnapshots(): void {
    this.#repeatSince = this.#parts.now();
  }

  /**
   * Discord acknowledged a heartbeat, so everything that it sent before has arrived.
   * @param sentAt when we sent that heartbeat, milliseconds since 1970
   */
  beatAnswered(sentAt: number): void {
    if (this.#repeatSince === null || sentAt < this.#repeatSince) return;
    this.#repeatSince = null;
    // Otherwise RESUMED or READY will follow and send each guild a snapshot.
    if (this.#isCurrent()) this.#turn(() => this.#repeatSnapshots());
  }

  #turn(work: () => void): void {
    const touched = new Set<string>();
    this.#touched = touched;
    this.#trace = null;
    transact(this.#parts.db, () => {
      work();
      for (const guildId of touched) {
        if (!this.#parts.outbox.overflows(guildId)) continue;
        this.#parts.onOverflow(guildId, this.#trace);
        this.#replaceBySnapshot(guildId);
      }
    });
    for (const guildId of touched) this.#parts.onAppended(guildId);
  }

  #ready({ entries, isComplete }: SentList<string>): void {
    const { guilds } = this.#parts;
    const listed = new Set(entries);
    for (const guild of guilds.all()) {
      if (listed.has(guild.guildId)) continue;
      if (isComplete) this.#guild({ type: "guild-gone", guildId: guild.guildId });
      else listed.add(guild.guildId);
    }
    for (const guildId of listed) {
      const guild = guilds.get(guildId) ?? guilds.add(guildId);
      guild.available = false;
      this.#markSnapshotDue(guild);
    }
  }

  #guild(dispatch: GuildDispatch): void {
    const { guilds } = this.#parts;
    const { guildId } = dispatch;
    const existing = guilds.get(guildId);
    if (existing === undefined && dispatch.type === "guild-gone") return;
    const guild = existing ?? guilds.add(guildId);
    if (existing === undefined) this.#appendGatewayState(guildId);
    const { known: wasKnown, available: wasAvailable } = guild;
    const changes = changesOf(guild, dispatch);
    for (const change of changes) guilds.apply(guild, change);
    if (wasKnown && wasAvailable !== guild.available) this.#outage(guild);
    const bySnapshot =
      dispatch.type === "guild" &&
      guild.known &&
      (!wasKnown || (guild.snapshotDue && this.#isCurrent()));
    if (bySnapshot) {
      if (this.#isCurrent()) this.#appendSnapshot(guild);
      else this.#markSnapshotDue(guild);
    } else {
      for (const change of changes) {
        for (const { event, payload } of eventsOf(guildId, change)) {
          this.#append(guildId, event, payload);
        }
      }
    }
    if (dispatch.type === "guild-gone") guilds.remove(guildId);
  }

  /** Discord stopped or resumed serving a guild: for its hub the connection is down or up. */
  #outage(guild: GuildState): void {
    if (guild.available) {
      this.#appendGatewayState(guild.guildId);
      this.#markSnapshotDue(guild);
      return;
    }
    const { guildId } = guild;
    this.#append(guildId, "gateway.state", { guildId, state: "down", since: this.#parts.now() });
  }

  /**
   * Whether our state is current. While a resume replays, it is older, and a snapshot of it would delete
   * rooms that were created since.
   */
  #isCurrent(): boolean {
    return this.#reported?.state === "connected";
  }

  #replaceBySnapshot(guildId: string): void {
    this.#parts.outbox.dropUnsent(guildId);
    const guild = this.#parts.guilds.get(guildId);
    if (guild !== undefined) {
      if (this.#isCurrent() && guild.known && guild.available) this.#appendSnapshot(guild);
      else this.#markSnapshotDue(guild);
    }
    this.#appendGatewayState(guildId);
  }

  #repeatSnapshots(): void {
    this.#repeatSince = null;
    for (const guild of this.#parts.guilds.all()) {
      if (guild.known && guild.available) this.#appendSnapshot(guild);
    }
  }

  #appendSnapshot(guild: GuildState): void {
    const whole = snapshotOf(guild);
    // Names are optional: they must not make a snapshot too large to send.
    const fits = Buffer.byteLength(JSON.stringify(whole)) < SIGNED_BODY_MAX_BYTES - ENVELOPE_BYTES;
    this.#append(guild.guildId, "guild.snapshot", fits ? whole : snapshotOf(guild, false));
    guild.snapshotDue = false;
    this.#parts.guilds.save(guild);
  }

  #markSnapshotDue(guild: GuildState): void {
    guild.snapshotDue = true;
    this.#parts.guilds.save(guild);
  }

  #appendGatewayState(guildId: string): void {
    if (this.#reported !== null)
      this.#append(guildId, "gateway.state", { guildId, ...this.#reported });
  }

  #append(guildId: string, event: string, payload: object): void {
    const ts = this.#parts.now();
    const trace = (this.#trace ??= this.#parts.newTrace());
    this.#parts.outbox.append({
      guildId,
      id: this.#parts.newId(ts),
      event,
      payload: JSON.stringify(payload),
      ts,
      trace,
    });
    this.#touched.add(guildId);
  }
}
