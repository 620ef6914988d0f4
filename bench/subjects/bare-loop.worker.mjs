// The floor: what a Durable Object needs at the least to send events to its sockets. No
// authentication, no signature, no journal, no order across restarts.
import { DurableObject } from "cloudflare:workers";

/** Outside the object, so that asking wakes nobody. */
let wakes = 0;

export class BareLoop extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    wakes += 1;
    ctx.setWebSocketAutoResponse(
      new WebSocketRequestResponsePair('{"type":"ping"}', '{"type":"pong"}'),
    );
  }

  /** @param {Request} request */
  async fetch(request) {
    if (request.headers.get("Upgrade") === "websocket") {
      const { 0: client, 1: server } = new WebSocketPair();
      this.ctx.acceptWebSocket(server);
      return new Response(null, { status: 101, webSocket: client });
    }
    const { events } = await request.json();
    // It hibernates like ours, so it counts nothing: the publisher's number stands in the frame.
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
    if (new URL(request.url).pathname === "/wakes") return new Response(String(wakes));
    return env.LOOP.get(env.LOOP.idFromName("guild")).fetch(request);
  },
};
