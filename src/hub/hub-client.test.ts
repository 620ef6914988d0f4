import { expect, test } from "vitest";
import { asRequest } from "../platform/request-ids.ts";
import type { HubEnv } from "./env.ts";
import { KIND } from "../testing/virtual-guild.ts";
import { hubPublisher } from "./hub-client.ts";

const IDS = { requestId: "r-1", traceId: "4bf92f3577b34da6a3ce929d0e0e4736" };
const OWN = "a".repeat(32);

const EVENT = { event: "voice.joined", payload: { guildId: "g" } };
const TRACED = { ...EVENT, trace: OWN };
const PUBLICATION = { ...EVENT, audience: null, topic: null };

/** A binding whose hubs record their calls. */
function hubs() {
  const calls: unknown[][] = [];
  const stub = new Proxy(
    {},
    {
      get:
        (_, method) =>
        async (...args: unknown[]) =>
          void calls.push([method, ...args]),
    },
  );
  const env = { HUB: { getByName: () => stub } } as unknown as HubEnv;
  return { calls, hub: hubPublisher(KIND, env) };
}

test("an event that a request causes carries the request's trace, unless it has its own", async () => {
  const { calls, hub } = hubs();
  await asRequest(IDS, async () => {
    await hub.publish("g", [PUBLICATION]);
    await hub.ingest("g", [EVENT, TRACED]);
  });
  expect(calls).toEqual([
    ["publish", [{ ...PUBLICATION, trace: IDS.traceId }]],
    ["ingest", [{ ...EVENT, trace: IDS.traceId }, TRACED]],
  ]);
});

test("outside of a request there is no trace", async () => {
  const { calls, hub } = hubs();
  await hub.publish("g", [PUBLICATION]);
  expect(calls).toEqual([["publish", [PUBLICATION]]]);
});
