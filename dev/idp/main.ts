import { required, runDouble } from "../doubles/program.ts";
import { startIdentityProvider } from "./identity-provider.ts";

const named = (name: string): string => required(name, "npm start sets it");

await runDouble(
  startIdentityProvider({
    port: Number(named("IDP_PORT")),
    issuer: named("JWT_ISSUER"),
    audience: named("JWT_AUDIENCE"),
    clientId: named("OIDC_CLIENT_ID"),
    webOrigins: named("WEB_ORIGIN").split(","),
    stateDir: named("STATE_DIR"),
  }),
);
