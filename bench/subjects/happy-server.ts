/**
 * The classic design of a Happy server in one process: Hono, Socket.IO and SQLite. It does the work that the sync
 * benchmark asks for, and nothing else: no limits, no checks of lengths, no journal. Its database is in WAL mode and,
 * as `node:sqlite` opens it, on disk before a commit ends, like that of a Durable Object.
 */
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { createHmac, createPublicKey, randomUUID, timingSafeEqual, verify } from "node:crypto";
import { writeSync } from "node:fs";
import type { Server as HttpServer } from "node:http";
import { DatabaseSync } from "node:sqlite";
import { Server, type Socket } from "socket.io";
import {
  SYNC_ALIVE_EVERY_MS,
  SYNC_CALL_GRACE_MS,
  SYNC_CALL_TIMEOUT_MS,
  SYNC_PING_INTERVAL_MS,
  SYNC_PING_TIMEOUT_MS,
} from "../../src/protocol/limits.ts";

type Acknowledge = (data: unknown) => void;
/** Whom an update is for: rooms of Socket.IO. */
type Rooms = readonly string[];
/** What a connected client is. */
type Scope = { readonly account: string; readonly session?: string; readonly machine?: string };

const secret = process.env["HAPPY_MASTER_SECRET"] ?? "";

const db = new DatabaseSync("happy.sqlite");
db.exec(`
  PRAGMA journal_mode = WAL;
  CREATE TABLE accounts (id TEXT PRIMARY KEY, publicKey TEXT UNIQUE, seq INTEGER NOT NULL DEFAULT 0);
  CREATE TABLE sessions (
    id TEXT PRIMARY KEY, account TEXT NOT NULL, tag TEXT NOT NULL, seq INTEGER NOT NULL DEFAULT 0,
    metadata TEXT, metadataVersion INTEGER NOT NULL DEFAULT 1,
    agentState TEXT, agentStateVersion INTEGER NOT NULL DEFAULT 0,
    active INTEGER NOT NULL DEFAULT 1, activeAt INTEGER NOT NULL, UNIQUE (account, tag)
  );
  CREATE TABLE messages (
    id TEXT PRIMARY KEY, session TEXT NOT NULL, localId TEXT, seq INTEGER NOT NULL,
    content TEXT NOT NULL, createdAt INTEGER NOT NULL,
    UNIQUE (session, localId), UNIQUE (session, seq)
  );
  CREATE TABLE machines (
    account TEXT NOT NULL, id TEXT NOT NULL, metadata TEXT, daemonState TEXT,
    daemonStateVersion INTEGER NOT NULL DEFAULT 0,
    active INTEGER NOT NULL DEFAULT 0, activeAt INTEGER NOT NULL, PRIMARY KEY (account, id)
  );
`);
const sql = {
  addAccount: db.prepare("INSERT OR IGNORE INTO accounts (id, publicKey) VALUES (?, ?)"),
  account: db.prepare("SELECT id FROM accounts WHERE publicKey = ?"),
  nextUpdate: db.prepare("UPDATE accounts SET seq = seq + 1 WHERE id = ? RETURNING seq"),
  addSession: db.prepare(
    "INSERT OR IGNORE INTO sessions (id, account, tag, metadata, activeAt) VALUES (?, ?, ?, ?, ?)",
  ),
  session: db.prepare("SELECT * FROM sessions WHERE account = ? AND tag = ?"),
  nextMessage: db.prepare(
    "UPDATE sessions SET seq = seq + 1 WHERE id = ? AND account = ? RETURNING seq",
  ),
  isKnown: db.prepare("SELECT 1 FROM messages WHERE session = ? AND localId = ?"),
  addMessage: db.prepare("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)"),
  swapState: db.prepare(
    `UPDATE sessions SET agentState = ?, agentStateVersion = agentStateVersion + 1
     WHERE id = ? AND account = ? AND agentStateVersion = ?`,
  ),
  state: db.prepare("SELECT agentState, agentStateVersion FROM sessions WHERE id = ?"),
  sessionAlive: db.prepare(
    "UPDATE sessions SET active = 1, activeAt = ? WHERE id = ? AND account = ?",
  ),
  addMachine: db.prepare(
    "INSERT OR IGNORE INTO machines (account, id, metadata, activeAt) VALUES (?, ?, ?, ?)",
  ),
  machine: db.prepare("SELECT * FROM machines WHERE account = ? AND id = ?"),
  machineAlive: db.prepare(
    "UPDATE machines SET active = ?, activeAt = ? WHERE id = ? AND account = ?",
  ),
  changes: db.prepare("SELECT total_changes() AS rows"),
};

function inTransaction<T>(work: () => T): T {
  db.exec("BEGIN");
  try {
    const result = work();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    db.exec("ROLLBACK");
    throw error;
  }
}

const signatureOf = (account: string): string =>
  createHmac("sha256", secret).update(account).digest("base64url");

