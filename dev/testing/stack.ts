import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { DiscordControl } from "../discord/control-client.ts";
import { LOBBY, PRIMARY_GUILD } from "../discord/seed.ts";
import { FaceitControl } from "../faceit/control-client.ts";
import { devToken, type TokenOptions } from "../idp/dev-token.ts";
import { readStackFile, type StackFile } from "../stack/stack-file.ts";
import { ofParts, type PartName } from "../stack/names.ts";
import { DATABASE_VARIABLE } from "./database.ts";
import { eventually } from "./eventually.ts";
import { freePorts } from "../stack/ports.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

const STACK = "dev/stack.ts";
const READY_DEADLINE_MS = 280_000;
const root = path.resolve(import.meta.dirname, "../..");

/** The running program of `npm start`, ready or not. */
export type StackProcess = {
  readonly child: ChildProcess;
  readonly stateDir: string;
  readonly ports: Readonly<Record<PartName, number>>;
  /** The address of each part, before it works. */
  readonly urls: Readonly<Record<PartName, string>>;
  readonly output: () => string;
  /** Resolves with the exit code. */
  readonly exited: Promise<number | null>;
  /** `stack.json`. @throws when it does not exist */
  readonly file: () => StackFile;
  readonly isReady: () => Promise<void>;
  /** Ends the stack, prints its logs when it failed, and removes its state. */
  readonly stop: () => Promise<void>;
};

/**
 * Starts the stack on free ports with a state folder and secrets of its own, so that neither a running `npm start`
 * nor a developer's `.dev.vars` has an effect.
 * @param program `dev/stack.ts`, or `dev/start.mjs` for everything that `npm start` does
 */
