// The floor: the least that a Durable Object needs to send events to its sockets. No authentication, no signature,
// no journal, no order across restarts.
import { DurableObject } from "cloudflare:workers";

/** Calls into the object, counted outside of it, so that reading the count is no call. */
let calls = 0;

export class BareLoop extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    calls += 1;
    ctx.setWebSocketAutoResponse(
      new WebSocketRequestResponsePair('{"type":"ping"}', '{"type":"pong"}'),
    );
  }

  /** @param {Request} request */
  async fetch(request) {
    calls += 1;
    if (request.headers.get("Upgrade") === "websocket") {
      const { 0: client, 1: server } = new WebSocketPair();
      this.ctx.acceptWebSocket(server);
      return new Response(null, { status: 101, webSocket: client });
    }
    const { events } = await request.json();
    // It hibernates like ours, so it keeps no counter: the frame contains the publisher's number.
    for (const { event, payload, ts, seq, id } of events) {
      const text = JSON.stringify({ v: 1, type: "event", event, payload, ts, seq, id });
      for (const socket of this.ctx.getWebSockets()) socket.send(text);
    }
    return Response.json({ ok: true });
  }
}

export default {
  /** @param {Request} request @param {{ LOOP: DurableObjectNamespace }} env */
  fetch(request, env) {
    if (new URL(request.url).pathname === "/calls") return new Response(String(calls));
    return env.LOOP.get(env.LOOP.idFromName("guild")).fetch(request);
  },
};
