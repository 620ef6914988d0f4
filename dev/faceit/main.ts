import { portVariable, required, runDouble, variable } from "../doubles/program.ts";
import { startLocalFaceit } from "./local-faceit.ts";

const named = (name: string): string => required(name, "dev/faceit/README.md says what it is");

await runDouble(
  startLocalFaceit({
    port: portVariable("FACEIT_PORT", 8791),
    host: variable("HOST") ?? "127.0.0.1",
    apiKey: named("FACEIT_API_KEY"),
    clientId: named("FACEIT_CLIENT_ID"),
    clientSecret: variable("FACEIT_CLIENT_SECRET"),
    redirectUris: named("FACEIT_REDIRECT_URI").split(","),
    webhookUrl: named("WEBHOOK_URL"),
    webhookHeader: variable("FACEIT_WEBHOOK_HEADER") ?? "X-Webhook-Secret",
    webhookSecret: named("FACEIT_WEBHOOK_SECRET"),
    stateFile: variable("STATE_FILE"),
  }),
);
