import { askForTicket, type Entrance, type Refused } from "../../dev/testing/wire/wire.ts";
import type { ClientSpec, Token } from "./client-spec.ts";
import type { Claim } from "./history.ts";

/** Prepares a connection with the client's own way to authenticate (rooms.md §2). */
export async function knock(
  spec: ClientSpec,
  origin: string,
  token: Token,
  claim: Claim | null,
): Promise<Entrance | Refused> {
  const isStream = spec.entry === "stream";
  const url = new URL(isStream ? "/events" : "/ws", origin);
  if (!isStream) url.protocol = "ws:";
  if (spec.batch) url.searchParams.set("batch", "1");
  if (spec.signals) url.searchParams.set("signals", "1");
  const bearer = { authorization: `Bearer ${token.text}` };
  if (spec.entry === "auth") {
    const hello = JSON.stringify({ type: "auth", token: token.text, ...claim });
    return { kind: "socket", url, headers: {}, hello };
  }
  if (isStream) {
    const last = claim === null ? {} : { "last-event-id": `${claim.epoch}:${claim.seq}` };
    return { kind: "stream", url, headers: { ...bearer, accept: "text/event-stream", ...last } };
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
