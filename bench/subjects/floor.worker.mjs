// The necessary steps and nothing else: what this platform asks of every hub that verifies its clients and its
// publisher, limits who connects, and stores what it sends. No routes, no schemas, no log, no state of a guild, no
// bounds of the journal, no audiences, no flow control.
import { DurableObject } from "cloudflare:workers";

/** Rows of one INSERT: a statement has at most 100 parameters. */
const ROWS = 25;
const TICKET_MS = 30_000;
const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const HMAC = { name: "HMAC", hash: "SHA-256" };

/** Counts the requests of each key. */
export class Limiter extends DurableObject {
  #counts = new Map();

  take(key) {
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count;
  }
}

export class Floor extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    ctx.storage.sql.exec(`
      CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, text TEXT NOT NULL, at INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS ids (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    `);
    ctx.setWebSocketAutoResponse(
      new WebSocketRequestResponsePair('{"type":"ping"}', '{"type":"pong"}'),
    );
  }

  /** Accepts the client that the Worker names. @param {Request} request */
  async fetch(request) {
    const { sub, ticket } = JSON.parse(request.headers.get("X-Handover"));
    if (ticket !== undefined && !this.#remember([ticket])) {
      return new Response(null, { status: 401 });
    }
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    server.serializeAttachment({ sub });
    server.send('{"v":1,"type":"ack","event":"auth.ok","epoch":"floor","seq":0,"limits":{}}');
    server.send('{"v":1,"type":"snapshot","seq":0,"rooms":[]}');
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Stores events with their ids and the publisher's position in one transaction, and sends them. */
  ingest(events) {
    const { sql } = this.ctx.storage;
    const now = Date.now();
    const rows = events.map(({ event, payload, ts, seq, id }) => [
      seq,
      id,
      JSON.stringify({ v: 1, type: "event", event, payload, ts, seq, id }),
      now,
    ]);
    this.ctx.storage.transactionSync(() => {
      for (let at = 0; at < rows.length; at += ROWS) {
        const some = rows.slice(at, at + ROWS);
        const places = some.map(() => "(?,?,?,?)").join();
        sql.exec(`INSERT INTO journal (seq, id, text, at) VALUES ${places}`, ...some.flat());
      }
      this.#remember(rows.map(([, id]) => id));
      const { epoch, seq } = events.at(-1);
      sql.exec("INSERT OR REPLACE INTO facts VALUES ('publisher', ?)", `${epoch}:${seq}`);
    });
    for (const [, , text] of rows) {
      for (const socket of this.ctx.getWebSockets()) socket.send(text);
    }
    return { accepted: rows.length };
  }

  /** @returns false when one of them is known */
  #remember(ids) {
    const { rowsWritten } = this.ctx.storage.sql.exec(
      "INSERT OR IGNORE INTO ids (id, expires_at) SELECT value, ? FROM json_each(?)",
      Date.now() + TICKET_MS,
      JSON.stringify(ids),
    );
    return rowsWritten >= ids.length;
  }
}

/** Keys and verified tokens of this isolate. */
const keys = new Map();
const subs = new Map();

/** Imports a key once. */
async function keyOf(name, make) {
  const known = keys.get(name);
  if (known !== undefined) return known;
  const made = await make();
  keys.set(name, made);
  return made;
}

/** The user of a token, whose signature is checked once. @throws when it is wrong */
async function subOf(request, env) {
  const token = request.headers.get("Authorization").slice("Bearer ".length);
  const known = subs.get(token);
  if (known !== undefined) return known;
  const by = await keyOf("provider", () =>
    crypto.subtle.importKey("jwk", JSON.parse(env.JWK), ECDSA, false, ["verify"]),
  );
  const [header, payload, signature] = token.split(".");
  const signed = new TextEncoder().encode(`${header}.${payload}`);
  if (!(await crypto.subtle.verify(ECDSA, by, bytes(signature), signed))) throw new Error("forged");
  const { sub, exp } = JSON.parse(new TextDecoder().decode(bytes(payload)));
  if (exp * 1000 <= Date.now()) throw new Error("expired");
  subs.set(token, sub);
  return sub;
}

function ticketKey() {
  const algorithm = { name: "AES-GCM", length: 256 };
  return keyOf("tickets", () =>
    crypto.subtle.generateKey(algorithm, false, ["encrypt", "decrypt"]),
  );
}

async function sealTicket(sub) {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const content = JSON.stringify({ sub, ticket: crypto.randomUUID(), at: Date.now() });
  const sealed = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv },
    await ticketKey(),
    new TextEncoder().encode(content),
  );
  return `${text(iv)}.${text(new Uint8Array(sealed))}`;
}

async function openTicket(ticket) {
  const [iv, sealed] = ticket.split(".").map(bytes);
  const content = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, await ticketKey(), sealed);
  const { at, ...handover } = JSON.parse(new TextDecoder().decode(content));
  if (at + TICKET_MS <= Date.now()) throw new Error("expired");
  return handover;
}

/** Whether the publisher signed this body. */
async function isSigned(request, body, env) {
  const by = await keyOf("publisher", () =>
    crypto.subtle.importKey("raw", new TextEncoder().encode(env.SECRET), HMAC, false, ["verify"]),
  );
  const time = new TextEncoder().encode(`${request.headers.get("X-Hub-Timestamp")}.`);
  const signed = new Uint8Array(time.length + body.byteLength);
  signed.set(time);
  signed.set(new Uint8Array(body), time.length);
  const mac = Uint8Array.fromHex(request.headers.get("X-Hub-Signature").slice("sha256=".length));
  return crypto.subtle.verify("HMAC", by, mac, signed);
}

const bytes = (base64url) => Uint8Array.fromBase64(base64url, { alphabet: "base64url" });
const text = (raw) => raw.toBase64({ alphabet: "base64url" });

export default {
  /** @param {Request} request */
  async fetch(request, env) {
    const { pathname, searchParams, host } = new URL(request.url);
    const hub = () => env.FLOOR.getByName("guild");
    if (pathname === "/internal/events") {
      const body = await request.arrayBuffer();
      if (!(await isSigned(request, body, env))) return new Response(null, { status: 403 });
      const { events } = JSON.parse(new TextDecoder().decode(body));
      return Response.json(await hub().ingest(events));
    }
    const ticket = searchParams.get("ticket");
    const handover =
      ticket === null ? { sub: await subOf(request, env) } : await openTicket(ticket);
    if (ticket === null) await env.LIMITER.getByName("limiter").take(handover.sub);
    if (pathname === "/ws/ticket") {
      const url = `ws://${host}/ws?ticket=${await sealTicket(handover.sub)}`;
      return Response.json({ url }, { status: 201 });
    }
    const headers = { Upgrade: "websocket", "X-Handover": JSON.stringify(handover) };
    return hub().fetch("https://hub/ws", { headers });
  },
};
