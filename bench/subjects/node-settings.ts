import { PRIMARY_GUILD } from "../../dev/discord/seed.ts";
import type { Identity } from "../../dev/testing/identity.ts";

/** What a Node peer is told when it starts. */
export type NodeSettings = {
  /** 0: a free one. */
  readonly port: number;
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl: string;
  readonly secret: string;
  readonly guildId: string;
  /** Keep what a client misses, where that is an option. */
  readonly recovery: boolean;
  /** How often the server pings, where it does, milliseconds. */
  readonly pingMs: number;
};

const VARIABLE = "SETTINGS";

/** The environment of a peer's process. */
export function settingsEnvironment(
  { issuer, audience, jwksUrl }: Identity,
  own: Pick<NodeSettings, "port" | "secret" | "recovery" | "pingMs">,
): NodeJS.ProcessEnv {
  const settings: NodeSettings = { ...own, issuer, audience, jwksUrl, guildId: PRIMARY_GUILD };
  return { PATH: process.env["PATH"], [VARIABLE]: JSON.stringify(settings) };
}

/** Reads them inside the peer. */
export function readSettings(): NodeSettings {
  return JSON.parse(process.env[VARIABLE] ?? "{}") as NodeSettings;
}
