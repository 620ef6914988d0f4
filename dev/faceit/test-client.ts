import { createHash, randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { expect, onTestFinished } from "vitest";
import { serveDouble } from "../doubles/server.ts";
import { type LocalFaceit, type LocalFaceitOptions, startLocalFaceit } from "./local-faceit.ts";

const API_KEY = "key-of-the-data-api";
export const CLIENT_ID = "3c1e7d5a-0000-4000-8000-00000000c11e";
export const CLIENT_SECRET = "secret-of-the-client";
export const REDIRECT_URI = "http://127.0.0.1:8787/faceit/callback";
export const WEBHOOK_SECRET = "secret-of-the-webhooks";
export const AURORA_ONE = "a0000000-0000-4000-8000-000000000001";

/** A JSON object. */
export type Json = Record<string, unknown>;

/** A received webhook. */
export interface Received {
  readonly secret: string | undefined;
  readonly text: string;
  readonly body: Json;
}

/** A server that receives webhooks. */
interface Receiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** Answers a webhook. It may also leave it without an answer. */
  answer: (response: ServerResponse, count: number) => void;
}

export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const { url, close } = await serveDouble({ port: 0, host: "127.0.0.1" }, () => ({
    request: async (request, response) => {
      const text = (await buffer(request)).toString();
      const header = request.headers["x-webhook-secret"];
      const secret = Array.isArray(header) ? header.join() : header;
      received.push({ secret, text, body: text.startsWith("{") ? asJson(JSON.parse(text)) : {} });
      receiver.answer(response, received.length);
    },
  }));
  onTestFinished(close);
  const receiver: Receiver = {
    url: `${url}/faceit-webhook`,
    received,
    answer: (response) => response.writeHead(204).end(),
  };
  return receiver;
}

/** Starts a FACEIT for one test. Without a `webhookUrl` its webhooks fail. */
export async function startForTest({
  isPublic = false,
  ...options
}: Partial<LocalFaceitOptions> & { isPublic?: boolean } = {}): Promise<LocalFaceit> {
  const faceit = await startLocalFaceit({
    port: 0,
    apiKey: API_KEY,
    clientId: CLIENT_ID,
    ...(isPublic ? {} : { clientSecret: CLIENT_SECRET }),
    redirectUris: [REDIRECT_URI],
    webhookUrl: "http://127.0.0.1:1/nobody",
    webhookHeader: "X-Webhook-Secret",
    webhookSecret: WEBHOOK_SECRET,
    retryDelaysMs: [0, 0, 0],
    ...options,
  });
  onTestFinished(() => faceit.close());
  return faceit;
}

/** A call of the Data API. */
export async function dataApi(
  { url }: LocalFaceit,
  path: string,
  key = API_KEY,
): Promise<{ readonly status: number; readonly headers: Headers; readonly body: Json }> {
  const response = await fetch(`${url}/data/v4${path}`, {
    headers: { authorization: `Bearer ${key}` },
  });
  const { status, headers } = response;
  return { status, headers, body: asJson(await response.json()) };
}

/** A PKCE pair (RFC 7636). */
export function newPkce(): { readonly verifier: string; readonly challenge: string } {
  const verifier = randomBytes(32).toString("base64url");
  return { verifier, challenge: createHash("sha256").update(verifier).digest("base64url") };
}

export function asJson(value: unknown): Json {
  expect(value).toBeTypeOf("object");
  return Object(value) as Json;
}
