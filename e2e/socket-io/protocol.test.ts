import { afterAll, beforeAll, describe } from "vitest";
import type { DeskServer } from "./desk-server.ts";
import { engineIoSuite } from "./engine-io-suite.ts";
import { startHubs } from "./hubs.ts";
import { startReference } from "./reference.ts";
import { leftOutSuite, socketIoSuite } from "./socket-io-suite.ts";

describe.each([
  {
    // It shows that the suites ask for what the protocol says.
    name: "the reference implementation",
    start: startReference,
    suites: [engineIoSuite, socketIoSuite],
  },
  { name: "a hub", start: startHubs, suites: [engineIoSuite, socketIoSuite, leftOutSuite] },
])("HUB-25 Socket.IO at $name", ({ start, suites }) => {
  let server: DeskServer;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server?.stop());
  for (const suite of suites) suite(() => server);
});
