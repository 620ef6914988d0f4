import { hasTexts } from "../../src/client/json-shape.ts";
import { failed, type Outcome } from "../../src/client/outcome.ts";
import { failureOf, UNREACHABLE } from "../../src/client/problem.ts";

/** What the Worker tells the page: `GET /config.json`. */
export type PageConfig = {
  readonly issuer: string;
  /** Null: the page is not registered at the identity provider. */
  readonly clientId: string | null;
  readonly audience: string;
  /** The primary guild. */
  readonly guildId: string;
  /** Whether FACEIT sends matches to this deployment. */
  readonly matches: boolean;
  /** A room that stays empty for this time ends by itself; 0: it never does. */
  readonly roomIdleMinutes: number;
};

/** Requests the configuration from the Worker. */
export async function loadConfig(): Promise<Outcome<PageConfig>> {
  let response: Response;
  try {
    response = await fetch("/config.json", { headers: { accept: "application/json" } });
  } catch {
    return failed(UNREACHABLE);
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok && hasTexts(body, ["issuer", "audience", "guildId"])) {
    const { issuer, audience, guildId, clientId, roomIdleMinutes: idle } = body;
    return {
      ok: true,
      value: {
        issuer,
        audience,
        guildId,
        matches: body["matches"] === true,
        roomIdleMinutes: typeof idle === "number" ? idle : 0,
        clientId: typeof clientId === "string" && clientId !== "" ? clientId : null,
      },
    };
  }
  return failed(failureOf(response.ok ? 502 : response.status, null, body));
}
