import { randomBytes, sign } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as delay } from "node:timers/promises";
import { PRIMARY_GUILD } from "../dev/discord/seed.ts";
import { localApplication } from "../dev/discord/application.ts";
import { DiscordControl } from "../dev/discord/control-client.ts";
import { startLocalDiscord } from "../dev/discord/local-discord.ts";
import { answerBy, serveDouble } from "../dev/doubles/server.ts";
import { FaceitControl } from "../dev/faceit/control-client.ts";
import { startLocalFaceit } from "../dev/faceit/local-faceit.ts";
import { startIdentity, workerVariables, type Identity } from "../dev/testing/identity.ts";
import { localFaceit } from "../dev/testing/stack.ts";
import { maskedText } from "../dev/testing/wire/lean-socket.ts";
import { bundleWorker, workerServices } from "../dev/workerd/worker-bundle.ts";
import { startWorkerd } from "../dev/workerd/workerd.ts";
import { freePorts } from "../dev/stack/ports.ts";

/** The pause before each call, milliseconds. */
type Slowness = { readonly objects: number; readonly outside: number };

/** A request with its exact bytes. */
export type RawRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** A frame that is sent when the request, an upgrade, was answered. The time to a disconnect begins then. */
  readonly firstFrame?: string;
};

/** The Worker behind workerd's own port, with everything that it waits for slowed down. */
export type SlowWorld = {
  readonly url: string;
  /** The controls of the local services, which answer at once. */
  readonly discord: DiscordControl;
  readonly faceit: FaceitControl;
  /** A token of this person. */
  readonly token: Identity["token"];
  /** Number of requests for the identity provider's keys. */
  readonly keyRequests: () => number;
  readonly secrets: { readonly hub: string; readonly webhook: string };
  /** Signs a body as Discord signs an interaction. */
  readonly signInteraction: (body: string) => Readonly<Record<string, string>>;
  /** Sends a request and disconnects after this time; settles when the connection is closed. */
  readonly hangUp: (request: RawRequest, afterMs: number) => Promise<void>;
  /** workerd's output so far. */
  readonly output: () => string;
  readonly stop: () => Promise<void>;
};

/**
 * Starts the Worker with empty caches. It does not use `wrangler dev`, whose proxy does not always pass on a
 * disconnect.
 */
