import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import { setTimeout as timer } from "node:timers/promises";
import { type Clock, systemClock } from "../../src/platform/clock.ts";
import { openStateFile } from "../discord/state-file.ts";
import { onlyForThisMachine } from "../this-machine.ts";
import { FIRST_ACCOUNTS } from "./accounts.ts";
import { createControlApi } from "./control.ts";
import { createDataApi } from "./data-api.ts";
import { Faults } from "./faults.ts";
import type { WorldState } from "./model.ts";
import { createOAuthApi, openIdConfiguration } from "./oauth.ts";
import { type Delivery, type Sleep, WebhookSender } from "./webhook-sender.ts";
import { World } from "./world.ts";

const RETRY_DELAYS_MS = [1_000, 5_000, 30_000];
const ANSWER_DEADLINE_MS = 5_000;

export interface LocalFaceitOptions {
  /** 0 takes a free one. */
  readonly port: number;
  readonly host?: string;
  /** The one key of the Data API that is accepted. */
  readonly apiKey: string;
  readonly clientId: string;
  /** Absent: a public client. */
  readonly clientSecret?: string;
  /** Where a person may be sent back to, each exactly. */
  readonly redirectUris: readonly string[];
  readonly webhookUrl: string;
  /** Name of the header that carries the secret. */
  readonly webhookHeader: string;
  readonly webhookSecret: string;
  /** Where the state outlives the process; absent: nowhere. */
  readonly stateFile?: string;
  /** Before each further attempt of a webhook, milliseconds; default 1 s, 5 s, 30 s. */
  readonly retryDelaysMs?: readonly number[];
  /** So long a webhook waits for its answer, milliseconds; default 5 s. */
  readonly answerDeadlineMs?: number;
  readonly clock?: Clock;
  readonly sleep?: Sleep;
  /** From 0 to below 1, for the order in which webhooks that were held are let go. */
  readonly random?: () => number;
}

export interface LocalFaceit {
  /** Where it listens: `http://host:port`. */
  readonly url: string;
  close(): Promise<void>;
}

interface SavedState {
  readonly world: WorldState;
  readonly pending: readonly Delivery[];
}

/**
 * Starts a FACEIT for this machine: accounts, OAuth2, the Data API, webhooks and the control API on
 * one port (contract matches-and-music.md §A). Fails when the port is taken or the state file is
 * broken.
 */
export async function startLocalFaceit(options: LocalFaceitOptions): Promise<LocalFaceit> {
  const { port, host = "127.0.0.1", clock = systemClock, sleep = sleepOnTimer } = options;
  const newId = randomUUID;
  const faults = new Faults();
  const file = openStateFile(options.stateFile ?? null, () => ({
    world: world.state(),
    pending: sender.pending(),
  }));
  const saved = readState(file.read());
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
    sleep,
    random: options.random ?? Math.random,
    changed,
  });

  let baseUrl = "";
  const { clientId, clientSecret, redirectUris, webhookUrl } = options;
  const client = { clientId, clientSecret, redirectUris, baseUrl: () => baseUrl };
  const app = new Hono<{ Bindings: HttpBindings }>()
    .get("/", (c) => c.text("A local FACEIT for development: dev/faceit/README.md\n"))
    .get("/auth/v1/openid_configuration", (c) => c.json(openIdConfiguration(baseUrl)))
    .route("/oauth", createOAuthApi({ world, clock, ...client }))
    .route("/data/v4", createDataApi({ world, apiKey: options.apiKey, faults, sleep }))
    .route("/_control", createControlApi({ world, sender, faults, clock, newId, webhookUrl }));

  const answer = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const server = createServer(
    onlyForThisMachine((incoming, outgoing) => void answer(incoming, outgoing)),
  );
  baseUrl = `http://${host}:${await listen(server, port, host)}`;
  for (const delivery of saved?.pending ?? []) sender.resume(delivery);

  return {
    url: baseUrl,
    async close() {
      sender.close();
      file.schedule();
      file.flush();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Looks no deeper than this: the file is our own, written as a whole. */
function readState(saved: unknown): SavedState | undefined {
  if (saved === undefined) return undefined;
  if (typeof saved === "object" && saved !== null && "world" in saved && "pending" in saved) {
    return saved as SavedState;
  }
  throw new Error("STATE_FILE holds something else than a local FACEIT's state");
}

async function sleepOnTimer(ms: number, signal: AbortSignal): Promise<void> {
  await timer(ms, undefined, { signal }).catch(() => {});
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
