import { startLocalFaceit } from "./local-faceit.ts";

/** A variable of the environment; empty counts as absent. */
function variable(name: string): string | undefined {
  const value = process.env[name];
  return value === "" ? undefined : value;
}

function stop(problem: string): never {
  console.error(problem);
  process.exit(1);
}

function required(name: string): string {
  return variable(name) ?? stop(`${name} is missing: dev/faceit/README.md says what it is`);
}

const port = Number(variable("FACEIT_PORT") ?? "8791");
if (!Number.isInteger(port) || port < 0 || port > 65_535) stop("FACEIT_PORT is not a port");
const clientSecret = variable("FACEIT_CLIENT_SECRET");
const stateFile = variable("STATE_FILE");

const faceit = await startLocalFaceit({
  port,
  host: variable("HOST") ?? "127.0.0.1",
  apiKey: required("FACEIT_API_KEY"),
  clientId: required("FACEIT_CLIENT_ID"),
  redirectUris: required("FACEIT_REDIRECT_URI").split(","),
  webhookUrl: required("WEBHOOK_URL"),
  webhookHeader: variable("FACEIT_WEBHOOK_HEADER") ?? "X-Webhook-Secret",
  webhookSecret: required("FACEIT_WEBHOOK_SECRET"),
  ...(clientSecret === undefined ? {} : { clientSecret }),
  ...(stateFile === undefined ? {} : { stateFile }),
}).catch((error: unknown) => stop(error instanceof Error ? error.message : String(error)));
console.log(`Ready on ${faceit.url}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void faceit.close().then(() => process.exit(0)));
}
