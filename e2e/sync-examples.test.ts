import { expect, it, onTestFinished } from "vitest";
import { ExampleWorld } from "./sync-examples.ts";

it("the native example of docs/sync-protocol.md calls, is told, and misses nothing", async () => {
  // Older ones have no WebSocket.
  expect(Number(process.versions.node.split(".")[0])).toBeGreaterThanOrEqual(22);
  const world = new ExampleWorld();
  onTestFinished(() => world.stop());
  await world.start();
  await world.plays("native.mjs", "native.mjs");
});
