import { Agent, request } from "node:http";
import { fileURLToPath } from "node:url";
import type { Identity } from "../identity.ts";
import { GUILD_ID } from "../plan.ts";
import type { Server } from "../../dev/workerd/processes.ts";
import { d1Service, startWorkerd, type WorkerService } from "../../dev/workerd/workerd.ts";
import type { WorkerBundle } from "../../dev/workerd/worker-bundle.ts";

/** The Worker under plain workerd, with a hub that can be filled. */
export type FilledHub = Server & {
  /**
   * Publishes events in one turn of the hub.
   * @param bytes that are added to each beyond what an empty one has
   * @returns seq of the last one
   */
  readonly fill: (events: number, bytes: number) => Promise<number>;
};

const D1 = "d1";

/** Starts it. @param folder gets the files; it exists */
export async function startFilledHub(
  parts: {
    readonly bundle: WorkerBundle;
    readonly identity: Identity;
    readonly secret: string;
  },
  folder: string,
): Promise<FilledHub> {
  const server = await startWorkerd(folder, [
    worker(parts),
    d1Service(D1, parts.bundle.migrations),
  ]);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    ...server,
    fill: (events, bytes) => fill(server.port, agent, `/fill?events=${events}&bytes=${bytes}`),
    stop: () => {
      agent.destroy();
      return server.stop();
    },
  };
}

function worker({ bundle, identity, secret }: Parameters<typeof startFilledHub>[0]): WorkerService {
  const variables = {
    PRIMARY_GUILD_ID: GUILD_ID,
    HUB_SECRET: secret,
    DISCORD_BOT_TOKEN: `no-bot-${secret}`,
    JWT_ISSUER: identity.issuer,
    JWT_AUDIENCE: identity.audience,
    JWT_PUBLIC_JWK_URL: identity.jwksUrl,
    WEB_ORIGIN: "http://127.0.0.1:8787",
  };
  return {
    name: "guildhub",
    module: fileURLToPath(import.meta.resolve("./filled-hub.worker.mjs")),
    imports: { "bundle.js": bundle.module },
    compatibilityFlags: bundle.compatibilityFlags,
    bindings: [
      ...Object.entries(variables).map(([name, text]) => ({ name, text })),
      ...bundle.objects.map(([name, className]) => ({ name, objects: className })),
      { name: "DB", d1: D1 },
      // There is no page here; nothing asks for it.
      { name: "ASSETS", service: "internet" },
    ],
    objects: bundle.objects.map(([, className]) => className),
  };
}

function fill(port: number, agent: Agent, path: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const outgoing = request({ host: "127.0.0.1", port, path, method: "POST", agent }, (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      text += chunk;
    });
    response.on("error", reject);
    response.on("end", () => {
      if (response.statusCode === 200) resolve((JSON.parse(text) as { seq: number }).seq);
      else reject(new Error(`filling was answered with ${response.statusCode}: ${text}`));
    });
  });
  outgoing.on("error", reject);
  outgoing.end();
  return promise;
}
