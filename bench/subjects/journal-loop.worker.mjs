// The floor of a hub that keeps a journal: the bare loop, which also stores each event with its id before it sends
// it, and sends a client that returns what it missed. No authentication, no signature, no checks, no state.
import { DurableObject } from "cloudflare:workers";

/** Rows of one INSERT: a statement has at most 100 parameters. */
const ROWS = 25;

export class JournalLoop extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    ctx.storage.sql.exec(`
      CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, text TEXT NOT NULL, at INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS ids (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) WITHOUT ROWID;
    `);
    ctx.setWebSocketAutoResponse(
      new WebSocketRequestResponsePair('{"type":"ping"}', '{"type":"pong"}'),
    );
  }

  /** @param {Request} request */
  async fetch(request) {
    if (request.headers.get("Upgrade") === "websocket") {
      const { 0: client, 1: server } = new WebSocketPair();
      this.ctx.acceptWebSocket(server);
      const after = new URL(request.url).searchParams.get("after");
      if (after !== null) {
        const { sql } = this.ctx.storage;
        for (const { text } of sql.exec(
          "SELECT text FROM journal WHERE seq > ? ORDER BY seq",
          Number(after),
        )) {
          server.send(text);
        }
      }
      return new Response(null, { status: 101, webSocket: client });
    }
    const { events } = await request.json();
    const texts = this.#store(events);
    for (const text of texts) {
      for (const socket of this.ctx.getWebSockets()) socket.send(text);
    }
    return Response.json({ ok: true });
  }

  #store(events) {
    const { sql } = this.ctx.storage;
    const now = Date.now();
    const rows = events.map(({ event, payload, ts, seq, id }) => [
      seq,
      id,
      JSON.stringify({ v: 1, type: "event", event, payload, ts, seq, id }),
      now,
    ]);
    for (let at = 0; at < rows.length; at += ROWS) {
      const some = rows.slice(at, at + ROWS);
      const places = some.map(() => "(?,?,?,?)").join();
      sql.exec(`INSERT INTO journal (seq, id, text, at) VALUES ${places}`, ...some.flat());
    }
    sql.exec(
      "INSERT INTO ids (id, expires_at) SELECT value, ? FROM json_each(?)",
      now,
      JSON.stringify(rows.map(([, id]) => id)),
    );
    return rows.map(([, , text]) => text);
  }
}

export default {
  /** @param {Request} request @param {{ LOOP: DurableObjectNamespace }} env */
  fetch: (request, env) => env.LOOP.get(env.LOOP.idFromName("guild")).fetch(request),
};
