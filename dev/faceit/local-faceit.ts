import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { randomUUID } from "node:crypto";
import { setTimeout as timer } from "node:timers/promises";
import { type Clock, systemClock } from "../../src/platform/clock.ts";
import { CallFaults } from "../doubles/faults.ts";
import { answerBy, type RunningDouble, serveDouble } from "../doubles/server.ts";
import { openStateFile } from "../doubles/state-file.ts";
import { createControlApi } from "./control.ts";
import { createDataApi, type DataApiFault } from "./data-api.ts";
import type { WorldState } from "./model.ts";
import { createOAuthApi, openIdConfiguration } from "./oauth.ts";
import { type Delivery, type Sleep, WebhookSender } from "./webhook-sender.ts";
import { FIRST_ACCOUNTS, World } from "./world.ts";

const RETRY_DELAYS_MS = [1_000, 5_000, 30_000];
const ANSWER_DEADLINE_MS = 5_000;

export interface LocalFaceitOptions {
  /** 0: any free port. */
  readonly port: number;
  readonly host?: string;
  /** The only key that the Data API accepts. */
  readonly apiKey: string;
  readonly clientId: string;
  /** Absent: a public client. */
  readonly clientSecret?: string | undefined;
  /** The addresses that a browser may be sent back to, compared exactly. */
  readonly redirectUris: readonly string[];
  readonly webhookUrl: string;
  /** Name of the header that carries the secret. */
  readonly webhookHeader: string;
  readonly webhookSecret: string;
  /** Keeps the state over a restart; absent: in memory only. */
  readonly stateFile?: string | undefined;
  /** Waits before the retries of a webhook, milliseconds; default 1 s, 5 s, 30 s. */
  readonly retryDelaysMs?: readonly number[];
  /** How long a webhook waits for its answer, milliseconds; default 5 s. */
  readonly answerDeadlineMs?: number;
  readonly clock?: Clock;
  readonly sleep?: Sleep;
  /** From 0 to below 1, for the order in which held webhooks are released. */
  readonly random?: () => number;
}

/** OAuth2 is under `/oauth`, the Data API under `/data/v4`. */
export type LocalFaceit = RunningDouble;

interface SavedState {
  readonly world: WorldState;
  readonly pending: readonly Delivery[];
}

/**
 * Starts a FACEIT for this machine: accounts, OAuth2, the Data API, webhooks and the control API on one port
 * (contract matches-and-music.md §A). Fails when the port is in use or the state file is invalid.
 */
export async function startLocalFaceit(options: LocalFaceitOptions): Promise<LocalFaceit> {
  const { port, host = "127.0.0.1", clock = systemClock, sleep = sleepOnTimer } = options;
  const newId = randomUUID;
  const faults = new CallFaults<DataApiFault>();
  const file = openStateFile<SavedState>(
    options.stateFile,
    { name: "a local FACEIT", members: ["world", "pending"] },
    () => ({ world: world.state(), pending: sender.pending() }),
  );
  const saved = file.read();
  const changed = (): void => file.schedule();
  const world: World = new World(saved?.world ?? { players: FIRST_ACCOUNTS, matches: [] }, {
    clock,
    newId,
    changed,
  });
  const sender: WebhookSender = new WebhookSender({
    url: options.webhookUrl,
    header: options.webhookHeader,
    secret: options.webhookSecret,
    retryDelaysMs: options.retryDelaysMs ?? RETRY_DELAYS_MS,
    answerDeadlineMs: options.answerDeadlineMs ?? ANSWER_DEADLINE_MS,
    clock,
    sleep,
    random: options.random ?? Math.random,
    changed,
  });

  const { clientId, clientSecret, redirectUris, webhookUrl } = options;
  const client = { clientId, clientSecret, redirectUris };
  const double = await serveDouble({ port, host }, (baseUrl) => {
    const app = new Hono<{ Bindings: HttpBindings }>()
      .get("/", (c) => c.text("A local FACEIT for development: dev/faceit/README.md\n"))
      .get("/auth/v1/openid_configuration", (c) => c.json(openIdConfiguration(baseUrl)))
      .route("/oauth", createOAuthApi({ world, clock, ...client, baseUrl }))
      .route("/data/v4", createDataApi({ world, apiKey: options.apiKey, faults, sleep }))
      .route("/_control", createControlApi({ world, sender, faults, clock, newId, webhookUrl }));
    return { request: answerBy(app) };
  });
  for (const delivery of saved?.pending ?? []) sender.resume(delivery);

  return {
    url: double.url,
    async close() {
      sender.close();
      file.schedule();
      file.flush();
      await double.close();
    },
  };
}

async function sleepOnTimer(ms: number, signal: AbortSignal): Promise<void> {
  await timer(ms, undefined, { signal }).catch(() => {});
}
