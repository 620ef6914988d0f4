// What a D1 binding talks to, in its smallest form: one SQLite Durable Object. The binding itself is
// workerd's own. It stands beside what is measured: the Worker reads its provider keys from it once.
import { DurableObject } from "cloudflare:workers";

/** Requests of the binding: a statement, or some at once; outside the object, so that counting is no query. */
let queries = 0;

export class Database extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    const { sql } = ctx.storage;
    // A restarted server finds its tables.
    const [{ tables }] = sql.exec("SELECT count(*) AS tables FROM sqlite_schema").toArray();
    if (tables === 0) for (const statement of JSON.parse(env.MIGRATIONS)) sql.exec(statement);
  }

  /** @param {Request} request */
  async fetch(request) {
    const asked = await request.json();
    const asRows = new URL(request.url).searchParams.get("resultsFormat") === "ROWS_AND_COLUMNS";
    try {
      const answers = this.ctx.storage.transactionSync(() =>
        [asked].flat().map(({ sql, params }) => this.answer(sql, params ?? [], asRows)),
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
