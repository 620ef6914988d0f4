import { parseConfig } from "./config.ts";
import { startGatewayWorker } from "./gateway-worker.ts";
import { jsonLogger } from "./log.ts";

/** Exit codes of sysexits.h: wrong configuration, and something unavailable at start. */
const EXIT_CONFIG = 78;
const EXIT_UNAVAILABLE = 69;

/** A stop that takes longer than this is cut off, milliseconds. */
const STOP_DEADLINE_MS = 10_000;

const stderr = (line: string): void => void process.stderr.write(line);

async function main(): Promise<void> {
  // The state includes Discord's session, so only this process's user may read the files.
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

  // A bug or a full disk. The stored state is consistent, so the next process continues from it.
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
