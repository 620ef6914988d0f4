import { Agent, request } from "node:http";
import { fileURLToPath } from "node:url";
import { workerVariables, type Identity } from "../identity.ts";
import type { Server } from "../../workerd/processes.ts";
import { startWorkerd } from "../../workerd/workerd.ts";
import { workerServices, type WorkerBundle } from "../../workerd/worker-bundle.ts";

/** The Worker under plain workerd, with a hub that can be filled. */
export type FilledHub = Server & {
  /**
   * Publishes events in one turn of the hub.
   * @param bytes that are added to each beyond what an empty one has
   * @returns seq of the last one
   */
  readonly fill: (events: number, bytes: number) => Promise<number>;
};

/** Starts it. @param folder gets the files; it exists */
export async function startFilledHub(
  parts: {
    readonly bundle: WorkerBundle;
    readonly identity: Identity;
    readonly secret: string;
  },
  folder: string,
): Promise<FilledHub> {
  const { bundle, identity, secret } = parts;
  const around = fileURLToPath(import.meta.resolve("./filled-hub.worker.mjs"));
  const services = workerServices(bundle, workerVariables(identity, secret), around);
  const server = await startWorkerd(folder, services);
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
