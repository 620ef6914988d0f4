/** One run in a thread of its own, which may use more memory than Node gives by itself. */
import { parentPort, workerData } from "node:worker_threads";
import { runPlan } from "./plan.ts";
import { makeWorld, sizeOf } from "./world.ts";

const { clients, seed } = workerData as { readonly clients: number; readonly seed: number };
// Hubs log each call that was lost; what matters of that is counted.
console.warn = console.error = () => undefined;
const size = sizeOf(clients);
parentPort?.postMessage(await runPlan(makeWorld(size, seed), size), []);
