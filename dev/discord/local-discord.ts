import { Hono } from "hono";
import { appendFileSync } from "node:fs";
import { WebSocketServer } from "ws";
import { systemClock } from "../../src/platform/clock.ts";
import { authorizePages } from "../doubles/oauth2.ts";
import { type RunningDouble, answerBy, refuseUpgrade, serveDouble } from "../doubles/server.ts";
import { openStateFile } from "../doubles/state-file.ts";
import { localApplication } from "./application.ts";
import { createControlApi } from "./control.ts";
import { Faults } from "./faults.ts";
import { Gateway, type GatewayState } from "./gateway/gateway.ts";
import { IDENTIFY_INTERVAL_MS } from "./gateway/session.ts";
import { ANSWER_DEADLINE_MS, InteractionsEndpoint } from "./interactions/endpoint.ts";
import type { WorldState } from "./model.ts";
import { discordOAuth } from "./oauth2.ts";
import { createRestApi } from "./rest/api.ts";
import { CallLog, type RestExchange } from "./rest/recording.ts";
import { addGuild, initialWorld, PRIMARY_GUILD } from "./seed.ts";
import { snowflakeGenerator } from "./snowflake.ts";
import { World } from "./world.ts";

const HEARTBEAT_INTERVAL_MS = 5_000;

/** Maximum size of a WebSocket message, bytes. The limit of a payload is far lower and has its own close code. */
const MESSAGE_MAX_BYTES = 1024 * 1024;

export interface LocalDiscordOptions {
  /** 0: any free port. */
  readonly port: number;
  readonly host?: string;
  /** The only bot token that is accepted. */
  readonly botToken: string;
  readonly primaryGuildId?: string;
  /** Keeps the state over a restart; absent: in memory only. */
  readonly stateFile?: string | undefined;
  /** Milliseconds between heartbeats; default 5 s. */
  readonly heartbeatIntervalMs?: number;
  /** Each shard may send one IDENTIFY in this time, milliseconds; default 5 s, like Discord. */
  readonly identifyIntervalMs?: number;
  /** Whether members of a deleted channel get a VOICE_STATE_UPDATE first; default no. */
  readonly voiceUpdatesOnDelete?: boolean;
  /** The URL that gets slash commands; absent: none. */
  readonly interactionsUrl?: string | undefined;
  /** How long the endpoint may take to answer, milliseconds; default 3 s, like Discord. */
  readonly interactionDeadlineMs?: number;
  /** The addresses that OAuth2 may send a browser back to, compared exactly; default: none. */
  readonly oauthRedirectUris?: readonly string[];
  /** A file that gets a line of JSON, a `RestExchange`, for every call; absent: calls are not recorded. */
  readonly recordFile?: string | undefined;
}

/** REST is under `/api/v10`, the gateway at `/`. */
export type LocalDiscord = RunningDouble;

interface SavedState {
  readonly world: WorldState;
  readonly gateway: GatewayState;
}

/**
 * Starts a Discord for this machine: REST v10, gateway v10 and the control API on one port (contract discord.md
 * §2). Fails when the port is in use or the state file is invalid.
 */
export async function startLocalDiscord(options: LocalDiscordOptions): Promise<LocalDiscord> {
  const { port, botToken, host = "127.0.0.1" } = options;
  const primaryGuildId = options.primaryGuildId ?? PRIMARY_GUILD;
  const clock = systemClock;
  const newId = snowflakeGenerator(clock);
  const application = localApplication(botToken);
  const faults = new Faults();
  const calls = new CallLog(clock);
  const { recordFile } = options;
  // Written synchronously, so that the line is in the file even if this process is killed.
  const onExchange =
    recordFile === undefined
      ? null
      : (exchange: RestExchange): void =>
          appendFileSync(recordFile, `${JSON.stringify(exchange)}\n`);
  const endpoint = new InteractionsEndpoint({
    onExchange,
    url: options.interactionsUrl ?? null,
    privateKey: application.privateKey,
    clock,
    deadlineMs: options.interactionDeadlineMs ?? ANSWER_DEADLINE_MS,
  });

  const file = openStateFile<SavedState>(
    options.stateFile,
    { name: "a local Discord", members: ["world", "gateway"] },
    () => ({ world: world.state(), gateway: gateway.state() }),
  );
  const saved = file.read();
  const changed = (): void => file.schedule();
  const firstWorld = initialWorld(primaryGuildId, clock());
  const world: World = new World(addGuild(saved?.world ?? firstWorld, firstWorld), {
    clock,
    newId,
    changed,
    publish: (dispatch) => gateway.publish(dispatch),
    voiceUpdatesOnDelete: options.voiceUpdatesOnDelete ?? false,
  });
  const gatewayPorts = {
    world,
    botToken,
    clock,
    changed,
    heartbeatIntervalMs: options.heartbeatIntervalMs ?? HEARTBEAT_INTERVAL_MS,
    identifyIntervalMs: options.identifyIntervalMs ?? IDENTIFY_INTERVAL_MS,
  };
  const gateway: Gateway = new Gateway(gatewayPorts, saved?.gateway);

  const oauth = discordOAuth(world, application, options.oauthRedirectUris ?? [], clock);
  const rest = createRestApi({
    world,
    botToken,
    application,
    oauth,
    faults,
    calls,
    clock,
    newId,
    gateway,
    interactionsUrl: options.interactionsUrl ?? null,
    onExchange,
  });
  const controls = { world, gateway, faults, calls, endpoint, newId, primaryGuildId };
  const app = new Hono()
    .get("/", (c) => c.text("A local Discord for development: dev/discord/README.md\n"))
    .route("/api", rest)
    .use("/oauth2/*", async (c, next) =>
      faults.outage ? c.text("upstream connect error", 503) : next(),
    )
    .route("/oauth2", authorizePages(oauth))
    .route("/_control", createControlApi(controls));

  const sockets = new WebSocketServer({ noServer: true, maxPayload: MESSAGE_MAX_BYTES });
  const double = await serveDouble({ port, host }, (own) => ({
    request: answerBy(app),
    upgrade: (request, socket, head) => {
      if (faults.outage) return refuseUpgrade(socket, "503 Service Unavailable");
      // The address that the client used. READY sends the same one for a resume.
      const url = new URL(
        request.url ?? "/",
        `http://${request.headers.host ?? new URL(own).host}`,
      );
      if (url.pathname !== "/") return refuseUpgrade(socket, "404 Not Found");
      return sockets.handleUpgrade(request, socket, head, (ws) => gateway.accept(ws, url));
    },
  }));

  return {
    url: double.url,
    async close() {
      faults.endOutage();
      gateway.drop(null);
      file.schedule();
      file.flush();
      await double.close();
      // Meanwhile the sockets' close events have scheduled another write.
      file.flush();
    },
  };
}
