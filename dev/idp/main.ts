import { startIdentityProvider } from "./identity-provider.ts";

const variable = (name: string): string => {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`${name} is missing`);
  return value;
};

const provider = await startIdentityProvider({
  port: Number(variable("IDP_PORT")),
  issuer: variable("JWT_ISSUER"),
  audience: variable("JWT_AUDIENCE"),
  clientId: variable("OIDC_CLIENT_ID"),
  webOrigins: variable("WEB_ORIGIN").split(","),
  stateDir: variable("STATE_DIR"),
});
console.log(`Ready on ${provider.issuer}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void provider.close().then(() => process.exit(0)));
}
