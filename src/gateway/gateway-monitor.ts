import { DurableObject } from "cloudflare:workers";
import { z } from "zod";
import { GUILD_HUBS } from "../hub/guild-kind.ts";
import { hubPublisher } from "../hub/hub-client.ts";
import { log } from "../platform/log.ts";
import { asRequest, type RequestIds } from "../platform/request-ids.ts";
import { GatewayState } from "../protocol/events/rooms.ts";
import { GATEWAY_HEARTBEAT_TIMEOUT_MS } from "../protocol/limits.ts";
import type { GatewayHeartbeat } from "../protocol/signed-events.ts";
import type { GatewayEnv, GatewayMonitorRpc, GatewayStatus } from "./env.ts";

/** A hub that could not be reached is called again after this time, milliseconds. */
const TELL_AGAIN_MS = 5_000;

/** The stored state of one container, under the container's primary guild. Times are milliseconds since 1970. */
const Container = z.object({
  /** When the last heartbeat arrived. */
  seenAt: z.number(),
  state: GatewayState,
  /** When the container entered that state. */
  since: z.number(),
  guildIds: z.array(z.string()),
  /** The guilds that the bot is in; null: an older container does not say. */
  serves: z.array(z.string()).nullable().default(null),
  /** The state that was last sent to the guilds' hubs; null: it is not known which state arrived. */
  told: GatewayState.nullable(),
  /** Guilds whose hubs do not have that state: the hub could not be reached, or the guild was added since. */
  untold: z.array(z.string()).default([]),
});
type Container = z.infer<typeof Container>;

/**
 * Watches whether the containers are alive (rooms.md §4, `gateway.heartbeat`). A silent container counts as
 * down. The hubs of its guilds get its state when it changes.
 */
export class GatewayMonitor extends DurableObject<GatewayEnv> implements GatewayMonitorRpc {
  readonly #kv: SyncKvStorage;

  constructor(ctx: DurableObjectState, env: GatewayEnv) {
    super(ctx, env);
    this.#kv = ctx.storage.kv;
  }

  async heartbeat(beat: GatewayHeartbeat, ids?: RequestIds): Promise<void> {
    await asRequest(ids, () => this.#take(beat));
  }

  async #take(beat: GatewayHeartbeat): Promise<void> {
    const known = this.#read(beat.guildId);
    const guildIds = [...new Set([beat.guildId, ...(beat.guildIds ?? [])])];
    // Only these get the state again: another hub may have learned since that Discord does not serve its guild.
    const untold = guildIds.filter(
      (guildId) => known?.guildIds.includes(guildId) !== true || known.untold.includes(guildId),
    );
    this.#write(beat.guildId, {
      seenAt: Date.now(),
      state: beat.state,
      since: Math.min(beat.since, Date.now()),
      guildIds,
      serves: beat.guildIds ?? null,
      told: known?.told ?? null,
      untold,
    });
    // Arm before telling, so that silence is noticed even if telling fails.
    await this.#armAlarm();
    await this.#tell(beat.guildId);
    await this.#armAlarm();
  }

  status(guildId: string): GatewayStatus {
    const container = this.#serving(guildId);
    if (container === null) return { state: "down", heartbeatAgeMs: null, inGuild: null };
    return {
      state: stateOf(container, Date.now()),
      heartbeatAgeMs: Date.now() - container.seenAt,
      inGuild: container.serves?.includes(guildId) ?? null,
    };
  }

  override async alarm(): Promise<void> {
    for (const [key] of this.#kv.list({ prefix: PREFIX })) {
      await this.#tell(key.slice(PREFIX.length));
    }
    await this.#armAlarm();
  }

  /** Sends a container's state to the hubs of its guilds that do not have it. */
  async #tell(name: string): Promise<void> {
    const container = this.#read(name);
    if (container === null) return;
    const now = Date.now();
    const state = stateOf(container, now);
    const guildIds = container.told === state ? container.untold : container.guildIds;
    if (guildIds.length === 0) return;
    // Until all have answered it is not known what arrived, also if this call is aborted.
    if (container.told !== state) this.#write(name, { ...container, told: null });
    const since = state === container.state ? container.since : now;
    const hub = hubPublisher(GUILD_HUBS, this.env);
    const told = await Promise.allSettled(
      guildIds.map((guildId) =>
        hub.ingest(guildId, [{ event: "gateway.state", payload: { guildId, state, since } }]),
      ),
    );
    const untold = guildIds.filter((_, index) => told[index]?.status === "rejected");
    if (untold.length > 0) {
      log("warn", "gateway_monitor.hubs_not_told", { state, failed: untold.length });
    }
    // A heartbeat during these calls may have sent another state. Then it is not known which one arrived last.
    const latest = this.#read(name) ?? container;
    const isSure = stateOf(latest, Date.now()) === state;
    const came = latest.guildIds.filter((guildId) => !container.guildIds.includes(guildId));
    this.#write(name, { ...latest, told: isSure ? state : null, untold: [...untold, ...came] });
  }

  async #armAlarm(): Promise<void> {
    const now = Date.now();
    const due = [...this.#kv.list({ prefix: PREFIX })].flatMap(([, value]) => {
      const container = Container.parse(value);
      const isTold = container.told === stateOf(container, now) && container.untold.length === 0;
      if (!isTold) return [now + TELL_AGAIN_MS];
      const silentAt = container.seenAt + GATEWAY_HEARTBEAT_TIMEOUT_MS;
      return silentAt > now ? [silentAt] : [];
    });
    if (due.length > 0) await this.ctx.storage.setAlarm(Math.min(...due));
  }

  #serving(guildId: string): Container | null {
    const own = this.#read(guildId);
    if (own !== null) return own;
    const all = [...this.#kv.list({ prefix: PREFIX })].map(([, value]) => Container.parse(value));
    const serving = all.filter(({ guildIds }) => guildIds.includes(guildId));
    return serving.toSorted((a, b) => b.seenAt - a.seenAt)[0] ?? null;
  }

  #read(name: string): Container | null {
    const value = this.#kv.get(PREFIX + name);
    return value === undefined ? null : Container.parse(value);
  }

  #write(name: string, container: Container): void {
    this.#kv.put(PREFIX + name, container);
  }
}

const PREFIX = "container:";

/** The container's state, or down if it has been silent for too long. */
function stateOf(container: Container, now: number): GatewayState {
  return now - container.seenAt >= GATEWAY_HEARTBEAT_TIMEOUT_MS ? "down" : container.state;
}
