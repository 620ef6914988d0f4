import type { Readiness } from "../../src/client/api.ts";
import type { GatewayView } from "../../src/client/guild-view.ts";
import { GATEWAY_HEARTBEAT_TIMEOUT_MS } from "../../src/protocol/limits.ts";

/** The Discord connection as shown; `since` null: not known. Milliseconds since 1970. */
export type GatewayStatus = {
  readonly state: GatewayView["state"] | "unknown";
  readonly since: number | null;
};

/** An event of the stream, and when it was received. */
export type GatewayNews = GatewayView & { readonly receivedAt: number };

/** The gateway's part of `/ready`, and when it was read. */
export type GatewayReading = NonNullable<Readiness["checks"]["gateway"]> & {
  readonly readAt: number;
};

/**
 * Joins the two sources; the newer one counts. The stream tells changes at once but can't tell that
 * the container is gone; `/ready` can, by its missing heartbeats, but a heartbeat may be 30 s old.
 */
export function gatewayStatus(
  news: GatewayNews | null,
  reading: GatewayReading | null,
): GatewayStatus {
  const read = reading === null ? null : judged(reading);
  if (news !== null && (read === null || news.receivedAt >= read.knownAt)) {
    return { state: news.state, since: news.since };
  }
  if (read === null) return { state: "unknown", since: null };
  return { state: read.state, since: news?.state === read.state ? news.since : null };
}

function judged(reading: GatewayReading): {
  readonly state: GatewayStatus["state"];
  readonly knownAt: number;
} {
  const { state, heartbeatAgeMs, readAt } = reading;
  if (typeof heartbeatAgeMs !== "number" || heartbeatAgeMs > GATEWAY_HEARTBEAT_TIMEOUT_MS) {
    return { state: "down", knownAt: readAt };
  }
  const known = state === "connected" || state === "resuming" || state === "down";
  return { state: known ? state : "unknown", knownAt: readAt - heartbeatAgeMs };
}
