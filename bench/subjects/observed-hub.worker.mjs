// The Worker's bundle unchanged, with each SQL cursor of its Durable Objects kept, so that the rows
// that it read can be asked for at /rows-read.
import app, { GuildHub as Original } from "bundle.js";
export * from "bundle.js";

/** Since they were last asked for. */
let cursors = [];
let patched = false;

export class GuildHub extends Original {
  constructor(ctx, env) {
    countCursorsOf(ctx.storage.sql);
    super(ctx, env);
  }
}

function countCursorsOf(sql) {
  if (patched) return;
  patched = true;
  const prototype = Object.getPrototypeOf(sql);
  const { exec } = prototype;
  prototype.exec = function execAndKeep(...statement) {
    const cursor = exec.apply(this, statement);
    cursors.push(cursor);
    return cursor;
  };
}

export default {
  ...app,
  fetch(request, env, ctx) {
    if (new URL(request.url).pathname !== "/rows-read") return app.fetch(request, env, ctx);
    const rows = cursors.reduce((total, cursor) => total + cursor.rowsRead, 0);
    cursors = [];
    return new Response(String(rows));
  },
};
