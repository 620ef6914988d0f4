import { createServer, type Server } from "node:net";
import { afterEach, expect, it } from "vitest";
import { ofParts } from "./names.ts";
import { freePorts, portProblems } from "./ports.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Takes the first free port from `first` upwards. */
function take(first: number): Promise<number> {
  const server = createServer();
  servers.push(server);
  return new Promise((resolve, reject) => {
    server.once("error", () => {
      if (first < 65_535) take(first + 1).then(resolve, reject);
      else reject(new Error("all high ports are taken"));
    });
    server.listen(first, "127.0.0.1", () => resolve(first));
  });
}

const problems = async (worker: number): Promise<string> =>
  (await portProblems({ parts: ["worker"], ports: { ...ofParts(() => 1), worker } })).join();

it("suggests a port that exists, instead of one that is taken", async () => {
  const [low = 0] = await freePorts(1);
  await take(low);
  expect(await problems(low)).toContain(`WORKER_PORT=${low + 100} `);
  const high = await take(65_436);
  expect(await problems(high)).toContain(`WORKER_PORT=${high - 100} `);
});