/** The account of a token; null: it is not valid. */
function accountOf(token: unknown): string | null {
  const [account = "", signature = ""] = String(token).split(".");
  const [given, wanted] = [Buffer.from(signature), Buffer.from(signatureOf(account))];
  return given.length === wanted.length && timingSafeEqual(given, wanted) ? account : null;
}

const app = new Hono<{ Variables: { account: string } }>();
app.get("/observed", (c) => {
  const { rows } = sql.changes.get() as { rows: number };
  return c.json({ rows, calls: null, wakes: null, alarms: null });
});
app.post("/v1/auth", async (c) => {
  const { publicKey, challenge, signature } = await c.req.json<Record<string, string>>();
  const bytes = (text = ""): Buffer<ArrayBuffer> => Buffer.from(text, "base64");
  const x = bytes(publicKey).toString("base64url");
  const signer = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  if (!verify(null, bytes(challenge), signer, bytes(signature))) return c.json({}, 401);
  sql.addAccount.run(randomUUID(), x);
  const { id } = sql.account.get(x) as { id: string };
  return c.json({ success: true, token: `${id}.${signatureOf(id)}` });
});
app.use(async (c, next) => {
  const account = accountOf(c.req.header("Authorization")?.slice("Bearer ".length));
  if (account === null) return c.json({ error: "Unauthorized" }, 401);
  c.set("account", account);
  return next();
});
app.post("/v1/sessions", async (c) => {
  const { tag, metadata } = await c.req.json<{ tag: string; metadata: string }>();
  const account = c.get("account");
  sql.addSession.run(randomUUID(), account, tag, metadata, Date.now());
  return c.json({ session: sql.session.get(account, tag) });
});
app.post("/v1/machines", async (c) => {
  const { id, metadata } = await c.req.json<{ id: string; metadata: string }>();
  const account = c.get("account");
  sql.addMachine.run(account, id, metadata, Date.now());
  return c.json({ machine: sql.machine.get(account, id) });
});
app.post("/v3/sessions/:id/messages", async (c) => {
  const { messages } = await c.req.json<{ messages: { localId: string; content: string }[] }>();
  const said = messages.map(({ localId, content }) =>
    addMessage(c.get("account"), c.req.param("id"), content, localId),
  );
  for (const tell of said) tell?.(io.to.bind(io));
  return c.json({ messages: messages.map(({ localId }) => ({ localId })) });
});

const http = serve(
  {
    fetch: app.fetch,
    hostname: "127.0.0.1",
    port: 0,
    serverOptions: { keepAliveTimeout: 120_000 },
  },
  ({ port }) => writeSync(3, `"socket":"http","port":${port}`),
) as HttpServer;
const io = new Server(http, {
  path: "/v1/updates/",
  transports: ["websocket"],
  serveClient: false,
  pingInterval: SYNC_PING_INTERVAL_MS,
  pingTimeout: SYNC_PING_TIMEOUT_MS,
});

const ofUser = (account: string): string => `user:${account}`;
const ofSession = (account: string, id: string): string => `session:${account}:${id}`;

/** Sends what was stored, to everybody in these rooms or to all but one. */
type Tell = (send: (rooms: string[]) => { emit: (name: string, data: unknown) => unknown }) => void;

/** Stores a message. @returns null: the account has no such session, or the message is there already */
function addMessage(account: string, sid: string, c: string, localId: string | null): Tell | null {
  return inTransaction(() => {
    if (localId !== null && sql.isKnown.get(sid, localId) !== undefined) return null;
    const next = sql.nextMessage.get(sid, account) as { seq: number } | undefined;
    if (next === undefined) return null;
    const [id, content, createdAt] = [randomUUID(), { t: "encrypted", c }, Date.now()];
    sql.addMessage.run(id, sid, localId, next.seq, JSON.stringify(content), createdAt);
    const message = { id, seq: next.seq, localId, content, createdAt, updatedAt: createdAt };
    const rooms = [ofUser(account), ofSession(account, sid)];
    return update(account, rooms, { t: "new-message", sid, message });
  });
}

/** An update with its number. Inside a transaction. */
function update(account: string, rooms: Rooms, body: object): Tell {
  const { seq } = sql.nextUpdate.get(account) as { seq: number };
  const data = { id: randomUUID(), seq, body, createdAt: Date.now() };
  return (send) => void send([...rooms]).emit("update", data);
}

/** The last beat that was written and told, by session or machine: once in 30 s, or when it has changed. */
const told = new Map<string, { readonly at: number; readonly state: string }>();

function beat(account: string, id: string, state: string, write: (now: number) => object): void {
  const [key, now] = [`${account}:${id}`, Date.now()];
  const last = told.get(key);
  if (last?.state === state && now - last.at < SYNC_ALIVE_EVERY_MS) return;
  told.set(key, { at: now, state });
  io.to(ofUser(account)).emit("ephemeral", write(now));
}

