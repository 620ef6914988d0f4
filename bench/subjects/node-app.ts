import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { createHmac, timingSafeEqual } from "node:crypto";
import { writeSync } from "node:fs";
import type { Server } from "node:http";
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

/** An event as the publisher sends it. */
export type Published = { event: string; payload: { guildId: string }; ts: number; id: string };

/** What both Node peers do alike, as the seed does it: signed events in over HTTP. */
export function startNodeApp(
  settings: NodeSettings,
  broadcast: (event: Published) => void,
): Server {
  const { guildId, secret } = settings;
  const app = new Hono();
  app.post("/internal/events", async (c) => {
    const body = await c.req.text();
    if (!isSigned(secret, c.req.raw.headers, body)) return c.json({ message: "forbidden" }, 403);
    // The seed takes one event in a request. Here it takes our batches, so that all get the same.
    const { events } = JSON.parse(body) as { events: Published[] };
    for (const event of events) if (event.payload.guildId === guildId) broadcast(event);
    return c.json({ ok: true });
  });
  // The publisher's connection stays open while the others have their turn.
  const serverOptions = { keepAliveTimeout: 120_000 };
  const address = { hostname: "127.0.0.1", port: settings.port };
  return serve({ fetch: app.fetch, ...address, serverOptions }, ({ port }) =>
    writeSync(3, `"socket":"http","port":${port}`),
  ) as Server;
}

/** @returns what verifies a token, with the provider's keys fetched once */
export function tokenVerifier({
  issuer,
  audience,
  jwksUrl,
}: NodeSettings): (token: string) => Promise<boolean> {
  const keys = createRemoteJWKSet(new URL(jwksUrl));
  return async (token) => {
    try {
      await jwtVerify(token, keys, { issuer, audience });
      return true;
    } catch {
      return false;
    }
  };
}

function isSigned(secret: string, headers: Headers, body: string): boolean {
  const timestamp = headers.get("X-Hub-Timestamp") ?? "";
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 60) return false;
  const mac = createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex");
  const given = Buffer.from(headers.get("X-Hub-Signature") ?? "");
  const wanted = Buffer.from(`sha256=${mac}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
