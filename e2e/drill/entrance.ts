/** How a client connects: with which position, and with its own way to authenticate. */
import { askForTicket, type Entrance, type Refused } from "../../dev/testing/wire/wire.ts";
import type { ClientSpec, Misplaced, Token } from "./fleet.ts";
import type { Claim } from "./history.ts";
import type { Random } from "./random.ts";

/** How far a client goes back at most, events. */
const OLDER_MAX = 200;

/**
 * A wrong position for a client.
 * @param foreignEpoch of another guild
 */
export function misplace(
  { epoch, seq }: Claim,
  how: Misplaced,
  foreignEpoch: string,
  random: Random,
): Claim | null {
  switch (how) {
    case "forgotten":
      return null;
    case "older":
      return { epoch, seq: Math.max(0, seq - random.between(1, OLDER_MAX)) };
    case "nonsense":
      return random.pick([
        { epoch: foreignEpoch, seq },
        { epoch: "no-epoch-of-ours", seq },
        { epoch, seq: seq + 1_000_000 },
        { epoch, seq: -1 - seq },
        { epoch, seq: seq + 0.5 },
      ]);
  }
}

/** Prepares a connection with the client's own way to authenticate (rooms.md §2). */
export async function knock(
  spec: ClientSpec,
  origin: string,
  token: Token,
  claim: Claim | null,
): Promise<Entrance | Refused> {
  const isOverHttp = spec.entry === "stream" || spec.entry === "poll";
  const url = new URL(isOverHttp ? "/events" : "/ws", origin);
  const bearer = { authorization: `Bearer ${token.text}` };
  if (spec.entry === "poll") {
    if (claim !== null) {
      url.searchParams.set("epoch", claim.epoch);
      url.searchParams.set("after", String(claim.seq));
    }
    return { kind: "stream", url, headers: bearer };
  }
  if (spec.batch) url.searchParams.set("batch", "1");
  if (spec.signals) url.searchParams.set("signals", "1");
  if (spec.entry === "stream") {
    const last = claim === null ? {} : { "last-event-id": `${claim.epoch}:${claim.seq}` };
    return { kind: "stream", url, headers: { ...bearer, accept: "text/event-stream", ...last } };
  }
  url.protocol = "ws:";
  if (spec.entry === "socket-io") {
    const path = new URL("/socket.io/?EIO=4&transport=websocket", url);
    return { kind: "socket", url: path, headers: {} };
  }
  if (spec.entry === "auth") {
    const hello = JSON.stringify({ type: "auth", token: token.text, ...claim });
    return { kind: "socket", url, headers: {}, hello };
  }
  if (claim !== null) {
    url.searchParams.set("epoch", claim.epoch);
    url.searchParams.set("seq", String(claim.seq));
  }
  if (spec.entry === "header") return { kind: "socket", url, headers: bearer };
  const ticket = await askForTicket(origin, token.text, spec.guild);
  if (!(ticket instanceof URL)) return ticket;
  // The ticket's URL has the Worker's own origin, which would bypass the link.
  url.searchParams.set("ticket", ticket.searchParams.get("ticket") ?? "");
  return { kind: "socket", url, headers: {} };
}
