import { hasTexts, isRecord } from "../../src/client/json-shape.ts";
import { failed, type Outcome } from "../../src/client/outcome.ts";
import { failureOf, UNREACHABLE } from "../../src/client/problem.ts";

/** What the Worker tells the page: `GET /config.json`. */
export type PageConfig = {
  /** Rooms, and what is shown beside them; null: they do not run. */
  readonly guild: GuildConfig | null;
  /** Whether sync runs. */
  readonly sync: boolean;
};

/** What the areas of a guild need. */
export type GuildConfig = {
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
  const guild = guildConfigIn(body);
  const sync = isRecord(body) && body["sync"] === true;
  if (response.ok && (guild !== null || sync)) return { ok: true, value: { guild, sync } };
  return failed(failureOf(response.ok ? 502 : response.status, null, body));
}

function guildConfigIn(body: unknown): GuildConfig | null {
  if (!hasTexts(body, ["issuer", "audience", "guildId"])) return null;
  const { issuer, audience, guildId, clientId, roomIdleMinutes: idle } = body;
  return {
    issuer,
    audience,
    guildId,
    matches: body["matches"] === true,
    roomIdleMinutes: typeof idle === "number" ? idle : 0,
    clientId: typeof clientId === "string" && clientId !== "" ? clientId : null,
  };
}
