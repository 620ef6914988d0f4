import { describe, expect, it } from "vitest";
import { GATEWAY_HEARTBEAT_TIMEOUT_MS } from "../../src/protocol/limits.ts";
import { type GatewayNews, gatewayStatus } from "./gateway-status.ts";

const news = (state: GatewayNews["state"], receivedAt: number): GatewayNews => ({
  state,
  since: receivedAt - 1,
  receivedAt,
});

describe("the state of the Discord connection", () => {
  it("is unknown while nobody has said anything", () => {
    expect(gatewayStatus(null, null)).toEqual({ state: "unknown", since: null });
  });

  it("is what the stream said, with its time", () => {
    expect(gatewayStatus(news("resuming", 50), null)).toEqual({ state: "resuming", since: 49 });
  });

  it("is not turned back by a heartbeat from before the event", () => {
    const reading = { state: "connected", heartbeatAgeMs: 20_000, readAt: 60_000 };
    expect(gatewayStatus(news("down", 45_000), reading).state).toBe("down");
    expect(gatewayStatus(news("down", 35_000), reading).state).toBe("connected");
  });

  it("keeps the event's time while a newer heartbeat says the same", () => {
    const reading = { state: "connected", heartbeatAgeMs: 0, readAt: 60_000 };
    expect(gatewayStatus(news("connected", 100), reading)).toEqual({
      state: "connected",
      since: 99,
    });
  });

  it("is down when the heartbeats stop, whatever the last words were", () => {
    const readAt = 200_000;
    for (const heartbeatAgeMs of [GATEWAY_HEARTBEAT_TIMEOUT_MS + 1, null]) {
      const reading = { state: "connected", heartbeatAgeMs, readAt };
      expect(gatewayStatus(news("connected", 100), reading).state).toBe("down");
    }
    const alive = {
      state: "connected",
      heartbeatAgeMs: GATEWAY_HEARTBEAT_TIMEOUT_MS,
      readAt,
    };
    expect(gatewayStatus(null, alive).state).toBe("connected");
  });

  it("does not repeat a word that it does not know", () => {
    const reading = { state: "confused", heartbeatAgeMs: 1, readAt: 10 };
    expect(gatewayStatus(null, reading).state).toBe("unknown");
  });
});
