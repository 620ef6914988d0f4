/** One run in a thread of its own, which may use more memory than Node gives by itself. */
import { parentPort, workerData } from "node:worker_threads";
import { runPlan } from "./plan.ts";
import { makeWorld, sizeOf } from "./world.ts";

const { clients, seed } = workerData as { readonly clients: number; readonly seed: number };
const size = sizeOf(clients);
parentPort?.postMessage(await runPlan(makeWorld(size, seed), size), []);
