// The smallest partyserver that does the job: every event is one broadcast. As in the bare loop there is no
// authentication, no signature and no journal.
import { Server } from "partyserver";

/** Calls into the object, counted outside of it, so that reading the count is no call. */
let calls = 0;

export class Party extends Server {
  static options = { hibernate: true };

  constructor(ctx, env) {
    super(ctx, env);
    calls += 1;
  }

  onStart() {
    this.ctx.setWebSocketAutoResponse(
      new WebSocketRequestResponsePair('{"type":"ping"}', '{"type":"pong"}'),
    );
  }

  onConnect() {
    calls += 1;
  }

  onMessage() {
    calls += 1;
  }

  /** @param {Request} request */
  async onRequest(request) {
    calls += 1;
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
    if (new URL(request.url).pathname === "/calls") return new Response(String(calls));
    return env.PARTY.get(env.PARTY.idFromName("guild")).fetch(request);
  },
};