export async function startSlowWorld(slowness: Slowness): Promise<SlowWorld> {
  const folder = await mkdtemp(path.join(tmpdir(), "guildhub-slow-"));
  const closing: (() => Promise<unknown>)[] = [
    () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  ];
  const stop = async (): Promise<void> => {
    for (const close of closing.toReversed()) await close();
    closing.length = 0;
  };
  try {
    const [port = 0] = await freePorts(1);
    const url = `http://127.0.0.1:${port}`;
    const secrets = { hub: secret(), webhook: secret(), bot: secret() };
    const faceitSecrets = { apiKey: secret(), clientSecret: secret() };
    const application = localApplication(secrets.bot);
    const identity = await startIdentity(0);
    closing.push(identity.close);

    const discord = await startLocalDiscord({
      port: 0,
      botToken: secrets.bot,
      primaryGuildId: PRIMARY_GUILD,
      interactionsUrl: `${url}/interactions`,
      oauthRedirectUris: [`${url}/faceit/link`],
    });
    closing.push(() => discord.close());
    const faceit = await startLocalFaceit({
      port: 0,
      ...faceitSecrets,
      clientId: "guildhub-e2e",
      redirectUris: [`${url}/faceit/callback`],
      webhookUrl: `${url}/faceit-webhook`,
      webhookHeader: "X-Webhook-Secret",
      webhookSecret: secrets.webhook,
    });
    closing.push(() => faceit.close());
    const slowly = async (answer: Answerer): Promise<string> => {
      const server = await serveDouble({ port: 0, host: "127.0.0.1" }, () => ({
        request: answerBy({
          fetch: async (request) => {
            await delay(slowness.outside);
            return answer(request);
          },
        }),
      }));
      closing.push(server.close);
      return server.url;
    };
    const slowDiscord = await slowly(forwardTo(discord.url));
    const slowFaceit = await slowly(forwardTo(faceit.url));
    let keyRequests = 0;
    const askIdentity = forwardTo(identity.issuer);
    const idp = await slowly((request) => {
      keyRequests += 1;
      return askIdentity(request);
    });

    const bundle = await bundleWorker(folder);
    let output = "";
    const variables = {
      ...workerVariables(identity, secrets.hub),
      ...localFaceit(url, slowFaceit),
      SLOW_MS: String(slowness.objects),
      DISCORD_BOT_TOKEN: secrets.bot,
      DISCORD_API_URL: `${slowDiscord}/api/v10`,
      JWT_PUBLIC_JWK_URL: `${idp}/jwks`,
      WEB_ORIGIN: url,
      ROOM_IDLE_MINUTES: "0",
      DISCORD_APPLICATION_ID: application.id,
      DISCORD_PUBLIC_KEY: application.publicKeyHex,
      DISCORD_CLIENT_SECRET: application.clientSecret,
      FACEIT_WEBHOOK_SECRET: secrets.webhook,
      FACEIT_API_KEY: faceitSecrets.apiKey,
      FACEIT_CLIENT_SECRET: faceitSecrets.clientSecret,
      HAPPY_MASTER_SECRET: secret(),
    };
    const around = fileURLToPath(import.meta.resolve("./slow-objects.worker.mjs"));
    const server = await startWorkerd(folder, workerServices(bundle, variables, around), {
      port,
      onOutput: (text) => (output += text),
    });
    closing.push(server.kill);

    return {
      url,
      discord: new DiscordControl(discord),
      faceit: new FaceitControl(faceit),
      token: identity.token,
      keyRequests: () => keyRequests,
      secrets,
      signInteraction: (body) => {
        const timestamp = String(Math.floor(Date.now() / 1000));
        const signed = Buffer.from(timestamp + body);
        const signature = sign(null, signed, application.privateKey).toString("hex");
        return { "x-signature-ed25519": signature, "x-signature-timestamp": timestamp };
      },
      hangUp: (request, afterMs) => hangUp(port, request, afterMs),
      output: () => output,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const secret = (): string => randomBytes(32).toString("base64url");

type Answerer = (request: Request) => Promise<Response>;

function forwardTo(target: string): Answerer {
  return async (request) => {
    const { pathname, search } = new URL(request.url);
    const headers = new Headers(request.headers);
    for (const name of ["host", "connection", "content-length"]) headers.delete(name);
    // A form is submitted from its own page.
    if (headers.has("origin")) headers.set("origin", target);
    const body = await request.arrayBuffer();
    const response = await fetch(`${target}${pathname}${search}`, {
      method: request.method,
      headers,
      redirect: "manual",
      ...(body.byteLength === 0 ? {} : { body }),
    });
    const bytes = await response.arrayBuffer();
    const answered = new Headers(response.headers);
    for (const name of ["content-encoding", "content-length", "transfer-encoding"])
      answered.delete(name);
    const { status } = response;
    return new Response(bytes.byteLength === 0 ? null : bytes, { status, headers: answered });
  };
}

/** workerd treats a reset as a disconnected client; after a FIN alone it still answers. */
function hangUp(port: number, request: RawRequest, afterMs: number): Promise<void> {
  const { method, path: where, headers, body, firstFrame } = request;
  const lines = Object.entries({
    host: `127.0.0.1:${port}`,
    ...(body === "" ? {} : { "content-length": String(Buffer.byteLength(body)) }),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(`${method} ${where} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
      if (firstFrame === undefined) setTimeout(() => socket.resetAndDestroy(), afterMs);
    });
    if (firstFrame !== undefined) {
      socket.once("data", () => {
        socket.write(maskedText(firstFrame));
        setTimeout(() => socket.resetAndDestroy(), afterMs);
      });
    }
    socket.on("error", () => {});
    socket.on("close", () => resolve());
    socket.resume();
  });
}
