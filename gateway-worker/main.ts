import { parseConfig } from "./config.ts";
import { startGatewayWorker } from "./gateway-worker.ts";
import { jsonLogger } from "./log.ts";

/** sysexits: the configuration is wrong, or something that the start needs is not there. */
const EXIT_CONFIG = 78;
const EXIT_UNAVAILABLE = 69;

/** An end that takes longer than this is cut, milliseconds. */
const STOP_DEADLINE_MS = 10_000;

const stderr = (line: string): void => void process.stderr.write(line);

async function main(): Promise<void> {
  // The state has Discord's session in it: files are for this process's user alone.
  process.umask(0o077);
  const parsed = parseConfig(process.env);
  if (!parsed.ok) {
    jsonLogger(stderr, []).log("error", parsed.message);
    process.exitCode = EXIT_CONFIG;
    return;
  }
  const { config } = parsed;
  const secrets = [config.discordBotToken, ...config.hubSecrets];
  const log = jsonLogger((line) => void process.stdout.write(line), secrets);

  // A bug, or a disk that is full. What is stored is consistent, so the next process goes on from it.
  const crash = (error: unknown): void => {
    jsonLogger(stderr, secrets).log("alert", "the process ends: this should not happen", {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    process.exit(1);
  };
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);

  const started = await startGatewayWorker(config, log);
  if (!started.ok) {
    jsonLogger(stderr, secrets).log("error", started.message);
    process.exitCode = EXIT_UNAVAILABLE;
    return;
  }
  log.log("info", "the gateway-worker runs", {
    address: `http://${config.host}:${started.port}`,
    hub: config.hubEndpoint,
    discord: config.discordApiUrl,
    guildId: config.primaryGuildId,
  });

  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) return;
    stopping = true;
    log.log("info", "the gateway-worker stops", { signal });
    setTimeout(() => process.exit(0), STOP_DEADLINE_MS).unref();
    started.stop().then(() => process.exit(0), crash);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

await main();
