import { describe, it, onTestFinished } from "vitest";
import { ExampleWorld } from "../sync-examples.ts";
import { PACKAGES } from "./clients.ts";

describe("the examples of docs/sync-protocol.md", () => {
  it.each([
    ["socket-io.mjs", "socket-io.mjs"],
    ["socket-io.mjs", "native.mjs"],
    ["native.mjs", "socket-io.mjs"],
  ])("%s as agent and %s as phone call, are told, and miss nothing", async (agent, phone) => {
    const world = new ExampleWorld();
    onTestFinished(() => world.stop());
    await world.start(PACKAGES);
    await world.plays(agent, phone);
  });
});
