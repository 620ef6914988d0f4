import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { ulid } from "ulid";
import type { Config } from "./config.ts";
import { GatewayClient } from "./discord/gateway-client.ts";
import { DeadLetters } from "./hub/dead-letters.ts";
import { nextEpoch } from "./hub/epoch.ts";
import { Heartbeat } from "./hub/heartbeat.ts";
import { createHubClient } from "./hub/hub-client.ts";
import { Publisher } from "./hub/publisher.ts";
import { newTraceId } from "../src/protocol/trace.ts";
import { startHttpServer } from "./http-server.ts";
import type { Logger } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { reasonsNotReady, type Situation } from "./readiness.ts";
import { openDatabase } from "./store/database.ts";
import { GuildStore } from "./store/guild-store.ts";
import { Intake } from "./store/intake.ts";
import { Outbox } from "./store/outbox.ts";
import { SettingsStore } from "./store/settings-store.ts";

/** How long a stopping process tries to send waiting events, milliseconds. */
const FLUSH_DEADLINE_MS = 3_000;

/** The process is unhealthy when the event loop is blocked for longer than this, milliseconds. */
const EVENT_LOOP_DELAY_MAX_MS = 5_000;

/** A running process, or why it cannot start. */
export type StartedGatewayWorker =
  | {
      readonly ok: true;
      readonly port: number;
      /** Disconnects from Discord so that the next process can resume, and sends what it can. */
      readonly stop: () => Promise<void>;
    }
  | { readonly ok: false; readonly message: string };

/** Resolves early when the signal aborts. */
async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}

/** Wires the parts together and starts them. */
export async function startGatewayWorker(
  config: Config,
  log: Logger,
): Promise<StartedGatewayWorker> {
  const opened = openDatabase(config.stateDir);
  if (!opened.ok) return opened;
  const { db } = opened;
  const now = Date.now;
  const random = Math.random;
  const settings = new SettingsStore(db);
  const guilds = new GuildStore(db);
  const outbox = new Outbox(db);
  const epoch = nextEpoch(settings.epoch(), now());
  settings.saveEpoch(epoch);
  let stopping = false;

  const oldestAgeMs = (): number => Math.max(0, now() - (outbox.oldestTs() ?? now()));
  const metrics = createMetrics({
    connected: () => intake.gatewayState?.state === "connected",
    outboxEvents: () => outbox.totals().events,
    outboxBytes: () => outbox.totals().bytes,
    outboxAgeMs: oldestAgeMs,
  });
  const gateway = (): Situation["gateway"] =>
    intake.gatewayState ?? { state: "down", since: now() };

  const intake: Intake = new Intake({
    db,
    settings,
    guilds,
    outbox,
    primaryGuildId: config.primaryGuildId,
    now,
    newId: ulid,
    newTrace: newTraceId,
    onAppended: (guildId) => publisher.wake(guildId),
    onOverflow: (guildId, trace) => {
      metrics.overflows.inc();
      log.log("alert", "too many events wait for the hub: a snapshot replaces them", {
        guildId,
        traceId: trace ?? undefined,
      });
    },
  });
  const hub = createHubClient({
    endpoint: config.hubEndpoint,
    secrets: config.hubSecrets,
    now,
    onAccepting: () => {
      heartbeat.hubIsBack();
      publisher.hubIsBack();
    },
  });
  const heartbeat: Heartbeat = new Heartbeat({
    hub,
    metrics,
    primaryGuildId: config.primaryGuildId,
    gateway,
    guildIds: () => guilds.all().map((guild) => guild.guildId),
    onSilenceOver: () => intake.repeatSnapshots(),
    now,
    random,
  });
  const publisher: Publisher = new Publisher({
    outbox,
    hub,
    deadLetters: new DeadLetters(config.stateDir),
    log,
    metrics,
    epoch,
    resync: (guildId) => intake.resync(guildId),
    onStale: () => {
      // The process keeps running and reports the reason on /readyz. If it ended, it would be restarted,
      // and the two processes would take the connection from each other for ever.
      void client.stop();
      void heartbeat.stop();
    },
    now,
    random,
    sleep,
  });
  const client: GatewayClient = new GatewayClient({
    apiUrl: config.discordApiUrl,
    token: config.discordBotToken,
    compress: config.compress,
    settings,
    log,
    metrics,
    onDispatch: (session, name, data) => {
      const outcome = intake.dispatch(session, name, data);
      metrics.dispatches.inc({ outcome: outcome.kind });
      if (outcome.kind === "taken" && outcome.trace !== null) {
        log.log("debug", "a dispatch became events", { name, traceId: outcome.trace });
      }
      if (outcome.kind === "taken" && outcome.skipped.length > 0) {
        log.log("error", "parts of a dispatch are not as documented, the rest is used", {
          name,
          skipped: outcome.skipped.join("; "),
        });
      }
      if (outcome.kind === "malformed") {
        log.log("error", "a dispatch is not as documented", { name, detail: outcome.detail });
      }
    },
    onState: (state) => {
      intake.setGatewayState(state);
      heartbeat.beat();
    },
    onAnswered: (sentAt) => intake.beatAnswered(sentAt),
    guildDue: () => guilds.get(config.primaryGuildId)?.available === false,
    now,
    random,
  });

  const situation = (): Situation => {
    const primary = guilds.get(config.primaryGuildId);
    return {
      discord: client.status,
      gateway: gateway(),
      hub: hub.status,
      primaryGuildId: config.primaryGuildId,
      primaryGuild:
        primary === undefined ? "absent" : primary.available ? "available" : "unavailable",
      outbox: { ...outbox.totals(), oldestAgeMs: oldestAgeMs() },
      stopping,
    };
  };
  const eventLoop = monitorEventLoopDelay({ resolution: 50 });
  eventLoop.enable();
  const health = (): string | null => {
    const delayMs = eventLoop.max / 1e6;
    eventLoop.reset();
    if (delayMs > EVENT_LOOP_DELAY_MAX_MS) {
      return `The process was blocked for ${Math.round(delayMs)} ms.`;
    }
    try {
      settings.probe();
      return null;
    } catch {
      return "STATE_DIR cannot be written to.";
    }
  };

  const server = await startHttpServer({
    host: config.host,
    port: config.port,
    registry: metrics.registry,
    health,
    readiness: () => {
      const present = situation();
      const reasons = reasonsNotReady(present);
      const { discord, outbox: waiting } = present;
      return {
        ready: reasons.length === 0,
        reasons,
        discord: { ...present.gateway, phase: discord.phase },
        hub: { state: present.hub.state },
        outbox: waiting,
      };
    },
  });
  if (!server.ok) {
    db.close();
    return server;
  }

  intake.begin();
  publisher.start();
  client.start();
  heartbeat.beat();

  return {
    ok: true,
    port: server.port,
    stop: async () => {
      stopping = true;
      const deadline = setTimeout(() => hub.abort(), FLUSH_DEADLINE_MS);
      // The disconnection is an event too: it must be in the outbox before the publisher stops.
      await Promise.all([client.stop(), heartbeat.stop(), publisher.stop()]);
      clearTimeout(deadline);
      await server.close();
      eventLoop.disable();
      db.close();
    },
  };
}
