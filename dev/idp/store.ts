import { mkdirSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Adapter, AdapterPayload } from "oidc-provider";

/** A user, from the sign-in form. The fields become claims of the user's tokens. */
export type Account = {
  readonly sub: string;
  readonly discordId: string | undefined;
  /** `undefined`: no `guilds` claim, so the Worker uses its primary guild. */
  readonly guilds: readonly string[] | undefined;
  readonly managesRooms: boolean;
};

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS models (
    model TEXT NOT NULL, id TEXT NOT NULL, payload TEXT NOT NULL, expires_at INTEGER,
    uid TEXT, user_code TEXT, grant_id TEXT, PRIMARY KEY (model, id)
  );
  CREATE INDEX IF NOT EXISTS models_by_grant ON models (grant_id);
  CREATE INDEX IF NOT EXISTS models_by_uid ON models (model, uid);
  CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT NOT NULL);
`;

export type ProviderStore = ReturnType<typeof openStore>;

/**
 * The provider's database. With it a restart keeps sessions and keys.
 * @param stateDir a folder, created if it does not exist; `undefined`: everything is kept in memory
 * @param nowMs the present, milliseconds since 1970
 */
export function openStore(stateDir: string | undefined, nowMs: () => number) {
  if (stateDir !== undefined) mkdirSync(stateDir, { recursive: true });
  const db = new DatabaseSync(
    stateDir === undefined ? ":memory:" : path.join(stateDir, "identity-provider.sqlite"),
  );
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
  db.exec(SCHEMA);
  db.prepare("DELETE FROM models WHERE expires_at <= ?").run(nowMs());
  const readKept = db.prepare("SELECT value FROM kept WHERE name = ?");
  const writeKept = db.prepare("INSERT OR REPLACE INTO kept (name, value) VALUES (?, ?)");

  return {
    adapterFor: (model: string): Adapter => adapter(db, model, nowMs),
    saveAccount: (account: Account): void => {
      writeKept.run(`account:${account.sub}`, JSON.stringify(account));
    },
    findAccount: (sub: string): Account | undefined => {
      const row = readKept.get(`account:${sub}`);
      return row === undefined ? undefined : (JSON.parse(String(row["value"])) as Account);
    },
    /** Returns a stored value, or creates and stores it: signing keys and cookie keys. */
    remember: async <T>(name: string, make: () => Promise<T>): Promise<T> => {
      const row = readKept.get(name);
      if (row !== undefined) return JSON.parse(String(row["value"])) as T;
      const created = await make();
      writeKept.run(name, JSON.stringify(created));
      return created;
    },
    close: (): void => {
      db.close();
    },
  };
}

/** Storage of one kind of oidc-provider's objects: sessions, grants, codes, refresh tokens … */
function adapter(db: DatabaseSync, model: string, nowMs: () => number): Adapter {
  const alive = "model = ? AND (expires_at IS NULL OR expires_at > ?)";
  const write = db.prepare("INSERT OR REPLACE INTO models VALUES (?, ?, ?, ?, ?, ?, ?)");
  const byId = db.prepare(`SELECT payload FROM models WHERE ${alive} AND id = ?`);
  const byUid = db.prepare(`SELECT payload FROM models WHERE ${alive} AND uid = ?`);
  const byUserCode = db.prepare(`SELECT payload FROM models WHERE ${alive} AND user_code = ?`);
  const consume = db.prepare(
    "UPDATE models SET payload = json_set(payload, '$.consumed', ?) WHERE model = ? AND id = ?",
  );
  const remove = db.prepare("DELETE FROM models WHERE model = ? AND id = ?");
  const removeGrant = db.prepare("DELETE FROM models WHERE grant_id = ? AND model <> 'Grant'");

  const parse = (row: ReturnType<typeof byId.get>): AdapterPayload | undefined =>
    row === undefined ? undefined : (JSON.parse(String(row["payload"])) as AdapterPayload);

  return {
    upsert: async (id, payload, expiresInSeconds) => {
      const expiresAt = expiresInSeconds === undefined ? null : nowMs() + expiresInSeconds * 1000;
      const { uid, userCode, grantId } = payload;
      write.run(
        model,
        id,
        JSON.stringify(payload),
        expiresAt,
        uid ?? null,
        userCode ?? null,
        grantId ?? null,
      );
    },
    find: async (id) => parse(byId.get(model, nowMs(), id)),
    findByUid: async (uid) => parse(byUid.get(model, nowMs(), uid)),
    findByUserCode: async (userCode) => parse(byUserCode.get(model, nowMs(), userCode)),
    consume: async (id) => {
      consume.run(Math.floor(nowMs() / 1000), model, id);
    },
    destroy: async (id) => {
      remove.run(model, id);
    },
    revokeByGrantId: async (grantId) => {
      removeGrant.run(grantId);
    },
  };
}
