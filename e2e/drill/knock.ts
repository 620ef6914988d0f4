import type { ClientSpec, Token } from "./client-spec.ts";
import type { Claim } from "./history.ts";

/** What a connection is opened with: a WebSocket, or a stream of Server-Sent Events. */
export type Entrance = {
  readonly kind: "socket" | "stream";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** First frame to send. */
  readonly hello?: string;
};

/** `status` 0: no answer. */
export type Refused = {
  readonly kind: "refused";
  readonly status: number;
  readonly retryAfterMs: number;
};

const TICKET_TIMEOUT_MS = 8_000;

/** Prepares a connection in the client's own way (rooms.md §2). */
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
  if (typeof ticket !== "string") return ticket;
  url.searchParams.set("ticket", ticket);
  return { kind: "socket", url, headers: {} };
}

/** Gets a ticket. @returns its text */
export async function askForTicket(
  origin: string,
  token: string,
  guildId: string,
): Promise<string | Refused> {
  let response: Response;
  try {
    response = await fetch(`${origin}/ws/ticket`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ guildId }),
      signal: AbortSignal.timeout(TICKET_TIMEOUT_MS),
    });
    if (response.status === 201) {
      // Its `url` says the same with the Worker's own port, which would go around the link.
      const { url } = (await response.json()) as { readonly url: string };
      return new URL(url).searchParams.get("ticket") ?? "";
    }
    await response.body?.cancel();
  } catch {
    return { kind: "refused", status: 0, retryAfterMs: 0 };
  }
  const retryAfterMs = Number(response.headers.get("retry-after") ?? 0) * 1000;
  return { kind: "refused", status: response.status, retryAfterMs };
}
