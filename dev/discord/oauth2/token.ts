import type { LocalApplication } from "../application.ts";
import type { RestContext } from "../rest/request.ts";
import type { Grants } from "./grants.ts";

const FORM_TYPE = "application/x-www-form-urlencoded";

/** What the token calls need. */
interface TokenPorts {
  readonly application: LocalApplication;
  readonly grants: Grants;
}

type Work = (form: URLSearchParams) => Response;

/** `POST /oauth2/token`: an authorization code for an access token. */
export function exchangeCode(c: RestContext, ports: TokenPorts): Promise<Response> {
  return asClient(c, ports, (form) => {
    if (form.get("grant_type") !== "authorization_code") {
      return refuseClient(c, 400, "unsupported_grant_type");
    }
    const code = form.get("code");
    if (code === null) return refuseClient(c, 400, "invalid_request", 'Missing "code" in request.');
    const exchanged = ports.grants.exchange(code, form.get("redirect_uri") ?? "");
    if (exchanged.ok) return c.json(exchanged.value, 200, { "cache-control": "no-store" });
    return refuseClient(c, 400, "invalid_grant", `Invalid "${exchanged.error}" in request.`);
  });
}

/** `POST /oauth2/token/revoke` */
export function revokeToken(c: RestContext, ports: TokenPorts): Promise<Response> {
  return asClient(c, ports, (form) => {
    const token = form.get("token");
    if (token === null) {
      return refuseClient(c, 400, "invalid_request", 'Missing "token" in request.');
    }
    ports.grants.revoke(token);
    return c.json({});
  });
}

/** For the application alone: by HTTP Basic or in the form (RFC 6749 §2.3.1). */
async function asClient(c: RestContext, ports: TokenPorts, work: Work): Promise<Response> {
  const type = c.req.header("content-type")?.split(";")[0]?.trim();
  const form = new URLSearchParams(type === FORM_TYPE ? await c.req.text() : "");
  const { id, clientSecret } = ports.application;
  const basic = basicCredentials(c.req.header("authorization"));
  const given = basic ?? `${form.get("client_id") ?? ""}:${form.get("client_secret") ?? ""}`;
  return given === `${id}:${clientSecret}` ? work(form) : refuseClient(c, 401, "invalid_client");
}

function basicCredentials(authorization: string | undefined): string | null {
  const encoded = /^Basic (\S+)$/.exec(authorization ?? "")?.[1];
  return encoded === undefined ? null : Buffer.from(encoded, "base64").toString();
}

/** A refusal in the form of RFC 6749 §5.2. */
function refuseClient(
  c: RestContext,
  status: 400 | 401,
  error: string,
  description?: string,
): Response {
  const described = description === undefined ? {} : { error_description: description };
  return c.json({ error, ...described }, status);
}
