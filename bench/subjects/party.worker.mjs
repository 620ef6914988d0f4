// The smallest partyserver that does the work: every event is one broadcast. As in the bare loop
// there is no authentication, no signature and no journal.
import { Server } from "partyserver";

/** Outside the object, so that asking wakes nobody. */
let wakes = 0;

export class Party extends Server {
  static options = { hibernate: true };

  constructor(ctx, env) {
    super(ctx, env);
    wakes += 1;
  }

  onStart() {
    this.ctx.setWebSocketAutoResponse(
      new WebSocketRequestResponsePair('{"type":"ping"}', '{"type":"pong"}'),
    );
  }

  /** @param {Request} request */
  async onRequest(request) {
    const { events } = await request.json();
    for (const { event, payload, ts, seq, id } of events) {
      this.broadcast(JSON.stringify({ v: 1, type: "event", event, payload, ts, seq, id }));
    }
    return Response.json({ ok: true });
  }
}

export default {
  /** @param {Request} request @param {{ PARTY: DurableObjectNamespace }} env */
  fetch(request, env) {
    if (new URL(request.url).pathname === "/wakes") return new Response(String(wakes));
    return env.PARTY.get(env.PARTY.idFromName("guild")).fetch(request);
  },
};
