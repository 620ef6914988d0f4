/** One run in a thread of its own, which may use more memory than Node gives by itself. */
import { parentPort, workerData } from "node:worker_threads";
import { isHubFailure } from "../../src/testing/hub-failures.ts";
import { runPlan } from "./plan.ts";
import { makeWorld, sizeOf } from "./world.ts";

const { clients, seed } = workerData as { readonly clients: number; readonly seed: number };
// Hubs log each call that was lost; what matters of that is counted. A failure of their own ends the run.
console.warn = () => undefined;
console.error = (line: unknown) => {
  if (isHubFailure(line)) queueMicrotask(() => fail(line));
};
const size = sizeOf(clients);
parentPort?.postMessage(await runPlan(makeWorld(size, seed), size), []);

function fail(line: string): never {
  throw new Error(`a hub failed: ${line}`);
}