export async function launchStack(
  environment: Readonly<Record<string, string>> = {},
  program = STACK,
): Promise<StackProcess> {
  const stateDir = await mkdtemp(path.join(tmpdir(), "guildhub-e2e-"));
  const database = process.env[DATABASE_VARIABLE];
  if (database !== undefined && program === STACK) {
    await cp(database, path.join(stateDir, "worker"), { recursive: true });
  }
  const [worker = 0, idp = 0, discord = 0, gateway = 0, faceit = 0, voice = 0] = await freePorts(6);
  const ports = { worker, idp, discord, gateway, faceit, voice };
  const urls = ofParts((part) => `http://127.0.0.1:${ports[part]}`);
  const child = spawn(process.execPath, [path.join(root, program)], {
    cwd: root,
    env: {
      ...process.env,
      // Makes dev/start.mjs watch its parent, which is this test.
      npm_lifecycle_event: "test",
      STATE_DIR: stateDir,
      WORKER_PORT: String(worker),
      IDP_PORT: String(idp),
      DISCORD_PORT: String(discord),
      GATEWAY_PORT: String(gateway),
      FACEIT_PORT: String(faceit),
      VOICE_PORT: String(voice),
      HUB_SECRET: randomBytes(32).toString("base64url"),
      DISCORD_BOT_TOKEN: randomBytes(32).toString("base64url"),
      HAPPY_MASTER_SECRET: randomBytes(32).toString("base64url"),
      DISCORD_API_URL: `${urls.discord}/api/v10`,
      JWT_ISSUER: urls.idp,
      JWT_AUDIENCE: "guildhub",
      JWT_PUBLIC_JWK_URL: `${urls.idp}/jwks`,
      OIDC_CLIENT_ID: "guildhub-console",
      PRIMARY_GUILD_ID: PRIMARY_GUILD,
      WEB_ORIGIN: `${urls.worker},http://localhost:${worker}`,
      HUB_ENDPOINT: `${urls.worker}/internal/events`,
      ROOM_NAME_PREFIX: "spell-coven",
      ROOM_IDLE_MINUTES: "15",
      ...localFaceit(urls.worker, urls.faceit),
      ...environment,
    },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));

  const file = (): StackFile => {
    const content = readStackFile(stateDir);
    if (content === undefined) throw new Error(`no stack.json; the stack printed:\n${output}`);
    return content;
  };
  return {
    child,
    stateDir,
    ports,
    urls,
    output: () => output,
    exited,
    file,
    isReady: async () => {
      const early = exited.then((code) => {
        throw new Error(`The stack ended with ${code} before it was ready:\n${output}`);
      });
      await Promise.race([
        early,
        eventually(
          "the stack is ready",
          () => {
            if (!file().ready) throw new Error(output);
          },
          READY_DEADLINE_MS,
        ),
      ]);
      early.catch(() => {});
    },
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      await exited;
      await rm(stateDir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Variables of a Worker that uses the local FACEIT, so that the settings of a real one have no effect. */
export function localFaceit(worker: string, faceit: string): Readonly<Record<string, string>> {
  return {
    FACEIT_API_URL: `${faceit}/data/v4`,
    FACEIT_AUTH_URL: `${faceit}/oauth/authorize`,
    FACEIT_TOKEN_URL: `${faceit}/oauth/token`,
    FACEIT_USERINFO_URL: `${faceit}/oauth/userinfo`,
    FACEIT_CLIENT_ID: "guildhub-e2e",
    FACEIT_REDIRECT_URI: `${worker}/faceit/callback`,
    FACEIT_API_KEY: randomBytes(32).toString("base64url"),
    FACEIT_CLIENT_SECRET: randomBytes(32).toString("base64url"),
    FACEIT_WEBHOOK_SECRET: randomBytes(32).toString("base64url"),
    FACEIT_WEBHOOK_HEADER: "X-Webhook-Secret",
    VC_CATEGORY_ID: "100000000000000010",
    LOBBY_VC_ID: LOBBY,
    MATCH_MOVE_FROM: "anywhere",
    MATCH_GRACE_SECONDS: "1",
    MATCH_SKIP_EMPTY_FACTIONS: "off",
  };
}

/** A ready stack for tests. */
export type Stack = {
  readonly urls: Readonly<Record<PartName, string>>;
  readonly process: StackProcess;
  /** The network between the gateway-worker and the Worker. */
  readonly hubNetwork: TcpProxy;
  readonly token: (sub: string, options?: TokenOptions) => Promise<string>;
  /** The controls of the local Discord, and of the local FACEIT. */
  readonly discord: DiscordControl;
  readonly faceit: FaceitControl;
  /** Kills a part with all its descendants; resolves when the stack has restarted it. */
  readonly kill: (part: PartName, signal?: NodeJS.Signals) => Promise<void>;
  /** Resolves when `/ready` answers 200. */
  readonly untilReady: () => Promise<void>;
  /** The log of a part. */
  readonly log: (part: string) => Promise<string>;
  readonly stop: () => Promise<void>;
};

/** Starts a stack and waits until it is ready. */
export async function startStack(
  environment: Readonly<Record<string, string>> = {},
): Promise<Stack> {
  const [hubPort = 0] = await freePorts(1);
  const stack = await launchStack({
    HUB_ENDPOINT: `http://127.0.0.1:${hubPort}/internal/events`,
    ...environment,
  });
  const hubNetwork = await startTcpProxy(hubPort, stack.ports.worker);
  const stop = async (): Promise<void> => {
    await stack.stop();
    await hubNetwork.close();
  };
  try {
    await stack.isReady();
  } catch (error) {
    await stop();
    throw error;
  }
  const { urls } = stack;
  return {
    urls,
    process: stack,
    hubNetwork,
    token: (sub, options) => devToken({ url: urls.idp }, sub, options),
    discord: new DiscordControl({ url: urls.discord }),
    faceit: new FaceitControl({ url: urls.faceit }),
    kill: async (part, signal = "SIGKILL") => {
      const { pid, restarts } = stack.file().parts[part] ?? { pid: undefined, restarts: 0 };
      if (pid === undefined) throw new Error(`${part} does not run`);
      process.kill(-pid, signal);
      await eventually(`the ${part} is restarted`, () => {
        const now = stack.file().parts[part];
        if (now?.pid === undefined || now.restarts <= restarts) throw new Error("not yet");
      });
    },
    untilReady: () =>
      eventually("/ready answers 200", async () => {
        const response = await fetch(`${urls.worker}/ready`);
        const text = await response.text();
        if (response.status !== 200) throw new Error(text);
      }),
    log: (part) => readFile(path.join(stack.stateDir, "logs", `${part}.log`), "utf8"),
    stop,
  };
}