/** Who answers a method; null: its client was lost, and may come back. */
const owners = new Map<string, Socket | null>();
/** Callers that wait for a lost owner to come back. */
const returns = new Map<string, Set<(owner: Socket) => void>>();

async function ownerOf(key: string): Promise<Socket | undefined> {
  const owner = owners.get(key);
  if (owner !== null) return owner;
  const { promise, resolve } = Promise.withResolvers<Socket | undefined>();
  const waiting = returns.get(key) ?? new Set();
  returns.set(key, waiting.add(resolve));
  const late = setTimeout(() => resolve(undefined), SYNC_CALL_GRACE_MS);
  const found = await promise;
  clearTimeout(late);
  waiting.delete(resolve);
  return found;
}

async function call(account: string, method: string, params: unknown): Promise<object> {
  const owner = await ownerOf(`${account}:${method}`);
  if (owner === undefined) return { ok: false, error: "RPC method not available" };
  const gone = Promise.withResolvers<never>();
  const fail = (): void => gone.reject(new Error("RPC target disconnected"));
  owner.once("disconnect", fail);
  try {
    const asked = owner.timeout(SYNC_CALL_TIMEOUT_MS);
    const answer = asked.emitWithAck("rpc-request", { method, params });
    return { ok: true, result: await Promise.race([answer, gone.promise]) };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
  } finally {
    owner.off("disconnect", fail);
  }
}

io.use((socket, next) => {
  const auth = socket.handshake.auth as Readonly<Record<string, string | undefined>>;
  const account = accountOf(auth["token"]);
  if (account === null) return next(new Error("Invalid authentication token"));
  const { sessionId: session, machineId: machine } = auth;
  const scope: Scope = { account, ...(session && { session }), ...(machine && { machine }) };
  socket.data = scope;
  return next();
});

io.on("connection", (socket) => {
  const { account, session, machine } = socket.data as Scope;
  const toOthers = (rooms: string[]) => socket.to(rooms);
  if (session !== undefined) void socket.join(ofSession(account, session));
  else if (machine === undefined) void socket.join(ofUser(account));
  const machineIs = (active: boolean): void => {
    if (machine === undefined) return;
    const activeAt = Date.now();
    sql.machineAlive.run(Number(active), activeAt, machine, account);
    const data = { type: "machine-activity", id: machine, machineId: machine, active, activeAt };
    io.to(ofUser(account)).emit("ephemeral", data);
  };
  machineIs(true);
  const mine = new Set<string>();

  socket.on("ping", (acknowledge: Acknowledge) => acknowledge({}));
  socket.on("message", ({ sid, message, localId = null }) =>
    addMessage(account, sid, message, localId)?.(toOthers),
  );
  socket.on("update-state", ({ sid, agentState, expectedVersion }, acknowledge: Acknowledge) => {
    const [tell, stored] = inTransaction(() => {
      const { changes } = sql.swapState.run(agentState, sid, account, expectedVersion);
      const row = sql.state.get(sid) as { agentState: string; agentStateVersion: number };
      if (changes === 0) return [null, row] as const;
      const body = { t: "update-session", id: sid, sid, agentState: { value: agentState } };
      return [update(account, [ofUser(account), ofSession(account, sid)], body), row] as const;
    });
    tell?.(io.to.bind(io));
    const result = tell === null ? "version-mismatch" : "success";
    acknowledge({ result, version: stored.agentStateVersion, agentState: stored.agentState });
  });
  socket.on("session-alive", ({ sid, time, thinking = false, mode = null }) =>
    beat(account, sid, JSON.stringify([thinking, mode]), (now) => {
      const activeAt = Math.min(time, now);
      sql.sessionAlive.run(activeAt, sid, account);
      return { type: "activity", id: sid, sid, active: true, activeAt, thinking };
    }),
  );
  socket.on("machine-alive", ({ machineId, time }) =>
    beat(account, machineId, "", (now) => {
      const activeAt = Math.min(time, now);
      sql.machineAlive.run(1, activeAt, machineId, account);
      return { type: "machine-activity", id: machineId, machineId, active: true, activeAt };
    }),
  );
  socket.on("rpc-register", ({ method }) => {
    const key = `${account}:${method}`;
    mine.add(key);
    owners.set(key, socket);
    socket.emit("rpc-registered", { method });
    for (const resolve of returns.get(key) ?? []) resolve(socket);
  });
  socket.on("rpc-call", ({ method, params }, acknowledge: Acknowledge) => {
    void call(account, method, params).then(acknowledge);
  });
  socket.on("disconnect", (reason) => {
    const hasSaidSo = reason === "client namespace disconnect";
    for (const key of mine) {
      if (owners.get(key) !== socket) continue;
      if (hasSaidSo) owners.delete(key);
      else owners.set(key, null);
    }
    machineIs(false);
  });
});
