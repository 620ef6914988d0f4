// The smallest server for a D1 binding: one SQLite Durable Object. The binding itself is workerd's own. It is not
// part of what a benchmark measures: the Worker only reads its provider keys from it once.
import { DurableObject } from "cloudflare:workers";

/**
 * Number of requests of the binding, each with one or more statements. Kept outside the object, so that reading it
 * is not a query.
 */
let queries = 0;

export class Database extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    const { sql } = ctx.storage;
    // After a restart the tables exist already.
    const [{ tables }] = sql.exec("SELECT count(*) AS tables FROM sqlite_schema").toArray();
    if (tables === 0) for (const statement of JSON.parse(env.MIGRATIONS)) sql.exec(statement);
  }

  /** @param {Request} request */
  async fetch(request) {
    const statements = await request.json();
    const asRows = new URL(request.url).searchParams.get("resultsFormat") === "ROWS_AND_COLUMNS";
    try {
      const answers = this.ctx.storage.transactionSync(() =>
        [statements].flat().map(({ sql, params }) => this.answer(sql, params ?? [], asRows)),
      );
      return Response.json(answers);
    } catch (error) {
      return Response.json({ success: false, error: String(error) });
    }
  }

  answer(sql, params, asRows) {
    const cursor = this.ctx.storage.sql.exec(sql, ...params);
    const columns = cursor.columnNames;
    const rows = cursor.raw().toArray();
    const objects = () =>
      rows.map((row) => Object.fromEntries(columns.map((name, at) => [name, row[at]])));
    const results = asRows ? { columns, rows } : objects();
    const { rowsRead, rowsWritten } = cursor;
    return {
      success: true,
      results,
      meta: { duration: 0, rows_read: rowsRead, rows_written: rowsWritten, changes: rowsWritten },
    };
  }
}

export default {
  /** @param {Request} request @param {{ DATABASE: DurableObjectNamespace }} env */
  fetch(request, env) {
    if (new URL(request.url).pathname === "/queries") return new Response(String(queries));
    queries += 1;
    return env.DATABASE.get(env.DATABASE.idFromName("db")).fetch(request);
  },
};
